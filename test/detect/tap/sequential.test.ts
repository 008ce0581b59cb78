import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import {
  DEFAULT_SEQUENTIAL,
  deriveLimits,
  newSequentialState,
  type SequentialLimits,
  type SequentialPolicy,
  takeOutcome,
} from "../../../src/detect/tap/sequential.ts";

const limits = deriveLimits(DEFAULT_SEQUENTIAL);
const HOUR = 3_600_000;

interface Step {
  readonly outcome?: Outcome;
  readonly port?: number;
  readonly timeMs?: number;
}

/** After how many of the steps the source is flagged; 0: never. */
function flaggedAfter(steps: readonly Step[], by: SequentialLimits = limits): number {
  const state = newSequentialState(0);
  for (const [at, { outcome = Outcome.Refused, port = 80, timeMs = 0 }] of steps.entries()) {
    if (takeOutcome(state, { protocol: 6, port, outcome, timeMs }, by)) return at + 1;
  }
  return 0;
}

const fail = (port: number): Step => ({ port });
const succeed = (port: number): Step => ({ port, outcome: Outcome.Accepted });
const repeat = (count: number, make: (at: number) => Step): Step[] =>
  Array.from({ length: count }, (_, at) => make(at));

test("four failures flag, on one port or on four, refused or unanswered", () => {
  assert.equal(flaggedAfter(repeat(9, () => fail(80))), 4);
  assert.equal(flaggedAfter(repeat(9, fail)), 4);
  assert.equal(flaggedAfter(repeat(9, (port) => ({ port, outcome: Outcome.Unanswered }))), 4);
});

test("what nobody knows counts for nothing", () => {
  assert.equal(flaggedAfter(repeat(50, (port) => ({ port, outcome: Outcome.Unknown }))), 0);
  assert.equal(flaggedAfter(repeat(50, (port) => ({ port, outcome: Outcome.Pending }))), 0);
});

test("no success of another port pays for a failure: a thousand before, or one beside each", () => {
  assert.equal(flaggedAfter([...repeat(1000, () => succeed(443)), ...repeat(9, fail)]), 1004);
  assert.equal(flaggedAfter(repeat(40, (at) => (at % 2 === 0 ? succeed(443) : fail(at)))), 8);
});

test("successes are no credit, not even on their own port", () => {
  assert.equal(flaggedAfter([...repeat(1000, () => succeed(443)), ...repeat(9, () => fail(443))]), 1004);
});

test("a success pays for an earlier failure of its port: a crawler that meets dead hosts is no scanner", () => {
  assert.equal(flaggedAfter(repeat(10_000, (at) => (at % 10 < 3 ? fail(443) : succeed(443)))), 0);
});

test("an answer that comes after all takes its failure back", () => {
  const steps = repeat(40, (at) => ({ port: at >> 1, outcome: at % 2 === 0 ? Outcome.Unanswered : Outcome.Accepted }));
  assert.equal(flaggedAfter(steps), 0);
});

test("slow failures: one an hour flags, one in ten hours or a wrong port a day for two months does not", () => {
  assert.equal(flaggedAfter(repeat(60, (at) => ({ port: at, timeMs: at * HOUR }))), 4);
  assert.equal(flaggedAfter(repeat(60, (at) => ({ port: at, timeMs: at * 10 * HOUR }))), 0);
  assert.equal(flaggedAfter(repeat(60, (at) => ({ port: at, timeMs: at * 24 * HOUR }))), 0);
});

test("time forgives the oldest failures first, and their ports with them", () => {
  const state = newSequentialState(0);
  const take = (step: Step) =>
    takeOutcome(state, { protocol: 6, port: 80, outcome: Outcome.Refused, timeMs: 0, ...step }, limits);
  take({ port: 1 });
  take({ port: 2, timeMs: 5.5 * HOUR });
  assert.ok(state.walk > limits.failureStep && state.walk < 2 * limits.failureStep, `${state.walk}`);
  take({ port: 3, timeMs: 11.5 * HOUR });
  // Port 1 is forgiven: a success there has nothing to pay for.
  const before = state.walk;
  take({ port: 1, outcome: Outcome.Accepted });
  assert.equal(state.walk, before);
  take({ port: 3, outcome: Outcome.Accepted });
  assert.ok(state.walk < before);
});

test("outcomes that come out of order forgive nothing and break nothing", () => {
  assert.equal(flaggedAfter(repeat(9, (port) => ({ port, timeMs: 3000 - port }))), 4);
});

test("the rate term alone is RBS: the times of detection.md for each number of first contacts", () => {
  // theta0 and theta1 so near each other that the outcome says next to nothing.
  const policy: SequentialPolicy = {
    theta0: 0.5 + 1e-9,
    theta1: 0.5,
    alpha: 1e-3,
    beta: 0.99,
    lambda0PerSecond: 1 / 600,
    lambda1PerSecond: 1 / 10,
    rateGain: Number.POSITIVE_INFINITY,
  };
  const rbs = deriveLimits(policy);
  const table = [
    [2, 13],
    [3, 55],
    [4, 96],
    [5, 138],
    [8, 263],
    [12, 430],
  ] as const;
  for (const [contacts, seconds] of table) {
    const last = (timeMs: number): Step[] =>
      // All early but the last, so that no earlier count flags: the sum of the gaps is what the term knows.
      [{ timeMs: 0 }, ...repeat(contacts - 1, (at) => ({ timeMs: (timeMs * (at + 1)) / (contacts - 1) }))];
    const walkAt = (timeMs: number) => {
      const state = newSequentialState(0);
      for (const step of last(timeMs)) {
        takeOutcome(state, { protocol: 6, port: 80, outcome: Outcome.Refused, timeMs: 0, ...step }, rbs);
      }
      return state.walk;
    };
    assert.ok(walkAt((seconds - 1) * 1000) >= rbs.threshold, `${contacts} contacts in ${seconds - 1} s`);
    assert.ok(walkAt((seconds + 1) * 1000) < rbs.threshold, `${contacts} contacts in ${seconds + 1} s`);
  }
});

test("a policy that is no test is refused", () => {
  for (const wrong of [
    { theta0: 0.05, theta1: 0.95 },
    { theta0: 1 },
    { alpha: 0 },
    { alpha: 0.5, beta: 0.4 },
    { lambda0PerSecond: 0 },
    { lambda1PerSecond: 1e-9 },
    { rateGain: Number.NaN },
    { theta1: 0 },
    { theta0: 0.5, theta1: 0.5 },
    { alpha: 0.5, beta: 0.5 },
    { beta: 1 },
    { lambda0PerSecond: 2, lambda1PerSecond: 2 },
    { rateGain: -0.1 },
  ]) {
    assert.throws(() => deriveLimits({ ...DEFAULT_SEQUENTIAL, ...wrong }), RangeError, JSON.stringify(wrong));
  }
  assert.equal(deriveLimits({ ...DEFAULT_SEQUENTIAL, rateGain: 0 }).rateGain, 0);
});

test("whatever comes, the state stays small and the walk a number that is the sum of what is owed, or more", () => {
  const step = fc.record({
    port: fc.integer({ min: 0, max: 12 }),
    outcome: fc.constantFrom(Outcome.Accepted, Outcome.Refused, Outcome.Unanswered, Outcome.Unknown),
    timeMs: fc.integer({ min: 0, max: 40 * HOUR }),
  });
  const policy = fc.record({
    theta0: fc.double({ min: 0.6, max: 0.99, noNaN: true }),
    theta1: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
    rateGain: fc.constantFrom(0, 1, 10),
  });
  fc.assert(
    fc.property(policy, fc.array(step, { maxLength: 60 }), (fields, steps) => {
      const by = deriveLimits({ ...DEFAULT_SEQUENTIAL, ...fields });
      const state = newSequentialState(0);
      for (const each of steps) {
        takeOutcome(state, { protocol: 6, ...each }, by);
        const owed = state.owed.reduce((sum, one) => sum + one, 0);
        assert.ok(state.services.length === state.owed.length && state.services.length <= 8);
        assert.equal(new Set(state.services).size, state.services.length);
        assert.ok(state.owed.every((one) => one > 0));
        assert.ok(state.walk >= 0 && owed <= state.walk + 1e-9, `${owed} owed of ${state.walk}`);
      }
    }),
    { seed: 5, numRuns: 500 },
  );
});
