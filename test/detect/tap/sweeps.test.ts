import assert from "node:assert/strict";
import { test } from "node:test";
import { hashSource } from "../../../src/detect/keyed-hash.ts";
import { Kind } from "../../../src/detect/kinds.ts";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import { DEFAULT_SWEEP, newSweepState, noteSweep, type SweepState, shapeOf } from "../../../src/detect/tap/sweeps.ts";
import { ARP_PROTOCOL } from "../../../src/wire/packet.ts";
import { seed } from "../probes.ts";
import { randomOf } from "./sequential-theory.ts";

interface Step {
  readonly host?: number;
  readonly port?: number;
  readonly protocol?: number;
  readonly kind?: Kind;
  readonly outcome?: Outcome;
  readonly timeMs?: number;
  readonly isFromRouter?: boolean;
}

function note(state: SweepState, step: Step): boolean {
  const {
    host = 1,
    port = 80,
    protocol = 6,
    kind = Kind.Syn,
    outcome = Outcome.Refused,
    timeMs = 0,
    isFromRouter = false,
  } = step;
  const hostHash = hashSource(seed, 0, 0, 0xffff, 0xc0000200 + host, 128);
  return noteSweep(state, { protocol, port, kind, outcome, timeMs, isFromRouter }, hostHash, DEFAULT_SWEEP);
}

/** The number of the step that found a sweep, 0 if none did, and the state after all of them. */
function run(steps: Iterable<Step>): { found: number; state: SweepState } {
  const state = newSweepState(0);
  let found = 0;
  let at = 0;
  for (const step of steps) {
    at++;
    if (!note(state, step)) continue;
    assert.equal(found, 0, "found twice");
    found = at;
  }
  return { found, state };
}

const shape = (state: SweepState) => shapeOf(state, DEFAULT_SWEEP);

function* grid(hosts: number, ports: number, more: Step = {}): Generator<Step> {
  for (let host = 0; host < hosts; host++) for (let port = 1; port <= ports; port++) yield { host, port, ...more };
}

test("one port of many hosts is a horizontal sweep, found at the fifth host", () => {
  for (const outcome of [Outcome.Refused, Outcome.Unanswered]) {
    const { found, state } = run(grid(254, 1, { outcome }));
    assert.equal(found, 5);
    assert.equal(shape(state), "horizontal");
  }
});

test("pings and neighbour questions are sweeps of no port; a host that asks the link for fifteen peers is none", () => {
  assert.equal(run(grid(9, 1, { protocol: 1, port: 0, kind: Kind.IcmpEcho, outcome: Outcome.Unanswered })).found, 5);
  const arp = { protocol: ARP_PROTOCOL, port: 0, kind: Kind.Arp, outcome: Outcome.Unanswered };
  assert.equal(run(grid(15, 1, arp)).found, 0);
  assert.equal(run(grid(254, 1, arp)).found, 16);
  const neighbor = { protocol: 58, port: 0, kind: Kind.Neighbor, outcome: Outcome.Unanswered };
  assert.equal(run(grid(15, 1, neighbor)).found, 0);
  assert.equal(shape(run(grid(254, 1, neighbor)).state), "horizontal");
});

test("many ports of one host, or of a few, are vertical and no sweep", () => {
  for (const hosts of [1, 3]) {
    const { found, state } = run(grid(hosts, 1000));
    assert.equal(found, 0);
    assert.equal(shape(state), "vertical");
  }
});

test("several ports of many hosts are a strobe, many ports of many hosts a block", () => {
  assert.equal(shape(run(grid(100, 10)).state), "strobe");
  assert.equal(shape(run(grid(50, 200)).state), "block");
  const random = randomOf(3);
  const scattered = Array.from({ length: 500 }, () => ({
    host: Math.floor(random() * 5000),
    port: 1 + Math.floor(random() * 60_000),
  }));
  assert.equal(shape(run(scattered).state), "block");
});

test("asides do not change the shape", () => {
  assert.equal(shape(run([...grid(100, 1), { host: 3, port: 443 }, { host: 4, port: 22 }]).state), "horizontal");
  assert.equal(shape(run([...grid(1, 500), ...grid(20, 1, { port: 9999 })]).state), "vertical");
});

test("a strobe is a sweep too, whichever way it goes round", () => {
  assert.equal(run(grid(20, 10)).found, 41);
  const byPort = [...grid(20, 10)].sort((one, other) => (one.port ?? 0) - (other.port ?? 0));
  assert.equal(run(byPort).found, 5);
});

test("the same host over and over is one host", () => {
  const { found, state } = run(Array.from({ length: 1000 }, () => ({ host: 9 })));
  assert.equal(found, 0);
  assert.equal(shape(state), undefined);
});

test("what was accepted is no evidence, and pardons failures of its own port only", () => {
  assert.equal(run(grid(254, 1, { outcome: Outcome.Accepted })).found, 0);
  const crawler = Array.from({ length: 2000 }, (_, host) => ({
    host,
    outcome: host % 6 === 0 ? Outcome.Unanswered : Outcome.Accepted,
  }));
  assert.equal(run(crawler).found, 0);
  const accepted = [...grid(200, 1, { outcome: Outcome.Accepted, port: 443 })];
  assert.equal(run([...accepted, ...grid(5, 1, { port: 23 })]).found, 205);
  const mixed = Array.from({ length: 40 }, (_, host) => ({
    host,
    outcome: host % 2 === 0 ? Outcome.Unanswered : Outcome.Accepted,
  }));
  assert.equal(run(mixed).found, 13);
});

test("an answer that comes late takes its host back", () => {
  const hosts = [...grid(50, 1, { outcome: Outcome.Unanswered })];
  const steps = hosts.flatMap((step) => [step, { ...step, outcome: Outcome.Accepted }]);
  const { found, state } = run(steps);
  assert.equal(found, 0);
  assert.equal(shape(state), undefined);
});

test("unknown outcomes give a shape and no finding", () => {
  const { found, state } = run(grid(254, 1, { outcome: Outcome.Unknown }));
  assert.equal(found, 0);
  assert.equal(shape(state), "horizontal");
});

test("a source that was quiet begins anew, and keeps the shape that it had", () => {
  const slow = (gapMs: number) => Array.from({ length: 60 }, (_, host) => ({ host, timeMs: host * gapMs }));
  assert.equal(run(slow(300_000)).found, 5);
  assert.equal(run(slow(480_001)).found, 0);
  const later = [...grid(100, 1), { host: 1, port: 22, timeMs: 1_000_000 }];
  assert.equal(shape(run(later).state), "horizontal");
});

test("clients as bad as theta0 allows are called sweepers as rarely as the bound says", () => {
  // detection.md's form of the bound: P(ever) <= (0.05 / 0.5)^hosts for each service, here with 3 hosts so that it shows.
  const policy = { ...DEFAULT_SWEEP, sweepHosts: 3 };
  const random = randomOf(11);
  const runs = 40_000;
  let found = 0;
  for (let client = 0; client < runs; client++) {
    const state = newSweepState(0);
    for (let host = 0; host < 40; host++) {
      const outcome = random() < 0.05 ? Outcome.Refused : Outcome.Accepted;
      const contact = { protocol: 6, port: 443, kind: Kind.Syn, outcome, timeMs: 0, isFromRouter: false };
      if (noteSweep(state, contact, hashSource(seed, 0, 0, client, host, 128), policy)) found++;
    }
  }
  assert.ok(found > 0 && found <= runs * 1e-3 + 4 * Math.sqrt(runs * 1e-3), `${found} of ${runs}`);
});

test("sixteen unanswered questions to the link: what the default's odds are made of", () => {
  // Poisson with mean 3 (peers that are switched off, in one busy spell).
  let below = 0;
  for (let k = 0, term = Math.exp(-3); k < DEFAULT_SWEEP.linkSweepHosts; k++, term *= 3 / k) below += term;
  assert.ok(1 - below < 2e-7 && 1 - below > 1e-8, `${1 - below}`);
});

test("a success pardons as much before its source's failures as among them", () => {
  const successes = Array.from({ length: 6 }, (_, host): Step => ({ host: 100 + host, outcome: Outcome.Accepted }));
  const failures = [...grid(60, 1, { port: 80, outcome: Outcome.Unanswered })];
  const ofFailures = (steps: readonly Step[]) =>
    steps.slice(0, run(steps).found).filter(({ outcome }) => outcome === Outcome.Unanswered).length;
  const before = ofFailures([...successes, ...failures]);
  const among = ofFailures([...failures.slice(0, 4), ...successes, ...failures.slice(4)]);
  assert.ok(before > ofFailures(failures), `${before}`);
  assert.equal(before, among);
});
