// The rows of the contact table against a plain map: what was written is found, with its key, until it is given up.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContactKey, hashKey, whatOf } from "../../../src/detect/tap/contact-key.ts";
import { ContactRows, NONE } from "../../../src/detect/tap/contact-rows.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { seed } from "../probes.ts";

const CAPACITY = 7;

function keyOf(number: number, isIpv4: boolean): ContactKey {
  const packet = new Packet();
  packet.family = isIpv4 ? 4 : 6;
  packet.source0 = isIpv4 ? 0 : 0x20010db8;
  packet.source2 = isIpv4 ? 0xffff : 0x9fffffff;
  packet.destination2 = packet.source2;
  packet.source3 = 0xc0000200 + (number % 5);
  packet.destination3 = 0xc6336400 + (number % 3);
  const key = new ContactKey();
  key.setForward(packet, whatOf(6, number));
  return key;
}

test("rows against a map, in a table that is always full", () => {
  const steps = fc.array(fc.record({ number: fc.nat({ max: 30 }), isIpv4: fc.boolean() }), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (run) => {
      const rows = new ContactRows(CAPACITY, seed);
      const model = new Map<number, string>();
      for (const [time, { number, isIpv4 }] of run.entries()) {
        const key = keyOf(number, isIpv4);
        const name = `${number} ${isIpv4}`;
        const found = rows.find(key);
        const known = [...model].find(([, other]) => other === name)?.[0] ?? NONE;
        assert.equal(found, known);
        if (found !== NONE) {
          rows.touch(found);
          assert.equal(rows.what(found), whatOf(6, number));
          assert.equal(rows.sourceWord(found, 0), isIpv4 ? 0 : 0x20010db8);
          assert.equal(rows.sourceWord(found, 2), isIpv4 ? 0xffff : 0x9fffffff);
          assert.equal(rows.hostWord(found, 3), 0xc6336400 + (number % 3));
          continue;
        }
        const row = rows.place();
        assert.equal(rows.isUsed(row), model.has(row));
        rows.write(row, key, 0, time);
        model.set(row, name);
        assert.equal(rows.firstMs(row), time);
        assert.equal(rows.size, model.size);
        assert.ok(rows.size <= CAPACITY);
      }
    }),
    { numRuns: 300 },
  );
});

test("who was touched since the hand came by stays, whoever is next goes", () => {
  const rows = new ContactRows(4, seed);
  for (let number = 0; number < 4; number++) {
    const key = keyOf(number, true);
    rows.find(key);
    rows.write(rows.place(), key, 0, number);
  }
  rows.touch(0);
  rows.touch(2);
  assert.deepEqual([rows.place(), rows.place(), rows.place()], [1, 3, 0]);
});

test("the hand passes a bounded number of rows", () => {
  const rows = new ContactRows(1000, seed);
  for (let number = 0; number < 1000; number++) {
    const key = keyOf(number, true);
    rows.find(key);
    rows.write(rows.place(), key, 0, number);
    rows.touch(number);
  }
  assert.equal(rows.place(), 63);
});

test("a capacity that makes no sense is refused", () => {
  for (const capacity of [0, -1, 1.5, Number.NaN, 2 ** 25])
    assert.throws(() => new ContactRows(capacity, seed), RangeError);
  assert.equal(new ContactRows(1, seed).capacity, 1);
});

test("the key that was looked up has its own hash, found lately or not: the next key is written by it", () => {
  const rows = new ContactRows(64, seed);
  for (let number = 0; number < 40; number++) {
    const key = keyOf(number, number % 2 === 0);
    assert.equal(rows.find(key), NONE);
    rows.write(rows.place(), key, 0, 1_700_000_000_000 + number);
  }
  for (let number = 0; number < 40; number++) {
    for (const when of ["once", "lately"]) {
      const key = keyOf(number, number % 2 === 0);
      key.hash = 0;
      assert.equal(rows.find(key), number, when);
      assert.equal(key.hash, hashKey(seed, key), when);
    }
  }
});

test("what else the same two hosts have is found by one of their contacts, of either family", () => {
  const rows = new ContactRows(64, seed);
  const written = [1, 16, 31].flatMap((number) =>
    [true, false].map((isIpv4) => {
      // The same hosts: 15 apart, both remainders are equal.
      const key = keyOf(number, isIpv4);
      rows.find(key);
      const row = rows.place();
      rows.write(row, key, 0, number);
      return { row, number, isIpv4 };
    }),
  );
  for (const { row, isIpv4 } of written)
    for (const { row: other, number, isIpv4: isOther } of written)
      if (isIpv4 === isOther) assert.equal(rows.findSibling(row, whatOf(6, number), new ContactKey()), other);
  assert.equal(rows.findSibling(0, whatOf(17, 1), new ContactKey()), NONE);
});
