// Prefixes in a tree against a plain list: which lie around one, which within it, in which order, whatever came and went.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_ROW, PrefixRows } from "../../src/detect/prefix-rows.ts";
import { PrefixTree } from "../../src/detect/prefix-tree.ts";
import { formatPrefix, type Prefix, prefixContains, prefixOfWords } from "../../src/wire/address.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { seed } from "./probes.ts";

/** Few bits differ, so that many prefixes lie in one another. */
const word = fc.constantFrom(0, 1, 0x80000000, 0xffffffff, 0x40000001);
const six = fc
  .record({ w0: word, w1: word, w2: word, w3: word, bits: fc.nat(128) })
  .map(({ w0, w1, w2, w3, bits }) => prefixOfWords(w0, w1, w2, w3, bits));
const four = fc
  .record({ w3: word, bits: fc.integer({ min: 96, max: 128 }) })
  .map(({ w3, bits }) => prefixOfWords(0, 0, 0xffff, w3, bits));
const anyPrefix = fc.oneof(six, four, fc.constantFrom(prefix("::/0"), prefix("0.0.0.0/0")));

/** A table of keys with a tree over all of them. */
class Trial {
  readonly keys = new PrefixRows(seed);
  readonly tree = new PrefixTree(this.keys);

  toggle(one: Prefix): void {
    const row = this.keys.find(one);
    if (row === NO_ROW) this.tree.add(this.keys.add(one));
    else {
      this.tree.remove(row);
      this.keys.remove(row);
    }
  }

  told(rows: readonly number[]): string[] {
    return rows.map((row) => formatPrefix(this.keys.prefix(row)));
  }
}

const asNumber = ({ w0, w1, w2, w3 }: Prefix) =>
  [w0, w1, w2, w3].reduce((sum, part) => (sum << 32n) | BigInt(part), 0n);

/** By address, of two that begin together the wider first. */
function inOrder(prefixes: Iterable<Prefix>): Prefix[] {
  const compare = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
  return [...prefixes].sort((a, b) => compare(asNumber(a), asNumber(b)) || a.bits - b.bits);
}

test("as a plain list: what is around a prefix, what is in it, and all of it in order", () => {
  fc.assert(
    fc.property(fc.array(anyPrefix, { maxLength: 40 }), fc.array(anyPrefix, { maxLength: 10 }), (toggled, asked) => {
      const trial = new Trial();
      const known = new Map<string, Prefix>();
      for (const one of toggled) {
        trial.toggle(one);
        if (!known.delete(formatPrefix(one))) known.set(formatPrefix(one), one);
        assert.equal(trial.tree.size, known.size);
      }
      const all = inOrder(known.values());
      assert.deepEqual(trial.told(trial.tree.rows()), all.map(formatPrefix));
      for (const one of [...toggled, ...asked]) {
        const around = all.filter((other) => prefixContains(other, one)).sort((a, b) => a.bits - b.bits);
        assert.deepEqual(trial.told(trial.tree.containing(one)), around.map(formatPrefix), formatPrefix(one));
        const inside = all.filter((other) => prefixContains(one, other));
        assert.deepEqual(trial.told(trial.tree.inside(one)), inside.map(formatPrefix), formatPrefix(one));
      }
    }),
  );
});

test("a row that is not in the tree cannot be taken out of it", () => {
  const { keys, tree } = new Trial();
  assert.throws(() => tree.remove(keys.add(prefix("192.0.2.0/24"))), /row 0 is not in the tree/);
  tree.add(0);
  assert.throws(() => tree.remove(keys.add(prefix("198.51.100.0/24"))), /row 1 is not in the tree/);
  tree.remove(0);
  assert.deepEqual([tree.size, tree.rows()], [0, []]);
});

test("a look-up among 100,000 networks reads some dozen of their keys", () => {
  const trial = new Trial();
  for (let index = 0; index < 100_000; index++) trial.toggle({ ...nthIpv4(index * 16), bits: 124 });
  let read = 0;
  const counted = {
    prefix: (row: number) => {
      read++;
      return trial.keys.prefix(row);
    },
    bits: (row: number) => trial.keys.bits(row),
    word: (row: number, index: number) => {
      read++;
      return trial.keys.word(row, index);
    },
  };
  const tree = new PrefixTree(counted);
  for (const row of trial.keys.rows()) tree.add(row);
  read = 0;
  assert.deepEqual(trial.told(tree.containing(nthIpv4(16 * 54_321 + 7))), [
    formatPrefix({ ...nthIpv4(16 * 54_321), bits: 124 }),
  ]);
  assert.ok(read <= 200, `${read} keys were read`);
});
