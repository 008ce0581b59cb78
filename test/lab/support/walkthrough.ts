// The administrator's walkthrough, word for word: the steps of a widely read hosting guide, typed into a system in which
// the package is installed, with the real nmap, iptables and fail2ban. Which system it is, the callers say.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { z } from "zod";
import { LINK, type Source, source, TARGET } from "./addresses.ts";
import { blockedSchema } from "./contract.ts";
import type { Running } from "./exec.ts";
import { Fail2ban } from "./fail2ban.ts";
import type { Lab } from "./lab.ts";
import { PortsentryLog } from "./portsentry-log.ts";
import type { Root } from "./root.ts";
import { nmap } from "./scan.ts";
import { serve, visit } from "./traffic.ts";
import { waitUntil } from "./wait.ts";

export interface Walk {
  readonly lab: Lab;
  readonly root: Root;
  /** portreeve_*.deb */
  readonly deb: string;
  /** fail2ban, and what it needs in that system. */
  readonly fail2ban: readonly string[];
}

const CONF = "/etc/portsentry/portsentry.conf";
const KILL_ROUTE = "/sbin/iptables -I INPUT -s $TARGET$ -j DROP";
const PORTS = "1-60";
/** A service of the host, above the ports that are watched. */
const SERVED = 8000;
/** How long a source stays on hold, and within which an unblock has to be noticed. */
const HOLD_MS = 5_000;
/** With PROOF="on", as shipped, a scanner is blocked when it has proven itself: some seconds of scanning. */
const BLOCKED_MS = 30_000;
const SCANNER = source(5);
const CLASSIC_SCANNER = source(6);
const WRAPPED_SCANNER = source(7);
const BANNED_SCANNER = source(8);
const EXCEPTED = source(9);
const MONITORING = { cidr: "203.0.113.128/28", host: source(130) };

export async function walk(t: TestContext, { lab, root, deb, fail2ban }: Walk): Promise<void> {
  const syslog = await PortsentryLog.open(lab, root);
  await serve(lab, lab.target, { tcp: [SERVED] });
  const step = (name: string, body: () => Promise<void>) => t.test(name, body);
  await step("1. installation", () => install(root, deb));
  await step("2. stop", () => stop(root));
  await step("3. exceptions", () => except(root));
  await step("4. modes", () => setModes(root, "atcp", "audp"));
  await step("5. BLOCK_UDP, BLOCK_TCP", () => setBlock(root));
  await step("6. KILL_ROUTE", () => setKillRoute(root));
  await step("7. start", () => start(root, syslog, "atcp & audp"));
  await step("8. a scan, in syslog", () => scanned(lab, root, syslog));
  await step("9. iptables counts its packets", () => counted(root));
  await step("10. iptables -D lifts the block", () => lifted(lab, root));
  await step("11. exceptions are never blocked", () => spared(lab, root, syslog));
  await step("2.-8. the same in the classic modes", () => classic(lab, root, syslog));
  await step("8. classic modes: later probes, with the wrappers alone", () => wrapped(lab, root, syslog));
  await step("12. fail2ban beside it", () => banned(lab, root, fail2ban));
}

async function install(root: Root, deb: string): Promise<void> {
  copyFileSync(deb, root.path(join("/root", basename(deb))));
  const said = await root.mustShell("cd /root && apt-get install -y ./portreeve_*.deb");
  assert.match(said, /nothing is blocked until you configure it/i);
  assert.equal(await root.mustShell("command -v portsentry"), "/usr/sbin/portsentry\n");
}

async function stop(root: Root): Promise<void> {
  assert.equal(await root.mustRun(["/etc/init.d/portsentry", "stop"]), "Stopping anti portscan daemon: portsentry.\n");
}

async function except(root: Root): Promise<void> {
  const file = "/etc/portsentry/portsentry.ignore.static";
  root.write(file, `${root.read(file)}${EXCEPTED.ipv4}\n${EXCEPTED.ipv6}\n${MONITORING.cidr}\n`);
}

async function setModes(root: Root, tcp: string, udp: string): Promise<void> {
  const file = "/etc/default/portsentry";
  await root.mustRun(["sed", "-i", `s/^TCP_MODE=.*/TCP_MODE="${tcp}"/; s/^UDP_MODE=.*/UDP_MODE="${udp}"/`, file]);
  assert.deepEqual(root.read(file).match(/^[A-Z].*$/gm), [`TCP_MODE="${tcp}"`, `UDP_MODE="${udp}"`]);
}

async function setBlock(root: Root): Promise<void> {
  assert.deepEqual(root.read(CONF).match(/^BLOCK_.*$/gm), ['BLOCK_TCP="0"', 'BLOCK_UDP="0"']);
  await root.mustRun(["sed", "-i", 's/^BLOCK_UDP="0"/BLOCK_UDP="1"/; s/^BLOCK_TCP="0"/BLOCK_TCP="1"/', CONF]);
  assert.deepEqual(root.read(CONF).match(/^BLOCK_.*$/gm), ['BLOCK_TCP="1"', 'BLOCK_UDP="1"']);
}

async function setKillRoute(root: Root): Promise<void> {
  await root.mustRun(["sed", "-i", `s|^#\\(KILL_ROUTE="${KILL_ROUTE.replaceAll("$", "\\$")}"\\)|\\1|`, CONF]);
  const shown = await root.mustShell('cd /etc/portsentry && cat portsentry.conf | grep KILL_ROUTE | grep -v "#"');
  assert.equal(shown, `KILL_ROUTE="${KILL_ROUTE}"\n`);
  assert.ok((root.read(CONF).match(/^#KILL_ROUTE=/gm) ?? []).length >= 4, "the usual alternatives, as comments");
}

async function start(root: Root, syslog: PortsentryLog, modes: string): Promise<void> {
  const from = syslog.count;
  assert.equal(
    await root.mustRun(["/etc/init.d/portsentry", "start"]),
    `Starting anti portscan daemon: portsentry in ${modes} mode.\n`,
  );
  await syslog.waitFor(/^adminalert: PortSentry is now active and listening\.\n?$/, from);
  const ignored = root.read("/etc/portsentry/portsentry.ignore").split("\n");
  for (const entry of [EXCEPTED.ipv4, EXCEPTED.ipv6, MONITORING.cidr, TARGET.ipv4, TARGET.ipv6]) {
    assert.ok(
      ignored.some((line) => line.split("/")[0] === entry.split("/")[0]),
      `${entry} in portsentry.ignore`,
    );
  }
}

/** A plain nmap, which goes on for long against a host that is silent from some moment on. */
function startScan(lab: Lab, { ipv4 }: Source): Running {
  return lab.spawn(lab.scanner, ["nmap", "-Pn", "-n", "-sS", "-S", ipv4, "-e", LINK, TARGET.ipv4]);
}

/** What nmap's scan in one of the modes has to leave behind. */
async function assertBlocked(root: Root, syslog: PortsentryLog, { ipv4 }: Source, how: RegExp): Promise<void> {
  await syslog.waitFor(new RegExp(`^attackalert: ${how.source} from host: ${ipv4}/${ipv4} to TCP port: \\d+$`));
  await syslog.waitForText(
    `attackalert: Host ${ipv4} has been blocked via wrappers with string: "ALL: ${ipv4} : DENY"`,
  );
  const command = KILL_ROUTE.replace("$TARGET$", ipv4);
  await syslog.waitForText(`attackalert: Host ${ipv4} has been blocked via dropped route using command: "${command}"`);
  assert.deepEqual(
    root
      .read("/etc/hosts.deny")
      .split("\n")
      .filter((line) => line.includes(ipv4)),
    [`ALL: ${ipv4} : DENY`],
  );
}

async function scanned(lab: Lab, root: Root, syslog: PortsentryLog): Promise<void> {
  const scan = startScan(lab, SCANNER);
  await assertBlocked(root, syslog, SCANNER, /TCP SYN\/Normal scan/);
  await scan.stop();
  await nmap(lab, { family: "ipv4", source: SCANNER, options: ["-sS", "-p", PORTS] });
  const { ipv4 } = SCANNER;
  await syslog.waitForText(`attackalert: Host: ${ipv4}/${ipv4} is already blocked Ignoring`);
  const { opened } = await visit(lab.scanner, { from: ipv4, to: TARGET.ipv4, port: SERVED, timeout: 1500 });
  assert.equal(opened, 0, "it does not reach a service any more");
}

async function counted(root: Root): Promise<void> {
  const rule = new RegExp(
    `^ *(\\d+) +\\d+[KMG]? +DROP +(?:all|0) +-- +\\* +\\* +${SCANNER.ipv4} +0\\.0\\.0\\.0/0 *$`,
    "gm",
  );
  const listed = await root.mustRun(["iptables", "-L", "-n", "-v"]);
  const rules = [...listed.matchAll(rule)];
  assert.equal(rules.length, 1, listed);
  // The second scan came when the rule was there: it has counted all of it.
  assert.ok(Number(rules[0]?.[1]) >= 60, listed);
}

async function isEnforced(root: Root, { ipv4 }: Source): Promise<boolean> {
  const entries = z.array(blockedSchema).parse(JSON.parse(await root.mustRun(["portreeve", "blocked", "--json"])));
  return entries.some((entry) => entry.source === ipv4 && entry.enforced);
}

async function lifted(lab: Lab, root: Root): Promise<void> {
  assert.equal(await isEnforced(root, SCANNER), true);
  await root.mustRun(["iptables", "-D", "INPUT", "-s", SCANNER.ipv4, "-j", "DROP"]);
  const how = { from: SCANNER.ipv4, to: TARGET.ipv4, port: SERVED, timeout: HOLD_MS };
  assert.equal((await visit(lab.scanner, how)).opened, 1, "connects again within the hold time");
  await waitUntil("no longer listed as enforced", async () => !(await isEnforced(root, SCANNER)), HOLD_MS);
  await waitUntil("gone from hosts.deny", () => !root.read("/etc/hosts.deny").includes(SCANNER.ipv4));
}

async function spared(lab: Lab, root: Root, syslog: PortsentryLog): Promise<void> {
  for (const excepted of [EXCEPTED, MONITORING.host]) {
    for (const kind of ["-sS", "-sT", "-sF", "-sX", "-sN"]) {
      await nmap(lab, { family: "ipv4", source: excepted, options: [kind, "-p", PORTS, "--max-rtt-timeout", "100ms"] });
    }
    await nmap(lab, { family: "ipv4", source: excepted, options: ["-sU", "-p", "1-20", "--max-rtt-timeout", "100ms"] });
    const how = { from: excepted.ipv4, to: TARGET.ipv4, port: SERVED, timeout: HOLD_MS };
    assert.equal((await visit(lab.scanner, how)).opened, 1);
  }
  await provoke(lab, root, SCANNER);
  const said = syslog.texts().filter((text) => text.includes("has been blocked"));
  const outcome = [root.read("/etc/hosts.deny"), await root.mustRun(["iptables", "-S"]), ...said].join("\n");
  for (const { ipv4 } of [EXCEPTED, MONITORING.host]) assert.ok(!new RegExp(`\\b${ipv4}\\b`).test(outcome), outcome);
}

/** Another scan, of a source that is blocked for it: what came before has been judged then. Its block is lifted. */
async function provoke(lab: Lab, root: Root, from: Source): Promise<void> {
  const scan = startScan(lab, from);
  await waitUntil(`${from.ipv4} is blocked`, () => isEnforced(root, from), BLOCKED_MS);
  await scan.stop();
  await root.mustRun(["portreeve", "unblock", from.ipv4]);
}

async function classic(lab: Lab, root: Root, syslog: PortsentryLog): Promise<void> {
  await stop(root);
  await setModes(root, "tcp", "udp");
  await start(root, syslog, "tcp & udp");
  await nmap(lab, { family: "ipv4", source: CLASSIC_SCANNER, options: ["-sT", "-p", "1,11,15,79,111,119,143"] });
  await assertBlocked(root, syslog, CLASSIC_SCANNER, /Connect/);
  const listed = await root.mustRun(["iptables", "-L", "-n", "-v"]);
  assert.match(listed, new RegExp(`DROP .* ${CLASSIC_SCANNER.ipv4} `));
}

/** With KILL_ROUTE as a comment again: what the scanner connects to later is seen, and said to be blocked already. */
async function wrapped(lab: Lab, root: Root, syslog: PortsentryLog): Promise<void> {
  await stop(root);
  await root.mustRun(["sed", "-i", 's/^KILL_ROUTE=/#&/; s/^#FIREWALL=.*/FIREWALL="none"/', CONF]);
  await start(root, syslog, "tcp & udp");
  const options = ["-sT", "-p", "1,11,15,79,111,119,143"];
  const { ipv4 } = WRAPPED_SCANNER;
  await nmap(lab, { family: "ipv4", source: WRAPPED_SCANNER, options });
  await syslog.waitForText(
    `attackalert: Host ${ipv4} has been blocked via wrappers with string: "ALL: ${ipv4} : DENY"`,
  );
  await nmap(lab, { family: "ipv4", source: WRAPPED_SCANNER, options });
  await syslog.waitForText(`attackalert: Host: ${ipv4} is already blocked. Ignoring`);
  await stop(root);
  await root.mustRun(["sed", "-i", 's/^FIREWALL="none"/#&/', CONF]);
  await setKillRoute(root);
  await setModes(root, "atcp", "audp");
  await start(root, syslog, "atcp & audp");
}

async function banned(lab: Lab, root: Root, packages: readonly string[]): Promise<void> {
  const fail2ban = await Fail2ban.install(root, packages);
  await fail2ban.start();
  const scan = startScan(lab, BANNED_SCANNER);
  await waitUntil("the ban", async () => (await fail2ban.banned()).includes(BANNED_SCANNER.ipv4), BLOCKED_MS);
  await scan.stop();
  await fail2ban.stop();
}
