import assert from "node:assert/strict";
import { test } from "node:test";
import { confirmTrial, tickTrial } from "../../src/answer/trial-steps.ts";
import type { Change } from "../../src/daemon/in-force.ts";
import { Blocker } from "../../src/enforce/blocker.ts";
import { breakerLimits } from "../../src/enforce/claims.ts";
import { Trial } from "../../src/enforce/trial.ts";
import { Breaker } from "../../src/judge/breaker.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import { load, settingsOf } from "../config/support.ts";
import { FakeDetector, FakeFirewall, FakeJudge, FakeRecorder, FakeStore, verdictOn } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1_700_000_000_000;
const CONF = `BLOCK_TCP="1"\nBLOCK_UDP="1"\nBLOCK_TIME="1h"\nSOFT_BLOCK_TIME="2m"\n`;
const KILL_ROUTE = 'KILL_ROUTE="/sbin/ip route add blackhole $TARGET$"\n';

/** A blocker on a trial of five minutes, with one clock for both. */
function setUp(conf = CONF) {
  const clock = { ms: START };
  const file = settingsOf(load(conf));
  const trial = new Trial(5 * MINUTE, () => clock.ms);
  const parts = {
    firewall: new FakeFirewall(),
    store: new FakeStore(),
    recorder: new FakeRecorder(),
    detector: new FakeDetector(),
    judge: new FakeJudge(),
    offences: new OffenceMemory({ memoryMs: file.blockTimeMaxMs, seed: { k0: 1, k1: 2 } }),
    trial,
    nowMs: () => clock.ms,
    breaker: new Breaker(() => breakerLimits(file), Math.random),
  };
  const blocker = new Blocker(trial.apply(file), parts);
  const daemon = {
    settings: trial.apply(file),
    blocker,
    recorder: { warning: (text: string) => parts.recorder.warning(text), notice: () => undefined },
    inForce: {
      apply({ settings = file }: Change) {
        daemon.settings = settings;
        blocker.setSettings(settings);
      },
    },
  };
  const verdict = (action: "soft" | "block", from: string) => verdictOn(from, action, clock.ms);
  /** Runs both ticks each second for so long. */
  const pass = (milliseconds: number) => {
    for (const endMs = clock.ms + milliseconds; clock.ms < endMs; ) {
      clock.ms += 1_000;
      tickTrial(trial, daemon);
      blocker.tick();
    }
  };
  return { ...parts, clock, file, blocker, daemon, verdict, pass };
}

test("no block that is made on trial outlasts it, in list, kernel or store", () => {
  const { blocker, firewall, store, verdict, pass } = setUp();
  pass(MINUTE);
  blocker.carryOut([verdict("block", "192.0.2.1"), verdict("soft", "192.0.2.2")]);
  blocker.blockByHand(prefix("192.0.2.3"), 0, "by hand");
  const end = START + 5 * MINUTE;
  assert.deepEqual(
    [...blocker.list.values()].map(({ untilMs }) => untilMs),
    [end, START + 3 * MINUTE, end],
  );
  assert.deepEqual([...firewall.kernel.values()], [end, START + 3 * MINUTE, end]);
  assert.deepEqual(
    [...store.rows.values()].map(({ untilMs }) => untilMs),
    [end, START + 3 * MINUTE, end],
  );
});

test("it warns once a minute before the end, lifts its own blocks once, and then only logs", () => {
  const { blocker, firewall, recorder, daemon, verdict, pass } = setUp();
  const older = block("192.0.2.9", { untilMs: START + 9 * HOUR });
  blocker.list.put(older);
  firewall.enforce([older], START);
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  recorder.take();
  pass(4 * MINUTE - 1_000);
  assert.deepEqual(recorder.take(), []);
  pass(1_000);
  assert.deepEqual(recorder.take(), [
    'warning the trial ends in 60 s: 1 block will be lifted, and scans only logged, unless "portreeve confirm" comes before',
  ]);
  pass(MINUTE + 5_000);
  const said = recorder.take();
  assert.equal(said[0], "unblocked 192.0.2.1 the trial is over");
  assert.match(
    said[1] ?? "",
    /^warning the trial is over and was not confirmed: 1 block lifted; scans are only logged/,
  );
  assert.equal(said.length, 2);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.9"]);
  assert.deepEqual([daemon.settings.tcp.block, daemon.settings.udp.block], [false, false]);
  blocker.carryOut([verdict("block", "192.0.2.1"), verdict("soft", "192.0.2.2")]);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.9"]);
});

test("confirmed in time: its blocks get their own time, and nothing happens at the end", () => {
  const { blocker, firewall, store, recorder, daemon, trial, verdict, pass, file } = setUp();
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  blocker.blockByHand(prefix("192.0.2.3"), 0, "by hand");
  recorder.take();
  pass(4 * MINUTE + 30_000);
  assert.deepEqual(confirmTrial(trial, daemon), { ok: { inTime: true, kept: 2 } });
  assert.deepEqual([...firewall.kernel.values()], [START + HOUR, undefined]);
  assert.deepEqual(
    [...store.rows.values()].map(({ untilMs }) => untilMs),
    [START + HOUR, undefined],
  );
  assert.deepEqual(daemon.settings, file);
  recorder.take();
  pass(10 * MINUTE);
  assert.deepEqual(recorder.take(), []);
  assert.equal(firewall.kernel.size, 2);
  assert.deepEqual(confirmTrial(trial, daemon), { ok: { inTime: true, kept: 0 } });
});

test("confirmed after its end: what was lifted stays so, and blocking is on again", () => {
  const { blocker, firewall, daemon, trial, verdict, pass } = setUp();
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  pass(6 * MINUTE);
  assert.deepEqual(confirmTrial(trial, daemon), { ok: { inTime: false, kept: 0 } });
  assert.equal(firewall.kernel.size, 0);
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  assert.equal(firewall.kernel.size, 1);
  assert.equal(daemon.settings.tcp.block, true);
});

test("a block that the kernel does not lengthen is said to end with the trial", () => {
  const { blocker, firewall, recorder, daemon, trial, verdict } = setUp();
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  recorder.take();
  firewall.refusals.set("192.0.2.1", "ENFILE");
  assert.deepEqual(confirmTrial(trial, daemon), { ok: { inTime: true, kept: 0 } });
  assert.deepEqual(recorder.take(), ["warning 192.0.2.1 ends with the trial, though it was confirmed: ENFILE"]);
});

test("a block from before is neither shortened nor lifted when its source is blocked again", () => {
  const { blocker, firewall, verdict, pass } = setUp();
  const older = block("192.0.2.1", { untilMs: START + 9 * HOUR });
  blocker.list.put(older);
  firewall.enforce([older], START);
  blocker.carryOut([verdict("block", "192.0.2.1")]);
  pass(6 * MINUTE);
  assert.equal(firewall.kernel.get("full 192.0.2.1"), START + 9 * HOUR);
});

test("a soft block is renewed until the trial's end, not beyond", () => {
  const { blocker, firewall, detector, clock, verdict, pass } = setUp();
  blocker.carryOut([verdict("soft", "192.0.2.2")]);
  for (let minute = 0; minute < 4; minute++) {
    pass(MINUTE);
    detector.lastSeen.set("192.0.2.2", clock.ms);
  }
  pass(MINUTE - 5_000);
  assert.equal(firewall.kernel.get("soft 192.0.2.2"), START + 5 * MINUTE);
  pass(10_000);
  assert.equal(blocker.list.size, 0);
});

test("commands are not run on trial: the table blocks in their place, and only where they would have blocked", () => {
  const { trial, file } = setUp(`${CONF}${KILL_ROUTE}`);
  assert.equal(file.firewall, "auto");
  assert.equal(trial.apply(file).firewall, "nftables");
  assert.equal(trial.mayRun, false);
  assert.match(trial.startLines(file).at(-1) ?? "", /KILL_ROUTE.*not run until it is confirmed/);
  trial.confirm();
  assert.deepEqual([trial.apply(file), trial.mayRun], [file, true]);
  const plain = setUp(`${CONF}FIREWALL="none"\n`);
  assert.equal(plain.trial.apply(plain.file).firewall, "none");
  assert.equal(plain.trial.startLines(plain.file).length, 2);
});

test("a trial in its phases: what status warns of, what a reload makes of the file, what is kept of the allow list", () => {
  const { trial, clock, file, daemon } = setUp();
  clock.ms += 30_500;
  assert.match(trial.troubles().join(), /^TRIAL: ends in 270 s;/);
  clock.ms += HOUR;
  assert.equal(trial.limitMs(7), 7);
  assert.equal(trial.tick(), "end");
  assert.match(trial.troubles().join(), /^TRIAL: over and not confirmed/);
  assert.equal(trial.apply(file).tcp.block, false);
  const ignored = [prefix("192.0.2.0/24")];
  assert.deepEqual(trial.current({ ...daemon.settings, ignored }).ignored, ignored);
  assert.equal(trial.limitMs(7), undefined);
  trial.confirm();
  assert.deepEqual(trial.troubles(), []);
});

test("a short trial warns half way, and nobody can confirm what is no trial", () => {
  const clock = { ms: 0 };
  const trial = new Trial(20_000, () => clock.ms);
  clock.ms = 9_999;
  assert.equal(trial.tick(), undefined);
  clock.ms = 10_000;
  assert.equal(trial.tick(), "warn");
  assert.equal(trial.tick(), undefined);
  const { daemon } = setUp();
  const answer = confirmTrial(undefined, daemon);
  assert.equal("refused" in answer && answer.refused.code, "no-trial");
});

test("whom a replaced PortSentry had blocked stays blocked when the trial is over: the trial has not made that block", () => {
  const { blocker, pass } = setUp('BLOCK_TCP="1"\nBLOCK_TIME="0"\n');
  pass(MINUTE);
  assert.equal(blocker.importOld([{ source: prefix("192.0.2.1"), protocol: 6 }]), 1);
  const { untilMs, afterTrial } = blocker.list.get(prefix("192.0.2.1")) ?? assert.fail();
  assert.deepEqual([untilMs, afterTrial, [...blocker.list.onTrial()]], [undefined, undefined, []]);
});

test("a proven gateway is said to be blocked while the trial runs, and nothing is said of it when it is over", () => {
  const { blocker, recorder, verdict, pass } = setUp();
  const { finding } = verdict("block", "192.0.2.1");
  const proven = { action: "block", grade: "silence", guard: "gateway", finding } as const;
  const warnings = () => recorder.take().filter((text) => text.includes("is proven to scan"));
  blocker.carryOut([proven]);
  assert.match(warnings().join(), /^warning 192\.0\.2\.1, .* and is blocked/);
  pass(6 * MINUTE);
  blocker.carryOut([proven]);
  assert.match(warnings().join(), /^warning 192\.0\.2\.1, .* and is not blocked/);
});

test("wider networks are blocked while the trial runs, and end with it; when it is over none is", () => {
  const { blocker, pass } = setUp();
  const network = prefix("2001:db8:7::/56");
  assert.equal(blocker.blockWider(network, "silence", "three of its networks are blocked"), "");
  assert.equal([...blocker.list.onTrial()].length, 1);
  pass(6 * MINUTE);
  assert.equal(blocker.list.size, 0);
  assert.equal(blocker.blockWider(network, "silence", "three of its networks are blocked"), "nothing is blocked now");
  assert.equal(blocker.list.size, 0);
});
