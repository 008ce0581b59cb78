import assert from "node:assert/strict";
import { test } from "node:test";
import { hashSource } from "../../../src/detect/keyed-hash.ts";
import { Busiest } from "../../../src/detect/tap/busiest.ts";
import { seed } from "../probes.ts";

const hash = (value: number) => hashSource(seed, value, 0, 0, 0, 0);

test("distinct values of each key, repeated ones once", () => {
  const busiest = new Busiest(4);
  for (let round = 0; round < 3; round++) {
    for (let key = 1; key <= 3; key++) {
      for (let value = 0; value < key * 5; value++) {
        assert.equal(busiest.slot(key).add(hash(value)), round === 0 ? 1 : 0);
      }
    }
  }
  assert.deepEqual(
    [1, 2, 3, 9].map((key) => busiest.find(key)?.count ?? 0),
    [5, 10, 15, 0],
  );
  assert.equal(busiest.largest, 15);
});

test("a value can be taken back while the key has few", () => {
  const busiest = new Busiest(2);
  const slot = busiest.slot(1);
  for (let few = 1; few < 5; few++) {
    for (let value = 0; value < few; value++) assert.equal(slot.add(value), 1);
    assert.equal(slot.remove(99), false);
    for (let value = 0; value < few; value++) {
      assert.equal(slot.remove(value), true);
      assert.equal(slot.remove(value), false);
      assert.equal(slot.count, few - value - 1);
    }
  }
  assert.equal(slot.add(10), 1);
});

test("many values: an estimate, whose increments add up to it", () => {
  const busiest = new Busiest(2);
  const slot = busiest.slot(1);
  let sum = 0;
  for (let round = 0; round < 2; round++) {
    for (let value = 0; value < 20_000; value++) sum += slot.add(hash(value));
  }
  assert.equal(sum, slot.count);
  // Three standard errors of the sketch.
  assert.ok(Math.abs(sum - 20_000) < 20_000 * 0.14, `${sum}`);
});

test("keys that come by turns push out only one another: a busy one among hundreds stays, with its own count", () => {
  const busiest = new Busiest(4);
  for (let value = 0; value < 200; value++) {
    busiest.slot(7).add(hash(value));
    for (let other = 0; other < 5; other++) busiest.slot(1000 + value * 5 + other).add(hash(value));
  }
  const count = busiest.find(7)?.count ?? 0;
  assert.ok(count > 150);
  assert.equal(busiest.largest, count);
});

test("a key that takes the place of another starts from nothing", () => {
  const busiest = new Busiest(2);
  for (let value = 0; value < 40; value++) busiest.slot(1).add(hash(value));
  const second = busiest.slot(2);
  second.add(5);
  second.tally = 9;
  const third = busiest.slot(3);
  assert.equal(busiest.find(2), undefined);
  assert.deepEqual([third.count, third.tally], [0, 0]);
  assert.equal(third.add(5), 1);
  assert.ok((busiest.find(1)?.count ?? 0) >= 30);
});
