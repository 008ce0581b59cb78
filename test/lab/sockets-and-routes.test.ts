// What the daemon reads of its host from the kernel: listeners (sock_diag) and gateways (rtnetlink).
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, test } from "node:test";
import { listConnectedFrom, visitConnections } from "../../src/kernel/connected-from.ts";
import { listDefaultGateways, openRouteMonitor } from "../../src/kernel/routes.ts";
import { listReachable, listServedPorts } from "../../src/kernel/sock-diag.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../../src/wire/address.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";
import { waitUntil } from "./support/wait.ts";

enterOwnNamespace(import.meta.filename);
mustDo("ip", "link", "set", "lo", "up");
mustDo("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
mustDo("ip", "address", "add", "198.51.100.1/24", "dev", "veth0");
mustDo("ip", "address", "add", "2001:db8:a::1/64", "dev", "veth0", "nodad");
for (const link of ["veth0", "veth1"]) mustDo("ip", "link", "set", link, "up");

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const TCP = 6;
const UDP = 17;
const served = () =>
  listServedPorts()
    .map(({ protocol, port }) => `${protocol}:${port}`)
    .sort();

async function listenTcp(port: number, host: string) {
  const server = createServer().listen({ port, host });
  closers.push(() => server.close());
  await once(server, "listening");
}

async function bindUdp(type: "udp4" | "udp6", port: number, address?: string) {
  const socket = createSocket({ type, ipv6Only: type === "udp6" });
  closers.push(() => socket.close());
  socket.bind(port, address);
  await once(socket, "listening");
}

test("tells the address that a listener is bound to, and leaves out what no other host can reach", async () => {
  await listenTcp(81, "127.0.0.1");
  await listenTcp(82, "::1");
  await listenTcp(83, "198.51.100.1");
  await listenTcp(83, "2001:db8:a::1");
  await listenTcp(84, "::");
  await listenTcp(85, "0.0.0.0");
  await bindUdp("udp4", 91, "198.51.100.1");
  await bindUdp("udp6", 92);
  await listenTcp(86, "::ffff:198.51.100.1");
  const reachable = listReachable().map(({ protocol, port, address }) => {
    return `${protocol}:${port} ${address === undefined ? "every" : formatPrefix(address)}`;
  });
  assert.deepEqual(reachable.sort(), [
    `${UDP}:91 198.51.100.1`,
    `${UDP}:92 every`,
    `${TCP}:83 198.51.100.1`,
    `${TCP}:83 2001:db8:a::1`,
    `${TCP}:84 every`,
    `${TCP}:85 every`,
    `${TCP}:86 198.51.100.1`,
  ]);
});

test("finds the listeners of both protocols and both families, and no client", async () => {
  assert.deepEqual(served(), []);
  await listenTcp(81, "127.0.0.1");
  await listenTcp(82, "::1");
  await listenTcp(83, "0.0.0.0");
  await bindUdp("udp4", 91);
  await bindUdp("udp6", 92);
  await bindUdp("udp4", 83);
  const client = createSocket("udp4");
  closers.push(() => client.close());
  client.connect(91, "127.0.0.1");
  await once(client, "connect");
  const expected = [`${UDP}:83`, `${UDP}:91`, `${UDP}:92`, `${TCP}:81`, `${TCP}:82`, `${TCP}:83`];
  assert.deepEqual(served(), expected);
});

test("the kernel tells of connections with given remotes only: addresses and prefixes of both families, mapped ones too", async () => {
  await listenTcp(84, "0.0.0.0");
  await listenTcp(85, "::");
  const open = async (to: string, port: number, count: number) => {
    for (let index = 0; index < count; index++) {
      const socket = connect({ host: to, port });
      closers.push(() => socket.destroy());
      await once(socket, "connect");
    }
  };
  await open("198.51.100.1", 84, 3);
  await open("198.51.100.1", 85, 2);
  await open("2001:db8:a::1", 85, 4);
  const remotes = ["192.0.2.1", "198.51.100.1", "2001:db8:a::/64", "2001:db8:b::/64", "192.0.2.0/24"].map((text) => {
    const parsed = parsePrefix(text);
    assert.ok(parsed !== undefined);
    return parsed;
  });
  const counted = (limit: number) => {
    const counts: Record<string, number> = {};
    // Both ends are here: those of the clients have other ports.
    for (const { index, port } of listConnectedFrom(remotes, limit).filter(({ port: own }) => own < 1024))
      counts[`${formatPrefix(remotes[index] ?? assert.fail())} ${port}`] =
        (counts[`${formatPrefix(remotes[index] ?? assert.fail())} ${port}`] ?? 0) + 1;
    return counts;
  };
  await waitUntil("all are accepted", () => Promise.resolve(Object.keys(counted(1_000)).length === 3));
  assert.deepEqual(counted(1_000), { "198.51.100.1 84": 3, "198.51.100.1 85": 2, "2001:db8:a::/64 85": 4 });
  assert.equal(listConnectedFrom(remotes, 2).length, 2);
  assert.deepEqual(listConnectedFrom(remotes.slice(0, 1), 1_000), []);
  assert.deepEqual(listConnectedFrom([], 1_000), []);
  assert.throws(() => listConnectedFrom(Array(17).fill(remotes[0]), 1), RangeError);
  const all: string[] = [];
  const note = (remote: Prefix, port: number) => all.push(`${formatPrefix(remote)} ${port}`);
  assert.equal(visitConnections(1_000, note), true);
  const named = (name: string) => all.filter((one) => one === name).length;
  assert.deepEqual(["198.51.100.1 84", "198.51.100.1 85", "2001:db8:a::1 85"].map(named), [3, 2, 4]);
  const count = all.length;
  assert.equal(visitConnections(count, note), true, "exactly as many as are allowed");
  all.length = 0;
  assert.equal(visitConnections(count - 1, note), false);
  assert.equal(all.length, count - 1);
});

test("default gateways: none", () => {
  assert.deepEqual(listDefaultGateways(), []);
});

test("default gateways: of each family, of several metrics, of several tables; no other route's", () => {
  mustDo("ip", "route", "add", "default", "via", "198.51.100.254");
  mustDo("ip", "route", "add", "default", "via", "198.51.100.253", "metric", "200");
  mustDo("ip", "route", "add", "default", "via", "198.51.100.252", "table", "77");
  mustDo("ip", "route", "add", "10.0.0.0/8", "via", "198.51.100.9");
  mustDo("ip", "route", "add", "default", "via", "2001:db8:a::fe");
  mustDo("ip", "route", "add", "2001:db8:b::/48", "via", "2001:db8:a::9");
  const expected = ["198.51.100.252", "198.51.100.253", "198.51.100.254", "2001:db8:a::fe"];
  assert.deepEqual(listDefaultGateways().sort(), expected);
  mustDo("ip", "route", "flush", "default");
  mustDo("ip", "route", "flush", "default", "table", "77");
  mustDo("ip", "-6", "route", "flush", "default");
  assert.deepEqual(listDefaultGateways(), []);
});

test("default gateways: every hop of a multipath route, and an IPv6 gateway of IPv4", () => {
  mustDo("ip", "route", "add", "default", "nexthop", "via", "198.51.100.11", "nexthop", "via", "198.51.100.12");
  mustDo("ip", "-6", "route", "add", "default", "nexthop", "via", "2001:db8:a::11", "nexthop", "via", "2001:db8:a::12");
  assert.deepEqual(listDefaultGateways().sort(), [
    "198.51.100.11",
    "198.51.100.12",
    "2001:db8:a::11",
    "2001:db8:a::12",
  ]);
  mustDo("ip", "route", "flush", "default");
  mustDo("ip", "-6", "route", "flush", "default");
  mustDo("ip", "route", "add", "default", "via", "inet6", "2001:db8:a::13", "dev", "veth0");
  assert.deepEqual(listDefaultGateways(), ["2001:db8:a::13"]);
  mustDo("ip", "route", "delete", "default", "via", "inet6", "2001:db8:a::13", "dev", "veth0");
});

test("a route that leads nowhere has no gateway", () => {
  mustDo("ip", "route", "add", "unreachable", "default");
  mustDo("ip", "route", "add", "default", "dev", "veth0", "metric", "9");
  assert.deepEqual(listDefaultGateways(), []);
  mustDo("ip", "route", "flush", "default");
});

test("the route monitor hears of addresses and routes of both families", async () => {
  const monitor = openRouteMonitor();
  closers.push(() => monitor.close());
  const heard = () => {
    let datagrams = 0;
    while (monitor.receive() > 0) datagrams++;
    return datagrams > 0;
  };
  heard();
  assert.equal(heard(), false);
  const changes = [
    ["address", "add", "198.51.100.2/24", "dev", "veth0"],
    ["route", "add", "203.0.113.0/24", "via", "198.51.100.9"],
    ["address", "add", "2001:db8:a::2/64", "dev", "veth0", "nodad"],
    ["route", "add", "2001:db8:c::/48", "via", "2001:db8:a::9"],
  ];
  for (const change of changes) {
    mustDo("ip", ...change);
    // The kernel tells of an IPv6 address from a work queue, after ip has ended.
    await waitUntil(`news of ${change.join(" ")}`, heard);
  }
});
