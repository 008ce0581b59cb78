// What the packet ring keeps of what it has learned: peers with their time, and ports that had a listener.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RingLearning } from "../../src/sense/ring-learning.ts";
import { RingMemory } from "../../src/sense/ring-memory.ts";
import type { LearnedElement } from "../../src/table/learned-sets.ts";
import { formatPrefix } from "../../src/wire/address.ts";
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
  memory.noteServed(6, 443, HOUR, clock.ms);
  memory.noteServed(17, 53, HOUR, clock.ms);
  const kept: LearnedElement[] = [];
  let pauses = 0;
  await learning.visit(
    (set, key, untilMs) => kept.push({ set, key: Uint8Array.from(key), untilMs }),
    async () => {
      pauses++;
    },
  );
  assert.deepEqual([kept.length, pauses], [2, 1]);
  const next = setUp();
  const foreign = { set: "known4", key: new Uint8Array(8), untilMs: 9e12 } as const;
  assert.equal(next.learning.restore([...kept, foreign]), 2);
  assert.ok(next.memory.isLately(6, 443, clock.ms) && next.memory.isLately(17, 53, clock.ms));
  assert.ok(!next.memory.isLately(6, 443, clock.ms + HOUR + 1));
});
