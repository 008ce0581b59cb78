// Whoever becomes exempt while blocked is let go at once, with all that was done: the kernel's set, the rule of KILL_ROUTE, the
// line in hosts.deny, BLOCKED_FILE and the list of blocks.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { families, LINK, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { ownRules } from "./support/own-rules.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { serve, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const SERVED = 8000;

async function setUp(t: TestContext, more: Settings) {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const stage = new Stage(join(lab.folder, "stage"));
  stage.clear();
  const blockedFile = join(lab.folder, "portsentry.blocked");
  const hostsDeny = { KILL_HOSTS_DENY: "ALL: $TARGET$ : DENY" };
  const settings = { ...harsh, TCP_MODE: "atcp", BLOCKED_FILE: blockedFile, ...hostsDeny, ...more };
  const daemon = await Daemon.start(lab, settings, ["127.0.0.1"], stage);
  await serve(lab, lab.target, { tcp: [SERVED] });
  return {
    ...{ lab, daemon },
    denied: () =>
      stage
        .read("etc/hosts.deny")
        .split("\n")
        .filter((line) => line.includes("ALL:")),
    blockedLines: () =>
      readFileSync(`${blockedFile}.atcp`, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
    /** Another list of exempt addresses. */
    exempt: (...entries: readonly string[]) =>
      writeFileSync(join(daemon.folder, "portsentry.ignore"), `${["127.0.0.1", ...entries].join("\n")}\n`),
  };
}

for (const family of families) {
  const rule = ownRules.find((one) => one.family === family && one.name.includes("iptables")) ?? assert.fail();
  for (const [maker, more] of [
    ["the table", {}],
    ["KILL_ROUTE", { FIREWALL: "auto", KILL_ROUTE: rule.killRoute }],
  ] as const) {
    test(`${family}: a network in the ignore file lets go all of it that is blocked by ${maker}, and nobody else`, async (t) => {
      const { lab, daemon, denied, blockedLines, exempt } = await setUp(t, more);
      const [first, second, other] = [source(8), source(9), source(200)];
      const keys = [first, second, other].map(({ key }) => key[family]);
      await sendPackets(
        lab,
        [first, second, other].map((each) => syn({ from: each[family], to: TARGET[family], port: 15 })),
      );
      for (const key of keys) await daemon.waitForBlock(key);
      await waitUntil("three lines in hosts.deny", () => denied().length === 3);
      exempt(family === "ipv4" ? "203.0.113.0/25" : "2001:db8:b::/57");
      for (const each of [first, second])
        await daemon.waitForLine(new RegExp(`Host ${each.key[family]} has been unblocked \\(on the allow list\\)`));
      assert.deepEqual(
        (await daemon.blocked()).map(({ source }) => source),
        [other.key[family]],
      );
      await waitUntil("one line in hosts.deny", () => denied().length === 1);
      if (maker === "KILL_ROUTE")
        for (const [at, key] of keys.entries())
          await waitUntil(`the rules of ${key}`, async () => (await rule.copies(lab, key)) === (at === 2 ? 1 : 0));
      else
        assert.deepEqual(await setElements(lab, family === "ipv4" ? "blocked4" : "blocked6"), [
          other.key[family].replace(/\/\d+$/, ""),
        ]);
      await waitUntil("BLOCKED_FILE has the other alone", () => blockedLines().length === 1);
      const { opened } = await visit(lab.scanner, { to: TARGET[family], from: first[family], port: SERVED });
      assert.equal(opened, 1);
      const why = await daemon.cli(["why", first[family]]);
      assert.ok(!why.stdout.includes("is blocked"), why.stdout);
    });
  }
}

test("of an exempt address in a network that is blocked by hand it is said that it passes", async (t) => {
  const { lab, daemon, exempt } = await setUp(t, {});
  const one = source(8);
  assert.equal((await daemon.cli(["block", "203.0.113.0/24", "--reason", "ticket 9"])).code, 0);
  exempt(one.ipv4);
  await daemon.waitForLine(/2 entries are exempt now/);
  const { stdout } = await daemon.cli(["why", one.ipv4]);
  assert.match(
    stdout,
    /^203\.0\.113\.8 is on the allow list\.\n[\s\S]*A block of 203\.0\.113\.0\/24 is listed as well, and the allow list lets the source pass it/,
  );
  assert.equal((await visit(lab.scanner, { to: TARGET.ipv4, from: one.ipv4, port: SERVED })).opened, 1);
  assert.deepEqual(
    (await daemon.blocked()).map(({ source }) => source),
    ["203.0.113.0/24"],
  );
});

test("blocked sources that are put into the ignore file while the daemon is away are let go at the start", async (t) => {
  const rule = ownRules.find((one) => one.family === "ipv4" && one.name.includes("iptables")) ?? assert.fail();
  const { lab, daemon, denied, exempt } = await setUp(t, { FIREWALL: "auto", KILL_ROUTE: rule.killRoute });
  const one = source(8);
  await sendPackets(lab, [syn({ from: one.ipv4, to: TARGET.ipv4, port: 15 })]);
  await daemon.waitForBlock(one.ipv4);
  await waitUntil("a line in hosts.deny", () => denied().length === 1);
  await daemon.stop();
  exempt(one.ipv4);
  await daemon.restart();
  await daemon.waitForLine(/Host 203\.0\.113\.8 has been unblocked \(on the allow list\)/);
  await waitUntil("no line in hosts.deny", () => denied().length === 0);
  await waitUntil("no rule", async () => (await rule.copies(lab, one.ipv4)) === 0);
  assert.deepEqual(await daemon.blocked(), []);
});

test("a blocked address that becomes this host's own is let go", async (t) => {
  const { lab, daemon } = await setUp(t, {});
  const one = source(8);
  await sendPackets(lab, [syn({ from: one.ipv4, to: TARGET.ipv4, port: 15 })]);
  await daemon.waitForBlock(one.ipv4);
  await lab.target.mustRun(["ip", "addr", "add", `${one.ipv4}/32`, "dev", LINK]);
  await daemon.waitForLine(/Host 203\.0\.113\.8 has been unblocked \(an address of this host\)/);
  assert.deepEqual(await daemon.blocked(), []);
  assert.deepEqual(await setElements(lab, "blocked4"), []);
});
