// The small memories of what goes on beside the contacts: bounded, and told when something is forgotten.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ContactKey } from "../../../src/detect/tap/contact-key.ts";
import { LinkSenders } from "../../../src/detect/tap/link-senders.ts";
import { RecentPairs } from "../../../src/detect/tap/recent-pairs.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { seed } from "../probes.ts";

const MEMORY_MS = 60_000;

function keyOf(source: number, host: number, family = 4): ContactKey {
  const packet = Object.assign(new Packet(), {
    family,
    source3: source,
    destination3: host,
    source0: 1,
    destination2: 2,
  });
  const key = new ContactKey();
  key.setForward(packet, 17);
  return key;
}

test("a pair is remembered with its detail, for a time, in its direction and family only", () => {
  for (const family of [4, 6]) {
    const pairs = new RecentPairs(seed, MEMORY_MS);
    pairs.note(keyOf(1, 2, family), 69, 1_000);
    assert.ok(pairs.has(keyOf(1, 2, family), 69, 1_000 + MEMORY_MS));
    assert.ok(!pairs.has(keyOf(1, 2, family), 69, 1_001 + MEMORY_MS));
    assert.ok(!pairs.has(keyOf(1, 2, family), 70, 1_000));
    assert.ok(!pairs.has(keyOf(2, 1, family), 69, 1_000));
    assert.ok(!pairs.has(keyOf(1, 2, 10 - family), 69, 1_000));
  }
});

test("pairs whose place others have taken are counted, those that were old already are not", () => {
  const pairs = new RecentPairs(seed, MEMORY_MS);
  for (let host = 0; host < 10_000; host++) pairs.note(keyOf(1, host), 0, 0);
  const remembered = Array.from({ length: 10_000 }, (_, host) => pairs.has(keyOf(1, host), 0, 0)).filter(
    Boolean,
  ).length;
  assert.equal(pairs.forgotten, 10_000 - remembered);
  assert.ok(remembered <= 4_096);
  const before = pairs.forgotten;
  for (let host = 0; host < 100; host++) pairs.note(keyOf(2, host), 0, 2 * MEMORY_MS);
  assert.ok(pairs.forgotten - before < 10);
});

test("who sends for three addresses is a router, as sender and as receiver; who has two is none", () => {
  const senders = new LinkSenders();
  const bytes = (link: number) => Uint8Array.of(2, 0, 0, 0, 0, 9, 2, 0, link >> 24, link >> 16, link >> 8, link, 8, 0);
  const send = (link: number, source3: number) =>
    senders.note(Object.assign(new Packet(), { family: 4, source3, ethernetAt: 0 }), bytes(link));
  const from = (link: number) => senders.isFromRouter(Object.assign(new Packet(), { ethernetAt: 0 }), bytes(link));
  for (const source of [1, 2, 1, 2]) send(5, source);
  assert.ok(!from(5));
  send(5, 3);
  assert.ok(from(5));
  assert.ok(!from(6));
  assert.ok(!senders.isFromRouter(new Packet(), bytes(5)));
  assert.ok(!senders.isToRouter(Object.assign(new Packet(), { ethernetAt: 0 }), bytes(5)));
  for (const source of [1, 2, 3]) send(9, source);
  assert.ok(senders.isToRouter(Object.assign(new Packet(), { ethernetAt: 0 }), bytes(5)));
  assert.equal(senders.forgotten, 0);
  for (let link = 100; link < 5_000; link++) send(link, 1);
  assert.ok(senders.forgotten > 3_000);
});
