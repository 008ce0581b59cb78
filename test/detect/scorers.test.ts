import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Evidence } from "../../src/detect/probe.ts";
import { countsAsScored, countsAsSlow, countsAsTriggered, type ScorePolicy, weigh } from "../../src/detect/scorers.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { type ProbeFields, probe, seed } from "./probes.ts";

const trigger: ScorePolicy = {
  policy: "trigger",
  scanTrigger: 1,
  scorePorts: 3,
  scoreWindowMs: 60_000,
  slowScorePorts: 10,
  slowScoreWindowMs: 86_400_000,
};
const score: ScorePolicy = { ...trigger, policy: "score" };
const weakPort: ProbeFields = { evidence: Evidence.Weak, disposition: Disposition.Quiet };

/** For each probe in turn: does it make its source a scanner? */
function weighAll(policy: ScorePolicy, fields: readonly ProbeFields[]): boolean[] {
  const table = new SourceTable(16, seed);
  return fields.map((one) => {
    const made = probe(one);
    return weigh(table, table.touch(made), made, policy);
  });
}

test("trigger: 0 and 1 mean the first probe, N the Nth, and the same port counts again", () => {
  for (const scanTrigger of [0, 1]) {
    assert.deepEqual(weighAll({ ...trigger, scanTrigger }, [{}, {}, {}]), [true, false, false]);
  }
  assert.deepEqual(weighAll({ ...trigger, scanTrigger: 2 }, [{}, {}, {}]), [false, true, false]);
  const days = [0, 1, 2].map((day) => ({ timeMs: day * 86_400_000 }));
  assert.deepEqual(weighAll({ ...trigger, scanTrigger: 3 }, days), [false, false, true], "no window");
});

test("trigger: each source counts by itself", () => {
  const probes = [{ source: "192.0.2.1" }, { source: "192.0.2.2" }, { source: "192.0.2.1" }];
  assert.deepEqual(weighAll({ ...trigger, scanTrigger: 2 }, probes), [false, false, true]);
});

test("trigger: an impossible number is met at the end of the count", () => {
  const table = new SourceTable(1, seed);
  const row = table.touch(probe());
  for (let i = 0; i < 65_534; i++) table.memory.note(row, (6 << 16) | 1, 1_000_000, score);
  assert.equal(countsAsTriggered(table, row, { ...trigger, scanTrigger: 1e9 }), false);
  table.memory.note(row, (6 << 16) | 1, 1_000_000, score);
  assert.equal(countsAsTriggered(table, row, { ...trigger, scanTrigger: 1e9 }), true);
});

test("score: distinct ports count, repetitions do not", () => {
  const ports = [1, 1, 1, 2, 2, 3, 4].map((port) => ({ port }));
  assert.deepEqual(weighAll(score, ports), [false, false, false, false, false, true, false]);
  const sameNumber = [{ port: 53 }, { port: 53, protocol: 17, kind: Kind.Udp }];
  assert.deepEqual(weighAll({ ...score, scorePorts: 2 }, sameNumber), [false, true], "TCP 53 is not UDP 53");
});

test("score: a contact counts half a window later, so that three in a row count at half a window's distance", () => {
  const at = (port: number, timeMs: number) => ({ port, timeMs });
  assert.deepEqual(weighAll(score, [at(1, 0), at(2, 30_000), at(3, 60_000)]), [false, false, true], "1 + 0.707 + 0.5");
  const apart = Array.from({ length: 20 }, (_, index) => at(index, index * 60_000));
  assert.equal(
    weighAll({ ...score, slowScoreWindowMs: 0 }, apart).includes(true),
    false,
    "1 + 0.5 + 0.25 ... never passes 2",
  );
  const closer = apart.map(({ port }) => at(port, port * 54_000));
  assert.equal(weighAll(score, closer).indexOf(true), 4, "0.536: the fifth");
});

test("score: two ports count within one window", () => {
  const apart = (timeMs: number) => weighAll({ ...score, scorePorts: 2 }, [{ timeMs: 0 }, { port: 2, timeMs }]);
  assert.deepEqual(apart(59_900), [false, true]);
  assert.deepEqual(apart(60_000), [false, false]);
});

test("score: the same port is no new contact, hours later either, until the slow window has passed", () => {
  const ports = [1, 2, 1, 2, 1, 2, 1, 2, 3].map((port, index) => ({ port, timeMs: index * 3_600_000 }));
  assert.equal(weighAll(score, ports).includes(true), false);
  const days = (first: number) => [0, 1, 2, 3].map((port) => ({ port: port % 2, timeMs: first + 86_400_000 * port }));
  assert.equal(
    weighAll({ ...score, scoreWindowMs: 86_400_000 }, days(0)).includes(true),
    false,
    "two ports are not three",
  );
});

test("score: tolerated ports count beside a direct contact, whichever comes first", () => {
  const weak = (port: number) => ({ ...weakPort, port });
  assert.deepEqual(weighAll(score, [{ port: 1 }, weak(443), weak(25)]), [false, false, true]);
  assert.deepEqual(weighAll(score, [weak(443), weak(25), { port: 1 }]), [false, false, true]);
  const eight = [22, 25, 53, 80, 113, 443, 8080, 8443].map(weak);
  assert.deepEqual(weighAll({ ...score, scorePorts: 6 }, [...eight, { port: 1 }]).indexOf(true), 8);
});

test("score: a slip of yesterday is no direct contact beside today's tolerated ports", () => {
  const weak = (port: number, timeMs: number) => ({ ...weakPort, port, timeMs });
  const slip = { port: 1, timeMs: 0 };
  assert.equal(weighAll(score, [slip, weak(443, 60_000), weak(25, 60_000), weak(22, 60_000)]).includes(true), true);
  const later = [443, 25, 22, 53, 80, 113].map((port) => weak(port, 60_001));
  assert.equal(weighAll(score, [slip, ...later]).includes(true), false);
  assert.equal(weighAll(score, [slip, ...later, { port: 2, timeMs: 60_001 }]).indexOf(true), 7);
});

test("score: scorePorts out of 2..6 means the nearest of them", () => {
  const ports = [1, 2, 3, 4, 5, 6, 7].map((port) => ({ port }));
  assert.equal(weighAll({ ...score, scorePorts: 0 }, ports).indexOf(true), 1);
  assert.equal(weighAll({ ...score, scorePorts: 100 }, ports).indexOf(true), 5);
});

test("stray, held and other packets, and those of guarded and delegated sources, never count", () => {
  const kept = [Disposition.Held, Disposition.Stray, Disposition.Other, Disposition.Guarded, Disposition.Delegated];
  for (const policy of [trigger, { ...score, scorePorts: 2 }]) {
    for (const disposition of kept) {
      for (const evidence of Object.values(Evidence)) {
        const probes = [1, 2, 3, 4].map((port) => ({ port, disposition, evidence }));
        assert.deepEqual(weighAll(policy, probes), [false, false, false, false], `disposition ${disposition}`);
      }
    }
  }
});

test("an ACK or FIN+ACK does not count, even beside direct contacts", () => {
  for (const kind of [Kind.Ack, Kind.Maimon]) {
    const acks = [1, 2, 3, 4].map((port) => ({ ...weakPort, kind, port }));
    assert.deepEqual(weighAll(score, [{ port: 9 }, ...acks]).includes(true), false);
  }
});

const anyProbe = fc.record({
  port: fc.nat(20),
  protocol: fc.constantFrom(6, 17, 132),
  kind: fc.constantFrom(...Object.values(Kind)),
  disposition: fc.constantFrom(...Object.values(Disposition)),
  timeMs: fc.integer({ min: 1_000_000, max: 1_200_000 }),
});
const anyPolicy = fc.record({
  policy: fc.constantFrom("trigger" as const, "score" as const),
  scanTrigger: fc.nat(4),
  scorePorts: fc.integer({ min: 2, max: 6 }),
  scoreWindowMs: fc.constantFrom(1000, 60_000),
  slowScorePorts: fc.constantFrom(2, 10),
  slowScoreWindowMs: fc.constantFrom(0, 60_000, 86_400_000),
});

test("weak evidence alone never flags, under any policy, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(anyPolicy, fc.array(anyProbe, { maxLength: 60 }), (policy, probes) => {
      const weak = probes.map((one) => ({ ...one, evidence: Evidence.Weak }));
      assert.equal(weighAll(policy, weak).includes(true), false);
    }),
  );
});

test("a source is found once, and then with the direct evidence that its policy asks for", () => {
  const anyEvidence = fc.constantFrom(...Object.values(Evidence));
  const probes = fc.array(
    fc.tuple(anyProbe, anyEvidence).map(([one, evidence]) => ({ ...one, evidence })),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(anyPolicy, probes, (policy, given) => {
      const found = weighAll(policy, given);
      assert.ok(found.filter(Boolean).length <= 1);
      const upTo = found.includes(true) ? given.slice(0, found.indexOf(true) + 1) : given;
      const direct = upTo.filter((one) => one.evidence === Evidence.Direct && one.disposition === Disposition.Probe);
      if (policy.policy === "trigger") {
        assert.equal(found.includes(true), direct.length >= Math.max(1, policy.scanTrigger));
      } else if (found.includes(true)) {
        assert.ok(direct.length >= 1);
        const distinct = (probes: typeof given) => new Set(probes.map((one) => `${one.protocol}/${one.port}`)).size;
        const isSlow = policy.slowScoreWindowMs > 0 && distinct(direct) >= policy.slowScorePorts;
        assert.ok(isSlow || distinct(upTo) >= policy.scorePorts);
      }
    }),
  );
});

test("weigh's policies are the exported counts", () => {
  const table = new SourceTable(1, seed);
  const row = table.touch(probe());
  const policy = { ...score, scorePorts: 2, slowScorePorts: 2 };
  const counts = () => [
    countsAsTriggered(table, row, trigger),
    countsAsScored(table, row, policy, 1_000_000),
    countsAsSlow(table, row, policy, 1_000_000),
  ];
  assert.deepEqual(counts(), [false, false, false]);
  table.memory.note(row, (6 << 16) | 1, 1_000_000, policy);
  assert.deepEqual(counts(), [true, false, false]);
  table.memory.note(row, (6 << 16) | 2, 1_000_000, policy);
  assert.deepEqual(counts(), [true, true, true]);
  assert.equal(countsAsSlow(table, row, { ...policy, slowScoreWindowMs: 0 }, 1_000_000), false, "0: none");
});
