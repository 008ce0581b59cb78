// What theory says of the sequential test, computed without running it: Wald's formulas, absorbing walks solved exactly
// on their states, and Bernoulli sources drawn at random. The tests hold src/detect/tap/sequential.ts against it.
import { Outcome } from "../../../src/detect/tap/contact.ts";

/** A generator of numbers 0..1 that gives the same ones every time (xorshift32: Marsaglia 2003). */
export function randomOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}

export interface Walk {
  readonly theta0: number;
  readonly theta1: number;
  readonly alpha: number;
  readonly beta: number;
}

/** E[N | scanner] by Wald's approximation, which knows no overshoot. */
export function waldContacts({ theta0, theta1, alpha, beta }: Walk): number {
  const end = beta * Math.log(beta / alpha) + (1 - beta) * Math.log((1 - beta) / (1 - alpha));
  const step = theta1 * Math.log(theta1 / theta0) + (1 - theta1) * Math.log((1 - theta1) / (1 - theta0));
  return end / step;
}

/** Failures from zero to the flag, and successes from zero until the paper's walk would clear (theta1 = 1 - theta0). */
export function wholeSteps({ theta0, theta1, alpha, beta }: Walk): { toFlag: number; toClear: number } {
  const failure = Math.log((1 - theta1) / (1 - theta0));
  const success = Math.log(theta0 / theta1);
  return {
    toFlag: Math.ceil(Math.log(beta / alpha) / failure),
    toClear: Math.ceil(Math.log((1 - alpha) / (1 - beta)) / success),
  };
}

/** The paper's walk, absorbed at either end (the gambler's ruin): how long it takes and how often it flags. */
export function absorbingWalk(toFlag: number, toClear: number, pFailure: number): { steps: number; pFlag: number } {
  const size = toFlag + toClear + 1;
  let at = new Float64Array(size);
  at[toClear] = 1;
  let steps = 0;
  for (let left = 1; left > 1e-15; ) {
    const next = new Float64Array(size);
    steps += left;
    for (let state = 1; state < size - 1; state++) {
      const p = at[state] ?? 0;
      next[state + 1] = (next[state + 1] ?? 0) + p * pFailure;
      next[state - 1] = (next[state - 1] ?? 0) + p * (1 - pFailure);
    }
    next[0] = (next[0] ?? 0) + (at[0] ?? 0);
    next[size - 1] = (next[size - 1] ?? 0) + (at[size - 1] ?? 0);
    at = next;
    left = 1 - (at[0] ?? 0) - (at[size - 1] ?? 0);
  }
  return { steps, pFlag: at[size - 1] ?? 0 };
}

/** Our walk, clamped at 0, all contacts to one port: P(flagged within n first contacts), for every n up to `contacts`. */
export function clampedFlags(toFlag: number, pFailure: number, contacts: number): number[] {
  let at = new Float64Array(toFlag + 1);
  at[0] = 1;
  const flagged = [0];
  for (let contact = 0; contact < contacts; contact++) {
    const next = new Float64Array(toFlag + 1);
    for (let state = 0; state < toFlag; state++) {
      const p = at[state] ?? 0;
      next[state + 1] = (next[state + 1] ?? 0) + p * pFailure;
      const back = Math.max(0, state - 1);
      next[back] = (next[back] ?? 0) + p * (1 - pFailure);
    }
    next[toFlag] = (next[toFlag] ?? 0) + (at[toFlag] ?? 0);
    at = next;
    flagged.push(at[toFlag] ?? 0);
  }
  return flagged;
}

/** Its mean time to the flag, in first contacts to one port. */
export function clampedContacts(toFlag: number, pFailure: number): number {
  const ratio = (1 - pFailure) / pFailure;
  let total = 0;
  for (let state = 0, upward = 0; state < toFlag; state++) {
    upward = 1 / pFailure + ratio * upward;
    total += upward;
  }
  return total;
}

/** P(at least `failures` of n first contacts fail): our walk when every contact is to a port of its own. */
export function binomialTail(n: number, failures: number, pFailure: number): number {
  let term = (1 - pFailure) ** n;
  let below = 0;
  for (let k = 0; k < failures && k <= n; k++) {
    below += term;
    term *= ((n - k) / (k + 1)) * (pFailure / (1 - pFailure));
  }
  return Math.max(0, 1 - below);
}

/** One first contact whose outcome is drawn. */
export function drawnContact(random: () => number, pFailure: number, port: number, timeMs: number) {
  const outcome = random() < pFailure ? Outcome.Refused : Outcome.Accepted;
  return { protocol: 6, port, outcome, timeMs };
}

/** Standard errors between a share found in `runs` tries and the probability that it should have. */
export function sigmas(found: number, runs: number, probability: number): number {
  return Math.abs(found - runs * probability) / Math.sqrt(runs * probability * (1 - probability));
}
