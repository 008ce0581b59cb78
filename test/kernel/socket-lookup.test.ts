// The kernel's socket tables, asked about sockets of our own on the loopback; needs no right.
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { type Endpoint, type ListedSocket, SocketLookup } from "../../src/kernel/socket-lookup.ts";

const TCP = 6;
const UDP = 17;
const four = (address3: number, port: number): Endpoint => ({
  address0: 0,
  address1: 0,
  address2: 0xffff,
  address3,
  port,
});
const six = (port: number): Endpoint => ({ address0: 0, address1: 0, address2: 0, address3: 1, port });
const LOOPBACK = 0x7f000001;
const lookup = new SocketLookup();
const servers: Server[] = [];
const sockets: Socket[] = [];

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function bind(host: string): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  sockets.push(socket);
  socket.bind(0, host);
  await once(socket, "listening");
  return socket;
}

let ports: { all: number; four: number; six: number };
before(async () => {
  ports = { all: await listen("::"), four: await listen("127.0.0.1"), six: await listen("::1") };
});
after(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.close();
  lookup.close();
});

test("a listener is found by the addresses that it serves, and by no other", () => {
  const finds4 = (port: number, address = LOOPBACK) => lookup.finds(TCP, four(LOOPBACK, 1), four(address, port));
  const finds6 = (port: number) => lookup.finds(TCP, six(1), six(port));
  assert.deepEqual([finds4(ports.all), finds6(ports.all)], [true, true]);
  assert.deepEqual([finds4(ports.four), finds6(ports.four)], [true, false]);
  assert.deepEqual([finds4(ports.six), finds6(ports.six)], [false, true]);
  assert.equal(finds4(ports.four, LOOPBACK + 1), false);
  assert.equal(lookup.finds(UDP, four(LOOPBACK, 1), four(LOOPBACK, ports.all)), false);
});

test("a connected UDP socket takes from its peer only", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const end = host === "::1" ? six : (port: number) => four(LOOPBACK, port);
    const open = await bind(host);
    assert.equal(lookup.finds(UDP, end(1), end(open.address().port)), true, host);
    const connected = await bind(host);
    connected.connect(open.address().port, host);
    await once(connected, "connect");
    assert.equal(lookup.finds(UDP, end(open.address().port), end(connected.address().port)), true, host);
    assert.equal(lookup.finds(UDP, end(1), end(connected.address().port)), false, host);
    const listed: ListedSocket[] = [];
    lookup.listConnected((socket) => listed.push(socket));
    const own = listed.find(({ protocol, local }) => protocol === UDP && local.port === connected.address().port);
    assert.deepEqual(own?.remote, end(open.address().port));
  }
});

test("the list names every listener, and which serves all addresses; connections have two ends", async () => {
  const listed: ListedSocket[] = [];
  lookup.listServed((socket) => listed.push(socket));
  const of = (port: number) => listed.find(({ protocol, local }) => protocol === TCP && local.port === port);
  assert.equal(of(ports.all)?.isWildcard, true);
  assert.deepEqual([of(ports.four)?.isWildcard, of(ports.four)?.local], [false, four(LOOPBACK, ports.four)]);
  assert.deepEqual([of(ports.six)?.isWildcard, of(ports.six)?.local], [false, six(ports.six)]);
  const client = connect(ports.four, "127.0.0.1");
  await once(client, "connect");
  const connected: ListedSocket[] = [];
  lookup.listConnected((socket) => connected.push(socket));
  const own = connected.find(({ local }) => local.port === client.localPort);
  assert.deepEqual(own?.remote, four(LOOPBACK, ports.four));
  client.destroy();
});
