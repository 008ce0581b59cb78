// What is done to sources, built from fakes: one way in for verdicts, and what a change of settings, host or lists does to blocks
// that stand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { Enforcement } from "../../src/daemon/enforcement.ts";
import { InForce } from "../../src/daemon/in-force.ts";
import { breakerLimits } from "../../src/enforce/claims.ts";
import { Responder } from "../../src/enforce/commands/responder.ts";
import type { HostFacts } from "../../src/host/host.ts";
import type { Block } from "../../src/judge/block.ts";
import { Breaker } from "../../src/judge/breaker.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import type { StoredBlock, StoredOffences } from "../../src/record/store.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../detect/probes.ts";
import { FakeDetector, FakeFirewall, FakeRecorder, FakeStore, verdictOn } from "./fakes.ts";

const NOW_MS = 1_700_000_000_000;
const seed = { k0: 1, k1: 2 };
const host: HostFacts = {
  ...{ own: [prefix("192.0.2.1")], broadcast: [], near: [], gateways: [], resolvers: [] },
  ephemeral: { first: 32_768, last: 60_999 },
};
const settingsWith = (text: string) => settingsOf(load(`BLOCK_TCP="1"\nPROOF="on"\n${text}`));

class Recorder extends FakeRecorder {
  notice(message: string): void {
    this.said.push(`notice ${message}`);
  }
}

/** With the offences of one source from before. */
function storeOver(kept: FakeStore) {
  return {
    blocks: () => kept.blocks(),
    countBlocks: (nowMs: number) => kept.countBlocks(nowMs),
    networks: () => kept.networks(),
    putBlock: (block: StoredBlock) => kept.putBlock(block),
    deleteBlock: (source: Prefix) => kept.deleteBlock(source),
    putOffence: (offences: StoredOffences) => kept.putOffence(offences),
    flush: () => kept.flush(),
    *offences(): Generator<StoredOffences> {
      yield { source: prefix("192.0.2.77"), offences: 3, lastEndMs: NOW_MS };
    },
  };
}

class Table extends FakeFirewall {
  readonly networkCounts = { networkBlocks: 3, networkBlocksRefused: 0 };
}

function setUp(conf = "", maxBlocks = 100, hasTable = true) {
  const clock = { ms: NOW_MS };
  const nowMs = () => clock.ms;
  const followed: RulesetPlan[] = [];
  const firewall = new Table();
  const sensor = {
    isReplaced: false,
    load: () => sensor.isReplaced,
    follow: (plan: RulesetPlan) => void followed.push(plan),
    drift: { generation: () => 1, hasDrifted: () => false, driftedSets: () => [], refill: () => undefined },
  };
  const settings = settingsWith(conf);
  const inForce = new InForce({ settings, host, sensor, uptimeMs: () => 1e9 });
  const store = new FakeStore();
  const recorder = new Recorder();
  const sources = new FakeDetector();
  const breaker = new Breaker(() => breakerLimits(inForce.settings), Math.random);
  const runner = {
    run: () => Promise.reject(new Error("no command is to be run here")),
    close: async () => undefined,
  };
  let learnt = 0;
  const enforcement = new Enforcement({
    ...{
      inForce,
      sources,
      recorder,
      store,
      breaker,
      sensor,
      firewall: hasTable ? firewall : undefined,
      clock: { nowMs },
      hashSeed: seed,
      maxBlocks,
    },
    judge: {
      soften: (verdict) => verdict,
      sparesWithin: ({ w3 }) => (w3 === prefix("192.0.2.5").w3 ? "own" : undefined),
    },
    store: storeOver(store),
    names: { name: (verdict) => ({ ...verdict, finding: { ...verdict.finding, known: "Named" } }) },
    responder: new Responder({ settings: settings.responses, runner }),
    troubles: createTroubles(),
    servedPorts: () => [],
    relearn: () => learnt++,
  });
  inForce.tell(enforcement);
  const block = (text: string, more: Partial<Block> = {}): Block => {
    const one: Block = {
      ...{
        source: prefix(text),
        sinceMs: NOW_MS,
        untilMs: NOW_MS + 3_600_000,
        grade: "direct",
        soft: false,
        reason: "test",
      },
      ...{ offences: 1, backend: "nftables", enforced: true, ...more },
    };
    enforcement.blocker.list.put(one);
    firewall.enforce([one], NOW_MS);
    return one;
  };
  const listed = () => [...enforcement.blocker.list.values()].map(({ source }) => formatPrefix(source)).sort();
  const held = () => [...firewall.kernel.keys()].sort();
  return {
    clock,
    inForce,
    enforcement,
    firewall,
    sensor,
    sources,
    recorder,
    store,
    breaker,
    followed,
    block,
    listed,
    held,
    learnt: () => learnt,
  };
}

const guarded = (text: string, because: "ssh" | "container" | "time server", isByName = false) => ({
  ...{ source: prefix(text), because, detail: "", ...(isByName && { isByName }) },
});

test("take() names the sources of verdicts and carries them out; what was carried out is not said twice", () => {
  const { enforcement, recorder, held, listed } = setUp();
  const findings: (string | undefined)[] = [];
  recorder.finding = (verdict: { readonly action: string }) => {
    findings.push((verdict as Verdict).finding.known);
  };
  enforcement.take([verdictOn("192.0.2.7", "block", NOW_MS), verdictOn("192.0.2.8", "soft", NOW_MS)]);
  assert.deepEqual(
    [held(), listed(), findings],
    [
      ["full 192.0.2.7", "soft 192.0.2.8"],
      ["192.0.2.7", "192.0.2.8"],
      ["Named", "Named"],
    ],
  );
  assert.equal(enforcement.offencesOf(prefix("192.0.2.7")), 1);
  assert.equal(enforcement.offencesOf(prefix("192.0.2.8")), 0, "a soft block is no offence");
});

test("in a flood claims wait, are chosen by and by, and wait no longer when whom to spare has changed", () => {
  const { enforcement, inForce, breaker, clock, sources } = setUp('MAX_UNPROVEN_PER_SECOND="1"\n');
  const claims = [1, 2, 3].map((last) => verdictOn(`192.0.2.1${last}`, "soft", NOW_MS));
  assert.deepEqual(
    claims.map((claim) => enforcement.admits(claim)),
    [true, false, false],
  );
  assert.deepEqual(sources.waiting, ["192.0.2.12", "192.0.2.13"]);
  assert.deepEqual(enforcement.takeChosen(), []);
  clock.ms += 1_000;
  assert.equal(enforcement.takeChosen().length, 1);
  for (const change of [{ ignored: [] }, { host }]) {
    enforcement.admits(verdictOn("192.0.2.14", "soft", NOW_MS));
    assert.equal(breaker.hasWaiting, true);
    inForce.apply({ listened: { tcp: [], udp: [] } });
    assert.equal(breaker.hasWaiting, true, "listeners spare nobody");
    inForce.apply(change);
    assert.equal(breaker.hasWaiting, false);
  }
});

test("host, allow list and listeners go to the sensor; new settings have gone there with their rules", () => {
  const { inForce, followed, firewall } = setUp();
  let calls = 0;
  firewall.lift = firewall.enforce = () => {
    calls++;
    return [];
  };
  inForce.apply({ ignored: [prefix("198.51.100.0/24")] });
  inForce.apply({ listened: { tcp: [{ first: 23, last: 23 }], udp: [] } });
  inForce.apply({ host });
  assert.deepEqual(
    followed.map(({ ignored, listenedTcp }) => [ignored.length, listenedTcp?.length]),
    [
      [1, 0],
      [1, 1],
      [1, 1],
    ],
  );
  inForce.apply({ settings: settingsWith("") });
  assert.deepEqual([followed.length, calls], [3, 0], "no block has moved");
});

test("a source that has come into the guard loses what was made on a claim, and an SSH session even what was proven", async () => {
  const { inForce, enforcement, block, listed, recorder } = setUp('GUARD_SSH="1"\n');
  block("198.51.100.1");
  block("198.51.100.2", { grade: "silence" });
  block("198.51.100.3", { grade: "silence" });
  block("198.51.100.4", { grade: "manual" });
  block("198.51.100.5", { soft: true });
  block("198.51.100.6");
  block("198.51.100.7");
  const guard = [
    guarded("198.51.100.1", "container"),
    ...["2", "4"].map((last) => guarded(`198.51.100.${last}`, "ssh")),
    guarded("198.51.100.3", "container"),
    guarded("198.51.100.5", "time server", true),
    guarded("198.51.100.6", "time server", true),
  ];
  inForce.apply({ host: { ...host, guarded: guard } });
  assert.deepEqual(listed(), ["198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.7"]);
  await enforcement.blocker.rules.ended();
  assert.ok(recorder.take().includes("unblocked 198.51.100.2 guarded"));
});

test("a new entry of the allow list lifts the blocks that it covers, and spares those that were made against an older one", () => {
  const { inForce, block, listed, recorder } = setUp();
  inForce.apply({ ignored: [prefix("198.51.100.1")] });
  block("198.51.100.1");
  block("198.51.100.9", { grade: "manual" });
  block("198.51.100.10", { soft: true });
  block("198.51.100.12");
  inForce.apply({ ignored: [prefix("198.51.100.8/30"), prefix("198.51.100.1")] });
  assert.deepEqual(listed(), ["198.51.100.1", "198.51.100.12"]);
  assert.ok(recorder.take().includes("unblocked 198.51.100.9 on the allow list"));
  inForce.apply({ ignored: [] });
  const settings = { ...settingsWith(""), ignored: [prefix("198.51.100.12")] };
  inForce.apply({ settings });
  assert.deepEqual(listed(), ["198.51.100.1"]);
});

test("GUARD_SSH switched on by a reload frees the session that is there", () => {
  const { inForce, block, listed } = setUp('GUARD_SSH="0"\n');
  block("198.51.100.2", { grade: "handshake" });
  inForce.apply({ host: { ...host, guarded: [guarded("198.51.100.2", "ssh")] } });
  assert.deepEqual(listed(), ["198.51.100.2"]);
  inForce.apply({ settings: settingsWith('GUARD_SSH="1"\n') });
  assert.deepEqual(listed(), []);
});

test("a gateway's block on a claim ends, and so does one of our own addresses", () => {
  const { inForce, block, listed } = setUp();
  for (const text of ["198.51.100.1", "192.0.2.9", "198.51.100.3"]) block(text);
  inForce.apply({ host: { ...host, own: [prefix("192.0.2.9")], gateways: [prefix("198.51.100.1")] } });
  assert.deepEqual(listed(), ["198.51.100.3"]);
});

test("who comes onto the allow list, or is this host now, is let go whatever the block is, with a line each", async () => {
  const { inForce, enforcement, block, listed, held, store, recorder } = setUp();
  for (const [text, more] of [
    ["198.51.100.1", {}],
    ["198.51.100.2", { soft: true }],
    ["198.51.100.3", { grade: "manual" }],
    ["198.51.100.4", { grade: "silence" }],
    ["198.51.100.129", {}],
    ["203.0.113.9", { grade: "manual" }],
  ] as const)
    store.putBlock(block(text, more));
  inForce.apply({ ignored: [prefix("198.51.100.0/25")] });
  assert.deepEqual(listed(), ["198.51.100.129", "203.0.113.9"]);
  inForce.apply({ host: { ...host, own: [...host.own, prefix("203.0.113.9")] } });
  assert.deepEqual(listed(), ["198.51.100.129"]);
  assert.deepEqual(held(), ["full 198.51.100.129"]);
  assert.deepEqual([...store.rows.keys()], ["198.51.100.129"]);
  await enforcement.blocker.rules.ended();
  const lines = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "203.0.113.9"];
  assert.deepEqual(
    recorder.take().sort(),
    lines.map(
      (source) => `unblocked ${source} ${source === "203.0.113.9" ? "an address of this host" : "on the allow list"}`,
    ),
  );
});

test("a block of a network stays, as the rules let the exempt address in it pass; one by a command ends", async () => {
  const { inForce, enforcement, block, listed, recorder } = setUp();
  block("198.51.100.0/24", { grade: "manual" });
  block("2001:db8:1:1::/64");
  block("2001:db8:1:2::/64", { backend: "kill-route" });
  inForce.apply({ ignored: ["198.51.100.7", "2001:db8:1:1::7", "2001:db8:1:2::7"].map(prefix) });
  assert.deepEqual(listed(), ["198.51.100.0/24", "2001:db8:1:1::/64"]);
  await enforcement.blocker.rules.ended();
  assert.deepEqual(recorder.take(), ["unblocked 2001:db8:1:2::/64 on the allow list"]);
});

test("what the kernel does not give up of an exempt source is said", () => {
  const { inForce, block, listed, firewall, recorder } = setUp();
  block("198.51.100.1");
  firewall.refusals.set("198.51.100.1", "EBUSY");
  inForce.apply({ ignored: [prefix("198.51.100.1")] });
  assert.deepEqual(listed(), ["198.51.100.1"]);
  assert.deepEqual(recorder.take(), ["warning the source is exempt now, and cannot be let go: 198.51.100.1: EBUSY"]);
});

test("FIREWALL switched off takes our blocks off the list and leaves the store; switched on they are back", () => {
  const { inForce, enforcement, block, listed, store, held } = setUp();
  for (const text of ["198.51.100.1", "198.51.100.2"]) store.putBlock(block(text));
  block("198.51.100.3", { backend: "kill-route" });
  inForce.apply({ settings: settingsWith('FIREWALL="none"\n') });
  assert.deepEqual([listed(), store.rows.size], [["198.51.100.3"], 2]);
  inForce.apply({ settings: settingsWith('BLOCK_WIDER="0"\n') });
  assert.deepEqual(listed(), ["198.51.100.1", "198.51.100.2", "198.51.100.3"]);
  assert.deepEqual(held(), ["full 198.51.100.1", "full 198.51.100.2", "full 198.51.100.3"]);
  inForce.apply({ settings: settingsWith("") });
  assert.equal(enforcement.blocker.list.size, 3);
});

test("an IPv6 block on a link that is new or gone is taken out and put back in its new form, and no other", () => {
  const { inForce, block, firewall } = setUp();
  for (const text of ["2001:db8:1::/64", "2001:db8:1::5", "2001:db8:2::/64", "2001:db8:1::/48"]) block(text);
  const [lifted, enforced]: [string[], string[]] = [[], []];
  const names = (blocks: readonly Block[]) => blocks.map(({ source }) => formatPrefix(source));
  const { enforce } = firewall;
  firewall.lift = (blocks) => {
    lifted.push(...names(blocks));
    return [];
  };
  firewall.enforce = (blocks, nowMs) => {
    enforced.push(...names(blocks));
    return enforce.call(firewall, blocks, nowMs);
  };
  inForce.apply({ host: { ...host, near: [prefix("2001:db8:1::/64")] } });
  assert.deepEqual([lifted.splice(0), enforced.splice(0)], [["2001:db8:1::/64"], ["2001:db8:1::/64"]]);
  inForce.apply({ host });
  assert.deepEqual([lifted, enforced], [["2001:db8:1::/64"], ["2001:db8:1::/64"]]);
});

test("a table that was made anew gets its blocks, and what it had learned", () => {
  const { inForce, sensor, block, firewall, held, learnt } = setUp();
  block("198.51.100.1");
  firewall.kernel.clear();
  inForce.load();
  assert.deepEqual([held(), learnt()], [[], 0]);
  sensor.isReplaced = true;
  inForce.load();
  assert.deepEqual([held(), learnt()], [["full 198.51.100.1"], 1]);
});

test("offences and blocks come from the store, and go into one that had to be made anew", () => {
  const { enforcement, store, block } = setUp();
  enforcement.stored.restoreOffences();
  assert.equal(enforcement.offencesOf(prefix("192.0.2.77")), 3);
  block("198.51.100.1");
  enforcement.stored.storeAll();
  assert.deepEqual([[...store.rows.keys()], [...store.offences.keys()]], [["198.51.100.1"], ["192.0.2.77"]]);
});

test("of the sources of a replaced PortSentry those are blocked that nothing spares", () => {
  const { enforcement, recorder, listed } = setUp('PROOF="off"\n');
  const old = (text: string) => ({ source: prefix(text), protocol: 6 });
  enforcement.importOld([old("192.0.2.5"), old("192.0.2.6")]);
  assert.deepEqual(listed(), ["192.0.2.6"]);
  assert.ok(recorder.take().includes("notice 1 of 2 sources taken over from PortSentry's BLOCKED_FILE"));
});

test("what has ended leaves the list with the next second, and more than fits into a turn with the next turns", async () => {
  const { enforcement, clock, block, listed, recorder } = setUp();
  block("198.51.100.1", { untilMs: NOW_MS + 1_000 });
  block("198.51.100.2");
  clock.ms += 2_000;
  enforcement.tick();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(listed(), ["198.51.100.2"]);
  assert.ok(recorder.take().includes("unblocked 198.51.100.1 expired"));
});

test("in one second no more ends than fits into twelve turns: other work goes first", async () => {
  const { enforcement, clock, block } = setUp("", 10_000);
  for (let last = 0; last < 7_000; last++)
    block(`10.0.${last >> 8}.${last & 255}`, { soft: true, untilMs: NOW_MS + 1_000 });
  clock.ms += 2_000;
  enforcement.tick();
  assert.equal(enforcement.blocker.list.size, 6_000, "at once");
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(enforcement.blocker.list.size, 1_000);
  enforcement.tick();
  assert.equal(enforcement.blocker.list.size, 0);
});

test("a source that a command was to shut out is answered: the table takes its block, by address or by /64", async () => {
  const { enforcement, block, held, recorder, firewall } = setUp('KILL_ROUTE="/bin/true $TARGET$"\n');
  block("198.51.100.1", { backend: "kill-route" });
  block("2001:db8::/64", { backend: "kill-route" });
  firewall.kernel.clear();
  for (const text of ["198.51.100.1", "2001:db8::7", "198.51.100.2"]) {
    const { w0, w1, w2, w3 } = prefix(text);
    enforcement.answered([w0, w1, w2, w3]);
  }
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.deepEqual(held(), ["full 198.51.100.1", "full 2001:db8::/64"]);
  assert.equal(recorder.take().filter((text) => /succeeds and blocks nothing/.test(text)).length, 2);
  assert.equal(enforcement.counters.commandsWithoutEffect, 2);
});

test("three /64 networks of one /56 that are blocked have the /56 blocked, unless BLOCK_WIDER is off", async () => {
  for (const isOn of [true, false]) {
    const { enforcement } = setUp(`BLOCK_WIDER="${isOn ? 1 : 0}"\n`);
    const proven = (text: string): Verdict => {
      const verdict = verdictOn("192.0.2.7", "block", NOW_MS);
      return { ...verdict, grade: "silence", finding: { ...verdict.finding, source: prefix(text) } } as Verdict;
    };
    enforcement.take(["2001:db8:0:1::/64", "2001:db8:0:2::/64", "2001:db8:0:3::/64"].map(proven));
    enforcement.tick();
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.equal(enforcement.counters.widerBlocks, isOn ? 1 : 0);
  }
});

test("new settings hold for the next block, not for those that stand", () => {
  const { enforcement, inForce } = setUp('BLOCK_TIME="1h"\n');
  const { list } = enforcement.blocker;
  enforcement.take([verdictOn("192.0.2.7", "block", NOW_MS)]);
  inForce.apply({ settings: settingsWith('BLOCK_TIME="2h"\n') });
  enforcement.take([verdictOn("192.0.2.8", "block", NOW_MS)]);
  const ends = ["192.0.2.7", "192.0.2.8"].map((text) => ((list.get(prefix(text))?.untilMs ?? 0) - NOW_MS) / 3_600_000);
  assert.deepEqual(ends, [1, 2]);
});

test("a look at rules that cannot be taken is said", async () => {
  const { enforcement, block, recorder } = setUp('KILL_ROUTE="/sbin/ip route add blackhole $TARGET$"\n');
  block("198.51.100.1", { backend: "kill-route", sinceMs: NOW_MS - 60_000 });
  enforcement.lookAtDelegated(true);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.deepEqual(recorder.take(), ["warning rules: Error: no command is to be run here"]);
});

test("its counters are those of all its parts", () => {
  const { networkBlocks, repairs, evictedOffences, endedNotCounted, widerBlocks, commandsWithoutEffect } =
    setUp().enforcement.counters;
  assert.deepEqual(
    [networkBlocks, repairs, evictedOffences, endedNotCounted, widerBlocks, commandsWithoutEffect],
    [3, 0, 0, 0, 0, 0],
  );
});

test("without a table there is nothing to repair, no network is blocked, and no block can be made by it", () => {
  const { enforcement } = setUp("", 100, false);
  assert.equal(enforcement.reconciler, undefined);
  const { networkBlocks, networkBlocksRefused, repairs } = enforcement.counters;
  assert.deepEqual([networkBlocks, networkBlocksRefused, repairs], [0, 0, 0]);
  assert.match(`${enforcement.blocker.blockByHand(prefix("198.51.100.1"), 0, "")}`, /no nftables table is loaded/);
  enforcement.tick();
});
