// Blocks that are the administrator's own commands: who shuts a source out after a response, what a restart makes of it,
// and what its end undoes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/detect/finding.ts";
import { Blocker } from "../../src/enforce/blocker.ts";
import { breakerLimits } from "../../src/enforce/claims.ts";
import type { Responded } from "../../src/enforce/delegate.ts";
import type { Block } from "../../src/judge/block.ts";
import { Breaker } from "../../src/judge/breaker.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import type { Prefix } from "../../src/wire/address.ts";
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
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);
const HOUR = 3_600_000;
const ROUTE = 'KILL_ROUTE="/bin/true $TARGET$"\n';
const LINE = 'KILL_HOSTS_DENY="ALL: $TARGET$"\n';

/** Its responses end as the test says; a rule stands as the test says. */
class Commands extends FakeDelegate {
  backend: Responded["backend"];
  standing: boolean | undefined = true;
  takeOverFailure = "";

  override async respond(finding: Finding): Promise<Responded> {
    await super.respond(finding);
    return { results: [], backend: this.backend, madeBy: this.backend === undefined ? "" : this.madeBy };
  }

  override async stands(): Promise<boolean> {
    // undefined: only the exit code is known.
    return this.standing as boolean;
  }

  override takeOver(): string {
    this.asked.push("take over");
    return this.takeOverFailure;
  }

  override giveBack(): void {
    this.asked.push("give back");
  }
}

/** What was told of a response: the block that it made, or whether one stands beside it. */
class Recorder extends FakeRecorder {
  readonly responses: unknown[] = [];

  override responded(to: Prefix, _results?: unknown, of: { block?: Block; stands?: boolean } = {}): void {
    super.responded(to);
    this.responses.push(of.stands ?? of.block?.backend);
  }
}

function setUp(conf: string, { maxBlocks = 100, table = true } = {}) {
  const clock = { ms: 1_700_000_000_000 };
  const settings = settingsOf(load(`BLOCK_TCP="1"\nBLOCK_TIME="1h"\n${conf}`));
  const parts = {
    store: new FakeStore(),
    recorder: new Recorder(),
    detector: new FakeDetector(),
    delegate: new Commands(),
    judge: new FakeJudge(),
    offences: new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: { k0: 1, k1: 2 } }),
    nowMs: () => clock.ms,
    breaker: new Breaker(
      () => breakerLimits(settings),
      () => 0,
    ),
    maxBlocks,
  };
  const firewall = new FakeFirewall();
  const blocker = new Blocker(settings, { ...parts, firewall: table ? firewall : undefined });
  const respond = async () => {
    const verdict = verdictOn(SOURCE, "block", clock.ms);
    assert.ok(verdict.action === "block");
    await blocker.commands.respond(verdict);
  };
  return { ...parts, firewall, clock, blocker, respond };
}

const killRoute = { name: "kill-route", suffices: true } as const;
const hostsDeny = { name: "hosts.deny", suffices: false } as const;

test("a command that works is the block: listed, stored, an offence, and its source goes to the rule that it made", async () => {
  const { blocker, store, firewall, delegate, recorder, respond, clock } = setUp(ROUTE);
  delegate.backend = killRoute;
  await respond();
  const { backend, enforced, untilMs, trigger } = blocker.list.get(source) ?? assert.fail();
  assert.deepEqual(
    [backend, enforced, untilMs, trigger],
    ["kill-route", true, clock.ms + HOUR, { protocol: 6, port: 79 }],
  );
  assert.equal(store.rows.get(SOURCE)?.backend, "kill-route");
  assert.equal(store.offences.get(SOURCE)?.offences, 1);
  assert.deepEqual([firewall.kernel.size, recorder.responses], [0, ["kill-route"]]);
  assert.deepEqual(delegate.asked, [`respond ${SOURCE}`, "take over"]);
});

test("a source that a command has blocked, and that is found again, is not given to the command again", async () => {
  const { blocker, delegate, recorder, respond, clock } = setUp(ROUTE);
  delegate.backend = killRoute;
  await respond();
  const asked = delegate.asked.length;
  blocker.carryOut([verdictOn(SOURCE, "block", clock.ms)]);
  await new Promise(setImmediate);
  assert.equal(delegate.asked.length, asked);
  assert.equal(recorder.said.at(-1), `still blocked ${SOURCE}`);
});

test("where no command works nothing is blocked, which is counted, and the source is found again", async () => {
  const { blocker, store, detector, recorder, respond } = setUp(ROUTE);
  await respond();
  assert.deepEqual([blocker.list.size, store.rows.size, blocker.failures], [0, 0, 1]);
  assert.deepEqual([detector.resets, recorder.responses], [[SOURCE], [undefined]]);
});

test("a line in hosts.deny alone is too little: the built-in table blocks where it may, and else the line is the block", async () => {
  const auto = setUp(ROUTE + LINE);
  auto.delegate.backend = hostsDeny;
  await auto.respond();
  assert.equal(auto.blocker.list.get(source)?.backend, "nftables");
  assert.ok(auto.firewall.kernel.has(`full ${SOURCE}`));
  assert.deepEqual(auto.recorder.responses, [true]);
  const none = setUp(`FIREWALL="none"\n${LINE}`);
  none.delegate.backend = hostsDeny;
  await none.respond();
  assert.equal(none.blocker.list.get(source)?.backend, "hosts.deny");
  assert.deepEqual([none.firewall.kernel.size, none.recorder.responses], [0, ["hosts.deny"]]);
});

test("beside a block of the table commands are told with it, and are no block of their own", async () => {
  const { blocker, firewall, delegate, recorder, clock, respond } = setUp(`FIREWALL="nftables"\n${ROUTE}`);
  delegate.backend = killRoute;
  await respond();
  assert.deepEqual([blocker.list.size, recorder.responses], [0, [false]]);
  blocker.carryOut([verdictOn(SOURCE, "block", clock.ms)]);
  await new Promise(setImmediate);
  assert.equal(blocker.list.get(source)?.backend, "nftables");
  assert.equal(firewall.kernel.size, 1);
  assert.deepEqual(recorder.responses, [false, true]);
});

test("a command's block that the full list refuses is said, and its source is not handed over", async () => {
  const { blocker, delegate, store, recorder, respond } = setUp(ROUTE, { maxBlocks: 0 });
  delegate.backend = killRoute;
  await respond();
  assert.deepEqual([blocker.list.size, store.rows.size, store.offences.size], [0, 0, 0]);
  assert.ok(recorder.take().includes(`warning ${SOURCE}: the block list is full (0)`));
  assert.deepEqual(recorder.responses, [undefined]);
  await blocker.rules.ended();
  assert.deepEqual(delegate.asked, [`respond ${SOURCE}`, `release ${SOURCE}`], "what the command did is undone");
});

test("a source that the sensor does not let through to its rule is said, and blocked all the same", async () => {
  const { blocker, delegate, recorder, respond } = setUp(ROUTE);
  delegate.backend = killRoute;
  delegate.takeOverFailure = "ENFILE";
  await respond();
  assert.equal(blocker.list.size, 1);
  assert.ok(recorder.take().includes(`warning ${SOURCE}: ENFILE`));
});

const BOOT_MS = 1_000_000;
for (const { what, standing, sinceMs, canBeMade, isKept } of [
  { what: "whose rule stands", standing: true, sinceMs: BOOT_MS - 1, canBeMade: false, isKept: true },
  { what: "whose rule a reboot has taken", standing: false, sinceMs: BOOT_MS, canBeMade: true, isKept: true },
  { what: "whose rule cannot be made again", standing: false, sinceMs: BOOT_MS, canBeMade: false, isKept: false },
  { what: "whose rule went without a reboot", standing: false, sinceMs: BOOT_MS + 1, canBeMade: true, isKept: false },
  { what: "of unknown form from this boot", standing: undefined, sinceMs: BOOT_MS + 1, canBeMade: false, isKept: true },
  { what: "of unknown form from before", standing: undefined, sinceMs: BOOT_MS, canBeMade: true, isKept: true },
] as const) {
  test(`at start a command's block ${what} is ${isKept ? "listed" : "taken as an unblock"}`, async () => {
    const { blocker, delegate, store, recorder } = setUp(ROUTE);
    delegate.standing = standing;
    if (!canBeMade) delegate.broken.add(SOURCE);
    const stored = block(SOURCE, { backend: "kill-route", sinceMs, enforced: false });
    store.putBlock(stored);
    await blocker.commands.restore([stored], BOOT_MS);
    assert.equal(blocker.list.get(source)?.enforced, isKept ? true : undefined);
    assert.equal(store.rows.has(SOURCE), isKept);
    await blocker.rules.ended();
    assert.deepEqual(delegate.asked, isKept ? ["take over"] : [`release ${SOURCE}`]);
    const gone =
      sinceMs > BOOT_MS
        ? `drift the rule that blocked ${SOURCE} is gone, which is taken as an unblock`
        : `warning the block of ${SOURCE} does not go on: it fails`;
    assert.deepEqual(recorder.take(), isKept ? [] : [gone]);
  });
}

test("at start a command's block for which the list has no room is released", async () => {
  const { blocker, delegate, store } = setUp(ROUTE, { maxBlocks: 0 });
  const stored = block(SOURCE, { backend: "kill-route" });
  store.putBlock(stored);
  await blocker.commands.restore([stored], BOOT_MS);
  assert.deepEqual([blocker.list.size, store.rows.size, delegate.asked], [0, 0, [`release ${SOURCE}`]]);
});

test("the built-in table takes over a command's block, which gives its source back; not where FIREWALL is none", () => {
  const { blocker, delegate, store } = setUp(ROUTE);
  const one = block(SOURCE, { backend: "kill-route", enforced: true });
  assert.equal(blocker.commands.takeOver(one), "");
  assert.deepEqual([delegate.asked, store.flushes], [["give back"], 1]);
  const none = setUp(`FIREWALL="none"\n${ROUTE}`);
  assert.equal(none.blocker.commands.takeOver(one), 'FIREWALL is "none"');
  assert.deepEqual([none.delegate.asked, none.blocker.list.get(source)?.enforced], [[], false]);
});

test("without a table nothing is called blocked by it, and lifting asks nobody", () => {
  const { blocker, recorder, clock, delegate } = setUp("", { table: false });
  const refusal = "no nftables table is loaded (CAPTURE): only KILL_ROUTE and KILL_HOSTS_DENY can block";
  assert.equal(blocker.blockByHand(source, undefined, "by hand"), refusal);
  blocker.carryOut([verdictOn(SOURCE, "soft", clock.ms)]);
  assert.equal(blocker.list.size, 0);
  assert.ok(recorder.take().includes(`failed ${SOURCE}: ${refusal}`));
  assert.equal(blocker.failures, 2);
  blocker.list.put(block(SOURCE, { backend: "kill-route" }));
  assert.deepEqual(blocker.lift([...blocker.list.values()], "all"), []);
  assert.deepEqual([blocker.list.size, delegate.asked], [0, [`release ${SOURCE}`]]);
  assert.deepEqual(blocker.adopt([], [{ source, untilMs: undefined }], ""), { adopted: [], removed: [] });
});

const old = ["192.0.2.1", "192.0.2.2"].map((from) => ({ source: prefix(from), protocol: 17 }));

test("a PortSentry's blocked sources are the table's, or its rules' that stand, or nobody's", async () => {
  const table = setUp("");
  table.firewall.refusals.set("192.0.2.2", "ENOSPC");
  assert.equal(table.blocker.importOld(old), 1);
  assert.deepEqual([...table.firewall.kernel.keys()], [`full ${SOURCE}`]);
  const route = setUp(ROUTE);
  assert.equal(route.blocker.importOld(old), 2);
  await new Promise(setImmediate);
  const listed = [...route.blocker.list.values()];
  assert.deepEqual(
    listed.map(({ backend, trigger, reason }) => [backend, trigger, reason]),
    listed.map(() => ["kill-route", { protocol: 17, port: 0 }, "taken over from PortSentry's BLOCKED_FILE"]),
  );
  assert.deepEqual(
    listed.map((one) => formatPrefix(one.source)),
    ["192.0.2.1", "192.0.2.2"],
  );
  const none = setUp('FIREWALL="none"\n');
  assert.equal(none.blocker.importOld(old), 0);
  assert.equal(none.blocker.list.size, 0);
});

test("an old block without a protocol has no probe that decided", async () => {
  const { blocker } = setUp(ROUTE);
  blocker.importOld([{ source, protocol: undefined }]);
  await new Promise(setImmediate);
  assert.deepEqual([blocker.list.get(source)?.backend, blocker.list.get(source)?.trigger], ["kill-route", undefined]);
});

test("a source that became exempt while its commands ran is let go when they have run", async () => {
  const { blocker, delegate, judge, recorder, respond } = setUp(ROUTE);
  delegate.backend = killRoute;
  judge.spared.set(SOURCE, "ignored");
  await respond();
  await new Promise(setImmediate);
  assert.equal(blocker.list.size, 0);
  assert.deepEqual(delegate.asked, [`respond ${SOURCE}`, "take over", `release ${SOURCE}`]);
  assert.ok(recorder.take().includes(`unblocked ${SOURCE} on the allow list`));
});

test("a source that became exempt while the daemon was away is not restored: what was done is undone, with a line", async () => {
  const { blocker, delegate, judge, store, recorder } = setUp(ROUTE);
  const stored = block(SOURCE, { backend: "kill-route" });
  store.putBlock(stored);
  judge.spared.set(SOURCE, "own");
  await blocker.commands.restore([stored], 0);
  await blocker.rules.ended();
  assert.deepEqual([blocker.list.size, store.rows.size], [0, 0]);
  assert.deepEqual(
    [delegate.asked, recorder.take()],
    [[`release ${SOURCE}`], [`unblocked ${SOURCE} an address of this host`]],
  );
});

test("a source whose rule stayed, and that a command shuts out again, is none whose rule stays", async () => {
  const { blocker, delegate, respond } = setUp(ROUTE);
  delegate.backend = killRoute;
  await respond();
  delegate.stays.add(SOURCE);
  blocker.lift([...blocker.list.values()], "by hand");
  await blocker.rules.ended();
  assert.deepEqual(
    blocker.rules.left.map(({ block: left }) => formatPrefix(left.source)),
    [SOURCE],
  );
  // A command that fails shuts nobody out: what stayed still stays.
  delegate.backend = undefined;
  await respond();
  assert.equal(blocker.rules.left.length, 1);
  delegate.backend = killRoute;
  await respond();
  assert.deepEqual([blocker.rules.left, blocker.list.size], [[], 1]);
});
