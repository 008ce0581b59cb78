// The figures of docs/reference/detection.md about the sequential test, sweeps and coordinated scans, worked out anew with fixed
// seeds: theory beside the real code. A line that the page does not have fails, and is printed as it should be.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import { DEFAULT_COORDINATED } from "../../../src/detect/tap/coordinated.ts";
import {
  DEFAULT_SEQUENTIAL,
  deriveLimits,
  newSequentialState,
  type SequentialLimits,
  takeOutcome,
} from "../../../src/detect/tap/sequential.ts";
import { readRepositoryFile } from "../../config/support.ts";
import { ask, createScans } from "./asks.ts";
import {
  absorbingWalk,
  binomialTail,
  clampedContacts,
  clampedFlags,
  drawnContact,
  randomOf,
  waldContacts,
  wholeSteps,
} from "./sequential-theory.ts";
import { drawFrom, shuffled, zipfPorts } from "./zipf-ports.ts";

const page = readRepositoryFile("docs/reference/detection.md");

function expectLines(lines: readonly string[]): void {
  const missing = lines.filter((line) => !page.includes(`${line}\n`));
  assert.equal(missing.length, 0, `docs/reference/detection.md does not say:\n${missing.join("\n")}`);
}

const row = (...cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
const short = (chance: number) => (chance === 0 ? "0" : chance.toExponential(1));

interface Drawn {
  readonly random: () => number;
  readonly most: number;
  readonly portOf: (contact: number) => number;
}

/** First contacts until the flag; 0: not within `most`. */
function until(limits: SequentialLimits, pFailure: number, { random, most, portOf }: Drawn): number {
  const state = newSequentialState(0);
  for (let contact = 1; contact <= most; contact++) {
    if (takeOutcome(state, drawnContact(random, pFailure, portOf(contact), 0), limits)) return contact;
  }
  return 0;
}

function meanUntil(limits: SequentialLimits, pFailure: number, runs: number, drawn: Drawn): number {
  let sum = 0;
  for (let run = 0; run < runs; run++) sum += until(limits, pFailure, drawn);
  return sum / runs;
}

function flagged(limits: SequentialLimits, pFailure: number, runs: number, drawn: Drawn): number {
  let count = 0;
  for (let run = 0; run < runs; run++) if (until(limits, pFailure, drawn) > 0) count++;
  return count / runs;
}

const onePort = () => 443;
const ownPort = (contact: number) => contact;
const tableRows = [
  [0.8, 0.2, 1e-2],
  [0.8, 0.2, 1e-3],
  [0.8, 0.2, 1e-5],
  [0.9, 0.1, 1e-3],
  [0.9, 0.1, 1e-6],
  [0.95, 0.05, 1e-3],
  [0.95, 0.05, 1e-5],
  [0.95, 0.05, 1e-6],
] as const;

test("sequential test: first contacts until a scanner is flagged", () => {
  const lines = tableRows.map(([theta0, theta1, alpha], at) => {
    const walk = { theta0, theta1, alpha, beta: DEFAULT_SEQUENTIAL.beta };
    const { toFlag, toClear } = wholeSteps(walk);
    const limits = deriveLimits({ ...DEFAULT_SEQUENTIAL, ...walk });
    const random = randomOf(300 + at);
    const one = meanUntil(limits, 1 - theta1, 50_000, { random, most: 10_000, portOf: onePort });
    const own = meanUntil(limits, 1 - theta1, 50_000, { random, most: 10_000, portOf: ownPort });
    return row(
      `${theta0}/${theta1}`,
      alpha.toExponential(0),
      toFlag,
      waldContacts(walk).toFixed(2),
      absorbingWalk(toFlag, toClear, 1 - theta1).steps.toFixed(2),
      clampedContacts(toFlag, 1 - theta1).toFixed(2),
      one.toFixed(2),
      (toFlag / (1 - theta1)).toFixed(2),
      own.toFixed(2),
    );
  });
  expectLines(lines);
});

test("sequential test: clients flagged within 20 first contacts", () => {
  const lines = tableRows.map(([theta0, theta1, alpha], at) => {
    const walk = { theta0, theta1, alpha, beta: DEFAULT_SEQUENTIAL.beta };
    const { toFlag, toClear } = wholeSteps(walk);
    const limits = deriveLimits({ ...DEFAULT_SEQUENTIAL, ...walk });
    const random = randomOf(400 + at);
    const one = flagged(limits, 1 - theta0, 100_000, { random, most: 20, portOf: onePort });
    const own = flagged(limits, 1 - theta0, 100_000, { random, most: 20, portOf: ownPort });
    return row(
      `${theta0}/${theta1}`,
      alpha.toExponential(0),
      short(absorbingWalk(toFlag, toClear, 1 - theta0).pFlag),
      short(clampedFlags(toFlag, 1 - theta0, 20)[20] ?? 0),
      short(one),
      short(binomialTail(20, toFlag, 1 - theta0)),
      short(own),
    );
  });
  expectLines(lines);
});

test("sequential test: the default's false alarms, by what a client does", () => {
  const limits = deriveLimits(DEFAULT_SEQUENTIAL);
  const random = randomOf(500);
  const lines = [4, 10, 30, 100].map((contacts) => {
    const mixed = (contact: number) => (random() < 0.9 ? 443 : 1000 + contact);
    const measured = flagged(limits, 0.05, Math.floor(8_000_000 / contacts), { random, most: contacts, portOf: mixed });
    return row(
      contacts,
      short(clampedFlags(4, 0.05, contacts)[contacts] ?? 0),
      short(measured),
      short(binomialTail(contacts, 4, 0.05)),
    );
  });
  expectLines(lines);
  const flags = clampedFlags(4, 0.05, 100);
  const perDay = 49_500 * (flags[4] ?? 0) + 500 * (flags[100] ?? 0);
  assert.ok(page.includes(`${perDay.toFixed(2)} false alarms a day`), `${perDay}`);
});

test("sequential test: how slow a scan may be", () => {
  const limits = deriveLimits(DEFAULT_SEQUENTIAL);
  const lines = [1, 2, 3, 4, 5, 6, 7, 24].map((gapHours) => {
    const state = newSequentialState(0);
    for (let probe = 1; probe <= 1000; probe++) {
      const contact = {
        protocol: 6,
        port: probe,
        outcome: Outcome.Refused,
        timeMs: (probe - 1) * gapHours * 3_600_000,
      };
      if (takeOutcome(state, contact, limits)) return row(`${gapHours} h`, probe);
    }
    return row(`${gapHours} h`, "never");
  });
  expectLines(lines);
});

test("coordinated scans: probes until found", () => {
  const lines = [3, 10, 100, 512].map((sources) => {
    const probesOf = (space: number, isPorts: boolean) => {
      const scans = createScans({ homeAddresses: isPorts ? DEFAULT_COORDINATED.homeAddresses : space });
      for (const [at, place] of shuffled(space).entries()) {
        const target = isPorts ? { port: place + 1 } : { host: place, port: 22 };
        if (ask(scans, { source: at % sources, ...target }) !== undefined) return at + 1;
      }
      return "not";
    };
    return row(sources, probesOf(65_535, true), probesOf(256, false), probesOf(4_096, false), probesOf(65_536, false));
  });
  expectLines(lines);
});

test("coordinated scans: independent sources that are taken for a group", () => {
  const alpha = 1e-2;
  const runs = 400;
  const chances = zipfPorts(DEFAULT_COORDINATED.uniformShare);
  const lines = [1, 2, 5, 20].map((portsEach) => {
    const draw = drawFrom(chances, randomOf(100 + portsEach));
    let found = 0;
    for (let round = 0; round < runs; round++) {
      const scans = createScans({ alpha, capacity: 64 });
      let isFound = false;
      for (let probe = 0; probe < 400; probe++) {
        const finding = ask(scans, { source: Math.floor(probe / portsEach), port: draw() + 1 });
        if (finding !== undefined) isFound = true;
      }
      if (isFound) found++;
    }
    // Looked at some forty times on the way: three times alpha at most, and four standard errors.
    const allowed = 3 * alpha * runs;
    assert.ok(found <= allowed + 4 * Math.sqrt(allowed), `${portsEach} ports each: ${found} of ${runs}`);
    return row(portsEach, Math.ceil(400 / portsEach), `${found} of ${runs}`);
  });
  expectLines(lines);
});
