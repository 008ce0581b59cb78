// Without a daemon. `unblock --all` lets everybody in for good. The package is removed: routes and lines in hosts.deny that were to end after a day are undone by the script that prerm
// runs, with the daemon stopped; and what cannot be undone is named.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { blockedInKernel } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";

const leave = join(import.meta.dirname, "../../src/enforce/leave.js");
const scanner = source(5);

test("with the daemon stopped its stored blocks' routes and lines in hosts.deny are taken out, and nothing of ours is left", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const stage = new Stage(join(lab.folder, "stage"));
  stage.write("etc/hosts.deny", "# ours\nsshd: 198.51.100.7\n");
  const commands = { KILL_ROUTE: "ip route add blackhole $TARGET$", KILL_HOSTS_DENY: "ALL: $TARGET$" };
  const daemon = await Daemon.start(lab, { ...harsh, ...commands }, [], stage);
  await sendPackets(
    lab,
    families.map((family) => syn({ from: scanner[family], to: TARGET[family], port: 2001 })),
  );
  for (const family of families) await daemon.waitForBlock(scanner.key[family]);
  const routes = async () =>
    (await lab.target.mustRun(["ip", "route", "show"])) + (await lab.target.mustRun(["ip", "-6", "route", "show"]));
  assert.match(await routes(), /^blackhole/m);
  assert.match(stage.read("etc/hosts.deny"), new RegExp(`^ALL: ${scanner.ipv4}`, "m"));
  await daemon.stop();
  assert.match(await routes(), /^blackhole/m, "a daemon that stops leaves them");

  const script =
    "for (const line of await (await import(process.argv[1])).leaveHost(process.argv[2])) console.log(line)";
  const run = () =>
    stage.mustRun(lab.target, [process.execPath, "--input-type=module", "-e", script, leave, daemon.file]);
  assert.equal(await run(), "routes and lines in /etc/hosts.deny of 2 sources are taken out\n");
  assert.doesNotMatch(await routes(), /^blackhole/m);
  assert.equal(stage.read("etc/hosts.deny"), "# ours\nsshd: 198.51.100.7\n");
  assert.equal(stage.read("etc/.hosts.deny.portreeve.lock"), "");
  assert.doesNotMatch(await stage.mustRun(lab.target, ["ls", "-A", "/etc"]), /portreeve\.lock/);

  // A block keeps what made it: of this command nobody knows how to undo it.
  daemon.configure({ ...harsh, KILL_ROUTE: "/sbin/ip rule add from $TARGET$ blackhole" });
  await daemon.restart();
  const other = source(6).ipv4;
  await sendPackets(lab, [syn({ from: other, to: TARGET.ipv4, port: 2001 })]);
  await daemon.waitForBlock(other);
  await daemon.stop();
  const left = await run();
  assert.match(left, /^these are left, and nobody will end them: take them out by hand$/m);
  assert.match(left, new RegExp(`^${other}: .* UNKILL_ROUTE is not set`, "m"));
});

for (const killRoute of ["", "/sbin/ip rule add from $TARGET$ blackhole"]) {
  const how = killRoute === "" ? "the built-in table" : killRoute;
  const isUndone = !killRoute.includes("rule");
  test(`the daemon is killed, blocks by ${how} stand, and unblock --all lets them go, over the next start too`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const settings = { ...harsh, FIREWALL: "auto", ...(killRoute !== "" && { KILL_ROUTE: killRoute }) };
    const daemon = await Daemon.start(lab, settings);
    await sendPackets(lab, [syn({ from: scanner.ipv4, to: TARGET.ipv4, port: 2001 })]);
    await daemon.waitForBlock(scanner.ipv4);
    assert.equal((await daemon.cli(["block", "198.51.100.64/28", "--for", "1h"])).code, 0);
    const unblockAll = () => lab.target.run(daemon.argvOf(["unblock", "--all"]));
    await daemon.kill();
    const { code, stdout, stderr } = await unblockAll();
    const stays = `portreeve: the rule of ${scanner.ipv4} stays: `;
    assert.deepEqual([code, stderr.startsWith(isUndone ? "" : stays)], [isUndone ? 0 : 1, true], stderr);
    assert.deepEqual(stdout.match(/^unblocked .*$/gm)?.sort(), [
      `unblocked 198.51.100.64/28`,
      `unblocked ${scanner.ipv4}`,
    ]);
    assert.match(stdout, /^the kernel's sets of blocks are empty now$/m);
    const standing = async () => [
      ...(await blockedInKernel(lab)),
      ...(await lab.target.mustRun(["nft", "list", "set", "inet", "portreeve", "blockednet4"])).matchAll(
        /198\.51\.100\.64/g,
      ),
      ...(await lab.target.mustRun(["ip", "route", "show", "type", "blackhole"]))
        .split("\n")
        .filter((line) => line !== ""),
    ];
    assert.deepEqual(await standing(), []);
    assert.deepEqual((await unblockAll()).stdout, "no source was blocked\n");
    await daemon.restart();
    assert.deepEqual([await daemon.blocked(), await standing()], [[], []]);
    const isNamed = (await daemon.status()).warnings.some((text) => text.includes(scanner.ipv4));
    assert.equal(isNamed, !isUndone);
  });
}

test("unblock --all by another socket does nothing while a daemon runs on the same STATE_DIR", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, harsh);
  await sendPackets(lab, [syn({ from: scanner.ipv4, to: TARGET.ipv4, port: 2001 })]);
  await daemon.waitForBlock(scanner.ipv4);
  daemon.configure({ ...harsh, CONTROL_SOCKET: join(lab.folder, "other.sock") });
  const { code, stderr } = await lab.target.run(daemon.argvOf(["unblock", "--all"]));
  assert.equal(code, 69);
  assert.match(stderr, /^portreeve: not unblocked: another Portreeve is running on /);
  assert.deepEqual(await blockedInKernel(lab), [scanner.ipv4]);
});
