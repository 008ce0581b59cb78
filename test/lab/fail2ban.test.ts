// Beside Debian's fail2ban: its shipped jail and filter "portsentry", unchanged, ban from our history file; and with
// PROOF="on" nobody can make it ban a host in whose name he sends, for there is no history line.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NEIGHBOURS, SCANNER, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { FAIL2BAN, Fail2ban } from "./support/fail2ban.ts";
import { fetchPackages } from "./support/fetch-packages.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { Root } from "./support/root.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const HISTORY = "/var/lib/portsentry/portsentry.history";
const BAN_MS = 20_000;

let lab: Lab;
/** fail2ban in a system of its own, reading the history file that the daemon writes into that system. */
let root: Root;
let fail2ban: Fail2ban;

before(async () => {
  const packages = await fetchPackages(FAIL2BAN);
  lab = await Lab.open();
  root = await Root.overlay(lab);
  root.write(HISTORY, "");
  fail2ban = await Fail2ban.install(root, packages);
  await fail2ban.start();
});
after(async () => {
  await root?.close();
  await lab?.close();
});

const withHistory = (settings: Settings): Settings => ({ ...settings, HISTORY_FILE: root.path(HISTORY) });

function historyLines(): readonly string[] {
  return root
    .read(HISTORY)
    .split("\n")
    .filter((line) => line !== "");
}

/** Of fail2ban, by iptables (Debian 12) or by nftables (Debian 13). */
function hasRule(ruleset: string, address: string): boolean {
  const byIptables = new RegExp(`chain f2b-portsentry {[^}]*ip saddr ${address} `);
  const byNftables = new RegExp(`table inet f2b-table {[^}]*elements = {[^}]*\\b${address}\\b`);
  return byIptables.test(ruleset) || byNftables.test(ruleset);
}

async function waitForBan(address: string): Promise<void> {
  await waitUntil(`${address} is banned`, async () => (await fail2ban.banned()).includes(address), BAN_MS);
}

test("its shipped jail bans from our history file", async (t) => {
  const daemon = await Daemon.start(lab, withHistory(harsh));
  t.after(() => daemon.stop());
  const { ipv4 } = source(41);
  const { ipv6 } = NEIGHBOURS[0];
  await sendPackets(lab, [
    syn({ from: ipv4, to: TARGET.ipv4, port: 23 }),
    syn({ from: ipv6, to: TARGET.ipv6, port: 23 }),
  ]);
  await waitForBan(ipv4);
  await waitForBan(ipv6);
  await waitUntil("its rule is in the kernel", async () =>
    hasRule(await lab.target.mustRun(["nft", "list", "ruleset"]), ipv4),
  );
  assert.equal((await fail2ban.banned()).length, 2, "nobody else");
  assert.equal(historyLines().length, 2);
  assert.equal(await fail2ban.found(), 2, "every line is understood");
});

test("an IPv6 source beyond our links is banned by its own address, not its network's first", {}, async (t) => {
  const daemon = await Daemon.start(lab, withHistory(harsh));
  t.after(() => daemon.stop());
  const before = (await fail2ban.banned()).length;
  const { ipv6 } = source(44);
  await sendPackets(lab, [syn({ from: ipv6, to: TARGET.ipv6, port: 23 })]);
  await waitUntil("a ban", async () => (await fail2ban.banned()).length > before, BAN_MS);
  const banned = await fail2ban.banned();
  assert.ok(banned.includes(ipv6), banned.join(" "));
});

test('PROOF="on": a forged SYN in the name of the gateway, or of anybody: no history line, no KILL_ROUTE, no ban', async (t) => {
  const ran = join(lab.folder, "ran");
  mkdirSync(ran);
  const settings: Settings = {
    ...harsh,
    PROOF: "on",
    TCP_MODE: "atcp",
    ADVANCED_PORTS_TCP: "1024",
    TCP_PORTS: "11",
    FIREWALL: "auto",
    KILL_ROUTE: `/usr/bin/touch ${ran}/$TARGET$`,
  };
  const linesBefore = historyLines().length;
  const daemon = await Daemon.start(lab, withHistory(settings));
  t.after(() => daemon.stop());
  const [gateway, stranger, real] = [SCANNER.ipv4, source(42).ipv4, source(43).ipv4];
  for (const from of [gateway, stranger]) {
    await sendPackets(lab, [syn({ from, to: TARGET.ipv4, port: 23 })]);
    await waitUntil(`the daemon has seen the probe of ${from}`, async () =>
      (await daemon.eventsOf(from)).some(({ type }) => type === "probe"),
    );
  }

  // The chain is alive: who completes a connection with a trap is proven.
  const said = daemon.lines.length;
  daemon.configure(withHistory({ ...settings, TCP_MODE: "tcp" }));
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/is in force/, said);
  await visit(lab.scanner, { from: real, to: TARGET.ipv4, port: 11, timeout: 2000 });
  await waitForBan(real);

  const banned = await fail2ban.banned();
  for (const forged of [gateway, stranger]) assert.ok(!banned.includes(forged), banned.join(" "));
  assert.deepEqual(readdirSync(ran), [real]);
  const lines = historyLines().slice(linesBefore);
  assert.equal(lines.length, 1, lines.join("\n"));
  assert.match(lines[0] ?? "", new RegExp(` Host: ${real}/${real} Port: 11 TCP Blocked$`));
});
