// What a router that guards the hosts behind it (PROTECT) makes of addresses that no host has, of translated ports, of hosts that drop
// silently, and of a restart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { BEHIND, openGateway, PROTECTED } from "./support/gateway.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, shipped } from "./support/settings.ts";
import { askByDatagram, serve, visit } from "./support/traffic.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

const CLOSED = 2001;
const served = (count: number) => ({ opened: count, failed: 0, errors: {} });
const refused = { opened: 0, failed: 1, errors: { ECONNREFUSED: 1 } };

test("an address that no host has is a trap, and a host that is down is none for its customers", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [22] });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED });
  const [nobody4, nobody6] = ["10.88.0.77", "fd00:88::77"];
  const customer = { to: BEHIND.ipv4, port: 22, from: source(3).ipv4 };
  assert.deepEqual(await visit(lab.scanner, customer), served(1));
  // The host goes down: its neighbour gets no answer any more.
  await lab.inner.mustRun(["ip", "link", "set", "link0", "arp", "off"]);
  await lab.target.mustRun(["ip", "neigh", "flush", "dev", "link1"]);
  const errors = await Promise.all([
    visit(lab.scanner, { to: nobody4, port: 22, from: source(1).ipv4, timeout: 5_000 }),
    visit(lab.scanner, { to: nobody6, port: 22, from: source(1).ipv6, timeout: 5_000 }),
    visit(lab.scanner, { ...customer, from: source(4).ipv4, timeout: 5_000 }),
  ]);
  assert.deepEqual(
    errors.map((each) => Object.keys(each.errors).join()),
    ["timeout", "timeout", "EHOSTUNREACH"],
  );
  for (const [family, nobody] of [
    ["ipv4", nobody4],
    ["ipv6", nobody6],
  ] as const) {
    const { reason } = await daemon.waitForBlock(source(1).key[family]);
    assert.match(reason, new RegExp(`tcp/22 of ${nobody}, behind this host`));
  }
  assert.equal((await daemon.blocked()).length, 2);
});

test("NAT: a port that is translated for a host behind is guarded, and its refusal names the host", async (t) => {
  const lab = await Lab.open({ inner: true });
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [8000], address: BEHIND.ipv4 });
  // A router that hides its network, as at home: two ports lead to a host, one of which nobody serves.
  await lab.target.mustRun(
    ["nft", "-f", "-"],
    `table ip home {
      chain in { type nat hook prerouting priority dstnat; tcp dport { 80, 81 } dnat to ${BEHIND.ipv4} : tcp dport map { 80 : 8000, 81 : 8001 }; }
      chain out { type nat hook postrouting priority srcnat; ip saddr 10.88.0.0/24 oifname "link0" masquerade; }
    }`,
  );
  await serve(lab, lab.scanner, { tcp: [9000], address: source(5).ipv4 });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED, PUBLIC_PORTS_TCP: "" });
  const ask = (from: number, port: number) =>
    visit(lab.scanner, { to: TARGET.ipv4, port, from: source(from).ipv4, timeout: 800 });
  assert.deepEqual(await ask(1, 80), served(1));
  assert.deepEqual(await visit(lab.inner, { to: source(5).ipv4, port: 9000 }), served(1));
  assert.deepEqual(await visit(lab.inner, { to: source(5).ipv4, port: 9001 }), refused);
  assert.deepEqual(await daemon.blocked(), []);
  assert.deepEqual((await ask(2, 81)).errors, { timeout: 1 });
  const { reason } = await daemon.waitForBlock(source(2).ipv4);
  assert.match(reason, /tcp\/8001 of 10\.88\.0\.2, behind this host/);
  assert.equal((await ask(2, 80)).opened, 0, "a published port");
  assert.deepEqual(await ask(1, 80), served(1), "a customer");
});

test("a host behind that drops silently: four ports without an answer are found by the sequential test, and nothing is held", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [22] });
  await lab.inner.mustRun(
    ["nft", "-f", "-"],
    "table inet f { chain i { type filter hook input priority 0; tcp dport != 22 drop; }; }",
  );
  // Two minutes, as the kernel has it.
  await lab.target.set("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "1");
  const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", PROTECT: PROTECTED });
  const ask = (family: Family, from: number, port: number) =>
    visit(lab.scanner, { to: BEHIND[family], port, from: source(from)[family], timeout: 500 });
  const inOne = async (family: Family) => {
    // A visitor who tries again is one contact.
    const asked = [2001, 2002, 2003, 2004].flatMap((port) => [ask(family, 1, port), ask(family, 2, 2001)]);
    for (const { errors } of await Promise.all(asked)) assert.deepEqual(errors, { timeout: 1 });
    // The kernel sweeps its table once in a while; what it shows of it, it sweeps at once.
    await waitUntil("connection tracking has forgotten them", async () => {
      return !(await lab.target.mustRun(["cat", "/proc/net/nf_conntrack"])).includes("SYN_SENT");
    });
    const { reason, soft } = await daemon.waitForBlock(source(1).key[family]);
    assert.equal(soft, true);
    assert.match(reason, /^4 different ports of 1 host .*; found by the sequential test$/);
    assert.equal((await daemon.status()).held, 0);
    assert.deepEqual(await ask(family, 2, 22), served(1));
    assert.equal((await ask(family, 1, 22)).opened, 0);
  };
  await Promise.all(families.map(inOne));
  assert.equal((await daemon.blocked()).length, 2);
});

test("customers of the host behind are known after a restart, and its late answers and peers make no scanners", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: [22, 8000] });
  await serve(lab, lab.scanner, { tcp: [9000], udp: [5300], address: "::" });
  const settings = { ...harsh, PROTECT: PROTECTED };
  const daemon = await Daemon.start(lab, settings);
  const ask = (from: number, port: number) =>
    visit(lab.scanner, { to: BEHIND.ipv4, port, from: source(from).ipv4, timeout: 800 });
  assert.deepEqual(await ask(1, 22), served(1));
  // PROOF="off": a claim alone blocks in full. The resolver of the host behind answers too late, from its port to the asker's.
  assert.deepEqual(await visit(lab.inner, { to: source(2).ipv4, port: 9000 }), served(1));
  for (const port of [40_001, 50_002, 63_003]) assert.ok(!(await askByDatagram(lab.scanner, { ...late, port })));
  // And its peer is forged as a scanner of it: spared.
  await sendPackets(lab, [syn({ from: source(2).ipv4, to: BEHIND.ipv4, port: CLOSED })]);
  const finding = await waitFor("the finding about the peer", async () =>
    (await daemon.eventsOf(source(2).ipv4)).find(({ type }) => type === "finding"),
  );
  assert.deepEqual([finding.action, finding.host], ["guarded", BEHIND.ipv4]);
  assert.deepEqual(await visit(lab.inner, { to: source(2).ipv4, port: 9000 }), served(1));
  assert.deepEqual(await daemon.blocked(), []);
  await daemon.stop();
  await lab.target.mustRun(["nft", "delete", "table", "inet", "portreeve"]);
  await daemon.restart();
  await sendPackets(lab, [syn({ from: source(1).ipv4, to: BEHIND.ipv4, port: CLOSED })]);
  assert.equal((await daemon.waitForBlock(source(1).ipv4)).soft, true, "a customer is softly blocked at most");
  assert.deepEqual(await ask(1, 22), served(1));
  assert.equal((await ask(1, 8000)).opened, 0);
});

const late = { to: BEHIND.ipv4, from: source(3).ipv4 };

test("traffic of which one direction takes another way goes on, is counted, and holds nobody", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  const { scanner, inner } = lab;
  await serve(lab, inner, { tcp: [22] });
  await inner.mustRun(["ip", "link", "add", "way", "type", "veth", "peer", "name", "way", "netns", scanner.name]);
  for (const [host, address] of [
    [inner, "192.0.2.2/30"],
    [scanner, "192.0.2.1/30"],
  ] as const) {
    for (const link of ["all", "way"]) await host.set(`net.ipv4.conf.${link}.rp_filter`, "0");
    await host.mustRun(["ip", "addr", "add", address, "dev", "way"]);
    await host.mustRun(["ip", "link", "set", "way", "up"]);
  }
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED });
  const ask = (port: number) => visit(scanner, { to: BEHIND.ipv4, port, from: source(1).ipv4 });
  const counted = async () => {
    const counters = (await daemon.status()).counters as Record<string, number>;
    const { behindAsked, behindAnswered, behindOneSided } = counters;
    return [behindAsked, behindAnswered, behindOneSided].map((count) => (count ?? 0) > 0);
  };
  await inner.mustRun(["ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1"]);
  assert.deepEqual(await ask(22), served(1));
  assert.deepEqual(await ask(CLOSED), refused);
  assert.deepEqual(await counted(), [true, false, false], "the answers take another way");
  await inner.mustRun(["ip", "route", "del", "203.0.113.0/24"]);
  await scanner.mustRun(["ip", "route", "add", `${BEHIND.ipv4}/32`, "via", "192.0.2.2"]);
  assert.deepEqual(await ask(22), served(1));
  assert.deepEqual(await counted(), [true, false, true], "the questions do");
  assert.deepEqual(await daemon.blocked(), []);
});
