// Where a port counts as served lately, for the packet ring: at the address where it was, and in doubt at others too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServedMemory } from "../../src/sense/served-memory.ts";
import { type LearnedElement, learnedSetNames } from "../../src/table/learned-sets.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { IpProtocol } from "../../src/wire/packet.ts";
import { prefix } from "../support/prefix.ts";

const { Tcp, Udp } = IpProtocol;
const HOUR = 3_600_000;
const NOW = 1_000_000;
const OWN = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];

function setUp() {
  const served = new ServedMemory({ k0: 1, k1: 2 });
  served.settled = new AddressRanges(OWN.map(prefix));
  return {
    served,
    note: (port: number, address?: string, protocol: number = Tcp) =>
      served.note({ protocol, port, address: address === undefined ? undefined : prefix(address) }, HOUR, NOW),
    /** The addresses at which the port counts. */
    where: (port: number, nowMs = NOW, protocol: number = Tcp) =>
      [...OWN, "192.0.2.9"].filter((text) => {
        const { w0, w1, w2, w3 } = prefix(text);
        return served.isLately(protocol, port, w0, w1, w2, w3, nowMs);
      }),
  };
}

test("a port counts at every address, or where it was served and at addresses that are new", () => {
  const { note, where } = setUp();
  note(25);
  note(26, "192.0.2.1");
  note(26, "2001:db8::2");
  assert.deepEqual(where(25), [...OWN, "192.0.2.9"]);
  assert.deepEqual(where(26), ["192.0.2.1", "2001:db8::2", "192.0.2.9"]);
  assert.deepEqual(where(26, NOW, Udp), []);
  assert.deepEqual(where(27), []);
});

test("what is served over one family alone counts at the addresses of the other", () => {
  const { note, where } = setUp();
  note(25, "192.0.2.1");
  note(26, "2001:db8::1");
  note(53, "192.0.2.2", Udp);
  assert.deepEqual(where(25), ["192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.9"]);
  assert.deepEqual(where(26), ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.9"]);
  assert.deepEqual(where(53, NOW, Udp), ["192.0.2.2", "2001:db8::1", "2001:db8::2", "192.0.2.9"]);
});

test("what a packet shows counts everywhere, unless a look at the listeners has said that they are bound", () => {
  const { served, note, where } = setUp();
  const seen = (port: number, address: string) =>
    served.noteSeen({ protocol: Tcp, port, address: prefix(address) }, HOUR, NOW);
  seen(25, "192.0.2.1");
  assert.deepEqual(where(25), [...OWN, "192.0.2.9"]);
  note(26, "192.0.2.2");
  seen(26, "192.0.2.1");
  assert.deepEqual(where(26), ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "192.0.2.9"]);
  note(27, "192.0.2.2");
  note(27, "192.0.2.1");
  seen(27, "2001:db8::1");
  assert.deepEqual(where(27), [...OWN, "192.0.2.9"], "nobody has said what the other family's is bound to");
});

test("it is remembered for LATELY_OPEN, above 1023 for 24 times as long", () => {
  const { note, where } = setUp();
  note(1_023, "192.0.2.1");
  note(1_024, "192.0.2.1");
  assert.equal(where(1_023, NOW + HOUR - 1).length, 4);
  assert.deepEqual(where(1_023, NOW + HOUR), []);
  assert.equal(where(1_024, NOW + 24 * HOUR - 1).length, 4);
  assert.deepEqual(where(1_024, NOW + 24 * HOUR), []);
});

test("when there are too many places to remember, what is served at one address counts at every one", () => {
  const { served, note, where } = setUp();
  note(25, "192.0.2.1");
  assert.deepEqual(where(25), ["192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.9"]);
  for (let port = 1; port <= 40_000; port++) note(port, "192.0.2.1");
  assert.ok((served.counters.ringServedEvicted ?? 0) > 0);
  assert.deepEqual(where(25), [...OWN, "192.0.2.9"]);
});

test("what is saved comes back; an element of another set does not", () => {
  const [one, other] = [setUp(), setUp()];
  one.note(25);
  one.note(26, "192.0.2.1");
  one.note(27, "2001:db8::1");
  const kept: LearnedElement[] = [];
  one.served.visit(NOW, (set, key, untilMs) => kept.push({ set, key: Uint8Array.from(key), untilMs }));
  assert.ok(kept.every(({ set }) => learnedSetNames.includes(set)));
  assert.ok(kept.every((element) => other.served.restore(element, NOW)));
  for (const port of [25, 26, 27, 28]) assert.deepEqual(other.where(port), one.where(port), `${port}`);
  assert.equal(other.served.restore({ set: "known4", key: new Uint8Array(8), untilMs: 9e12 }, NOW), false);
  assert.equal(other.served.restore({ set: "everywhere", key: new Uint8Array(8), untilMs: 9e12 }, NOW), false);
});
