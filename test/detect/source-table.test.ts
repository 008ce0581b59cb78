import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_DIRECT_PROBES, SourceTable, WEAK_CONTACT } from "../../src/detect/source-table.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { prefix, probe, seed } from "./probes.ts";

function rowOf(table: SourceTable, source: Prefix): number {
  return table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
}

test("a source is found under exactly its own key", () => {
  const table = new SourceTable(4, seed);
  const row = table.touch(probe({ source: "2001:db8::/64" }));
  assert.equal(rowOf(table, prefix("2001:db8::/64")), row);
  assert.equal(rowOf(table, prefix("2001:db8::")), -1);
  assert.equal(rowOf(table, prefix("2001:db8:0:1::/64")), -1);
  assert.equal(formatPrefix(table.source(row)), "2001:db8::/64");
});

const times = { scoreWindowMs: 600_000, slowScoreWindowMs: 86_400_000 };

test("a row tells first and last time, probes and contacts", () => {
  const table = new SourceTable(4, seed);
  table.touch(probe({ timeMs: 1_700_000_000_999 }));
  const row = table.touch(probe({ timeMs: 1_700_000_005_001 }));
  table.memory.note(row, (6 << 16) | 23, 1_700_000_005_001, times);
  table.memory.note(row, (17 << 16) | 65535 | WEAK_CONTACT, 1_700_000_005_002, times);
  assert.deepEqual(table.describe(row), {
    source: prefix("192.0.2.1"),
    probes: 2,
    directProbes: 1,
    contacts: [
      { protocol: 6, port: 23, isWeak: false },
      { protocol: 17, port: 65535, isWeak: true },
    ],
    firstMs: 1_700_000_000_000,
    lastMs: 1_700_000_005_000,
    isFlagged: false,
    isWaiting: false,
  });
});

test("a row of one probe tells the same", () => {
  for (const [weak, directProbes] of [
    [0, 1],
    [WEAK_CONTACT, 0],
  ] as const) {
    const table = new SourceTable(4, seed);
    const row = table.touch(probe({ timeMs: 1_700_000_000_999 }));
    table.memory.note(row, (6 << 16) | 23 | weak, 1_700_000_000_999, times);
    assert.deepEqual(table.describe(row), {
      source: prefix("192.0.2.1"),
      probes: 1,
      directProbes,
      contacts: [{ protocol: 6, port: 23, isWeak: weak !== 0 }],
      firstMs: 1_700_000_000_000,
      lastMs: 1_700_000_000_000,
      isFlagged: false,
      isWaiting: false,
    });
  }
});

test("a reused row keeps nothing of the source before it", () => {
  const table = new SourceTable(1, seed);
  const row = table.touch(probe({ source: "2001:db8::1" }));
  for (let port = 0; port < 20; port++) table.memory.note(row, (6 << 16) | port, 1_000_000, times);
  table.flag(row);
  assert.equal(table.touch(probe({ source: "192.0.2.2", timeMs: 2_000_000 })), row);
  const fresh = {
    source: prefix("192.0.2.2"),
    probes: 1,
    directProbes: 0,
    contacts: [],
    firstMs: 2_000_000,
    lastMs: 2_000_000,
    isFlagged: false,
    isWaiting: false,
  };
  assert.deepEqual(table.describe(row), fresh);
  assert.equal(table.memory.score(row, 2_000_000, 600_000), 0);
  assert.equal(table.evictions, 1);
  table.touch(probe({ source: "192.0.2.2", timeMs: 2_000_000 }));
  assert.deepEqual(table.describe(row), { ...fresh, probes: 2 }, "nor in what the second probe opens");
  assert.equal(table.memory.score(row, 2_000_000, 600_000), 0);
  assert.equal(table.memory.slowCount(row, 2_000_000, 86_400_000), 0);
});

test("counts, contacts and flag of a row do not touch one another", () => {
  const table = new SourceTable(1, seed);
  const row = table.touch(probe({ timeMs: 4_000_000_000_999 }));
  const note = (port: number) => table.memory.note(row, (6 << 16) | port, 4_000_000_000_999, times);
  note(65535);
  for (let i = 0; i < MAX_DIRECT_PROBES + 1; i++) note(65535);
  table.flag(row);
  note(1);
  assert.equal(table.describe(row).contacts.length, 2, "the same millisecond");
  assert.equal(table.memory.directProbes(row), MAX_DIRECT_PROBES, "stops instead of wrapping");
  assert.equal(table.isFlagged(row), true);
  table.unflagAll();
  assert.equal(table.isFlagged(row), false);
  assert.equal(table.memory.directProbes(row), MAX_DIRECT_PROBES);
  assert.equal(table.memory.score(row, 4_000_000_000_999, 1000), 2);
  assert.deepEqual(table.source(row), prefix("192.0.2.1"));
});

test("a capacity that cannot be is refused", () => {
  for (const capacity of [0, -1, 1.5, Number.NaN, 2 ** 24]) {
    assert.throws(() => new SourceTable(capacity, seed), /source table: capacity/);
  }
});

test("the table does what a Map in order of use does, with every seed and capacity", () => {
  const source = fc.record({
    w0: fc.constantFrom(0, 0x20010db8),
    w1: fc.constantFrom(0, 0xffffffff),
    w2: fc.constant(0xffff),
    w3: fc.integer({ min: 0xfffffff0, max: 0xffffffff }),
    bits: fc.constantFrom(64, 128),
  });
  const step = fc.record({ source, forget: fc.integer({ min: 0, max: 4 }).map((n) => n === 0) });
  const anySeed = fc.record({ k0: fc.nat(0xffffffff), k1: fc.nat(0xffffffff) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      anySeed,
      fc.array(step, { maxLength: 200 }),
      (capacity, anyTableSeed, steps) => {
        const table = new SourceTable(capacity, anyTableSeed);
        // Probes by source; the first key is the one that has been quiet the longest.
        const model = new Map<string, { source: Prefix; probes: number }>();
        let evictions = 0;
        for (const { source: key, forget } of steps) {
          const text = JSON.stringify(key);
          const known = model.get(text);
          model.delete(text);
          if (forget) {
            assert.equal(table.forget(key.w0, key.w1, key.w2, key.w3, key.bits), known !== undefined);
          } else {
            const [stalest] = model.keys();
            if (model.size === capacity && stalest !== undefined) {
              model.delete(stalest);
              evictions++;
            }
            model.set(text, { source: key, probes: (known?.probes ?? 0) + 1 });
            const made = probe();
            made.source0 = key.w0;
            made.source1 = key.w1;
            made.source2 = key.w2;
            made.source3 = key.w3;
            made.sourceBits = key.bits;
            const row = table.touch(made);
            assert.ok(row >= 0 && row < capacity);
          }
          assert.equal(table.size, model.size);
          assert.ok(table.size <= capacity);
          assert.equal(table.evictions, evictions);
          const rows = new Set<number>();
          for (const entry of model.values()) {
            const row = rowOf(table, entry.source);
            assert.notEqual(row, -1);
            assert.equal(table.probes(row), entry.probes);
            rows.add(row);
          }
          assert.equal(rows.size, model.size, "no two sources share a row");
          if (!model.has(text)) assert.equal(rowOf(table, key), -1);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("nor does it lose or double a source when it is large and churns", () => {
  const capacity = 1000;
  const table = new SourceTable(capacity, seed);
  const model = new Map<number, number>();
  const one = probe();
  let state = 1;
  for (let step = 0; step < 50_000; step++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const address = (state >>> 8) % 1500;
    const known = model.get(address);
    model.delete(address);
    if (step % 7 === 0) {
      assert.equal(table.forget(0, 0, 0xffff, address, 128), known !== undefined);
      continue;
    }
    const [stalest] = model.keys();
    if (model.size === capacity && stalest !== undefined) model.delete(stalest);
    model.set(address, (known ?? 0) + 1);
    one.source3 = address;
    assert.equal(table.probes(table.touch(one)), (known ?? 0) + 1);
    assert.equal(table.size, model.size);
  }
  assert.ok(table.evictions > 1000);
  for (let address = 0; address < 1500; address++) {
    const row = table.find(0, 0, 0xffff, address, 128);
    assert.equal(row === -1 ? undefined : table.probes(row), model.get(address));
  }
});
