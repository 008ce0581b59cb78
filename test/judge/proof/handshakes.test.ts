import assert from "node:assert/strict";
import { test } from "node:test";
import { Detector } from "../../../src/detect/detector.ts";
import { Kind } from "../../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../../src/detect/probe.ts";
import type { ScorePolicy } from "../../../src/detect/scorers.ts";
import { SourceTable } from "../../../src/detect/source-table.ts";
import { Judge } from "../../../src/judge/judge.ts";
import { FinishedHandshakes } from "../../../src/judge/proof/finished-handshakes.ts";
import { Handshakes } from "../../../src/judge/proof/handshakes.ts";
import type { Verdict } from "../../../src/judge/verdict.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { AddressRanges } from "../../../src/wire/address-ranges.ts";
import { Arrival } from "../../../src/wire/arrival.ts";
import { prefix } from "../../support/prefix.ts";

const SCANNER = "203.0.113.7";
const T0 = 1_700_000_000_000;

type Rule = Partial<ScorePolicy>;

function room({ spared = [], ...rule }: Rule & { readonly spared?: readonly string[] } = {}) {
  const near = new AddressRanges([]);
  const policy: ScorePolicy = {
    policy: "score",
    scanTrigger: 0,
    scorePorts: 3,
    scoreWindowMs: 600_000,
    slowScorePorts: 10,
    slowScoreWindowMs: 86_400_000,
    ...rule,
  };
  const detector = new Detector({ table: new SourceTable(1_024, { k0: 1, k1: 2 }), policy, near });
  const none = new AddressRanges([]);
  const guarded = new AddressRanges(spared.map(prefix));
  const judge = new Judge({
    ignored: none,
    guarded,
    own: none,
    blockTcp: true,
    blockUdp: true,
    proof: "on",
    firewall: true,
  });
  const clock = { nowMs: T0 };
  const blocked = new Set<string>();
  const told: number[] = [];
  const finished = new FinishedHandshakes(
    () => policy,
    () => clock.nowMs,
  );
  const handshakes = new Handshakes({
    detector,
    judge,
    finished,
    told: (probe) => told.push(probe.port),
    isFullyBlocked: (source) => blocked.has(formatPrefix(source)),
    nowMs: () => clock.nowMs,
  });
  /** A SYN to each port, as the log tells it; the verdict on the finding, if any. */
  const syns = (source: string, ports: readonly number[]): Verdict | undefined => {
    const { w0, w1, w2, w3, bits } = prefix(source);
    let verdict: Verdict | undefined;
    for (const port of ports) {
      const probe = Object.assign(new Probe(), {
        source0: w0,
        source1: w1,
        source2: w2,
        source3: w3,
        protocol: 6,
        port,
      });
      Object.assign(probe, {
        kind: Kind.Syn,
        evidence: Evidence.Direct,
        disposition: Disposition.Probe,
        timeMs: clock.nowMs,
        sourceBits: bits,
      });
      const finding = detector.see(probe);
      if (finding !== undefined)
        verdict = handshakes.upgrade(judge.judge(finding, [w0, w1, w2, w3], judge.spares(w0, w1, w2, w3)));
    }
    return verdict;
  };
  const arrive = (source: string, port: number): Verdict | undefined => {
    const { w0, w1, w2, w3 } = prefix(source);
    const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
    return handshakes.arrived(Object.assign(new Arrival(), { ...words, protocol: 6, port, timeMs: clock.nowMs }));
  };
  const accept = (source: string, port: number): void => {
    const { w0, w1, w2, w3 } = prefix(source);
    const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
    handshakes.accepted(Object.assign(new Arrival(), { ...words, protocol: 6, port, timeMs: clock.nowMs }));
  };
  const isProven = (source: string) => finished.hasEnough(prefix(source));
  return { handshakes, finished, syns, arrive, accept, isProven, clock, blocked, told };
}

const isProof = (verdict: Verdict | undefined) => verdict?.action === "block" && verdict.grade === "handshake";

test("a source found scanning is proven by handshakes with three closed ports, once", () => {
  const { syns, arrive, told } = room();
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  assert.equal(arrive(SCANNER, 4), undefined);
  assert.equal(arrive(SCANNER, 5), undefined);
  const verdict = arrive(SCANNER, 6);
  assert.ok(isProof(verdict));
  assert.match(verdict?.finding.evidence ?? "", /connections to traps on 3 closed ports, the last tcp\/6$/);
  assert.equal(arrive(SCANNER, 7), undefined, "its block may be a command that is still running");
  assert.deepEqual(told, [4, 5, 6, 7]);
});

test("whose name others forge is not proven by slips of its own: one port however often, or two", () => {
  const { syns, arrive, clock } = room();
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  for (let visit = 0; visit < 5; visit++) assert.equal(arrive(SCANNER, 4), undefined);
  assert.equal(arrive(SCANNER, 5), undefined);
  // Slips of long ago do not add up with that of today.
  clock.nowMs += 600_001;
  assert.equal(arrive(SCANNER, 6), undefined);
});

test("as many ports are asked for as the rule asks of probes", () => {
  const cases: readonly (readonly [Rule, number])[] = [
    [{ scorePorts: 2 }, 2],
    [{ scorePorts: 6 }, 6],
    [{ policy: "trigger", scanTrigger: 0 }, 1],
    [{ policy: "trigger", scanTrigger: 2 }, 2],
    [{ policy: "trigger", scanTrigger: 100 }, 3],
  ];
  for (const [rule, needed] of cases) {
    const { syns, arrive } = room(rule);
    syns(
      SCANNER,
      Array.from({ length: 100 }, (_, port) => port + 1),
    );
    for (let port = 1; port < needed; port++) assert.equal(arrive(SCANNER, port), undefined, JSON.stringify(rule));
    const verdict = arrive(SCANNER, needed);
    assert.ok(isProof(verdict), JSON.stringify(rule));
    if (needed === 1) assert.match(verdict?.finding.evidence ?? "", /a connection to a trap on closed port tcp\/1$/);
  }
});

test("handshakes whose SYNs' logs come after them count when the finding comes", () => {
  const { syns, arrive, handshakes, clock } = room();
  for (const port of [1, 2]) assert.equal(arrive(SCANNER, port), undefined);
  assert.ok(handshakes.isIdle, "a flood of claims is not looked at more closely for a slip or two");
  assert.equal(arrive(SCANNER, 3), undefined);
  assert.ok(!handshakes.isIdle);
  assert.ok(isProof(syns(SCANNER, [1, 2, 3])));
  clock.nowMs += 11_000;
  assert.ok(handshakes.isIdle);
});

test("a slip is no proof of what is forged after it, soon or late", () => {
  for (const laterMs of [0, 11_000]) {
    const { syns, arrive, clock } = room();
    assert.equal(arrive(SCANNER, 3), undefined);
    clock.nowMs += laterMs;
    assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  }
});

test("who is proven, or let go, must do as much again to be proven again", () => {
  const { syns, arrive, clock, finished } = room();
  syns(SCANNER, [1, 2, 3]);
  for (const port of [4, 5, 6]) arrive(SCANNER, port);
  clock.nowMs += 11_000;
  assert.equal(arrive(SCANNER, 7), undefined);
  assert.equal(arrive(SCANNER, 8), undefined);
  finished.forget(prefix(SCANNER));
  assert.equal(arrive(SCANNER, 9), undefined);
  assert.equal(arrive(SCANNER, 10), undefined);
  assert.ok(isProof(arrive(SCANNER, 11)));
});

test("handshakes alone are no scan, and another's handshakes prove nobody else", () => {
  const { syns, arrive } = room();
  for (const port of [1, 2, 3, 4]) assert.equal(arrive("203.0.113.8", port), undefined);
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
});

test("spared and fully blocked sources are let be", () => {
  const { syns, arrive, blocked, told, handshakes } = room({ spared: [SCANNER] });
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "spare");
  assert.equal(arrive(SCANNER, 4), undefined);
  assert.equal(handshakes.counters.handshakesSpared, 1);
  assert.equal(syns("203.0.113.9", [1, 2, 3])?.action, "soft");
  blocked.add("203.0.113.9");
  assert.equal(arrive("203.0.113.9", 4), undefined);
  assert.deepEqual(told, []);
});

test("an IPv6 source is its /64", () => {
  const { syns, arrive } = room();
  assert.equal(syns("2001:db8:b:1::/64", [1, 2, 3])?.action, "soft");
  for (const [index, port] of [4, 5].entries()) assert.equal(arrive(`2001:db8:b:1::${index}`, port), undefined);
  assert.ok(isProof(arrive("2001:db8:b:1::77", 6)));
});

test("a flood of handshakes by sources that do nothing else is forgotten, the oldest first", () => {
  const { syns, arrive, finished } = room();
  for (const port of [1, 2, 3]) arrive(SCANNER, port);
  for (let index = 0; index < 4_096; index++) {
    for (const port of [1, 2, 3]) arrive(`198.18.${index >> 8}.${index & 255}`, port);
  }
  assert.equal(finished.counters.handshakesForgotten, 1);
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  assert.ok(isProof(syns("198.18.15.255", [1, 2, 3])));
});

test("a listener of connect mode proves by as many connections, not by one that ends what others forged", () => {
  const { handshakes, accept, isProven } = room();
  assert.ok(!isProven(SCANNER));
  accept(SCANNER, 81);
  accept(SCANNER, 82);
  assert.ok(!isProven(SCANNER));
  accept(SCANNER, 83);
  assert.ok(isProven(SCANNER));
  assert.ok(handshakes.isIdle);
});

test("what is proven already, or is no block at all, stays what it is, whatever handshakes were finished", () => {
  const { handshakes, accept, isProven, syns } = room();
  const claim = syns(SCANNER, [1, 2, 3]);
  assert.ok(claim?.action === "soft");
  for (const port of [4, 5, 6]) accept(SCANNER, port);
  assert.ok(isProven(SCANNER));
  const { finding } = claim;
  const others: readonly Verdict[] = [
    { action: "block", grade: "silence", finding },
    { action: "log", finding },
  ];
  for (const other of others) assert.equal(handshakes.upgrade(other), other, other.action);
  assert.ok(isProven(SCANNER), "its handshakes are still there");
  assert.ok(isProof(handshakes.upgrade(claim)));
});
