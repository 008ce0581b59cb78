// The unit under a real systemd (systemd-nspawn), in its sandbox: what PortSentry's users put into KILL_ROUTE and KILL_RUN_CMD
// works in it, what docs/reference/sandbox.md says it keeps out fails in it. Needs the Debian mirror; takes about a minute.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPackage, DebianRoot, needDebianPackages } from "../support/debian-root.ts";
import { mustRun, type Outcome, Running, run } from "../support/exec.ts";
import { waitFor } from "../support/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "portreeve-sandbox-"));
const probe = "/usr/local/sbin/probe";
let debian: DebianRoot | undefined;
let machine: Running | undefined;
let leader = "";

const works: Readonly<Record<string, string>> = {
  iptables: "iptables -I INPUT -s 192.0.2.1 -j DROP && iptables -D INPUT -s 192.0.2.1 -j DROP",
  "iptables-legacy": "iptables-legacy -I INPUT -s 192.0.2.1 -j DROP",
  ip6tables: "ip6tables -I INPUT -s 2001:db8::1 -j DROP",
  "a blackhole route": "ip route add blackhole 192.0.2.2 && ip route del blackhole 192.0.2.2",
  nft: "nft add table ip probe",
  "replacing /etc/hosts.deny": "echo x >/etc/hosts.deny.new && mv /etc/hosts.deny.new /etc/hosts.deny",
  "a log of one's own": "echo x >>/var/log/portsentry.log",
  "2.x's blocked file": "echo x >>/tmp/portsentry.blocked",
  mail: "echo hello | mail -s test root",
  su: "su -s /bin/sh nobody -c true",
  logger: "logger hello",
  "portsentry-add-ip": "/usr/lib/portsentry/portsentry-add-ip 192.0.2.77",
  "a script in /root": "/root/script",
  "a packet socket (CAPTURE)": "perl -MSocket -e 'socket(S,17,SOCK_RAW,0) or die'",
  "a low port": "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Listen=>1,LocalPort=>79) or die'",
};
const keptOut: Readonly<Record<string, string>> = {
  "a unit": "echo x >/etc/systemd/system/x.service",
  "a cron job": "echo x >/etc/cron.d/x",
  "a program": "echo x >/usr/local/bin/x",
  "a boot file": "echo x >/boot/x",
  "root's home": "echo x >/root/x",
  "the accounts": "echo x >>/etc/shadow",
  "dpkg's data": "echo x >/var/lib/dpkg/x",
  "a kernel setting": "echo 1 >/proc/sys/net/ipv4/ip_forward",
  "a mount": "mount -t tmpfs tmpfs /mnt",
  "a namespace": "unshare -m true",
};

before(async () => {
  const file = await buildPackage(folder);
  await needDebianPackages(["systemd-container"]);
  debian = await DebianRoot.make("bookworm");
  await debian.apt("update");
  const more = [
    "systemd",
    "systemd-sysv",
    "iptables",
    "nftables",
    "iproute2",
    "bsd-mailx",
    "exim4-daemon-light",
    "cron",
  ];
  await debian.apt("install", "--no-install-recommends", await debian.take(file), ...more);
  debian.write("root/script", "#!/bin/sh\nexit 0\n");
  debian.write(probe, '#!/bin/sh\nexec /bin/sh -c "$(cat /etc/probe)"\n');
  await mustRun(["chroot", debian.path, "chmod", "755", "/root/script", probe]);
  // The unit's own sandbox around a probe.
  const unit = debian.read("usr/lib/systemd/system/portsentry.service");
  const sandbox = unit.replace(/^(Exec|Type|Notify|Watchdog|Restart|Runtime|KillMode).*\n/gm, "");
  const service = sandbox.replace("[Service]\n", `[Service]\nType=oneshot\nExecStart=${probe}\n`);
  debian.write("etc/systemd/system/probe.service", service);
  await mustRun(["rm", join(debian.path, "usr/sbin/policy-rc.d")]);
  const nspawn = ["systemd-nspawn", "--quiet", "-D", debian.path, "--boot", "--private-network"];
  machine = new Running([...nspawn, "--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3"]);
  const own = machine.pid;
  leader = await waitFor("the machine's first process", async () => {
    // By its name: before it there is a helper of systemd-nspawn's.
    const pid = (await run(["pgrep", "-P", String(own), "-x", "systemd"])).stdout.trim();
    return pid === "" ? undefined : pid;
  });
  const up = /^(running|degraded)/;
  await waitFor(
    "the machine is up",
    async () => up.test((await inside("systemctl is-system-running")).stdout) || undefined,
    120_000,
  );
});
after(async () => {
  if (leader !== "") await inside("systemctl poweroff --force --force");
  await machine?.stop("SIGKILL");
  debian?.close();
  rmSync(folder, { recursive: true, force: true });
});

function inside(script: string): Promise<Outcome> {
  return run(["nsenter", "-t", leader, "-a", "/bin/sh", "-c", script]);
}

test("the unit starts in its sandbox, says that it is ready, reloads, and stops", async () => {
  assert.equal((await inside("systemctl is-active portsentry portreeve")).stdout, "active\nactive\n");
  const status = await inside("portreeve status --json");
  assert.equal(status.code, 0, status.stderr);
  const shown = (await inside("systemctl show -P StatusText -P Type -P NRestarts portsentry")).stdout;
  assert.match(shown, /active and listening/);
  assert.equal((await inside("systemctl reload portsentry")).code, 0);
  const stopped = await inside("/etc/init.d/portsentry stop");
  assert.equal(stopped.stdout, "Stopping anti portscan daemon: portsentry.\n");
  assert.match((await inside("systemctl is-active portsentry")).stdout, /^inactive/);
  const started = await inside("/etc/init.d/portsentry start");
  assert.equal(started.stdout, "Starting anti portscan daemon: portsentry in atcp & audp mode.\n");
});

test("no modes: the unit is not started, and has not failed", async () => {
  await inside('systemctl stop portsentry; printf \'TCP_MODE=""\\nUDP_MODE=""\\n\' >/etc/default/portsentry');
  assert.equal((await inside("systemctl start portsentry")).code, 0);
  assert.match((await inside("systemctl is-active portsentry")).stdout, /^inactive/);
  await saidInJournal(/not started: no modes in \/etc\/default\/portsentry/);
  await inside("cp /usr/share/portreeve/default /etc/default/portsentry");
});

test("no /etc/default/portsentry, as after the old package's purge: the unit starts in the modes of a new installation, and says so", async () => {
  await inside("rm /etc/default/portsentry");
  assert.equal((await inside("systemctl restart portsentry")).code, 0);
  assert.equal((await inside("systemctl is-active portsentry")).stdout, "active\n");
  await saidInJournal(/\/etc\/default\/portsentry is missing: the modes are atcp and audp/);
  await inside("cp /usr/share/portreeve/default /etc/default/portsentry");
});

test("CONTROL_GROUP in the sandbox: a member reads through /run/portreeve and changes nothing", async () => {
  await inside("groupadd --system operators; useradd -G operators alice; useradd bob");
  await inside("echo 'CONTROL_GROUP=\"operators\"' >>/etc/portsentry/portsentry.conf; systemctl restart portsentry");
  const as = (user: string, command: string) => inside(`su -s /bin/sh ${user} -c 'portreeve ${command}'`);
  assert.equal((await as("alice", "blocked")).code, 0);
  assert.equal((await as("alice", "block 192.0.2.7")).code, 77);
  assert.equal((await as("bob", "blocked")).code, 77);
  assert.equal((await inside("portreeve block 192.0.2.7 && portreeve unblock 192.0.2.7")).code, 0);
});

async function saidInJournal(text: RegExp): Promise<void> {
  const said = async () => (await inside("journalctl -u portsentry -o cat --no-pager")).stdout;
  await waitFor(`${text} in the journal`, async () => text.test(await said()) || undefined);
}

async function inSandbox(command: string): Promise<Outcome> {
  debian?.write("etc/probe", `${command}\n`);
  return inside("systemctl start probe.service || { journalctl -u probe -o cat -n 5 --no-pager >&2; false; }");
}

for (const [what, command] of Object.entries(works)) {
  test(`in the sandbox: ${what} works`, async () => {
    const { code, stderr } = await inSandbox(command);
    assert.equal(code, 0, stderr);
  });
}

for (const [what, command] of Object.entries(keptOut)) {
  test(`in the sandbox: ${what} is kept out`, async () => {
    assert.notEqual((await inSandbox(command)).code, 0);
    // Were it impossible outside as well, its failing would say nothing of the sandbox.
    assert.equal((await inside(command)).code, 0);
  });
}
