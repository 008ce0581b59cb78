import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type RecentKey, RecentTable } from "../../src/sense/recent-table.ts";

const seed = { k0: 1, k1: 2 };
const key = (word3: number, first = 0): RecentKey => ({ word0: 0, word1: 0, word2: 0xffff, word3, first, second: 6 });

test("something is known until its time, and every part of the key counts", () => {
  const table = new RecentTable(64, seed);
  table.put(key(0xc0000201, 0xfffe0035), 1_000, 0);
  assert.equal(table.has(key(0xc0000201, 0xfffe0035), 999), true);
  assert.equal(table.has(key(0xc0000201, 0xfffe0035), 1_000), false);
  for (const part of ["word0", "word1", "word2", "word3", "first", "second"] as const) {
    const other = { ...key(0xc0000201, 0xfffe0035) };
    other[part] ^= 1;
    assert.equal(table.has(other, 0), false, part);
  }
  table.put(key(0xc0000201, 0xfffe0035), 3_000, 2_000);
  assert.equal(table.has(key(0xc0000201, 0xfffe0035), 2_500), true, "prolonged");
  table.remove(key(0xc0000201, 0xfffe0035));
  assert.equal(table.has(key(0xc0000201, 0xfffe0035), 0), false);
  assert.equal(table.has(key(0), 0), false, "an empty slot is no key of zeros");
});

test("it tells what it holds, with unsigned words", () => {
  const table = new RecentTable(64, seed);
  table.put(key(0xfffffffe), 10, 0);
  table.put(key(5), 1, 0);
  const seen: [number, number][] = [];
  table.visit(2, ({ word3 }, untilMs) => seen.push([word3, untilMs]));
  assert.deepEqual(seen, [[0xfffffffe, 10]]);
});

test("against a map: what is known is true, and all that did not have to make room is known", () => {
  const step = fc.record({ word: fc.integer({ min: 0, max: 40 }), lasts: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new RecentTable(32, seed);
      const model = new Map<number, number>();
      for (const [nowMs, { word, lasts }] of steps.entries()) {
        table.put(key(word), nowMs + lasts, nowMs);
        model.set(word, nowMs + lasts);
      }
      let missing = 0;
      for (const [word, untilMs] of model) {
        const known = table.has(key(word), steps.length);
        if (untilMs <= steps.length) assert.equal(known, false);
        else if (!known) missing++;
      }
      assert.ok(missing <= table.evictions);
    }),
  );
});
