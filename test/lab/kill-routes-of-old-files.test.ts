// KILL_ROUTEs as guides and old files have them, by the daemon with the real programs: a list of commands of which one fails, a
// command that changes while blocks stand, and one that nobody can undo.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

const IPTABLES = "/usr/sbin/iptables-nft";
const BLACKHOLE = "/sbin/ip route add blackhole $TARGET$";
const DROP = `${IPTABLES} -I INPUT -s $TARGET$ -j DROP`;
const LOG = `${IPTABLES} -I INPUT -s $TARGET$ -m limit --limit 3/minute --limit-burst 5 -j LOG --log-prefix 'Portsentry: dropping: '`;
const [A, B] = [source(1), source(2)];

async function setUp(t: TestContext, killRoute: string) {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const settings = (command: string): Settings => ({ ...harsh, FIREWALL: "auto", KILL_ROUTE: command });
  const daemon = await Daemon.start(lab, settings(killRoute));
  const scan = (from: typeof A, port: number) => sendPackets(lab, [syn({ from: from.ipv4, to: TARGET.ipv4, port })]);
  const rules = async () => (await lab.target.mustRun([IPTABLES, "-S", "INPUT"])).match(/^-A .*$/gm) ?? [];
  const routes = async () =>
    (await lab.target.mustRun(["ip", "route", "show", "type", "blackhole"])).match(/\S+\.\S+/g) ?? [];
  const listed = async () => (await daemon.blocked()).map(({ source: text }) => text).sort();
  return { lab, daemon, settings, scan, rules, routes, listed };
}

test("the DROP half of a list stands and its LOG half is refused: one rule, one listed block, and both end together", async (t) => {
  const { daemon, scan, rules, listed } = await setUp(t, `${DROP} && ${LOG} --log-level DEBUG`);
  await scan(A, 2000);
  await daemon.waitForBlock(A.ipv4);
  assert.deepEqual(await rules(), [`-A INPUT -s ${A.ipv4}/32 -j DROP`]);
  for (let port = 2001; port < 2009; port++) await scan(A, port);
  await scan(B, 2000);
  await daemon.waitForBlock(B.ipv4);
  assert.equal((await rules()).length, 2, "further scans add no rule");
  await daemon.unblock("--all");
  assert.deepEqual([await listed(), await rules()], [[], []]);
});

test("both halves of a list work, and both are undone", async (t) => {
  const { daemon, scan, rules } = await setUp(t, `${DROP} && ${LOG} --log-level debug`);
  await scan(A, 2000);
  await daemon.waitForBlock(A.ipv4);
  assert.equal((await rules()).length, 2);
  await daemon.unblock(A.ipv4);
  assert.deepEqual(await rules(), []);
});

for (const how of ["a reload", "a restart"] as const) {
  test(`KILL_ROUTE is changed by ${how} while blocks stand: each ends as it was made`, async (t) => {
    const { daemon, settings, scan, rules, routes, listed } = await setUp(t, BLACKHOLE);
    await scan(A, 2000);
    await daemon.waitForBlock(A.ipv4);
    assert.deepEqual(await routes(), [A.ipv4]);
    daemon.configure(settings(DROP));
    const from = daemon.lines.length;
    if (how === "a reload") {
      daemon.signal("SIGHUP");
      await daemon.waitForLine(/reload: .* is in force/, from);
    } else {
      await daemon.stop();
      await daemon.restart();
    }
    await scan(B, 2000);
    await daemon.waitForBlock(B.ipv4);
    assert.deepEqual(await listed(), [A.ipv4, B.ipv4]);
    assert.deepEqual([await routes(), await rules()], [[A.ipv4], [`-A INPUT -s ${B.ipv4}/32 -j DROP`]]);
    assert.ok(!daemon.lines.some((line) => /removed by hand|another program/.test(line)), daemon.lines.join("\n"));
    await daemon.unblock("--all");
    assert.deepEqual([await listed(), await routes(), await rules()], [[], [], []]);
  });
}

test("a command that nobody can undo: unblock says that the rule stays and fails; status and check name it, also after a restart, until it is said to be gone", async (t) => {
  const { lab, daemon, scan } = await setUp(t, "/sbin/ip rule add from $TARGET$ blackhole");
  await scan(A, 2000);
  await daemon.waitForBlock(A.ipv4);
  const { code, stdout, stderr } = await daemon.cli(["unblock", A.ipv4]);
  assert.equal(code, 1, stdout);
  assert.match(`${stdout}${stderr}`, /stays/);
  assert.match(await lab.target.mustRun(["ip", "rule", "show"]), new RegExp(`from ${A.ipv4} blackhole`));
  const remedy = `say so: portreeve unblock ${A.ipv4} --rule-gone`;
  assert.ok(stderr.includes(remedy), stderr);
  const isNamed = async () => (await daemon.status()).warnings.some((text) => text.includes(A.ipv4));
  await waitUntil("status names it", isNamed);
  await daemon.stop();
  await daemon.restart();
  assert.ok(await isNamed(), "forgotten by the restart");
  assert.ok((await daemon.cli(["check"])).stdout.includes(`the last ${A.ipv4}: `));
  assert.equal((await daemon.cli(["unblock", A.ipv4])).code, 1, "it is tried again, and stays");
  await lab.target.mustRun(["ip", "rule", "del", "from", A.ipv4, "blackhole"]);
  const gone = await daemon.cli(["unblock", A.ipv4, "--rule-gone"]);
  assert.deepEqual([gone.code, gone.stdout], [0, `forgotten: the rule of ${A.ipv4}\n`]);
  assert.equal((await daemon.cli(["unblock", A.ipv4, "--rule-gone"])).code, 1, "there is none any more");
  await daemon.stop();
  await daemon.restart();
  assert.equal(await isNamed(), false);
});

test("KILL_RUN_CMD may take longer than ten seconds, and nothing waits for it", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const done = join(lab.folder, "done");
  const script = join(lab.folder, "notify.sh");
  writeFileSync(script, `#!/bin/sh\nsleep 11\necho "$1 $2" >${done}\n`);
  const command = `/bin/sh ${script} $TARGET$ $PORT$`;
  const daemon = await Daemon.start(lab, { ...harsh, BLOCK_TCP: "2", BLOCK_UDP: "2", KILL_RUN_CMD: command });
  await sendPackets(lab, [syn({ from: A.ipv4, to: TARGET.ipv4, port: 2000 })]);
  await waitUntil("the command ends", () => existsSync(done), 60_000);
  assert.equal(readFileSync(done, "utf8"), `${A.ipv4} 2000\n`);
  assert.ok(!daemon.lines.some((line) => /timed out|Could not block/.test(line)), daemon.lines.join("\n"));
});

test("without CAP_NET_ADMIN, where the ring takes the place of the table, status says what cannot be done", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...harsh, FIREWALL: "auto", PROOF: "on" });
  await daemon.stop();
  const argv = ["setpriv", "--bounding-set", "-net_admin", ...daemon.argvOf(["run"]), "--log", "stdout"];
  const running = lab.spawn(lab.target, argv);
  t.after(() => running.stop("SIGTERM"));
  await running.waitForLine(/is now active and listening/);
  const { capture, warnings } = await daemon.status();
  assert.equal(capture, "ring");
  assert.deepEqual(warnings, [
    "BLOCK_TCP and BLOCK_UDP ask for blocks and CAPTURE has taken the packet ring: no source is held or blocked, because the ring has no nftables table and neither KILL_ROUTE nor KILL_HOSTS_DENY is set",
  ]);
});
