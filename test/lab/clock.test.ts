// A wall clock that is set, forward or back, by hand, by NTP or by the resume of a virtual machine: blocks keep the time
// that they have left, list and kernel go on agreeing, and every command answers.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { run } from "./support/exec.ts";
import { blockedInKernel, setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { waitFor, waitUntil } from "./support/wait.ts";
import { WallClock } from "./support/wall-clock.ts";

const HOUR = 3_600;
/** What reading takes on a busy machine. */
const TOLERANCE_MS = 10_000;
const [LONG, SHORT, LATER] = [source(1).ipv4, source(2).ipv4, source(3).ipv4];
const NETWORK = "192.0.2.128/28";

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly clock: WallClock;
  /** When the long block ends, in real time. */
  readonly endMs: number;
}

async function begin(t: TestContext): Promise<Scene> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const clock = await WallClock.fetch(lab);
  const daemon = await Daemon.start(lab, harsh, [], clock);
  for (const target of [LONG, NETWORK]) assert.equal((await daemon.cli(["block", target, "--for", "1h"])).code, 0);
  const endMs = Date.now() + HOUR * 1000;
  return { lab, daemon, clock, endMs };
}

/** The long blocks are in the list and in the kernel, until the time that they were given, as the wall clock shows it. */
async function assertLongBlocks({ lab, daemon, clock, endMs }: Scene): Promise<void> {
  const listed = await daemon.blocked();
  for (const target of [LONG, NETWORK]) {
    const block = listed.find(({ source: text }) => text === target);
    assert.ok(block?.enforced === true, `${target} is listed`);
    const leftMs = Date.parse(block.until ?? "") - clock.nowMs();
    assert.ok(Math.abs(leftMs - (endMs - Date.now())) < TOLERANCE_MS, `${target} has ${leftMs} ms left`);
  }
  assert.ok((await blockedInKernel(lab)).includes(LONG));
  assert.equal((await setElements(lab, "blockednet4"))?.length, 1);
  const left = await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "blocked4"]);
  const expires = new RegExp(`${LONG} [^,}]*expires (?:(\\d+)m)?(?:(\\d+)s)?`).exec(left);
  const leftMs = 60_000 * Number(expires?.[1] ?? 0) + 1_000 * Number(expires?.[2] ?? 0);
  assert.ok(Math.abs(leftMs - (endMs - Date.now())) < TOLERANCE_MS, `the kernel: ${leftMs} ms left`);
  assert.match((await daemon.cli(["why", LONG, "--json"])).stdout, /"state": ?"blocked"/);
  const printed = await run(clock.enter(daemon.argvOf(["blocked"])));
  assert.match(printed.stdout, new RegExp(`${LONG}.*5[89]m`), "for a person too");
}

async function assertStatus({ daemon }: Scene): Promise<number> {
  const { uptimeSeconds } = await daemon.status();
  assert.ok(uptimeSeconds >= 0 && uptimeSeconds < 600, `up for ${uptimeSeconds} s`);
  return uptimeSeconds;
}

for (const [name, stepSeconds] of [
  ["forward by two hours", 2 * HOUR],
  ["back by an hour", -HOUR],
  ["back behind everything that is stored", -50 * 365 * 24 * HOUR],
] as const) {
  test(`the wall clock is set ${name}: nothing ends early or late, before and after a restart`, async (t) => {
    const scene = await begin(t);
    const { lab, daemon, clock } = scene;
    const before = await assertStatus(scene);
    assert.equal((await daemon.cli(["block", SHORT, "--for", "5s"])).code, 0);
    clock.set(stepSeconds);
    await daemon.waitForLine(/the wall clock was set \d+ s/);
    await assertLongBlocks(scene);
    assert.ok((await assertStatus(scene)) >= before);
    // The kernel ends it, and so does the list.
    await waitUntil("the kernel has ended the short block", async () => !(await blockedInKernel(lab)).includes(SHORT));
    await daemon.waitForLine(new RegExp(`Host ${SHORT} has been unblocked \\(expired\\)`));
    const ended = await waitFor("its event", async () =>
      (await daemon.eventsOf(SHORT)).find(({ type }) => type === "unblock"),
    );
    assert.ok(Math.abs(Date.parse(ended.time) - clock.nowMs()) < TOLERANCE_MS, `event at ${ended.time}`);
    assert.equal(await daemon.stop(), 0);
    await daemon.restart();
    await assertLongBlocks(scene);
    // Set while nobody was there to see it.
    await daemon.kill();
    clock.set(0);
    await daemon.restart();
    await assertLongBlocks(scene);
    await assertStatus(scene);
    await daemon.unblock(LONG);
    await daemon.unblock(NETWORK);
    assert.deepEqual(await blockedInKernel(lab), []);
    assert.deepEqual(await setElements(lab, "blockednet4"), []);
  });
}

test("sources are found and blocked as before after the wall clock was set", async (t) => {
  const { lab, daemon, clock } = await begin(t);
  for (const stepSeconds of [-HOUR, 2 * HOUR]) {
    clock.set(stepSeconds);
    const from = stepSeconds < 0 ? SHORT : LATER;
    await sendPackets(lab, [syn({ from, to: TARGET.ipv4, port: 2000 })]);
    const block = await daemon.waitForBlock(from);
    assert.ok(Math.abs(Date.parse(block.since) - clock.nowMs()) < TOLERANCE_MS, `since ${block.since}`);
    assert.ok((await blockedInKernel(lab)).includes(from));
  }
  await waitUntil("both history lines are written", () => daemon.history().length === 2);
});
