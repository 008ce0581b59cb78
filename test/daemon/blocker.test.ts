import assert from "node:assert/strict";
import { test } from "node:test";
import { Blocker, type BlockerParts } from "../../src/daemon/blocker.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../support/prefix.ts";
import { FakeDetector, FakeFirewall, FakeRecorder, FakeStore, verdictOn } from "./fakes.ts";

const HOUR = 3_600_000;
const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);

function setUp(conf = "", wider?: BlockerParts["wider"]) {
  const clock = { ms: 1_700_000_000_000 };
  const text = `BLOCK_TCP="1"\nBLOCK_TIME="1h"\nBLOCK_TIME_FACTOR="4"\nBLOCK_TIME_MAX="10h"\nSOFT_BLOCK_TIME="10m"\n${conf}`;
  const settings = settingsOf(load(text));
  const parts = {
    firewall: new FakeFirewall(),
    store: new FakeStore(),
    recorder: new FakeRecorder(),
    detector: new FakeDetector(),
    offences: new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: { k0: 1, k1: 2 } }),
    nowMs: () => clock.ms,
    ...(wider !== undefined && { wider }),
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
  return { ...parts, clock, blocker, verdict, pass };
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

test("a block ends on time, not before, and lets its source be found again", () => {
  const { blocker, store, recorder, detector, verdict, pass } = setUp();
  blocker.carryOut([verdict("block")]);
  recorder.take();
  pass(HOUR - 1_000);
  assert.equal(blocker.list.size, 1);
  pass(1_000);
  assert.equal(blocker.list.size, 0);
  assert.equal(store.rows.size, 0);
  assert.deepEqual(recorder.take(), [`unblocked ${SOURCE} expired`]);
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

test("in a flood of unproven sources nobody is softly blocked, proven ones are, and when it ends all can be found again", () => {
  const { blocker, clock, detector, firewall, recorder, verdict, pass } = setUp('MAX_UNPROVEN_PER_SECOND="3"\n');
  const flood = Array.from({ length: 10 }, (_, at) => verdict("soft", `192.0.2.${at + 10}`));
  blocker.carryOut(flood);
  assert.equal(firewall.kernel.size, 3);
  const said = recorder.take().filter((text) => text.startsWith("warning"));
  assert.deepEqual(said.length, 1, "said once");
  assert.match(said[0] ?? "", /more than 3 unproven sources a second/);
  blocker.carryOut([verdict("block")]);
  assert.equal(firewall.kernel.get(`full ${SOURCE}`), clock.ms + HOUR);
  assert.equal(detector.allResets, 0);
  pass(10_000);
  assert.match(recorder.take().join("\n"), /flood of unproven sources has ended/);
  assert.equal(detector.allResets, 1);
  blocker.carryOut([verdict("soft", "192.0.2.99")]);
  assert.ok(firewall.kernel.has("soft 192.0.2.99"));
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
  assert.equal(blocker.takeOver(block), "ENOMEM");
  const refused = blocker.list.get(source);
  assert.deepEqual([refused?.backend, refused?.enforced, store.rows.size], ["kill-route", false, 0]);
  firewall.refusals.clear();
  assert.equal(blocker.takeOver(block), "");
  const taken = blocker.list.get(source);
  assert.deepEqual([taken?.backend, taken?.enforced, taken?.untilMs], ["nftables", true, untilMs]);
  assert.equal(firewall.kernel.get(`full ${SOURCE}`), untilMs);
  assert.equal(store.rows.get(SOURCE)?.backend, "nftables");
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
