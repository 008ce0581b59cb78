// Blocks that are an administrator's own rules (KILL_ROUTE of a known form): one rule taken by hand is an unblock, all of them
// gone are made again, said once. Prints how long that took.
import assert from "node:assert/strict";
import { test } from "node:test";
import { source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

/** The kernel's list is read every 2 s; the machine may be busy with other tests. */
const NOTICED_MS = 10_000;

/** KILL_ROUTE of a known form, how its rules are counted, and what removes one or all of them. */
const delegated = [
  {
    killRoute: "/sbin/ip route add blackhole $TARGET$",
    list: ["ip", "route", "show", "type", "blackhole"],
    removeOne: (address: string) => ["ip", "route", "del", "blackhole", address],
    removeAll: ["ip", "route", "flush", "type", "blackhole"],
  },
  {
    killRoute: "/usr/sbin/iptables-legacy -I INPUT -s $TARGET$ -j DROP",
    list: ["iptables-legacy", "-w", "-S", "INPUT"],
    removeOne: (address: string) => ["iptables-legacy", "-w", "-D", "INPUT", "-s", address, "-j", "DROP"],
    removeAll: ["iptables-legacy", "-w", "-F", "INPUT"],
  },
  {
    killRoute: "/usr/sbin/iptables-nft -I INPUT -s $TARGET$ -j DROP",
    list: ["iptables-nft", "-S", "INPUT"],
    removeOne: (address: string) => ["iptables-nft", "-D", "INPUT", "-s", address, "-j", "DROP"],
    removeAll: ["iptables-nft", "-F", "INPUT"],
  },
] as const;
const RULES = 100;

for (const { killRoute, list, removeOne, removeAll } of delegated) {
  test(`${RULES} blocks by ${killRoute}: one taken by hand is an unblock, all of them gone are made again`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const daemon = await Daemon.start(lab, { ...harsh, FIREWALL: "none", KILL_ROUTE: killRoute });
    const numbers = Array.from({ length: RULES }, (_, index) => index + 1);
    await sendPackets(
      lab,
      numbers.map((number) => syn({ from: source(number).ipv4, to: TARGET.ipv4, port: 2000 })),
    );
    const rules = async () => {
      const text = await lab.target.mustRun(list);
      return numbers.filter((number) => new RegExp(`\\b${source(number).ipv4.replaceAll(".", "\\.")}\\b`).test(text))
        .length;
    };
    const listed = async () => (await daemon.blocked()).length;
    await waitUntil("all are blocked", async () => (await listed()) === RULES, 60_000);
    assert.equal(await rules(), RULES);
    // Neither the newest nor the oldest.
    let startedMs = performance.now();
    await lab.target.mustRun(removeOne(source(50).ipv4));
    await waitUntil("it is unblocked", async () => (await listed()) === RULES - 1, NOTICED_MS);
    t.diagnostic(`one: listed no longer after ${(performance.now() - startedMs).toFixed(0)} ms`);
    assert.ok(!(await daemon.blocked()).some((entry) => entry.source === source(50).ipv4));
    startedMs = performance.now();
    await lab.target.mustRun(removeAll);
    await waitUntil("they are back", async () => (await rules()) === RULES - 1, 60_000);
    t.diagnostic(`all: back after ${(performance.now() - startedMs).toFixed(0)} ms`);
    await daemon.waitForLine(/another program removed \d+ rules of blocked sources: \d+ are made again/);
    assert.equal(await listed(), RULES - 1);
  });
}
