import assert from "node:assert/strict";
import { test } from "node:test";
import { Detector } from "../../../src/detect/detector.ts";
import { Kind } from "../../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../../src/detect/probe.ts";
import { SourceTable } from "../../../src/detect/source-table.ts";
import { Judge } from "../../../src/judge/judge.ts";
import { Handshakes } from "../../../src/judge/proof/handshakes.ts";
import type { Verdict } from "../../../src/judge/verdict.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { AddressRanges } from "../../../src/wire/address-ranges.ts";
import { Arrival } from "../../../src/wire/arrival.ts";
import { prefix } from "../../support/prefix.ts";

const SCANNER = "203.0.113.7";
const T0 = 1_700_000_000_000;

function room(spared: readonly string[] = []) {
  const near = new AddressRanges([]);
  const policy = {
    policy: "score",
    scanTrigger: 0,
    scorePorts: 3,
    scoreWindowMs: 600_000,
    slowScorePorts: 10,
    slowScoreWindowMs: 86_400_000,
  } as const;
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
  const handshakes = new Handshakes({
    detector,
    judge,
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
      if (finding !== undefined) verdict = handshakes.upgrade(judge.judge(finding, w0, w1, w2, w3));
    }
    return verdict;
  };
  const arrive = (source: string, port: number): Verdict | undefined => {
    const { w0, w1, w2, w3 } = prefix(source);
    const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
    return handshakes.arrived(Object.assign(new Arrival(), { ...words, protocol: 6, port, timeMs: clock.nowMs }));
  };
  return { handshakes, syns, arrive, clock, blocked, told };
}

const isProof = (verdict: Verdict | undefined) => verdict?.action === "block" && verdict.grade === "handshake";

test("a source found scanning is proven by its next handshake, once", () => {
  const { syns, arrive, told } = room();
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  const verdict = arrive(SCANNER, 4);
  assert.ok(isProof(verdict));
  assert.match(verdict?.finding.evidence ?? "", /decoy on closed port tcp\/4$/);
  assert.equal(arrive(SCANNER, 5), undefined, "its block may be a command that is still running");
  assert.deepEqual(told, [4, 5]);
});

test("a handshake whose SYN's log comes after it counts when the finding comes", () => {
  const { syns, arrive } = room();
  assert.equal(arrive(SCANNER, 3), undefined);
  assert.ok(isProof(syns(SCANNER, [1, 2, 3])));
});

test("a slip is no proof of what is forged much later", () => {
  const { syns, arrive, clock } = room();
  assert.equal(arrive(SCANNER, 3), undefined);
  clock.nowMs += 11_000;
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
});

test("handshakes alone are no scan, and another's handshake proves nobody else", () => {
  const { syns, arrive } = room();
  for (const port of [1, 2, 3, 4]) assert.equal(arrive("203.0.113.8", port), undefined);
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
});

test("spared and fully blocked sources are let be", () => {
  const { syns, arrive, blocked, told, handshakes } = room([SCANNER]);
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
  assert.ok(isProof(arrive("2001:db8:b:1::77", 4)));
});

test("a flood of handshakes by sources that do nothing else is forgotten, the oldest first", () => {
  const { syns, arrive } = room();
  arrive(SCANNER, 3);
  for (let index = 0; index < 4_096; index++) arrive(`198.18.${index >> 8}.${index & 255}`, 3);
  assert.equal(syns(SCANNER, [1, 2, 3])?.action, "soft");
  assert.ok(isProof(syns("198.18.15.255", [1, 2, 3])));
});
