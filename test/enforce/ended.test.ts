import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEnded, EndedCount } from "../../src/enforce/ended.ts";
import { Judge } from "../../src/judge/judge.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { MAX_REMOTES } from "../../src/kernel/connected-from.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { verdictOn } from "../daemon/fakes.ts";
import { ranges } from "../detect/probes.ts";
import { prefix } from "../support/prefix.ts";

const SCANNER = "198.51.100.9";
const OFFICE = "203.0.113.7";
const SERVED = [22, 443];

interface Facts {
  readonly clients?: readonly string[];
  readonly limit?: number;
  readonly proof?: "on" | "off";
  readonly byTable?: boolean;
  /** How long one look takes. */
  readonly lookMs?: number;
  /** More connections stand than are read. */
  readonly tooMany?: boolean;
}

function setUp({ clients = [], limit = 4, proof = "on", byTable = true, lookMs = 0, tooMany = false }: Facts = {}) {
  const clock = { ms: 1_000_000 };
  const looks: string[][] = [];
  const readings: number[] = [];
  const again: string[] = [];
  const connections = new Map<string, readonly number[]>([
    [SCANNER, [443, 4444, 4444, 4444, 4444]],
    [OFFICE, [443, 443, 443, 22]],
    ["203.0.113.0/24", [443, 443, 443, 22]],
    ["2001:db8:7:7::1", [443, 443]],
    ["2001:db8:7:7:8::", [443, 22]],
  ]);
  const count = new EndedCount({
    judge: new Judge({
      ignored: ranges(),
      guarded: ranges(),
      own: ranges(),
      blockTcp: true,
      blockUdp: true,
      firewall: true,
      proof,
      byTable,
    }),
    clients: {
      isClient: (source) => clients.includes(formatPrefix(source)),
      countPairs: (_source, ports) => ports.filter((port) => port === 443).length,
      add: () => undefined,
    },
    connectedFrom: (remotes: readonly Prefix[]) => {
      looks.push(remotes.map(formatPrefix));
      clock.ms += lookMs;
      return remotes.flatMap((remote, index) =>
        (connections.get(formatPrefix(remote)) ?? []).map((port) => ({ index, port })),
      );
    },
    visitConnections: (_limit, visit) => {
      readings.push(clock.ms);
      // A reading that finds out that there are too many takes no time here.
      if (tooMany) return false;
      clock.ms += lookMs;
      for (const [name, ports] of connections) {
        if (!name.includes("/")) for (const port of ports) visit(prefix(name), port);
      }
      return true;
    },
    askAgain: (source) => again.push(formatPrefix(source)),
    servedPorts: () => SERVED,
    sharedConnections: () => limit,
    nowMs: () => clock.ms,
  });
  return { count, clock, looks, readings, again };
}

function proven(source: string): Verdict & { readonly action: "block" } {
  const { finding } = verdictOn(source, "block", 0);
  return { action: "block", grade: "silence", finding };
}

test("a full block tells whom it ends: connections to served ports, and ports that the source had used", () => {
  const { count } = setUp({ clients: [SCANNER] });
  const [verdict] = count.weigh([proven(SCANNER)]);
  assert.deepEqual(verdict, { ...proven(SCANNER), ends: { knownPairs: 1, liveConnections: 1 } });
  assert.deepEqual(count.count(prefix("198.51.100.10")), { knownPairs: 0, liveConnections: 0 });
});

test("as many live connections as SHARED_ADDRESS_CONNECTIONS make it a soft block, which says why", () => {
  const { count } = setUp();
  const [verdict] = count.weigh([proven(OFFICE)]);
  assert.ok(verdict?.action === "soft");
  assert.deepEqual([verdict.grade, verdict.ends], ["silence", { knownPairs: 0, liveConnections: 4 }]);
  assert.match(verdict.finding.evidence ?? "", /not blocked in full: as many connections.*SHARED_ADDRESS_CONNECTIONS/);
  assert.equal(count.counters.sharedAddresses, 1);
  for (const limit of [5, 0]) assert.equal(setUp({ limit }).count.weigh([proven(OFFICE)])[0]?.action, "block");
});

test("a network has no soft form: it is blocked in full, and tells whom it ends", () => {
  const [verdict] = setUp().count.weigh([proven("203.0.113.0/24")]);
  assert.deepEqual([verdict?.action, verdict?.action === "block" && verdict.ends?.liveConnections], ["block", 4]);
});

test("who is in the guard, and whom a command of PROOF=off blocks, stays fully blocked", () => {
  const guarded = { ...proven(OFFICE), guard: "gateway" } as const;
  assert.equal(setUp().count.weigh([guarded])[0]?.action, "block");
  const { count } = setUp({ proof: "off", byTable: false });
  assert.equal(count.weigh([proven(OFFICE)])[0]?.action, "block");
  assert.equal(count.counters.sharedAddresses, 0);
});

test("other verdicts are left alone, and cost no look", () => {
  const { count, looks } = setUp();
  const soft = verdictOn(OFFICE, "soft", 0);
  assert.deepEqual(count.weigh([soft]), [soft]);
  assert.deepEqual(looks, []);
});

test("one reading of all connections for all sources, of as many deliveries as come within a quarter of a second", () => {
  const { count, clock, readings, looks } = setUp({ lookMs: 1 });
  const many = Array.from({ length: 400 }, (_, index) => `192.0.2.${index % 256}`);
  for (const source of many) assert.equal(count.weigh([proven(source)])[0]?.action, "block");
  assert.equal(count.weigh([proven(OFFICE)])[0]?.action, "soft");
  assert.deepEqual([readings.length, looks.length, count.counters.endedNotCounted], [1, 0, 0]);
  clock.ms += 251;
  count.weigh([proven(SCANNER)]);
  assert.equal(readings.length, 2);
});

test("a /64 has the connections of all addresses in it", () => {
  const { count } = setUp();
  assert.equal(count.count(prefix("2001:db8:7:7::/64"))?.liveConnections, 4);
  assert.equal(count.count(prefix("2001:db8:7:8::/64"))?.liveConnections, 0);
});

test("where more connections stand than are read, one look at those of some sources; the others are softly blocked for now", () => {
  const { count, looks, again } = setUp({ tooMany: true });
  const many = Array.from({ length: MAX_REMOTES + 3 }, (_, index) => `192.0.2.${index + 1}`);
  const verdicts = count.weigh([...many, ...many].map(proven));
  assert.deepEqual(looks, [many.slice(0, MAX_REMOTES)]);
  assert.equal(count.counters.endedNotCounted, 3);
  const actions = verdicts.slice(0, many.length).map(({ action }) => action);
  assert.deepEqual(actions, [...Array(MAX_REMOTES).fill("block"), "soft", "soft", "soft"]);
  assert.deepEqual([...new Set(again)], many.slice(MAX_REMOTES));
  const last = verdicts.at(-1);
  assert.match(last?.action === "soft" ? (last.finding.evidence ?? "") : "", /could not be counted in time/);
});

test("that look counts connections to served ports as well: those of a shared address make the block soft", () => {
  const [scanner, office] = setUp({ tooMany: true }).count.weigh([proven(SCANNER), proven(OFFICE)]);
  assert.deepEqual([scanner?.action, office?.action], ["block", "soft"]);
  assert.deepEqual(scanner?.action === "block" && scanner.ends, { knownPairs: 0, liveConnections: 1 });
  assert.deepEqual(office?.action === "soft" && office.ends, { knownPairs: 0, liveConnections: 4 });
});

test("who could not be counted is blocked in full where it makes no difference: without a limit, in the guard", () => {
  const many = Array.from({ length: MAX_REMOTES }, (_, index) => proven(`192.0.2.${index + 1}`));
  const last = (count: EndedCount, verdict: Verdict) => count.weigh([...many, verdict]).at(-1)?.action;
  assert.equal(last(setUp({ tooMany: true, limit: 0 }).count, proven(OFFICE)), "block");
  assert.equal(last(setUp({ tooMany: true }).count, { ...proven(OFFICE), guard: "gateway" }), "block");
  assert.equal(last(setUp({ tooMany: true }).count, proven(OFFICE)), "soft");
});

test("where looks take long they are seldom: a twentieth of the time, and the others are softly blocked until they are counted", () => {
  const { count, clock, looks } = setUp({ lookMs: 120, tooMany: true });
  const end = clock.ms + 60_000;
  const actions = new Set<string>();
  for (; clock.ms < end; clock.ms += 10) {
    const before = looks.length;
    const [verdict] = count.weigh([proven(SCANNER)]);
    actions.add(`${looks.length > before ? "counted" : "not counted"}: ${verdict?.action}`);
  }
  const spentMs = 120 * looks.length;
  assert.ok(spentMs <= 0.05 * 60_000 + 100 + 120 && spentMs >= 0.04 * 60_000, `${spentMs} ms of 60 s`);
  assert.ok(count.counters.endedNotCounted > 1_000);
  assert.deepEqual([...actions].sort(), ["counted: block", "not counted: soft"]);
});

test("where all connections take long to read, what was read serves for five seconds", () => {
  const { count, clock, readings } = setUp({ lookMs: 400 });
  assert.equal(count.weigh([proven(SCANNER)])[0]?.action, "block");
  clock.ms += 3_000;
  assert.equal(count.weigh([proven(SCANNER)])[0]?.action, "block");
  assert.equal(readings.length, 1);
  assert.equal(count.counters.endedNotCounted, 0);
});

test("what cannot be asked is not counted, and the block is made as it was meant", () => {
  const { count } = setUp();
  const refuse = () => {
    throw new Error("EPERM");
  };
  const failing = new EndedCount({
    judge: { soften: (verdict) => verdict },
    clients: { isClient: () => false, countPairs: () => 0, add: () => undefined },
    visitConnections: refuse,
    connectedFrom: refuse,
    askAgain: () => assert.fail("nothing will tell later either"),
    servedPorts: () => [],
    sharedConnections: () => 1,
    nowMs: () => 0,
  });
  assert.deepEqual(failing.weigh([proven(OFFICE)]), [proven(OFFICE)]);
  assert.equal(failing.counters.endedNotCounted, 1);
  assert.equal(count.counters.endedNotCounted, 0);
});

test("for a person: nothing where nobody was ended", () => {
  assert.equal(describeEnded({}), "");
  assert.equal(describeEnded({ knownPairs: 0, liveConnections: 0 }), "");
  assert.equal(
    describeEnded({ knownPairs: 1, liveConnections: 3 }),
    "When the block was made, the source had 3 live connections to this host, and 1 port that the source had used lately.",
  );
});
