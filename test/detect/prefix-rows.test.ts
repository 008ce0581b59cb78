// Rows by prefix against a plain map: what is added is found, what is removed is not, and a removed row is used again.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NO_ROW, PrefixRows } from "../../src/detect/prefix-rows.ts";
import { formatPrefix, type Prefix, prefixContains } from "../../src/wire/address.ts";
import { prefix, seed } from "./probes.ts";

const texts = [
  ...["2001:db8::", "2001:db8::1", "2001:db8::/64", "2001:db8::/48", "2001:db8:0:1::/64", "2001:db8:0:1::1"],
  ...["2001:db9::1", "2001:db8:1::1", "2001:db8::1:0:1", "192.0.2.1", "192.0.2.0/24", "192.0.2.0", "198.51.100.1"],
];

test("as a map: the same prefix has one row, others have others, whatever came and went", () => {
  const step = fc.record({ text: fc.constantFrom(...texts), adds: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const rows = new PrefixRows(seed);
      const known = new Map<string, number>();
      for (const { text, adds } of steps) {
        const one = prefix(text);
        if (adds) {
          const row = rows.add(one);
          if (known.has(text)) assert.equal(row, known.get(text));
          else assert.ok(![...known.values()].includes(row), "a row belongs to one prefix");
          known.set(text, row);
        } else {
          rows.remove(rows.find(one));
          known.delete(text);
        }
        assert.equal(rows.size, known.size);
        assert.ok(rows.span <= texts.length, "removed rows are used again");
      }
      for (const text of texts) assert.equal(rows.find(prefix(text)), known.get(text) ?? NO_ROW);
      const told = (found: Iterable<number>) => [...found].map((row) => formatPrefix(rows.prefix(row))).sort();
      assert.deepEqual(told(rows.rows()), [...known.keys()].sort());
      for (const outer of texts) {
        const within = [...known.keys()].filter((text) => prefixContains(prefix(outer), prefix(text)));
        assert.deepEqual(told(rows.inside(prefix(outer))), within.sort(), outer);
      }
    }),
    { numRuns: 300 },
  );
});

test("more prefixes than it was made for are all found, and so are the others when half of them go", () => {
  const rows = new PrefixRows(seed);
  const all: Prefix[] = Array.from({ length: 20_000 }, (_, at) =>
    prefix(`2001:db8:${(at >> 8).toString(16)}:${(at & 255).toString(16)}::/64`),
  );
  for (const [at, one] of all.entries()) assert.equal(rows.add(one), at);
  for (const [at, one] of all.entries()) assert.equal(rows.find(one), at);
  all.forEach((_, at) => {
    if (at % 2 === 0) rows.remove(at);
  });
  for (const [at, one] of all.entries()) assert.equal(rows.find(one), at % 2 === 0 ? NO_ROW : at);
  assert.deepEqual([rows.size, rows.has(0), rows.has(1), rows.has(all.length)], [10_000, false, true, false]);
  rows.remove(0);
  rows.remove(NO_ROW);
  assert.equal(rows.size, 10_000, "what is gone goes once");
  rows.add(prefix("192.0.2.1"));
  assert.deepEqual([rows.size, rows.span], [10_001, 20_000]);
});
