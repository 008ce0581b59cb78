// Blocks that are the administrator's own rules (KILL_ROUTE, with a line in hosts.deny): the sensor lets the source's
// packets through to the rule, which counts them; when the rule is gone the block is lifted; unblock and the end of
// BLOCK_TIME take it away; a restart leaves it as it is; and what a command did not do is never called a block.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type Source, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { type OwnRule, ownRules } from "./support/own-rules.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = 8000;
/** A hold lasts so long; within it an unblock by hand has to be noticed. */
const NOTICED_MS = 5_000;
/** BLOCK_TIME where its end is waited for. */
const SHORT_SECONDS = 4;
const settings: Settings = {
  ...harsh,
  TCP_MODE: "atcp",
  ADVANCED_PORTS_TCP: "1024",
  FIREWALL: "auto",
  KILL_HOSTS_DENY: "ALL: $TARGET$ : DENY",
};

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly stage: Stage;
  readonly rule: OwnRule;
}

async function setUp(t: TestContext, more: Settings, prepare?: (lab: Lab) => Promise<void>) {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await prepare?.(lab);
  const stage = new Stage(join(lab.folder, "stage"));
  stage.clear();
  const daemon = await Daemon.start(lab, { ...settings, ...more }, [], stage);
  await serve(lab, lab.target, { tcp: [SERVED] });
  return { lab, daemon, stage };
}

async function probe(
  { lab, rule }: Pick<Scene, "lab" | "rule">,
  from: Source,
  ports: readonly number[],
): Promise<void> {
  const [name, to] = [from[rule.family], TARGET[rule.family]];
  await sendPackets(
    lab,
    ports.map((port) => syn({ from: name, to, port })),
  );
}

/** One probe, and the block with rule and line that comes of it. */
async function getBlocked(scene: Scene, from: Source): Promise<void> {
  const { lab, daemon, stage, rule } = scene;
  const key = from.key[rule.family];
  await probe(scene, from, [23]);
  const { enforced, backend } = await daemon.waitForBlock(key);
  assert.deepEqual([enforced, backend], [true, "kill-route"]);
  assert.equal(await rule.copies(lab, key), 1);
  assert.deepEqual(deniedIn(stage, from, rule), [`ALL: ${denied(key)} : DENY`]);
}

/** How hosts.deny names it: an IPv6 block in brackets (hosts_access(5)). */
function denied(key: string): string {
  return key.includes(":") ? `[${key.split("/")[0]}]${key.includes("/") ? `/${key.split("/")[1]}` : ""}` : key;
}

function deniedIn(stage: Stage, from: Source, rule: OwnRule): readonly string[] {
  const lines = stage.read("/etc/hosts.deny").split("\n");
  return lines.filter((line) => line.includes(denied(from.key[rule.family])));
}

async function isListed({ daemon, rule }: Scene, from: Source): Promise<boolean> {
  return (await daemon.blocked()).some((entry) => entry.source === from.key[rule.family]);
}

/** Neither listed, nor a rule, nor a line, and it can connect. */
async function assertWelcome(scene: Scene, from: Source): Promise<void> {
  const { lab, stage, rule } = scene;
  const [key, name] = [from.key[rule.family], from[rule.family]];
  await waitUntil(`${key} is not listed`, async () => !(await isListed(scene, from)));
  await waitUntil(`no rule for ${key}`, async () => (await rule.copies(lab, key)) === 0);
  await waitUntil(`no line for ${key}`, () => deniedIn(stage, from, rule).length === 0);
  const how = { from: name, to: TARGET[rule.family], port: SERVED, timeout: NOTICED_MS };
  assert.equal((await visit(lab.scanner, how)).opened, 1);
}

// Most of the time is waited for ends of blocks and of processes: several labs at a time.
describe("a block that is the administrator's own rule", { concurrency: 3 }, () => {
  for (const rule of ownRules) {
    test(rule.name, async (t) => {
      const scene: Scene = { ...(await setUp(t, { KILL_ROUTE: rule.killRoute }, rule.prepare)), rule };
      await t.test("counts 5 of 5 packets", () => counts(scene, source(21)));
      await t.test("taken away by hand: lifted within the hold time", () => removedByHand(scene, source(21)));
      await t.test("unblock takes it away", () => unblocked(scene, source(22)));
      await t.test("a restart leaves it as it is", () => restarted(scene, source(23)));
      await t.test("taken away while the daemon was down: an unblock", () => removedMeanwhile(scene, source(24)));
      await t.test("BLOCK_TIME takes it away", () => expired(scene, source(25)));
      await t.test("so it does when it ends while the daemon is down", () => expiredMeanwhile(scene, source(26)));
    });
  }
});

async function counts(scene: Scene, from: Source): Promise<void> {
  const { lab, rule } = scene;
  const key = from.key[rule.family];
  await getBlocked(scene, from);
  const before = await rule.counted(lab, key);
  await probe(scene, from, [24, 25, 26, 27, 28]);
  await waitUntil("5 packets counted", async () => (await rule.counted(lab, key)) - before >= 5);
  assert.equal((await rule.counted(lab, key)) - before, 5);
  assert.equal(await rule.copies(lab, key), 1, "one rule, however much it scans");
}

async function removedByHand(scene: Scene, from: Source): Promise<void> {
  const { lab, rule } = scene;
  await rule.remove(lab, from.key[rule.family]);
  await waitUntil("the block is lifted", async () => !(await isListed(scene, from)), NOTICED_MS);
  await assertWelcome(scene, from);
}

async function unblocked(scene: Scene, from: Source): Promise<void> {
  await getBlocked(scene, from);
  await scene.daemon.unblock(from.key[scene.rule.family]);
  await assertWelcome(scene, from);
}

async function restarted(scene: Scene, from: Source): Promise<void> {
  const { lab, daemon, stage, rule } = scene;
  const key = from.key[rule.family];
  await getBlocked(scene, from);
  assert.equal(await daemon.stop(), 0);
  assert.equal(await rule.copies(lab, key), 1, "it stands without the daemon");
  await daemon.restart();
  await daemon.waitForBlock(key);
  const before = await rule.counted(lab, key);
  await probe(scene, from, [24, 25, 26, 27, 28]);
  await waitUntil("5 packets counted", async () => (await rule.counted(lab, key)) - before >= 5);
  assert.equal((await daemon.blocked()).filter((entry) => entry.source === key).length, 1);
  assert.equal(await rule.copies(lab, key), 1);
  assert.equal(deniedIn(stage, from, rule).length, 1);
}

async function removedMeanwhile(scene: Scene, from: Source): Promise<void> {
  const { lab, daemon, rule } = scene;
  await getBlocked(scene, from);
  await daemon.stop();
  await rule.remove(lab, from.key[rule.family]);
  await daemon.restart();
  await assertWelcome(scene, from);
}

async function expired(scene: Scene, from: Source): Promise<void> {
  const { lab, daemon, rule } = scene;
  const key = from.key[rule.family];
  const said = daemon.lines.length;
  daemon.configure({ ...settings, KILL_ROUTE: rule.killRoute, BLOCK_TIME: `${SHORT_SECONDS}s` });
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/is in force/, said);
  await probe(scene, from, [23]);
  await daemon.waitForLine(new RegExp(`Host ${key} has been blocked via dropped route`), said);
  assert.equal(await rule.copies(lab, key), 1);
  await daemon.waitForLine(new RegExp(`Host ${key} has been unblocked \\(expired\\)`), said);
  await assertWelcome(scene, from);
}

/** With the BLOCK_TIME of before. */
async function expiredMeanwhile(scene: Scene, from: Source): Promise<void> {
  const { lab, daemon, rule } = scene;
  const key = from.key[rule.family];
  const said = daemon.lines.length;
  await probe(scene, from, [23]);
  await daemon.waitForLine(new RegExp(`Host ${key} has been blocked via dropped route`), said);
  const end = Date.now() + 1000 * SHORT_SECONDS;
  await daemon.stop();
  assert.equal(await rule.copies(lab, key), 1, "the daemon was stopped in time");
  await waitUntil("BLOCK_TIME has passed", () => Date.now() > end);
  await daemon.restart();
  await assertWelcome(scene, from);
}

/** Commands that do not shut anybody out, and what is said of each. */
const failing: readonly (readonly [killRoute: string, why: RegExp])[] = [
  ["/bin/false $TARGET$", /exit code 1/],
  ["/nowhere/iptables -I INPUT -s $TARGET$ -j DROP", /ENOENT|not found|no such/i],
  ["/sbin/iptables -I NOWHERE -s $TARGET$ -j DROP", /exit code \d+/],
];

describe("a command that fails", { concurrency: 3 }, () => {
  for (const [killRoute, why] of failing) {
    test(`${killRoute}: reported, and never called a block`, async (t) => {
      const scene = await setUp(t, { KILL_ROUTE: killRoute, KILL_HOSTS_DENY: "" });
      const { lab, daemon } = scene;
      const from = source(31);
      await sendPackets(lab, [syn({ from: from.ipv4, to: TARGET.ipv4, port: 23 })]);
      await waitUntil("the failure is recorded", async () =>
        (await daemon.eventsOf(from.ipv4)).some(
          ({ action, message = "" }) => action === "block-failed" && why.test(message),
        ),
      );
      await daemon.waitForLine(new RegExp(`${why.source}.*`, why.flags));
      assert.deepEqual(await daemon.blocked(), []);
      assert.deepEqual(
        (await daemon.eventsOf(from.ipv4)).filter(({ type }) => type === "block"),
        [],
      );
      assert.ok(!daemon.lines.some((line) => /has been blocked/.test(line)), daemon.lines.join("\n"));
    });
  }
});
