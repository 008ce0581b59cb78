// The odds of the sequential test: detection.md's table again by exact computation, and Monte Carlo runs of the real
// code with a fixed seed against the theory of the form that it has (clamped, a success paying for its own port only).
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_SEQUENTIAL,
  deriveLimits,
  newSequentialState,
  type SequentialLimits,
  takeOutcome,
} from "../../../src/detect/tap/sequential.ts";
import {
  absorbingWalk,
  binomialTail,
  clampedContacts,
  clampedFlags,
  drawnContact,
  randomOf,
  sigmas,
  waldContacts,
  wholeSteps,
} from "./sequential-theory.ts";

/** theta0, theta1, alpha; failures to flag, successes to clear; Wald's E[N], the exact one, exact P(flag | client). */
const table = [
  [0.8, 0.2, 1e-2, 4, 4, 5.41, 6.61, 3.9e-3],
  [0.8, 0.2, 1e-3, 5, 4, 8.15, 8.27, 9.7e-4],
  [0.8, 0.2, 1e-5, 9, 4, 13.64, 14.92, 3.8e-6],
  [0.9, 0.1, 1e-3, 4, 3, 3.86, 4.99, 1.5e-4],
  [0.9, 0.1, 1e-6, 7, 3, 7.75, 8.73, 2.1e-7],
  [0.95, 0.05, 1e-3, 3, 2, 2.56, 3.32, 1.5e-4],
  [0.95, 0.05, 1e-5, 4, 2, 4.28, 4.43, 7.7e-6],
  [0.95, 0.05, 1e-6, 5, 2, 5.14, 5.53, 4.0e-7],
] as const;

const BETA = 0.99;
/** Four standard errors: a right program fails one such comparison in 16,000, and with a fixed seed always or never. */
const TOLERATED = 4;

/** Equal to so many significant digits, as a table prints them. */
function near(found: number, printed: number, digits: number, message: string): void {
  const unit = 10 ** (Math.floor(Math.log10(printed)) + 1 - digits);
  assert.ok(Math.abs(found - printed) <= 0.501 * unit, message);
}

function limitsOf(theta0: number, theta1: number, alpha: number): SequentialLimits {
  return deriveLimits({ ...DEFAULT_SEQUENTIAL, theta0, theta1, alpha, beta: BETA });
}

/** First contacts until the flag, at most `most`; 0: not flagged. `portOf` says where contact number n goes. */
function contactsUntilFlag(
  limits: SequentialLimits,
  pFailure: number,
  run: { random: () => number; most: number; portOf: (contact: number) => number },
): number {
  const state = newSequentialState(0);
  for (let contact = 1; contact <= run.most; contact++) {
    if (takeOutcome(state, drawnContact(run.random, pFailure, run.portOf(contact), 0), limits)) return contact;
  }
  return 0;
}

test("the paper's walk, computed exactly, is the table of detection.md", () => {
  for (const [theta0, theta1, alpha, toFlag, toClear, wald, exact, pFlag] of table) {
    const walk = { theta0, theta1, alpha, beta: BETA };
    const name = `${theta0}/${theta1} ${alpha}`;
    assert.deepEqual(wholeSteps(walk), { toFlag, toClear }, name);
    near(waldContacts(walk), wald, wald >= 10 ? 4 : 3, `${name}: Wald ${waldContacts(walk)}`);
    const scanner = absorbingWalk(toFlag, toClear, 1 - theta1);
    near(scanner.steps, exact, exact >= 10 ? 4 : 3, `${name}: ${scanner.steps} contacts`);
    const client = absorbingWalk(toFlag, toClear, 1 - theta0);
    near(client.pFlag, pFlag, 2, `${name}: P ${client.pFlag}`);
  }
});

test("a scanner is flagged after as many first contacts as theory says, for every row of the table", () => {
  const runs = 20_000;
  for (const [row, [theta0, theta1, alpha, toFlag]] of table.entries()) {
    const random = randomOf(1000 + row);
    const limits = limitsOf(theta0, theta1, alpha);
    const pFailure = 1 - theta1;
    for (const [shape, portOf, expected] of [
      ["one port", () => 22, clampedContacts(toFlag, pFailure)],
      ["a port each", (contact: number) => contact, toFlag / pFailure],
    ] as const) {
      let sum = 0;
      let squares = 0;
      for (let run = 0; run < runs; run++) {
        const contacts = contactsUntilFlag(limits, pFailure, { random, most: 10_000, portOf });
        assert.ok(contacts > 0);
        sum += contacts;
        squares += contacts * contacts;
      }
      const mean = sum / runs;
      const error = Math.sqrt((squares / runs - mean * mean) / runs);
      const name = `${theta0}/${theta1} ${alpha}, ${shape}: ${mean.toFixed(3)}, theory ${expected.toFixed(3)}`;
      assert.ok(Math.abs(mean - expected) <= TOLERATED * error, name);
    }
  }
});

test("a client is flagged as rarely as theory says: one port, and a port each", () => {
  for (const [theta0, theta1, alpha, toFlag, contacts, runs] of [
    [0.8, 0.2, 1e-2, 4, 20, 100_000],
    [0.8, 0.2, 1e-3, 5, 30, 100_000],
    [0.95, 0.05, 1e-3, 3, 30, 200_000],
  ] as const) {
    const limits = limitsOf(theta0, theta1, alpha);
    const pFailure = 1 - theta0;
    for (const [shape, portOf, expected] of [
      ["one port", () => 443, clampedFlags(toFlag, pFailure, contacts)[contacts] ?? 0],
      ["a port each", (contact: number) => contact, binomialTail(contacts, toFlag, pFailure)],
    ] as const) {
      const random = randomOf(77);
      let flagged = 0;
      for (let run = 0; run < runs; run++) {
        if (contactsUntilFlag(limits, pFailure, { random, most: contacts, portOf }) > 0) flagged++;
      }
      const name = `${theta0}/${theta1} ${alpha} ${shape}: ${flagged / runs}, theory ${expected}`;
      assert.ok(sigmas(flagged, runs, expected) <= TOLERATED, name);
      // The bound that docs/reference/detection.md states, of Ville: as many starts as contacts, each at most alpha / beta.
      if (shape === "one port") assert.ok(expected <= (contacts * alpha) / BETA, name);
    }
  }
});

test("the default's false alarms: within the stated target", () => {
  // 50,000 clients a day, one in a hundred of them busy: docs/reference/detection.md, "Sequential test".
  const flags = clampedFlags(4, 1 - DEFAULT_SEQUENTIAL.theta0, 100);
  const perDay = 49_500 * (flags[4] ?? 0) + 500 * (flags[100] ?? 0);
  assert.ok(perDay < 1, `${perDay}`);
  assert.ok(perDay > 0.3, "the docs say 0.63");
});
