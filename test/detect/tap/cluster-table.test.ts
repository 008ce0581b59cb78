// Clusters by target and fingerprint in a table of fixed size: which one is met again, and which one goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterTable } from "../../../src/detect/tap/cluster-table.ts";

const WINDOW_MS = 60_000;

test("target and fingerprint together are the key; the same key is the same cluster within its window, and anew after it", () => {
  const table = new ClusterTable(4, WINDOW_MS);
  const one = table.of(1, 10, 1_000);
  assert.notEqual(table.of(1, 11, 1_000), one);
  assert.notEqual(table.of(2, 10, 1_000), one);
  one.pairs = 7;
  assert.equal(table.of(1, 10, 1_000 + WINDOW_MS), one);
  assert.deepEqual([one.pairs, one.startMs], [7, 1_000]);
  assert.equal(table.of(1, 10, 1_001 + WINDOW_MS), one);
  assert.deepEqual([one.pairs, one.startMs, one.key0, one.key1], [0, 1_001 + WINDOW_MS, 1, 10]);
});

test("a full table lets go whose time is over at no cost, then one with the fewest members, then the stalest; that is counted", () => {
  const table = new ClusterTable(4, WINDOW_MS);
  const [first, second, third, fourth] = [1, 2, 3, 4].map((target) => table.of(target, 10, target * 1_000));
  assert.ok(first && second && third && fourth);
  const member = { w0: 0, w1: 0, w2: 0xffff, w3: 1, bits: 128 };
  for (const cluster of [first, second, fourth]) cluster.members.push(member);
  assert.equal(table.of(5, 10, 5_000), third, "it has no member");
  assert.equal(table.evictions, 1);
  third.members.push(member);
  assert.equal(table.of(6, 10, 6_000), first, "the stalest of equals");
  assert.equal(table.evictions, 2);
  // The second and no other is over now.
  const overMs = 2_001 + WINDOW_MS;
  assert.equal(table.of(7, 10, overMs), second);
  assert.equal(table.evictions, 2, "nobody misses it");
  assert.equal(table.of(5, 10, overMs), third, "the others are as they were");
});

test("a table without room for one set, or without a window, is refused", () => {
  for (const [capacity, windowMs] of [
    [3, WINDOW_MS],
    [4, 0],
    [4, Number.NaN],
  ] as const)
    assert.throws(() => new ClusterTable(capacity, windowMs), RangeError);
});
