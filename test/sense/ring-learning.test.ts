// What the packet ring keeps of what it has learned: peers with their time, and ports that had a listener.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RingLearning } from "../../src/sense/ring-learning.ts";
import { RingMemory } from "../../src/sense/ring-memory.ts";
import type { LearnedElement } from "../../src/table/learned-sets.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;

function setUp() {
  const clock = { ms: 1_000_000 };
  const memory = new RingMemory({ k0: 1, k1: 2 });
  return { clock, memory, learning: new RingLearning(memory, () => clock.ms) };
}

test("a peer is guarded for GUARD_TIME from when it was told of, and known pairs are not learned", () => {
  const { clock, learning } = setUp();
  const flow = { destination: prefix("192.0.2.1"), protocol: 6, sourcePort: 40_000, destinationPort: 443 };
  assert.equal(learning.addPeers([flow, { ...flow, destination: prefix("2001:db8::1") }], HOUR), 2);
  for (const peer of ["192.0.2.1", "2001:db8::1"]) assert.ok(learning.isPeer(prefix(peer)), peer);
  assert.ok(!learning.isPeer(prefix("192.0.2.2")));
  const peers = learning.peers().map(({ source, untilMs }) => `${formatPrefix(source)} ${untilMs - clock.ms}`);
  assert.deepEqual(peers.sort(), [`192.0.2.1 ${HOUR}`, `2001:db8::1 ${HOUR}`]);
  clock.ms += HOUR + 1;
  assert.deepEqual([learning.isPeer(prefix("192.0.2.1")), learning.peers()], [false, []]);
  assert.ok(!("clients" in learning) && !("refused" in learning));
});

test("ports that had a listener survive a restart, what belongs to the kernel's sets does not come in", async () => {
  const { clock, memory, learning } = setUp();
  memory.served.note({ protocol: 6, port: 443 }, HOUR, clock.ms);
  memory.served.note({ protocol: 17, port: 53 }, HOUR, clock.ms);
  for (const address of ["192.0.2.1", "2001:db8::1", "192.0.2.3"])
    memory.served.note({ protocol: 6, port: 25, address: prefix(address) }, HOUR, clock.ms);
  memory.served.note({ protocol: 6, port: 26, address: prefix("192.0.2.3") }, HOUR, clock.ms);
  const kept: LearnedElement[] = [];
  let pauses = 0;
  await learning.visit(
    (set, key, untilMs) => kept.push({ set, key: Uint8Array.from(key), untilMs }),
    async () => {
      pauses++;
    },
  );
  // Four places, and of each port and family that there is one.
  assert.deepEqual([kept.length, pauses], [2 + 4 + 3, 1]);
  const next = setUp();
  const foreign = { set: "known4", key: new Uint8Array(8), untilMs: 9e12 } as const;
  const own = new AddressRanges(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"].map(prefix));
  // What was at 192.0.2.3 counts at every address, once for each port.
  assert.equal(next.learning.restore([...kept, foreign], own), 9);
  next.memory.served.settled = own;
  const isLately = (protocol: number, port: number, address: string, nowMs = clock.ms) => {
    const { w0, w1, w2, w3 } = prefix(address);
    return next.memory.served.isLately(protocol, port, w0, w1, w2, w3, nowMs);
  };
  assert.ok(isLately(6, 443, "192.0.2.2") && isLately(17, 53, "2001:db8::2"));
  assert.ok(!isLately(6, 443, "192.0.2.2", clock.ms + HOUR + 1));
  assert.ok(isLately(6, 26, "192.0.2.1"), "its service may be at another address now");
});
