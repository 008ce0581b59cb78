// A router guards the host behind it (PROTECT): what that host refuses is kept from scanners and holds them, by both families.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, source } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { BEHIND, openGateway, PROTECTED } from "./support/gateway.ts";
import { describe, measureLeaks } from "./support/leak.ts";
import { nmap, popularPorts, portsReportedOpen } from "./support/scan.ts";
import { addressesOf, openServer, settingsOf } from "./support/servers.ts";
import { harsh, shipped } from "./support/settings.ts";
import { askByDatagram, serve, visit } from "./support/traffic.ts";

const SERVED = popularPorts(20);
/** As many closed ports beside them. */
const ASKED = popularPorts(40).join(",");
const served = (count: number) => ({ opened: count, failed: 0, errors: {} });
const refused = { opened: 0, failed: 1, errors: { ECONNREFUSED: 1 } };

test("real nmap learns no open port of a host behind the router, and is blocked", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: SERVED });
  for (const family of families) {
    const options = ["-sS", "-T4", "-p", ASKED];
    const undefended = await nmap(lab, { family, source: source(1), options, to: BEHIND[family] });
    assert.ok(portsReportedOpen(undefended.stdout).length >= 18, "without us");
  }
  const daemon = await Daemon.start(lab, {
    ...{ ...shipped, PROOF: "on", GREYLIST: "on", PROTECT: PROTECTED },
    // Not even those that the shipped file calls no secret.
    PUBLIC_PORTS_TCP: "",
  });
  const scans = ["-sS -T3", "-sS -T4", "-sT -T4"].map((name) => ({
    name,
    options: [...name.split(" "), "-p", ASKED],
    timeoutSeconds: 20,
    to: BEHIND,
  }));
  const leaks = await Promise.all(families.map((family, index) => measureLeaks(lab, family, scans, 10 + 10 * index)));
  for (const { ports } of leaks.flat()) assert.deepEqual(ports, [], describe(leaks.flat()));
  // Single SYNs are met with silence: the scan by connect() is found by what it repeats.
  await daemon.waitForBlock(source(12).ipv4);
  await daemon.waitForBlock(source(22).key.ipv6);
});

test("a sweep of one port, each host asked once and long after the one before, is answered by no host behind the router", async (t) => {
  const lab = await openServer("gateway");
  t.after(() => lab.close());
  await Daemon.start(lab, settingsOf("gateway"));
  // Linux repeats a SYN after a second.
  const visits = async (family: Family, number: number, to: string, timeout = 900) =>
    (await visit(lab.scanner, { to, port: 22, from: source(number)[family], timeout })).opened;
  for (const family of families) {
    for (const to of addressesOf("gateway", family)) assert.equal(await visits(family, 1, to), 0, to);
  }
  // A customer of one of them is served after its repetition, and not by the others for that.
  const [first = "", second = ""] = addressesOf("gateway", "ipv4");
  const served = [
    await visits("ipv4", 9, first, 5_000),
    await visits("ipv4", 9, first),
    await visits("ipv4", 9, second),
  ];
  assert.deepEqual(served, [1, 1, 0]);
});

const OPEN = [22, 8000];
const CLOSED = 2001;

test("a refusal behind the router holds its source in the same packet, and the record names the host", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  await serve(lab, lab.inner, { tcp: OPEN, udp: [1194] });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED });
  const asks = async (family: Family, from: number, port: number) => {
    const { errors, opened } = await visit(lab.scanner, {
      ...{ to: BEHIND[family], port, from: source(from)[family], timeout: 800 },
    });
    return opened === 1 ? "opened" : Object.keys(errors).join();
  };
  const inOne = async (family: Family) => {
    const key = source(1).key[family];
    assert.equal(await asks(family, 1, 22), "opened");
    assert.equal(await asks(family, 1, CLOSED), "timeout", "the refusal does not come back");
    const block = await daemon.waitForBlock(key);
    assert.equal(block.soft, true);
    assert.match(block.reason, new RegExp(`tcp/${CLOSED} of ${BEHIND[family]}, behind this host`));
    // Shut, whether or not the silence test has its answer for it.
    assert.notEqual(await asks(family, 1, 8000), "opened", "another port");
    assert.equal(await asks(family, 1, 22), "opened", "a port of which it is a customer");
    const probe = (await daemon.eventsOf(key)).find(({ type, port }) => type === "probe" && port === CLOSED);
    assert.deepEqual([probe?.host, probe?.kind, probe?.disposition], [BEHIND[family], "syn", "probe"]);
    await daemon.waitForLine(new RegExp(`to TCP port: ${CLOSED} of ${BEHIND[family]}$`));
    await daemon.unblock(key);
    assert.equal(await asks(family, 1, 8000), "opened", "unblocked");
    // By datagrams.
    const sender = { to: BEHIND[family], from: source(2)[family] };
    assert.ok(await askByDatagram(lab.scanner, { ...sender, port: 1194 }));
    assert.ok(!(await askByDatagram(lab.scanner, { ...sender, port: 7 })));
    const udp = await daemon.waitForBlock(source(2).key[family]);
    assert.match(udp.reason, new RegExp(`udp/7 of ${BEHIND[family]}, behind this host`));
  };
  await Promise.all(families.map(inOne));
  // A firewall there refuses in its own way.
  await lab.inner.mustRun(
    ["nft", "-f", "-"],
    "table ip f { chain i { type filter hook input priority 0; tcp dport 2002 reject; }; }",
  );
  assert.equal(await asks("ipv4", 3, 2002), "timeout");
  await daemon.waitForBlock(source(3).ipv4);
});

test("customers of the host behind, and what it asks itself, are never taken for scanners", async (t) => {
  const lab = await openGateway();
  t.after(() => lab.close());
  const service = await serve(lab, lab.inner, { tcp: [8080] });
  await serve(lab, lab.inner, { tcp: [22, 40_021] });
  await serve(lab, lab.scanner, { tcp: [9000], address: "::" });
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", PROTECT: PROTECTED });
  const ask = (family: Family, from: number, port: number, count = 1) =>
    visit(lab.scanner, { to: BEHIND[family], port, from: source(from)[family], count });
  for (const family of families) {
    for (const port of [22, 8080]) assert.deepEqual(await ask(family, 1, port, 10), served(10), `${family} ${port}`);
    // A port above 1023 that the host has just opened, as FTP does for its data.
    assert.deepEqual(await ask(family, 1, 40_021), served(1));
    // What the host behind opens itself, to an open and to a closed port.
    const to = source(5)[family];
    assert.deepEqual(await visit(lab.inner, { to, port: 9000 }), served(1));
    assert.deepEqual(await visit(lab.inner, { to, port: 9001 }), refused);
  }
  // An answer that comes when its asker is gone: the host behind says so by an ICMP error.
  const late = lab.spawn(lab.scanner, [process.execPath, "-e", LATE, source(6).ipv4]);
  await late.waitForLine(/^ready$/);
  await lab.inner.mustRun([process.execPath, "-e", HASTY, source(6).ipv4]);
  await late.waitForLine(/^refused$/);
  // The service stops: those who come back, and strangers, are refused as without us.
  await service.stop();
  for (const family of families) {
    for (const from of [1, 7]) assert.deepEqual(await ask(family, from, 8080), refused, `${family} ${from}`);
  }
  assert.deepEqual(await daemon.blocked(), []);
  const probes = (await daemon.events()).filter(({ type, disposition }) => type === "probe" && disposition === "probe");
  assert.deepEqual(probes, []);
});

/** Answers a datagram when it is too late, and learns that nobody is there any more. */
const LATE = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (_, { port, address }) => {
  socket.connect(port, address, () => {
    const again = setInterval(() => socket.send("late", () => {}), 100);
    socket.on("error", () => { clearInterval(again); console.log("refused"); });
  });
});
socket.bind(5300, process.argv[1], () => console.log("ready"));`;

/** Asks, and does not wait for the answer. */
const HASTY = `
const socket = require("node:dgram").createSocket("udp4");
socket.send("query", 5300, process.argv[1], () => socket.close());`;
