import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint, ListedSocket } from "../../src/kernel/socket-lookup.ts";
import { PortState } from "../../src/sense/port-state.ts";

const TCP = 6;
const UDP = 17;
const end = (address3: number, port: number): Endpoint => ({
  address0: 0,
  address1: 0,
  address2: 0xffff,
  address3,
  port,
});
const remote = end(0xcb007109, 40_000);
const at = (port: number, address3 = 0xc6336401) => end(address3, port);

/** Socket tables of a few services, counting what is asked. */
class FakeSockets {
  served: ListedSocket[] = [];
  asked = 0;
  lists = 0;
  fails = false;

  finds(protocol: number, _remote: Endpoint, local: Endpoint): boolean {
    this.asked++;
    if (this.fails) throw new Error("sock_diag refused");
    return this.served.some(
      (one) =>
        one.protocol === protocol &&
        one.local.port === local.port &&
        (one.isWildcard || one.local.address3 === local.address3),
    );
  }

  listServed(visit: (socket: ListedSocket) => void): void {
    this.lists++;
    if (this.fails) throw new Error("sock_diag refused");
    this.served.forEach(visit);
  }
}

function serve(protocol: number, port: number, address3 = 0): ListedSocket {
  return { protocol, local: at(port, address3), remote: at(0, 0), isWildcard: address3 === 0 };
}

test("a port is asked for once, and again after some seconds", () => {
  const sockets = new FakeSockets();
  sockets.served = [serve(TCP, 80), serve(UDP, 53)];
  const state = new PortState(sockets);
  for (const nowMs of [0, 1, 1_999]) {
    assert.equal(state.isServed(TCP, remote, at(80), nowMs), true);
    assert.equal(state.isServed(UDP, remote, at(80), nowMs), false, "the other protocol");
    assert.equal(state.isServed(TCP, remote, at(81), nowMs), false);
  }
  assert.equal(sockets.asked, 3);
  sockets.served.push(serve(TCP, 81));
  assert.equal(state.isServed(TCP, remote, at(81), 2_000), true, "a service that has started");
  sockets.served = [];
  assert.equal(state.isServed(TCP, remote, at(80), 4_999), true);
  assert.equal(state.isServed(TCP, remote, at(80), 5_000), false, "one that has ended");
});

test("an answer about one of our addresses is none about another", () => {
  const sockets = new FakeSockets();
  sockets.served = [serve(TCP, 631, 0x7f000001)];
  const state = new PortState(sockets);
  assert.equal(state.isServed(TCP, remote, at(631), 0), false);
  assert.equal(state.isServed(TCP, remote, at(631, 0x7f000001), 0), true);
  assert.equal(state.isServed(TCP, remote, at(631), 0), false);
});

test("more questions than a second allows are answered by one list of all sockets", () => {
  const sockets = new FakeSockets();
  sockets.served = [serve(TCP, 60_000), serve(TCP, 60_001, 0x7f000001)];
  const state = new PortState(sockets);
  for (let port = 1; port <= 65_535; port++) {
    // By port alone: rather a probe that is not seen than a customer who is taken for a scanner.
    const isServed = port === 60_000 || port === 60_001;
    assert.equal(state.isServed(TCP, remote, at(port), 500), isServed, `${port}`);
  }
  assert.deepEqual([sockets.asked, sockets.lists], [2_000, 1]);
  assert.equal(state.counters.portLookupsSaved, 63_535);
  state.isServed(TCP, remote, at(50_000), 1_500);
  assert.equal(sockets.asked, 2_001, "the next second");
  state.isServed(TCP, remote, at(50_001), 100);
  assert.equal(sockets.asked, 2_002, "a clock that was set back");
});

test("a kernel that refuses to answer is counted, and the last list stays", () => {
  const sockets = new FakeSockets();
  sockets.served = [serve(TCP, 80)];
  const state = new PortState(sockets);
  state.refresh(0);
  sockets.fails = true;
  assert.equal(state.isServed(TCP, remote, at(80), 100), true);
  assert.equal(state.isServed(TCP, remote, at(81), 5_000), false);
  assert.equal(state.counters.portLookupFailures, 3);
});

test("the filter is told of UDP ports that are served on every address", () => {
  const sockets = new FakeSockets();
  sockets.served = [serve(UDP, 443), serve(UDP, 53), serve(UDP, 323, 0x7f000001), serve(TCP, 80)];
  const state = new PortState(sockets);
  state.refresh(0);
  assert.deepEqual(state.udpServedEverywhere(), [53, 443]);
});
