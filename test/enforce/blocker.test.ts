import assert from "node:assert/strict";
import { test } from "node:test";
import { Blocker, type BlockerParts } from "../../src/enforce/blocker.ts";
import { breakerLimits } from "../../src/enforce/claims.ts";
import { Breaker } from "../../src/judge/breaker.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import {
  FakeDelegate,
  FakeDetector,
  FakeFirewall,
  FakeJudge,
  FakeRecorder,
  FakeStore,
  verdictOn,
} from "../daemon/fakes.ts";
import { createRandom } from "../detect/score-figures.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;
const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);

function setUp(conf = "", wider?: BlockerParts["wider"], maxBlocks?: number) {
  const clock = { ms: 1_700_000_000_000 };
  const text = `BLOCK_TCP="1"\nBLOCK_TIME="1h"\nBLOCK_TIME_FACTOR="4"\nBLOCK_TIME_MAX="10h"\nSOFT_BLOCK_TIME="10m"\n${conf}`;
  const settings = settingsOf(load(text));
  const inForce = { settings };
  const parts = {
    firewall: new FakeFirewall(),
    store: new FakeStore(),
    recorder: new FakeRecorder(),
    detector: new FakeDetector(),
    delegate: new FakeDelegate(),
    judge: new FakeJudge(),
    offences: new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: { k0: 1, k1: 2 } }),
    nowMs: () => clock.ms,
    breaker: new Breaker(() => breakerLimits(inForce.settings), createRandom(1)),
    ...(wider !== undefined && { wider }),
    ...(maxBlocks !== undefined && { maxBlocks }),
  };
  const blocker = new Blocker(settings, parts);
  const verdict = (action: "soft" | "block", from = SOURCE) => verdictOn(from, action, clock.ms);
  /** Runs the tick each second for so long. */
  const pass = (milliseconds: number) => {
    for (const endMs = clock.ms + milliseconds; clock.ms < endMs; ) {
      clock.ms += 1_000;
      blocker.tick();
    }
  };
  const setSettings = (next: typeof settings) => {
    inForce.settings = next;
    blocker.setSettings(next);
  };
  return { ...parts, clock, blocker, verdict, pass, setSettings };
}

test("a block is in the kernel, listed as enforced, stored, and said with the command that does the same", () => {
  const { blocker, firewall, store, recorder, clock, verdict } = setUp();
  blocker.carryOut([verdict("block")]);
  const listed = blocker.list.get(source);
  assert.deepEqual(
    { untilMs: listed?.untilMs, soft: listed?.soft, offences: listed?.offences, enforced: listed?.enforced },
    { untilMs: clock.ms + HOUR, soft: false, offences: 1, enforced: true },
  );
  assert.equal(firewall.kernel.get(`full ${SOURCE}`), clock.ms + HOUR);
  assert.equal(store.rows.get(SOURCE)?.untilMs, clock.ms + HOUR);
  assert.deepEqual(recorder.take(), [
    "finding block",
    `blocked ${SOURCE}: nft add element inet portreeve blocked4 { ${SOURCE} timeout 3600s }`,
  ]);
});

test("each offence lasts longer, up to BLOCK_TIME_MAX, and is remembered in the store", () => {
  const { blocker, store, clock, verdict, pass } = setUp();
  const lasted: number[] = [];
  for (let offence = 1; offence <= 4; offence++) {
    blocker.carryOut([verdict("block")]);
    const block = blocker.list.get(source) ?? assert.fail();
    assert.equal(block.offences, offence);
    assert.equal(store.offences.get(SOURCE)?.offences, offence);
    lasted.push((block.untilMs ?? 0) - clock.ms);
    clock.ms = (block.untilMs ?? 0) - 5_000;
    pass(6_000);
    assert.equal(blocker.list.size, 0);
  }
  assert.deepEqual(lasted, [HOUR, 4 * HOUR, 10 * HOUR, 10 * HOUR]);
});

test("offences are forgotten after BLOCK_TIME_MAX of quiet", () => {
  const { blocker, clock, verdict, pass } = setUp();
  blocker.carryOut([verdict("block")]);
  pass(HOUR + 1_000);
  clock.ms += 11 * HOUR;
  blocker.carryOut([verdict("block")]);
  assert.equal(blocker.list.get(source)?.offences, 1);
});

test("a soft block is no offence, and lasts SOFT_BLOCK_TIME after the source's latest probe", () => {
  const { blocker, firewall, detector, store, clock, verdict, pass } = setUp();
  blocker.carryOut([verdict("soft")]);
  const startMs = clock.ms;
  assert.equal(firewall.kernel.get(`soft ${SOURCE}`), startMs + 600_000);
  assert.equal(store.offences.size, 0);
  pass(300_000);
  detector.lastSeen.set(SOURCE, clock.ms);
  pass(300_000);
  assert.equal(blocker.list.get(source)?.untilMs, startMs + 900_000);
  assert.equal(firewall.kernel.get(`soft ${SOURCE}`), startMs + 900_000);
  assert.equal(store.rows.get(SOURCE)?.untilMs, startMs + 900_000);
  pass(299_000);
  assert.equal(blocker.list.size, 1);
  pass(2_000);
  assert.equal(blocker.list.size, 0);
});

test("a soft block that becomes a full one leaves the soft set", () => {
  const { blocker, firewall, verdict } = setUp();
  blocker.carryOut([verdict("soft")]);
  blocker.carryOut([verdict("block")]);
  assert.deepEqual([...firewall.kernel.keys()], [`full ${SOURCE}`]);
  assert.equal(blocker.list.get(source)?.soft, false);
  assert.equal(blocker.list.size, 1);
});

test("a soft verdict never weakens a full block, of the source or of a prefix around it", () => {
  const { blocker, firewall, verdict } = setUp();
  assert.notEqual(typeof blocker.blockByHand(source, 0, "by hand"), "string");
  assert.notEqual(typeof blocker.blockByHand(prefix("198.51.100.0/24"), 0, "by hand"), "string");
  blocker.carryOut([verdict("soft"), verdict("soft", "198.51.100.7")]);
  assert.equal(blocker.list.get(source)?.soft, false);
  assert.deepEqual([...firewall.kernel.keys()], [`full ${SOURCE}`, "full 198.51.100.0/24"]);
});

test("what the kernel refuses is not listed, not stored, said, and found again at the next probe", () => {
  const { blocker, firewall, store, recorder, detector, verdict } = setUp();
  firewall.refusals.set(SOURCE, "ENFILE; the kernel's set is full");
  blocker.carryOut([verdict("block"), verdict("block", "192.0.2.2")]);
  assert.equal(blocker.list.get(source), undefined);
  assert.ok(!store.rows.has(SOURCE) && !store.offences.has(SOURCE));
  assert.equal(blocker.failures, 1);
  assert.deepEqual(detector.resets, [SOURCE]);
  assert.ok(recorder.said.includes(`failed ${SOURCE}: ENFILE; the kernel's set is full`));
  assert.ok(!recorder.said.some((text) => text.startsWith(`blocked ${SOURCE}:`)));
  assert.ok(blocker.list.get(prefix("192.0.2.2"))?.enforced);
  assert.equal(blocker.blockByHand(source, undefined, ""), "ENFILE; the kernel's set is full");
});

test("a block ends on time, not before, and lets its source be found again", async () => {
  const { blocker, store, recorder, detector, verdict, pass } = setUp();
  blocker.carryOut([verdict("block")]);
  recorder.take();
  pass(HOUR - 1_000);
  assert.equal(blocker.list.size, 1);
  pass(1_000);
  assert.equal(blocker.list.size, 0);
  assert.equal(store.rows.size, 0);
  await blocker.rules.ended();
  assert.ok(recorder.take().includes(`unblocked ${SOURCE} expired`));
  assert.deepEqual(detector.resets, [SOURCE]);
});

test('BLOCK_TIME="0" and "block for ever" never end', () => {
  const { blocker, verdict, pass } = setUp('BLOCK_TIME="0"');
  blocker.carryOut([verdict("block")]);
  blocker.blockByHand(prefix("192.0.2.2"), 0, "by hand");
  blocker.blockByHand(prefix("192.0.2.3"), 60_000, "by hand");
  pass(100_000);
  assert.equal(blocker.list.size, 2);
});

test("lifting by hand takes a block out of kernel, list and store; what the kernel keeps stays listed", () => {
  const { blocker, firewall, store, verdict } = setUp();
  blocker.carryOut([verdict("block"), verdict("block", "192.0.2.2")]);
  firewall.refusals.set("192.0.2.2", "EPERM");
  const failures = blocker.lift([...blocker.list.values()], "by hand");
  assert.deepEqual(failures, ["192.0.2.2: EPERM"]);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.2"]);
  assert.deepEqual([...store.rows.keys()], ["192.0.2.2"]);
  assert.equal(blocker.list.size, 1);
});

test("spared and logged verdicts are recorded and block nobody", () => {
  const { blocker, firewall, recorder, verdict } = setUp();
  const { finding } = verdict("block");
  blocker.carryOut([
    { action: "log", finding },
    { action: "spare", because: "guarded", finding },
  ]);
  assert.equal(firewall.kernel.size, 0);
  assert.deepEqual(recorder.take(), ["finding log", "finding spare"]);
});

/** As the daemon does it: what is admitted is carried out, and after each delivery whom the lot has fallen on. */
function deliver(blocker: Blocker, verdicts: readonly Verdict[]): void {
  const admitted = verdicts.filter((verdict) => blocker.claims.admits(verdict));
  blocker.carryOut([...admitted, ...blocker.claims.takeChosen()]);
}

const kinds = [
  {
    conf: 'PROOF="on"\nMAX_UNPROVEN_PER_SECOND="3"\n',
    action: "soft",
    set: "soft",
    burst: 3,
    said: /MAX_UNPROVEN_PER_SECOND/,
  },
  {
    conf: 'PROOF="off"\nMAX_BLOCKS_PER_SECOND="3"\n',
    action: "block",
    set: "full",
    burst: 1_800,
    said: /MAX_BLOCKS_PER_SECOND/,
  },
] as const;
for (const { conf, action, set, burst, said } of kinds) {
  test(`in a flood ${conf.slice(0, 11)} goes on blocking so many a second, by lot; who is passed over can be found again`, () => {
    const { blocker, clock, detector, firewall, recorder, verdict, pass } = setUp(conf);
    const flood = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => verdict(action, `10.0.${(from + at) >> 8}.${(from + at) & 255}`));
    deliver(blocker, flood(0, burst));
    assert.equal(firewall.kernel.size, burst, "the burst at once");
    assert.deepEqual([recorder.take().filter((text) => text.startsWith("warning")), detector.waiting], [[], []]);
    deliver(blocker, flood(burst, 50));
    assert.equal(firewall.kernel.size, burst);
    assert.equal(detector.waiting.length, 50, "each of them may ask again");
    const warned = recorder.take();
    assert.equal(warned.length, 1, "said once, and of nobody that it was found");
    assert.match(
      warned[0] ?? "",
      /^warning there are more than 3 .* 3 a second are (softly )?blocked, chosen at random/,
    );
    assert.match(warned[0] ?? "", said);
    const kind =
      action === "soft" ? /unproven sources a second/ : /sources to be blocked on unproven evidence a second/;
    assert.match(warned[0] ?? "", kind);
    for (let second = 0; second < 10; second++) {
      clock.ms += 1_000;
      deliver(blocker, flood(burst + 50 * second, 50));
      blocker.tick();
    }
    assert.equal(firewall.kernel.size, burst + 30);
    assert.deepEqual(new Set([...firewall.kernel.keys()].map((key) => key.split(" ")[0])), new Set([set]));
    assert.equal(detector.found.length, 30, "who is chosen is found");
    // On proof nobody waits.
    deliver(blocker, [{ ...verdict("block"), grade: "silence" } as Verdict]);
    assert.equal(firewall.kernel.get(`full ${SOURCE}`), clock.ms + HOUR);
    recorder.take();
    // Those that still wait are chosen, and then there is quiet.
    for (let second = 0; second < 8; second++) {
      deliver(blocker, []);
      pass(1_000);
    }
    assert.ok(firewall.kernel.size > burst + 31 && !blocker.claims.breaker.hasWaiting);
    assert.match(recorder.take().join("\n"), /flood of unproven sources has ended/);
    deliver(blocker, [verdict(action, "192.0.2.99")]);
    assert.ok(firewall.kernel.has(`${set} 192.0.2.99`));
  });
}

test("in a flood a source that has been blocked meanwhile takes no token, and settings that change let nobody wait", () => {
  const { blocker, clock, firewall, verdict, setSettings } = setUp('PROOF="on"\nMAX_UNPROVEN_PER_SECOND="1"\n');
  deliver(blocker, [verdict("soft", "192.0.2.10"), verdict("soft", "192.0.2.11"), verdict("soft", "192.0.2.12")]);
  assert.equal(blocker.claims.breaker.isOpen, true);
  blocker.carryOut([verdict("block", "192.0.2.11")]);
  clock.ms += 1_000;
  deliver(blocker, []);
  assert.deepEqual([...firewall.kernel.keys()], ["soft 192.0.2.10", "full 192.0.2.11", "soft 192.0.2.12"]);
  deliver(blocker, [verdict("soft", "192.0.2.13")]);
  setSettings(settingsOf(load('BLOCK_TCP="1"\nPROOF="on"\nMAX_UNPROVEN_PER_SECOND="1"\n')));
  clock.ms += 1_000;
  deliver(blocker, []);
  assert.ok(!firewall.kernel.has("soft 192.0.2.13"));
});

test("a proven client is softly blocked in a flood, too: nobody forges a proof", () => {
  const { blocker, firewall, verdict } = setUp('MAX_UNPROVEN_PER_SECOND="1"\n');
  blocker.carryOut(["192.0.2.10", "192.0.2.11"].map((from) => verdict("soft", from)));
  const { finding } = verdict("soft");
  blocker.carryOut([{ action: "soft", grade: "silence", finding }]);
  assert.ok(firewall.kernel.has(`soft ${SOURCE}`));
  const { grade, soft } = blocker.list.get(source) ?? assert.fail();
  assert.deepEqual([grade, soft], ["silence", true]);
});

test("who is spared for the guard is found again, lest it be free for ever once it has left the guard", () => {
  const { blocker, detector, verdict } = setUp();
  const { finding } = verdict("block");
  blocker.carryOut([{ action: "spare", because: "guarded", guard: "ssh", proven: "handshake", finding }]);
  assert.deepEqual(detector.resets, [SOURCE]);
  blocker.carryOut([{ action: "spare", because: "ignored", finding }]);
  assert.deepEqual(detector.resets, [SOURCE]);
});

test("a wider IPv6 block stands beside the narrower ones in it, is longer each time, and tells whoever counts", () => {
  const told: string[] = [];
  const { blocker, firewall, pass } = setUp("", {
    blocked: ({ source: blocked }) => told.push(`blocked ${formatPrefix(blocked)}`),
    lifted: ({ source: lifted }, isByHand) => told.push(`lifted ${formatPrefix(lifted)} ${isByHand}`),
  });
  assert.equal(blocker.blockWider(prefix("2001:db8:1::/56"), "direct", "3 of them"), "");
  assert.equal(blocker.list.get(prefix("2001:db8:1::/56"))?.offences, 1);
  assert.equal(blocker.blockWider(prefix("2001:db8:1::/48"), "silence", "9 of them"), "");
  assert.deepEqual([...firewall.kernel.keys()], ["full 2001:db8:1::/56", "full 2001:db8:1::/48"]);
  const { grade, reason, soft } = blocker.list.get(prefix("2001:db8:1::/48")) ?? assert.fail();
  assert.deepEqual([grade, reason, soft], ["silence", "9 of them", false]);
  pass(HOUR + 1_000);
  assert.equal(blocker.list.size, 0);
  assert.equal(blocker.blockWider(prefix("2001:db8:1::/48"), "silence", "again"), "");
  assert.equal(blocker.list.get(prefix("2001:db8:1::/48"))?.offences, 2);
  assert.deepEqual(told, [
    "blocked 2001:db8:1::/56",
    "blocked 2001:db8:1::/48",
    "lifted 2001:db8:1::/56 false",
    "lifted 2001:db8:1::/48 false",
    "blocked 2001:db8:1::/48",
  ]);
  firewall.refusals.set("2001:db8:2::/56", "ENOSPC");
  assert.equal(blocker.blockWider(prefix("2001:db8:2::/56"), "direct", "3 of them"), "ENOSPC");
});

test("a wider block is not made where the built-in firewall blocks nobody", () => {
  const { blocker } = setUp('FIREWALL="none"\n');
  assert.equal(blocker.blockWider(prefix("2001:db8:1::/56"), "direct", "3 of them"), "nothing is blocked now");
});

test("what a command was to block is the built-in table's until the same end; refused by the kernel, it is not enforced", () => {
  const { blocker, firewall, store, clock } = setUp('KILL_ROUTE="/bin/true $TARGET$"\n');
  const untilMs = clock.ms + HOUR;
  const about = { source, sinceMs: clock.ms, untilMs, grade: "direct", soft: false, reason: "", offences: 1 } as const;
  const block = { ...about, backend: "kill-route", enforced: true } as const;
  blocker.list.put(block);
  firewall.refusals.set(SOURCE, "ENOMEM");
  assert.equal(blocker.commands.takeOver(block), "ENOMEM");
  const refused = blocker.list.get(source);
  assert.deepEqual([refused?.backend, refused?.enforced, store.rows.size], ["kill-route", false, 0]);
  firewall.refusals.clear();
  assert.equal(blocker.commands.takeOver(block), "");
  const taken = blocker.list.get(source);
  assert.deepEqual([taken?.backend, taken?.enforced, taken?.untilMs], ["nftables", true, untilMs]);
  assert.equal(firewall.kernel.get(`full ${SOURCE}`), untilMs);
  assert.equal(store.rows.get(SOURCE)?.backend, "nftables");
});

test("a soft block of a network lasts two minutes from its latest scan, or SOFT_BLOCK_TIME if that is shorter", () => {
  for (const [written, lastsMs] of [
    ["10m", 120_000],
    ["30s", 30_000],
  ] as const) {
    const { blocker, firewall, detector, clock, verdict, pass } = setUp();
    blocker.setSettings(settingsOf(load(`BLOCK_TCP="1"\nSOFT_BLOCK_TIME="${written}"\n`)));
    const startMs = clock.ms;
    for (const network of ["203.0.113.0/24", "2001:db8:b::/48", "2001:db8:7700::/40"]) {
      const one = verdict("soft", network);
      blocker.carryOut([{ ...one, finding: { ...one.finding, members: 16, policy: "neighbours" as const } }]);
      assert.equal(firewall.kernel.get(`soft ${network}`), startMs + lastsMs, network);
    }
    pass(lastsMs - 10_000);
    detector.lastSeen.set("203.0.113.0/24", clock.ms);
    pass(12_000);
    assert.equal(blocker.list.size, 1);
    assert.equal(firewall.kernel.get("soft 203.0.113.0/24"), startMs + lastsMs - 10_000 + lastsMs);
    pass(lastsMs);
    assert.equal(blocker.list.size, 0);
  }
});

test("a network is softly blocked while the breaker is open, and one without a set of its own never", () => {
  const { blocker, firewall, verdict } = setUp('MAX_UNPROVEN_PER_SECOND="1"\n');
  blocker.carryOut([verdict("soft", "198.51.100.1"), verdict("soft", "198.51.100.2"), verdict("soft", "198.51.100.3")]);
  const ofNetwork = (source: string) => {
    const one = verdict("soft", source);
    return { ...one, finding: { ...one.finding, members: 16, policy: "neighbours" as const } };
  };
  blocker.carryOut([ofNetwork("203.0.113.0/24"), ofNetwork("2001:db8:b::/48"), ofNetwork("203.0.112.0/23")]);
  for (const network of ["203.0.113.0/24", "2001:db8:b::/48"]) {
    assert.ok(firewall.kernel.has(`soft ${network}`), network);
    assert.equal(blocker.list.get(prefix(network))?.soft, true);
  }
  assert.equal(blocker.list.get(prefix("203.0.112.0/23")), undefined, "an interval would be blocked in full");
});

test("no command is run about whom this host depends on, proven or not; about anybody else one is", () => {
  const { blocker, delegate, firewall, verdict } = setUp();
  const { finding } = verdict("block");
  for (const grade of ["handshake", "silence"] as const)
    blocker.carryOut([{ action: "block", grade, guard: "gateway", finding }]);
  assert.deepEqual(delegate.asked, []);
  assert.ok(firewall.kernel.has(`full ${SOURCE}`), "the built-in table blocks a proven gateway all the same");
  blocker.carryOut([{ action: "spare", because: "guarded", guard: "resolver", proven: "silence", finding }]);
  blocker.carryOut([verdict("soft", "192.0.2.3")]);
  assert.deepEqual(delegate.asked, []);
  blocker.carryOut([verdict("block", "192.0.2.2")]);
  assert.deepEqual(delegate.asked, ["respond 192.0.2.2"]);
});

for (const action of ["block", "soft"] as const) {
  test(`a ${action === "soft" ? "soft" : "full"} block that the full list refuses leaves nothing in the kernel and nothing in the store`, () => {
    const { blocker, firewall, store, recorder, detector, verdict } = setUp("", undefined, 1);
    blocker.carryOut([verdict("block")]);
    recorder.take();
    blocker.carryOut([verdict(action, "192.0.2.2")]);
    assert.deepEqual([...firewall.kernel.keys()], [`full ${SOURCE}`]);
    assert.deepEqual([...store.rows.keys()], [SOURCE]);
    assert.deepEqual([...store.offences.keys()], [SOURCE]);
    assert.deepEqual([blocker.list.size, blocker.failures], [1, 1]);
    assert.deepEqual(detector.resets, ["192.0.2.2"]);
    assert.deepEqual(recorder.take(), [`finding ${action}`, "failed 192.0.2.2: the block list is full (1)"]);
  });
}

const responses = [
  { what: "a full block", more: {}, isUndone: true },
  { what: "a full block on proof", more: { grade: "silence" }, isUndone: true },
  { what: "a soft block", more: { soft: true }, isUndone: false },
  { what: "a block by hand", more: { grade: "manual" }, isUndone: false },
  { what: "a block on trial", more: { afterTrial: { untilMs: undefined } }, isUndone: false },
] as const;
for (const { what, more, isUndone } of responses) {
  test(`commands ${isUndone ? "are" : "are not"} undone for ${what}: at a start that finds it ended, and when it ends`, async () => {
    const { blocker, delegate, clock } = setUp();
    await blocker.commands.undoEnded([block(SOURCE, more)]);
    assert.deepEqual(delegate.asked.splice(0), isUndone ? [`release ${SOURCE}`] : []);
    blocker.list.put(block(SOURCE, { untilMs: clock.ms, ...more }));
    blocker.tick();
    assert.equal(blocker.list.size, 0);
    assert.deepEqual(delegate.asked, isUndone ? [`release ${SOURCE}`] : []);
  });
}

test("an offence ends when its block does, not when the daemon comes to take it off the list; by hand it ends now", () => {
  const { blocker, offences, clock, verdict } = setUp();
  blocker.carryOut([verdict("block")]);
  const endMs = clock.ms + HOUR;
  // The machine slept.
  clock.ms = endMs + 5 * HOUR;
  blocker.tick();
  assert.equal(blocker.list.size, 0);
  assert.equal(offences.get(source, clock.ms)?.lastEndMs, endMs);
  clock.ms += 60_000;
  blocker.carryOut([verdict("block")]);
  clock.ms += 60_000;
  blocker.lift([...blocker.list.values()], "by hand");
  assert.equal(offences.get(source, clock.ms)?.lastEndMs, clock.ms);
});

test("several rules that another program removed are made again; those that cannot be are blocks no more", async () => {
  const { blocker, delegate, recorder } = setUp('KILL_ROUTE="/bin/true $TARGET$"\n');
  const all = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((from) => block(from, { backend: "kill-route" }));
  for (const one of all) blocker.list.put(one);
  delegate.isHand = false;
  delegate.broken.add("192.0.2.2");
  await blocker.commands.rulesGone([...all, block("192.0.2.4", { backend: "kill-route" })]);
  await blocker.rules.ended();
  assert.deepEqual(
    [...blocker.list.values()].map((one) => formatPrefix(one.source)),
    ["192.0.2.1", "192.0.2.3"],
  );
  assert.deepEqual(recorder.take(), [
    "drift another program removed 3 rules of blocked sources: 2 are made again",
    "failed 192.0.2.2: the rule of this source was removed and could not be made again: it fails",
    "unblocked 192.0.2.2 removed elsewhere",
  ]);
  delegate.isHand = true;
  await blocker.commands.rulesGone(all.slice(0, 1));
  await blocker.rules.ended();
  assert.deepEqual(recorder.take(), [
    "drift the rule that blocked 192.0.2.1 was removed by hand, which is taken as an unblock",
    "unblocked 192.0.2.1 removed elsewhere",
  ]);
});

test("a block by hand is written at once, one that packets have decided with what a fifth of a second brings", () => {
  const { blocker, store, verdict } = setUp();
  blocker.carryOut([verdict("block")]);
  assert.equal(store.flushes, 0);
  blocker.blockByHand(prefix("192.0.2.9"), undefined, "by hand");
  assert.equal(store.flushes, 1);
});

test("a proven gateway is said to be blocked where the table blocks it, and else not", () => {
  const { finding } = setUp().verdict("block");
  const proven = { action: "block", grade: "silence", guard: "gateway", finding } as const;
  const warnings = (conf: string) => {
    const { blocker, recorder } = setUp(conf);
    blocker.carryOut([proven]);
    return recorder.take().filter((text) => text.startsWith("warning"));
  };
  assert.match(warnings("")[0] ?? "", /is proven to scan this host, and is blocked/);
  assert.match(warnings('KILL_ROUTE="/bin/true $TARGET$"\n')[0] ?? "", /and is not blocked: no command/);
});

test("a claim that would change nothing takes no token: soft on soft; a full one on soft would", () => {
  const soft = setUp('PROOF="on"\nMAX_UNPROVEN_PER_SECOND="1"\n');
  deliver(soft.blocker, [soft.verdict("soft")]);
  assert.ok(!soft.blocker.claims.admits(soft.verdict("soft", "192.0.2.2")), "the token is used up");
  assert.ok(soft.blocker.claims.admits(soft.verdict("soft")));
  const full = setUp('PROOF="off"\nMAX_BLOCKS_PER_SECOND="1"\n');
  for (let index = 0; index < 600; index++)
    assert.ok(full.blocker.claims.admits(full.verdict("block", `10.0.${index >> 8}.${index & 255}`)));
  full.blocker.list.put(block(SOURCE, { soft: true }));
  assert.ok(!full.blocker.claims.admits(full.verdict("block")));
  full.blocker.list.put(block(SOURCE));
  assert.ok(full.blocker.claims.admits(full.verdict("block")));
});

test("an address, a /64 and networks of neighbours have a soft form; any other width is not blocked on a claim", () => {
  const { blocker, firewall, verdict } = setUp();
  const soft = [
    "192.0.2.1",
    "198.51.100.0/24",
    "2001:db8:9::7",
    "2001:db8:1:2::/64",
    "2001:db8:3::/56",
    "2001:db8:5::/48",
  ];
  const none = ["203.0.113.0/25", "2001:db8:7::/62", "0.0.0.0/0", "::/0"];
  blocker.carryOut([...soft, ...none].map((source) => verdict("soft", source)));
  assert.deepEqual([...firewall.kernel.keys()].sort(), soft.map((source) => `soft ${source}`).sort());
  assert.equal(blocker.list.size, soft.length);
});

test("no command is run about a prefix in which a spared address lies: the built-in table blocks it, where it may", async () => {
  for (const [conf, held] of [
    ["", ["full 2001:db8:1:1::/64"]],
    ['FIREWALL="none"\n', []],
  ] as const) {
    const { blocker, firewall, delegate, judge, verdict } = setUp(`KILL_ROUTE="/bin/true $TARGET$"\n${conf}`);
    judge.spared.set("2001:db8:1:1::/64", "guarded");
    blocker.carryOut([verdict("block", "2001:db8:1:1::/64")]);
    await new Promise(setImmediate);
    assert.deepEqual([[...firewall.kernel.keys()], delegate.asked], [held, []]);
    blocker.carryOut([verdict("block", "2001:db8:1:2::/64")]);
    await new Promise(setImmediate);
    assert.deepEqual(delegate.asked, ["respond 2001:db8:1:2::/64"]);
  }
});

test("a line in hosts.deny of a prefix that holds an exempt address is taken out, and the table's block stays", () => {
  const { blocker, delegate, verdict } = setUp('KILL_HOSTS_DENY="ALL: $TARGET$"\n');
  blocker.carryOut([verdict("block", "2001:db8:1:1::/64")]);
  assert.deepEqual(blocker.liftExempt([prefix("2001:db8:1:1::7")], "on the allow list"), []);
  assert.deepEqual([blocker.list.size, delegate.asked.at(-1)], [1, "release 2001:db8:1:1::/64"]);
});
