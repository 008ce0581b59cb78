// Sequential test: how much more likely a source's first contacts are from a scanner than from a client (threshold
// random walk: Jung, Paxson, Berger, Balakrishnan, IEEE S&P 2004; rates: Jung, Milito, Paxson's RBS), for taps and
// captures, where outcomes are known. A success pays only for failures of its own port, and never in advance.
import { type Contact, Outcome } from "./contact.ts";

export interface SequentialPolicy {
  /** P(a first contact succeeds | client) and the same of a scanner. */
  readonly theta0: number;
  readonly theta1: number;
  /** Wald's bounds: false alarms of one start of the walk, detections. They set the threshold ln(beta / alpha). */
  readonly alpha: number;
  readonly beta: number;
  /** Failed first contacts a second: of a client, and of the slowest scanner that this test looks for. */
  readonly lambda0PerSecond: number;
  readonly lambda1PerSecond: number;
  /**
   * The most (in nats) that quick succession may add to one failure. 0: time can only forgive. A client that meets a
   * dead host tries it by TCP and QUIC, port 443 and 80, within a second; rates must not call that a scan.
   */
  readonly rateGain: number;
}

/**
 * Flagged are four failures more than were paid for, with gaps of 3.3 hours or less (docs/reference/detection.md has the odds).
 * Rates: one wrong port a day is a client, one an hour is not.
 */
export const DEFAULT_SEQUENTIAL: SequentialPolicy = {
  theta0: 0.95,
  theta1: 0.05,
  alpha: 1e-5,
  beta: 0.99,
  lambda0PerSecond: 1 / 86_400,
  lambda1PerSecond: 1 / 3_600,
  rateGain: 0,
};

/** The policy in the log domain, worked out once. */
export interface SequentialLimits {
  readonly threshold: number;
  readonly failureStep: number;
  /** The amount that a success takes off, as a positive number. */
  readonly successStep: number;
  /** RBS: a gap of t ms between failures adds rateOffset - ratePerMs * t, at most rateGain. */
  readonly rateOffset: number;
  readonly ratePerMs: number;
  readonly rateGain: number;
}

/** Ports whose failures are told apart; a walk below the threshold owes to fewer, unless the policy has tiny steps. */
const SERVICES = 8;

/** One per source, from its first failure on: a source that never failed has nothing to remember. */
export interface SequentialState {
  /** The log likelihood ratio, 0 or more. */
  walk: number;
  /** First contacts whose outcome is known, and how many of them failed. */
  contacts: number;
  failures: number;
  /** Of the first contact and of the latest failure. */
  startMs: number;
  lastMs: number;
  /** Services (protocol << 16 | port) with failures that nothing has paid for, oldest first, and the sum of each. */
  readonly services: number[];
  readonly owed: number[];
}

export function newSequentialState(timeMs: number): SequentialState {
  return { walk: 0, contacts: 0, failures: 0, startMs: timeMs, lastMs: timeMs, services: [], owed: [] };
}

/** Throws a RangeError for a policy that is no test. */
export function deriveLimits(policy: SequentialPolicy): SequentialLimits {
  const { theta0, theta1, alpha, beta, lambda0PerSecond: lambda0, lambda1PerSecond: lambda1, rateGain } = policy;
  if (!(0 < theta1 && theta1 < theta0 && theta0 < 1)) {
    throw new RangeError(`sequential test: 0 < theta1 (${theta1}) < theta0 (${theta0}) < 1 does not hold`);
  }
  if (!(0 < alpha && alpha < beta && beta < 1)) {
    throw new RangeError(`sequential test: 0 < alpha (${alpha}) < beta (${beta}) < 1 does not hold`);
  }
  if (!(0 < lambda0 && lambda0 < lambda1 && rateGain >= 0)) {
    throw new RangeError(
      `sequential test: 0 < lambda0 (${lambda0}) < lambda1 (${lambda1}) and rateGain (${rateGain}) >= 0 do not hold`,
    );
  }
  return {
    threshold: Math.log(beta / alpha),
    failureStep: Math.log((1 - theta1) / (1 - theta0)),
    successStep: Math.log(theta0 / theta1),
    rateOffset: Math.log(lambda1 / lambda0),
    ratePerMs: (lambda1 - lambda0) / 1000,
    rateGain,
  };
}

/**
 * Takes a contact whose outcome has become known, each once (and once more if an answer came late). True from the
 * failure on that takes the walk to the threshold: it ends there. Unknown outcomes count for nothing.
 */
export function takeOutcome(
  state: SequentialState,
  contact: Pick<Contact, "protocol" | "port" | "outcome" | "timeMs">,
  limits: SequentialLimits,
): boolean {
  const isFailure = contact.outcome === Outcome.Refused || contact.outcome === Outcome.Unanswered;
  if (!isFailure && contact.outcome !== Outcome.Accepted) return state.walk >= limits.threshold;
  state.contacts++;
  if (isFailure) state.failures++;
  if (state.walk >= limits.threshold) return true;
  const service = (contact.protocol << 16) | contact.port;
  if (isFailure) fail(state, service, contact.timeMs, limits);
  else pay(state, service, limits.successStep);
  return state.walk >= limits.threshold;
}

/** A success: takes off what failures of the same port have added, no more. */
function pay(state: SequentialState, service: number, step: number): void {
  const at = state.services.indexOf(service);
  if (at < 0) return;
  const owed = state.owed[at] ?? 0;
  const paid = Math.min(owed, step);
  state.walk = Math.max(0, state.walk - paid);
  if (paid < owed) state.owed[at] = owed - paid;
  else drop(state, at);
}

function fail(state: SequentialState, service: number, timeMs: number, limits: SequentialLimits): void {
  const isFirst = state.failures === 1;
  // Outcomes of one burst come in any order within the wait for an answer, and some files are sorted newest first.
  const gapMs = isFirst ? 0 : Math.abs(timeMs - state.lastMs);
  const rate = Math.min(limits.rateGain, limits.rateOffset - limits.ratePerMs * gapMs);
  if (rate < 0) forgive(state, -rate);
  const step = limits.failureStep + Math.max(0, rate);
  state.lastMs = timeMs;
  state.walk += step;
  const at = state.services.indexOf(service);
  if (at >= 0) {
    state.owed[at] = (state.owed[at] ?? 0) + step;
    return;
  }
  // No room: the oldest failures stay in the walk, and only time forgives them.
  if (state.services.length === SERVICES) drop(state, 0);
  state.services.push(service);
  state.owed.push(step);
}

/** Time forgives the oldest failures first. */
function forgive(state: SequentialState, amount: number): void {
  state.walk = Math.max(0, state.walk - amount);
  let kept = 0;
  for (const owed of state.owed) kept += owed;
  while (state.services.length > 0 && kept > state.walk) {
    const oldest = state.owed[0] ?? 0;
    const excess = kept - state.walk;
    if (excess < oldest) {
      state.owed[0] = oldest - excess;
      return;
    }
    kept -= oldest;
    drop(state, 0);
  }
}

/** In place, without the list that splice would return. */
function drop({ services, owed }: SequentialState, at: number): void {
  for (let to = at; to + 1 < services.length; to++) {
    services[to] = services[to + 1] ?? 0;
    owed[to] = owed[to + 1] ?? 0;
  }
  services.pop();
  owed.pop();
}
