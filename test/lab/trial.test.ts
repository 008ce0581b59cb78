// Nobody shuts himself out: the source of the caller's own SSH session is blocked with --force only, and what
// `run --trial` blocks is let go by itself, by the daemon or, when that was killed, by the kernel.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { run } from "./support/exec.ts";
import { blockedInKernel } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

const TRIAL = "20s";
/** The trial, and what a loaded machine may add to it. */
const OVER_MS = 45_000;
const before = source(1);
const scanner = source(2);
const later = source(3);

async function setUp(t: TestContext, settings: Settings = harsh): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  return { lab, daemon: await Daemon.start(lab, settings) };
}

async function getBlocked(lab: Lab, daemon: Daemon, from: typeof scanner): Promise<void> {
  await sendPackets(
    lab,
    families.map((family) => syn({ from: from[family], to: TARGET[family], port: 2000 })),
  );
  for (const family of families) await daemon.waitForBlock(from.key[family]);
}

const keys = (...of: readonly (typeof scanner)[]) =>
  of.flatMap(({ key }) => families.map((family) => key[family])).sort();
const inKernel = async (lab: Lab) => [...(await blockedInKernel(lab))].sort();

/** A block from before, and a daemon on trial that has made one more. */
async function onTrial(t: TestContext): Promise<{ lab: Lab; daemon: Daemon }> {
  const { lab, daemon } = await setUp(t);
  await getBlocked(lab, daemon, before);
  assert.equal(await daemon.stop(), 0);
  await daemon.restart(["--trial", TRIAL]);
  await getBlocked(lab, daemon, scanner);
  assert.deepEqual(await inKernel(lab), keys(before, scanner));
  return { lab, daemon };
}

test("a trial that nobody confirms: its blocks are lifted, older ones stay, and then it only logs", async (t) => {
  const { lab, daemon } = await onTrial(t);
  await daemon.waitForLine(/Trial: in 20s every block made from now on is lifted/);
  assert.match((await daemon.status()).warnings.join(), /TRIAL: ends in \d+ s/);
  await daemon.waitForLine(/the trial ends in \d+ s: 2 blocks will be lifted/);
  await waitUntil("the trial is over", async () => (await inKernel(lab)).length === 2, OVER_MS);
  await daemon.waitForLine(/the trial is over and was not confirmed: 2 blocks lifted/);
  assert.deepEqual(await inKernel(lab), keys(before));
  assert.deepEqual((await daemon.blocked()).map((entry) => entry.source).sort(), keys(before));

  await sendPackets(lab, [syn({ from: later.ipv4, to: TARGET.ipv4, port: 2000 })]);
  await waitUntil("it is logged", async () =>
    (await daemon.eventsOf(later.ipv4)).some(({ action }) => action === "log"),
  );
  assert.deepEqual(await inKernel(lab), keys(before));

  const { stdout } = await daemon.cli(["confirm"]);
  assert.match(stdout, /the trial was over/);
  await getBlocked(lab, daemon, later);
  assert.deepEqual(await inKernel(lab), keys(before, later));
});

test("a daemon that is killed on trial: the kernel lets its blocks go, and the next one does not bring them back", async (t) => {
  const { lab, daemon } = await onTrial(t);
  await daemon.kill();
  await waitUntil("the kernel has ended them", async () => (await inKernel(lab)).length === 2, OVER_MS);
  assert.deepEqual(await inKernel(lab), keys(before));
  await daemon.restart();
  assert.deepEqual((await daemon.blocked()).map((entry) => entry.source).sort(), keys(before));
});

test("a confirmed trial: its blocks stay until their own time", async (t) => {
  const { lab, daemon } = await onTrial(t);
  const { code, stdout } = await daemon.cli(["confirm", "--json"]);
  assert.deepEqual([code, JSON.parse(stdout)], [0, { inTime: true, kept: 2 }]);
  const entry = await daemon.waitForBlock(scanner.ipv4);
  const lastsMs = Date.parse(entry.until ?? "") - Date.parse(entry.since);
  assert.equal(lastsMs, 3_600_000);
  const elements = await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "blocked4"]);
  assert.match(elements, new RegExp(`${scanner.ipv4} timeout (1h|59m)`));
});

test("blocks by commands wait for the confirmation: the table blocks meanwhile", async (t) => {
  const killRoute = "/sbin/ip route add blackhole $TARGET$";
  const { lab, daemon } = await setUp(t, { ...harsh, FIREWALL: "auto", KILL_ROUTE: killRoute });
  await daemon.stop();
  await daemon.restart(["--trial", "5m"]);
  await getBlocked(lab, daemon, scanner);
  const routes = () => lab.target.mustRun(["ip", "route", "show", "type", "blackhole"]);
  assert.equal(await routes(), "");
  assert.deepEqual(await inKernel(lab), keys(scanner));
  await daemon.cli(["confirm"]);
  await sendPackets(lab, [syn({ from: later.ipv4, to: TARGET.ipv4, port: 2000 })]);
  await waitUntil("the command is run", async () => (await routes()).includes(later.ipv4));
  assert.deepEqual(await inKernel(lab), keys(scanner));
});

test("without a trial there is nothing to confirm", async (t) => {
  const { daemon } = await setUp(t);
  const { code, stderr } = await daemon.cli(["confirm"]);
  assert.equal(code, 1);
  assert.match(stderr, /not on trial/);
});

/** `portreeve block` as somebody who is logged in over SSH, with or without what sudo drops. */
function blockAs(daemon: Daemon, client: string, how: "environment" | "through sudo", args: readonly string[]) {
  const [node = "", program = "", ...rest] = daemon.argvOf(["block", ...args]);
  const connection = `SSH_CONNECTION=${client} 50022 ${TARGET.ipv4} 22`;
  if (how === "environment") return run(["env", connection, node, program, ...rest]);
  // The shell above has the variable, the command itself has not. "; :" keeps the shell from becoming the command.
  const script = 'env -u SSH_CONNECTION "$@"; code=$?; :; exit $code';
  return run(["env", connection, "sh", "-c", script, "sh", node, program, ...rest]);
}

test("the caller's own SSH source is blocked with --force only, by any prefix that holds it", async (t) => {
  const { lab, daemon } = await setUp(t);
  const [six] = later.key.ipv6.split("/");
  const cases = [
    [later.ipv4, later.ipv4],
    [later.ipv4, "203.0.113.0/24"],
    [`${six}5`, later.key.ipv6],
    [`${six}5`, `${six}5`],
  ] as const;
  for (const [client, target] of cases) {
    for (const how of ["environment", "through sudo"] as const) {
      const { code, stderr } = await blockAs(daemon, client, how, [target]);
      assert.equal(code, 1, `${target} ${how}`);
      assert.match(stderr, /you are logged in from .*your own session; use --force/, `${target} ${how}`);
    }
  }
  assert.deepEqual(await inKernel(lab), []);
  assert.equal((await blockAs(daemon, later.ipv4, "environment", [scanner.ipv4])).code, 0);
  assert.equal((await blockAs(daemon, later.ipv4, "through sudo", [later.ipv4, "--force"])).code, 0);
  assert.deepEqual(await inKernel(lab), [scanner.ipv4, later.ipv4].sort());
});
