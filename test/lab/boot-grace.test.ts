// BOOT_GRACE: counted from the boot by the host's uptime, whenever a reload changes it. It never takes the traps away from a
// host that has been up for longer, its countdown runs, and at its end the traps are on again.
import assert from "node:assert/strict";
import { uptime } from "node:os";
import { type TestContext, test } from "node:test";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { nmap, portsReportedOpen } from "./support/scan.ts";
import { harsh } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

const SERVED = [81, 120, 177];

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly upSeconds: () => number;
}

/** A daemon in a time namespace in which the host has been up for so long. */
async function begin(t: TestContext, startSeconds: number): Promise<Scene> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: SERVED });
  const offset = Math.round(startSeconds - uptime());
  const stage = { enter: (argv: readonly string[]) => ["unshare", "-T", "--boottime", `${offset}`, ...argv] };
  const daemon = await Daemon.start(lab, { ...harsh, BOOT_GRACE: "1s" }, [], stage);
  return { lab, daemon, upSeconds: () => uptime() + offset };
}

async function reload(daemon: Daemon, bootGrace: string): Promise<void> {
  const from = daemon.lines.length;
  daemon.configure({ ...harsh, BOOT_GRACE: bootGrace });
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/reload: .* is in force/, from);
}

/** How long `status` says that no port is a trap; undefined when it says nothing of the kind. */
async function graceSeconds(daemon: Daemon): Promise<number | undefined> {
  const said = (await daemon.status()).warnings.find((warning) => warning.startsWith("BOOT_GRACE"));
  return said === undefined ? undefined : Number(/another (\d+) s$/.exec(said)?.[1] ?? Number.NaN);
}

test("raised by a reload on a host that has been up for longer, it takes no trap away", async (t) => {
  const { lab, daemon, upSeconds } = await begin(t, 60);
  // Longer than when the daemon was started: what it knew of the uptime then does not count.
  await waitUntil("the host has been up for 66 s", () => upSeconds() >= 66);
  await reload(daemon, "65s");
  assert.equal(await graceSeconds(daemon), undefined);
  // In order, so that closed ports come first.
  const scan = { family: "ipv4", source: source(1), options: ["-sS", "-T4", "-r", "-p", "1-200"] } as const;
  assert.deepEqual(portsReportedOpen((await nmap(lab, scan)).stdout), []);
  await daemon.waitForBlock(source(1).ipv4);
  assert.ok((await daemon.status()).blocked === 1);
});

test("raised above the host's uptime it begins again, its countdown runs, and then the traps are on", async (t) => {
  const { lab, daemon } = await begin(t, 60);
  const probe = (number: number) => sendPackets(lab, [syn({ from: source(number).ipv4, to: TARGET.ipv4, port: 2000 })]);
  await reload(daemon, "75s");
  const left = await graceSeconds(daemon);
  assert.ok(left !== undefined && left > 0 && left <= 15, `${left} s left`);
  await probe(1);
  const seen = await waitFor("the probe is on record", async () => (await daemon.eventsOf(source(1).ipv4))[0]);
  assert.equal(seen.action, "logged");
  assert.deepEqual(await daemon.blocked(), []);
  await waitUntil("the countdown runs", async () => ((await graceSeconds(daemon)) ?? 0) < left);
  await waitUntil("it ends", async () => (await graceSeconds(daemon)) === undefined, 30_000);
  // The rules follow within a second: until then a probe is logged and no more.
  let number = 2;
  await waitUntil("a probe blocks again", async () => {
    await probe(number++);
    return (await daemon.blocked()).length > 0;
  });
  assert.ok(!(await daemon.blocked()).some(({ source: text }) => text === source(1).ipv4));
});
