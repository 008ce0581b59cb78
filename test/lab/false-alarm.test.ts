// No false alarm: what honest hosts do, under the harshest settings (one probe blocks, on trust), must hold and block
// nobody. Every test ends with a real scanner being blocked, so that a daemon that sees nothing cannot pass.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CONTAINER, families, NEIGHBOURS, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { assertInnocent, passMark } from "./support/innocent.ts";
import { Lab, type LabShape } from "./support/lab.ts";
import { type Packet, udp } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { nmap, portsReportedOpen } from "./support/scan.ts";
import { harsh, type Settings, shipped } from "./support/settings.ts";
import { manyConnections } from "./support/time-wait.ts";
import { exchange, reconnect, serve, talk, visit } from "./support/traffic.ts";
import { waitUntil } from "./support/wait.ts";

async function openLab(t: TestContext, shape: LabShape = {}): Promise<Lab> {
  const lab = await Lab.open(shape);
  t.after(() => lab.close());
  return lab;
}

async function labWithDaemon(t: TestContext, settings: Settings = harsh): Promise<{ lab: Lab; daemon: Daemon }> {
  const lab = await openLab(t);
  return { lab, daemon: await Daemon.start(lab, settings) };
}

const client = source(1);
const ONE_OPENED = { opened: 1, failed: 0, errors: {} };
const ONE_REFUSED = { opened: 0, failed: 1, errors: { ECONNREFUSED: 1 } };

test("a busy client whose source ports come round again while the server's sockets are in TIME_WAIT", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  await manyConnections(lab, client, { count: 3_000, clientPorts: 2_000 });
  await assertInnocent(lab, daemon, [client]);
});

test("an open port outside a restricted list of watched ports, and a closed one there", async (t) => {
  const lists = { TCP_MODE: "stcp", TCP_PORTS: "7,9", UDP_MODE: "sudp", UDP_PORTS: "7,9" };
  const { lab, daemon } = await labWithDaemon(t, { ...harsh, ...lists });
  await serve(lab, lab.target, { tcp: [5000] });
  for (const family of families) {
    const [to, from] = [TARGET[family], client[family]];
    assert.equal((await visit(lab.scanner, { to, from, port: 5000, count: 20 })).opened, 20);
    assert.deepEqual(await visit(lab.scanner, { to, from, port: 5001 }), ONE_REFUSED);
    await sendPackets(lab, [udp({ to, from, port: 5001 })]);
  }
  await assertInnocent(lab, daemon, [client], [7, 9]);
});

for (const family of families) {
  test(`200 clients over ${family} that come back while their service restarts`, async (t) => {
    const { lab, daemon } = await labWithDaemon(t);
    const clients = Array.from({ length: 200 }, (_, index) => source(1 + index));
    const addresses = clients.map((each) => each[family]);
    const how = { to: TARGET[family], port: 8000, every: 200 };
    const service = await serve(lab, lab.target, { tcp: [8000] });
    // One half is connected before; the other comes for the first time while nobody listens.
    const old = reconnect(lab, lab.scanner, { ...how, from: addresses.slice(0, 100).join(",") });
    await waitUntil("100 connected", () => old.state().connected === 100, 30_000);
    await service.stop();
    const young = reconnect(lab, lab.scanner, { ...how, from: addresses.slice(100).join(",") });
    await waitUntil("all refused, twice", () => old.state().refusals + young.state().refusals >= 400, 30_000);
    await serve(lab, lab.target, { tcp: [8000] });
    await waitUntil("100 connected again", () => old.state().connected === 100, 30_000);
    await waitUntil("100 more connected", () => young.state().connected === 100, 30_000);
    await assertInnocent(lab, daemon, clients);
  });
}

test("a DNS query of our own, answered at once", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  for (const family of families) {
    await serve(lab, lab.scanner, { udp: [53], mode: "echo", address: client[family] });
    const question = await talk(lab, lab.target, { to: client[family], port: 53, udp: true });
    await exchange(question, "question");
  }
  await assertInnocent(lab, daemon, [client]);
});

for (const forgotten of [false, true]) {
  const when = forgotten ? "and conntrack has forgotten it" : "but conntrack remembers it";
  test(`a DNS answer that comes when the socket has closed, ${when}`, async (t) => {
    const { lab, daemon } = await labWithDaemon(t);
    for (const family of families) {
      const resolver = await serve(lab, lab.scanner, { udp: [53], mode: "hold", address: client[family] });
      const question = await talk(lab, lab.target, { to: client[family], port: 53, udp: true });
      question.write("question\n");
      await resolver.waitForLine(/^asked on 53$/);
      await question.stop();
      if (forgotten) await lab.target.mustRun(["conntrack", "-F"]);
      resolver.write("go\n");
      await resolver.waitForLine(/^answered from 53$/);
    }
    await assertInnocent(lab, daemon, [client]);
  });
}

test("a service that starts listening after the daemon", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  await serve(lab, lab.target, { tcp: [8080], udp: [8080], mode: "echo" });
  for (const family of families) {
    for (const protocol of [{}, { udp: true } as const]) {
      const how = { to: TARGET[family], port: 8080, from: client[family], ...protocol };
      await exchange(await talk(lab, lab.scanner, how), "hello");
    }
  }
  await assertInnocent(lab, daemon, [client]);
});

test("connections that outlive the daemon's start, and how they end", async (t) => {
  const lab = await openLab(t);
  await serve(lab, lab.target, { tcp: [8080], mode: "echo" });
  const both = await Promise.all(
    families.flatMap((family) =>
      ["quit", "reset"].map(async (end) => {
        const how = { to: TARGET[family], port: 8080, from: client[family] };
        return { end, conversation: await talk(lab, lab.scanner, how) };
      }),
    ),
  );
  const daemon = await Daemon.start(lab);
  for (const { end, conversation } of both) {
    await exchange(conversation, "still there");
    conversation.write(`${end}\n`);
    await conversation.waitForEnd();
  }
  await assertInnocent(lab, daemon, [client]);
});

test("a browser that tries the closed 443 of a host that serves 80", async (t) => {
  const { lab, daemon } = await labWithDaemon(t, shipped);
  await serve(lab, lab.target, { tcp: [80] });
  for (const family of families) {
    const [to, from] = [TARGET[family], client[family]];
    for (let attempt = 0; attempt < 5; attempt++) {
      assert.deepEqual(await visit(lab.scanner, { to, from, port: 443 }), ONE_REFUSED);
      assert.deepEqual(await visit(lab.scanner, { to, from, port: 80 }), ONE_OPENED);
    }
  }
  await assertInnocent(lab, daemon, [client]);
});

test("a port published into a container by DNAT", async (t) => {
  const lab = await openLab(t, { inner: true });
  await serve(lab, lab.inner, { tcp: [80] });
  const publish = ["-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination"];
  await lab.target.mustRun(["iptables", ...publish, `${CONTAINER.ipv4}:80`]);
  await lab.target.mustRun(["ip6tables", ...publish, `[${CONTAINER.ipv6}]:80`]);
  const daemon = await Daemon.start(lab);
  for (const family of families) {
    const how = { to: TARGET[family], from: client[family], port: 8080, count: 20 };
    assert.equal((await visit(lab.scanner, how)).opened, 20);
  }
  await assertInnocent(lab, daemon, [client]);
});

test("broadcast and multicast", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  const [neighbour] = NEIGHBOURS;
  const shouts = [
    { to: "198.51.100.255", mac: "ff:ff:ff:ff:ff:ff" },
    { to: "255.255.255.255", mac: "ff:ff:ff:ff:ff:ff" },
    { to: "224.0.0.1", mac: "01:00:5e:00:00:01" },
    { to: "239.255.255.250", mac: "01:00:5e:7f:ff:fa" },
    { to: "ff02::1", mac: "33:33:00:00:00:01" },
    { to: "ff02::fb", mac: "33:33:00:00:00:fb" },
  ];
  for (const { to, mac } of shouts) {
    const from = to.includes(":") ? neighbour.ipv6 : neighbour.ipv4;
    const packet = (port: number): Packet => ({ from, to, port });
    await sendPackets(
      lab,
      [1234, 137, 1900, 5678].map((port) => udp(packet(port))),
      { mac },
    );
  }
  await assertInnocent(lab, daemon, [neighbour]);
});

test("a source on the allow list that scans sees the host as it is", async (t) => {
  const lab = await openLab(t);
  const open = [3000, 3031];
  await serve(lab, lab.target, { tcp: open });
  const other = source(2);
  const list = [client.ipv4, client.key.ipv6, "203.0.113.2/31", other.ipv6];
  const daemon = await Daemon.start(lab, harsh, list);
  for (const family of families) {
    for (const scanner of [client, other]) {
      const { stdout } = await nmap(lab, { family, source: scanner, options: ["-sS", "-p", "3000-3031"] });
      assert.deepEqual(portsReportedOpen(stdout), open);
    }
  }
  await assertInnocent(lab, daemon, [client, other]);
});

test("a datagram to an ephemeral port", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  const late = families.flatMap((family) =>
    [32_768, 40_000, 60_999].map((port) => udp({ from: client[family], to: TARGET[family], port, fromPort: 53 })),
  );
  await sendPackets(lab, late);
  await assertInnocent(lab, daemon, [client]);
});

test("the ephemeral range is read, not assumed", async (t) => {
  const lab = await openLab(t);
  await lab.target.set("net.ipv4.ip_local_port_range", "20000 29999");
  const daemon = await Daemon.start(lab);
  const scanner = source(2);
  await sendPackets(lab, [udp({ from: client.ipv4, to: TARGET.ipv4, port: 25_000 })]);
  await sendPackets(lab, [udp({ from: scanner.ipv4, to: TARGET.ipv4, port: 40_000 })]);
  await daemon.waitForBlock(scanner.key.ipv4);
  await assertInnocent(lab, daemon, [client]);
});

test("the mark itself is a scanner that is seen", async (t) => {
  const { lab, daemon } = await labWithDaemon(t);
  await passMark(lab, daemon);
  assert.ok((await daemon.events()).some((event) => event.type === "finding"));
});
