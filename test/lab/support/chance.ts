// Whether a group of values is marked off from the others by more than chance: the rank sum test of Wilcoxon, Mann and
// Whitney, with ties, by its normal approximation.

/** Two-sided 1e-6: a figure beyond it is no accident. */
export const CHANCE_Z = 4.892;

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
