// Whether a group of values is marked off from the others by more than chance: the rank sum test of Wilcoxon, Mann and
// Whitney, by its normal approximation; where most values are alike, which that cannot bear, Fisher's exact test of how many
// in each group are not.

/** A probability below it is no accident. */
export const ACCIDENT = 1e-6;

/** The probability, two-sided, that chance parts `some` from `others` at least as much. */
export function chanceOf(some: readonly number[], others: readonly number[]): number {
  const all = [...some, ...others];
  const counts = new Map<number, number>();
  for (const value of all) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [usual, times] = [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [0, 0]);
  if (2 * times <= all.length) return Math.min(1, 2 * normalTail(Math.abs(rankSumZ(some, others))));
  const unusual = (values: readonly number[]) => values.filter((value) => value !== usual).length;
  return fisher(unusual(some), some.length, unusual(others), others.length);
}

/** Standard deviations by which the ranks of `some` lie above (below: negative) what chance expects among `others`. */
export function rankSumZ(some: readonly number[], others: readonly number[]): number {
  const all = [...some.map((value) => ({ value, isSome: 1 })), ...others.map((value) => ({ value, isSome: 0 }))];
  all.sort((a, b) => a.value - b.value);
  let sum = 0;
  let ties = 0;
  for (let from = 0; from < all.length; ) {
    let end = from;
    let inside = 0;
    for (; end < all.length && all[end]?.value === all[from]?.value; end++) inside += all[end]?.isSome ?? 0;
    const alike = end - from;
    sum += inside * (from + (alike + 1) / 2);
    ties += alike ** 3 - alike;
    from = end;
  }
  const [n, m] = [some.length, others.length];
  const whole = n + m;
  const variance = ((n * m) / 12) * (whole + 1 - ties / (whole * (whole - 1)));
  // All alike: nothing can be told.
  return variance <= 0 ? 0 : (sum - (n * (whole + 1)) / 2) / Math.sqrt(variance);
}

/** P(Z > z) for z >= 0, never too small by more than a few parts in a hundred (Mills' ratio, its upper bound). */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  return Math.min(0.5, density * (4 / (3 * z + Math.sqrt(z * z + 8))));
}

/** Of n values a are marked, of m others b: how likely is a division that is as unlikely as this one, or more. */
function fisher(a: number, n: number, b: number, m: number): number {
  const marked = a + b;
  const logs = [0];
  for (let number = 1; number <= n + m; number++) logs.push((logs[number - 1] ?? 0) + Math.log(number));
  const choose = (of: number, take: number) => (logs[of] ?? 0) - (logs[take] ?? 0) - (logs[of - take] ?? 0);
  const likely = (here: number) => Math.exp(choose(n, here) + choose(m, marked - here) - choose(n + m, marked));
  const found = likely(a);
  let sum = 0;
  for (let here = Math.max(0, marked - m); here <= Math.min(n, marked); here++)
    if (likely(here) <= found * (1 + 1e-9)) sum += likely(here);
  return sum;
}
