// What packets forged in a customer's name cost it: nothing on ports that are public, on those that it used before, and in
// connections that stand, with connection tracking or without; over both families, from the next address of its /64 too.
// What is none of these stays shut while the forging lasts: without that the test would not test.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, NEIGHBOURS, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import type { Running } from "./support/exec.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn, udp } from "./support/packets.ts";
import { keepSending, sendPackets } from "./support/raw.ts";
import { harsh } from "./support/settings.ts";
import { askByDatagram, exchange, serve, talk, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

const PUBLIC = 443;
const PUBLIC_UDP = 53;
const USED = 8022;
const NEVER_USED = 8023;
const USED_UDP = 1194;
const NEVER_USED_UDP = 5004;
const UNTRACKED = 8080;
const CLOSED = 2001;
const QUERIES = 10;
/** The hold alone is at work: a source is never found. */
const settings = { ...harsh, PROOF: "on", SCAN_TRIGGER: "10000" };

/** Forges SYNs in a source's name, oftener than a hold ends, and returns when it is held. */
async function keepHeld(lab: Lab, family: Family, from: string, element: string): Promise<Running> {
  const forging = keepSending(lab, [syn({ from, to: TARGET[family], port: CLOSED })], { perSecond: 20 });
  const set = family === "ipv4" ? "held4" : "held6";
  await waitUntil("the hold", async () => (await setElements(lab, set))?.includes(element) === true);
  return forging;
}

const elementOf = (key: string) => key.replace(/\/\d+$/, "");

for (const family of families) {
  const to = TARGET[family];

  test(`packets forged in a customer's name over ${family} cost it nothing where it is known or the port is public`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await Daemon.start(lab, settings);
    await serve(lab, lab.target, { tcp: [PUBLIC, USED, NEVER_USED] });
    await serve(lab, lab.target, { udp: [PUBLIC_UDP, USED_UDP, NEVER_USED_UDP] });
    const customer = source(1);
    const from = customer[family];
    assert.equal((await visit(lab.scanner, { to, from, port: USED })).opened, 1);
    assert.ok(await askByDatagram(lab.scanner, { to, from, port: USED_UDP }));
    await keepHeld(lab, family, from, elementOf(customer.key[family]));

    for (const port of [PUBLIC, USED]) {
      const visits = await visit(lab.scanner, { to, from, port, count: QUERIES, timeout: 2_000 });
      assert.deepEqual(visits, { opened: QUERIES, failed: 0, errors: {} }, String(port));
    }
    for (const port of [PUBLIC_UDP, USED_UDP]) {
      for (let query = 0; query < QUERIES; query++)
        assert.ok(await askByDatagram(lab.scanner, { to, from, port }), String(port));
    }
    const never = await visit(lab.scanner, { to, from, port: NEVER_USED, timeout: 1_000 });
    assert.equal(never.opened, 0, "the hold is not in force: the test does not test");
    assert.ok(
      !(await askByDatagram(lab.scanner, { to, from, port: NEVER_USED_UDP })),
      "the hold is not in force for datagrams",
    );
  });

  test(`an untracked connection over ${family} goes on while packets are forged in its customer's name`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await Daemon.start(lab, settings);
    const table = `table inet busy {
      chain in { type filter hook prerouting priority raw; tcp dport ${UNTRACKED} notrack; }
      chain out { type filter hook output priority raw; tcp sport ${UNTRACKED} notrack; }
    }`;
    await lab.target.mustRun(["nft", "-f", "-"], table);
    await serve(lab, lab.target, { tcp: [UNTRACKED], mode: "echo" });
    const from = source(1)[family];
    const conversation = await talk(lab, lab.scanner, { to, from, port: UNTRACKED });
    await exchange(conversation, "before");
    await keepHeld(lab, family, from, elementOf(source(1).key[family]));
    for (let round = 0; round < QUERIES; round++) await exchange(conversation, `round ${round}`);
    const again = await visit(lab.scanner, { to, from, port: UNTRACKED, timeout: 1_000 });
    assert.equal(again.opened, 0, "the hold is not in force: the test does not test");
  });
}

test("an IPv6 customer is known by its /64: its next privacy address passes while packets are forged in its name", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await Daemon.start(lab, settings);
  await serve(lab, lab.target, { tcp: [USED, NEVER_USED] });
  const to = TARGET.ipv6;
  const [yesterday, today] = ["2001:db8:b:1::aaaa", "2001:db8:b:1::bbbb"];
  assert.equal((await visit(lab.scanner, { to, from: yesterday, port: USED })).opened, 1);
  await keepHeld(lab, "ipv6", today, elementOf(source(1).key.ipv6));
  const visits = await visit(lab.scanner, { to, from: today, port: USED, count: QUERIES, timeout: 2_000 });
  assert.deepEqual(visits, { opened: QUERIES, failed: 0, errors: {} });
  assert.equal((await visit(lab.scanner, { to, from: today, port: NEVER_USED, timeout: 1_000 })).opened, 0);
  assert.deepEqual((await setElements(lab, "known6"))?.length, 1);
});

test("a held neighbour gets no answer from services by way of the broadcast address", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await Daemon.start(lab, settings);
  const service = await serve(lab, lab.target, { udp: [NEVER_USED_UDP], mode: "hold", address: "0.0.0.0" });
  const [offender, innocent] = NEIGHBOURS;
  const everybody = { to: "198.51.100.255", port: NEVER_USED_UDP };
  const ask = (from: string) => sendPackets(lab, [udp({ ...everybody, from })], { mac: "ff:ff:ff:ff:ff:ff" });
  await ask(offender.ipv4);
  await service.waitForLine(/^asked on/);
  await keepHeld(lab, "ipv4", offender.ipv4, offender.ipv4);
  const from = service.lines.length;
  await ask(offender.ipv4);
  // Packets come in their order: when this one has been served, the other would have been.
  await ask(innocent.ipv4);
  await service.waitForLine(/^asked on/, from);
  assert.equal(service.lines.slice(from).filter((line) => line.startsWith("asked")).length, 1);
});
