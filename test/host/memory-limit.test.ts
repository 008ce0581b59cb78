import assert from "node:assert/strict";
import { test } from "node:test";
import { blockLimit, MAX_BLOCKS, readMemoryLimits } from "../../src/host/memory-limit.ts";

const MIB = 1_048_576;

test("as many blocks as fit into the memory and the heap, within bounds", () => {
  const limit = (memoryMib: number, heapMib: number) =>
    blockLimit({ memoryBytes: memoryMib * MIB, heapBytes: heapMib * MIB });
  assert.equal(limit(65_536, 4_144), MAX_BLOCKS);
  assert.equal(limit(512, 259), 262_144);
  assert.equal(limit(1_024, 524), 524_288);
  assert.equal(limit(65_536, 104), 65_536);
  assert.equal(limit(1, 1), 16_384);
});

test("this machine's limits are numbers", () => {
  const { memoryBytes, heapBytes } = readMemoryLimits();
  assert.ok(Number.isFinite(memoryBytes) && memoryBytes > 16 * MIB);
  assert.ok(Number.isFinite(heapBytes) && heapBytes > 16 * MIB);
});
