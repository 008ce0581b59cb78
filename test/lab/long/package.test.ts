// The .deb installed into a clean Debian 12 and 13 with apt-get, used, upgraded to from PortSentry 1.2, and purged.
// Needs the Debian mirror. Takes a minute and a half, and two more the first time (debootstrap).
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPackage, DebianRoot, needDebianPackages, repository } from "../support/debian-root.ts";
import { mustRun, run } from "../support/exec.ts";

const folder = mkdtempSync(join(tmpdir(), "portreeve-package-"));
let file = "";
const init = "/etc/init.d/portsentry";
/** Of 1.2, which is in the background before it is ready. */
const untilItRuns = "until pidof portsentry >/dev/null; do sleep 0.1; done; echo runs";

before(async () => {
  file = await buildPackage(folder);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("lintian finds no error", async () => {
  await needDebianPackages(["lintian"]);
  const { stdout } = await run(["lintian", "--fail-on", "none", file], "", 300_000);
  assert.deepEqual(
    stdout.split("\n").filter((line) => /^[EW]:/.test(line)),
    [],
  );
});

for (const suite of ["bookworm", "trixie"]) {
  test(`${suite}: install, use, purge`, async (t) => {
    const debian = await DebianRoot.make(suite);
    t.after(() => debian.close());
    await debian.apt("update");
    const said = await debian.apt("install", "--no-install-recommends", await debian.take(file));
    assert.match(said, /NOTHING IS BLOCKED until you configure it/);
    assert.match(debian.read("etc/default/portsentry"), /^TCP_MODE="atcp"\nUDP_MODE="audp"$/m);
    await useIt(debian);
    await startIt(debian);
    await debian.sh("touch /etc/.hosts.deny.portreeve.lock");
    assert.doesNotMatch(await debian.apt("purge", "portreeve"), /Error|Node\.js v/);
    const left = await debian.sh("find / -xdev -name '*port[rs]e[en]*' -not -path '/proc/*' -not -path '/var/log/*'");
    assert.deepEqual(
      left.stdout.split("\n").filter((path) => path !== "" && !path.startsWith("/tmp/")),
      [],
    );
  });
}

async function useIt(debian: DebianRoot): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  assert.equal((await debian.sh("portreeve --version")).stdout, `portreeve ${version}\n`);
  const usage = await debian.sh("portsentry");
  assert.match(usage.stdout, /^PortSentry - Port Scan Detector\./);
  assert.equal(usage.code, 255);
  const check = await debian.sh("portreeve check");
  assert.equal(check.code, 0, check.stderr);
  assert.match(check.stdout, /is logged only/);
  const added = await debian.sh(
    "/usr/lib/portsentry/portsentry-add-ip 192.0.2.7 && /usr/lib/portsentry/portsentry-build-ignore-file && " +
      "cat /etc/portsentry/portsentry.ignore",
  );
  assert.match(added.stdout, /^192\.0\.2\.7$/m);
}

/** What the init script prints, word for word as PortSentry's (walkthrough steps 2 and 7), and what it starts. */
async function startIt(debian: DebianRoot): Promise<void> {
  const stopped = "Stopping anti portscan daemon: portsentry.\n";
  const started = "Starting anti portscan daemon: portsentry in atcp & audp mode.\n";
  const session = await debian.sh(
    `${init} stop && ${init} start && ${init} status && portreeve status --json && ${init} restart && ${init} force-reload && ${init} stop; ` +
      `${init} status; echo "status $?"`,
  );
  assert.equal(session.stderr, "");
  const lines = session.stdout.replace(/^\{[\s\S]*^\}\n|^\{.*\}\n/m, "{}\n");
  const again = `${stopped}${started}`;
  const end = `${stopped}portsentry is not running.\nstatus 3\n`;
  assert.equal(lines, `${stopped}${started}portsentry is running.\n{}\n${again}${again}${end}`);

  const shipped = debian.read("etc/default/portsentry");
  const starting = "Starting anti portscan daemon: ";
  const inModes = async (tcp: string, udp: string) => {
    debian.write("etc/default/portsentry", `TCP_MODE="${tcp}"\nUDP_MODE="${udp}"\n`);
    const { stdout, code } = await debian.sh(`${init} start`);
    return { stdout, code };
  };
  const none = "Not starting anti portscan daemon (no modes in /etc/default/portsentry).\n";
  assert.deepEqual(await inModes("", ""), { stdout: none, code: 0 });
  assert.deepEqual(await inModes("stcp", ""), { stdout: `${starting}portsentry in stcp mode.\n`, code: 0 });
  assert.deepEqual(await inModes("", "sudp"), { stdout: `${starting}portsentry in sudp mode.\n`, code: 0 });
  assert.deepEqual(await inModes("xtcp", "udp"), { stdout: `${starting}xtcp is not a valid mode.\n`, code: 1 });
  debian.write("etc/default/portsentry", shipped);

  await debian.sh("rm /etc/default/portsentry");
  const missing = await debian.sh(`${init} start && ${init} status; ${init} stop >/dev/null`);
  assert.equal(missing.stdout, `${starting}portsentry in atcp & audp mode.\nportsentry is running.\n`);
  assert.match(missing.stderr, /^\/etc\/default\/portsentry is missing: the modes are atcp and audp/);
  debian.write("etc/default/portsentry", shipped);

  const conf = debian.read("etc/portsentry/portsentry.conf");
  debian.write("etc/portsentry/portsentry.conf", `${conf}BLOCK_TPC="1"\n`);
  const wrong = await debian.sh(`${init} start`);
  assert.equal(wrong.stdout, `${starting}failed.\n`);
  assert.match(wrong.stderr, /portsentry\.conf:\d+: error: .*BLOCK_TPC/);
  assert.equal(wrong.code, 1);
  debian.write("etc/portsentry/portsentry.conf", conf);
}

test("bookworm: an installed PortSentry 1.2 is replaced, and its administrator's files stay", async (t) => {
  const debian = await DebianRoot.make("bookworm");
  t.after(() => debian.close());
  await debian.apt("update");
  await debian.apt("install", "--no-install-recommends", "portsentry");
  const conf = debian.read("etc/portsentry/portsentry.conf").replace('BLOCK_TCP="0"', 'BLOCK_TCP="1"');
  assert.match(conf, /^BLOCK_TCP="1"$/m);
  debian.write("etc/portsentry/portsentry.conf", conf);
  const ignored = `${debian.read("etc/portsentry/portsentry.ignore.static")}192.0.2.10 # office\n`;
  debian.write("etc/portsentry/portsentry.ignore.static", ignored);
  debian.write("etc/default/portsentry", 'TCP_MODE="stcp"\nUDP_MODE=""\n');
  debian.write("var/lib/portsentry/portsentry.history", "1795340071 - an old line\n");
  const said = await debian.apt("install", "--no-install-recommends", await debian.take(file));
  assert.match(said, /scanners are blocked or answered/);
  assert.equal(debian.read("etc/portsentry/portsentry.conf"), conf);
  assert.equal(debian.read("etc/portsentry/portsentry.ignore.static"), ignored);
  assert.match(debian.read("etc/portsentry/portsentry.ignore"), /^192\.0\.2\.10/m);
  assert.equal(debian.read("etc/default/portsentry"), 'TCP_MODE="stcp"\nUDP_MODE=""\n');
  assert.equal(debian.read("var/lib/portsentry/portsentry.history"), "1795340071 - an old line\n");
  assert.match(debian.read(init), /Portreeve/);
  const status = await mustRun(["chroot", debian.path, "dpkg-query", "-s", "portsentry"]);
  assert.match(status, /^Status: deinstall ok config-files$/m);
  const started = await debian.sh(`${init} start`);
  assert.equal(started.stdout, "Starting anti portscan daemon: portsentry in stcp mode.\n", started.stderr);
});

test("bookworm: the way back: PortSentry 1.2 replaces it and starts, and a purge afterwards takes nothing of 1.2's", async (t) => {
  const debian = await DebianRoot.make("bookworm");
  t.after(() => debian.close());
  await debian.apt("update");
  await debian.apt("install", "--no-install-recommends", await debian.take(file));
  await debian.apt("remove", "portreeve");
  const removed = await debian.sh(`${init} status; echo "status $?"; ${init} start; echo "start $?"`);
  const sentence =
    "portsentry is not running: the package portreeve, to which /etc/init.d/portsentry belongs, is not installed.\n";
  assert.equal(removed.stdout, `${sentence}status 3\n${sentence}start 0\n`);

  await debian.apt("install", await debian.take(file));
  const said = await debian.apt("install", "--no-install-recommends", "portsentry");
  assert.doesNotMatch(said, /rror/);
  assert.ok(!debian.exists("etc/systemd/system/portsentry.service"), "it is not masked");
  const started = `Starting anti portscan daemon: portsentry in atcp & audp mode.\n`;
  const session = await debian.sh(`${init} start; ${untilItRuns}`);
  assert.equal(session.stdout, `${started}runs\n`, session.stderr);
  await debian.apt("purge", "portreeve");
  for (const path of [
    "etc/default/portsentry",
    "etc/portsentry/portsentry.conf",
    "etc/portsentry/portsentry.ignore.static",
  ])
    assert.ok(debian.exists(path), path);
  assert.match((await debian.sh("ls /etc/rc2.d")).stdout, /^S\d\dportsentry$/m);
  assert.deepEqual((await debian.sh("ls -A /var/lib/portsentry | grep -v blocked")).stdout, "");
  const again = await debian.sh(`${init} start; ${untilItRuns}`);
  assert.equal(again.stdout, `${started}runs\n`, again.stderr);
});
