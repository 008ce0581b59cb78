import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blockDurationMs, OffenceMemory, type Offences } from "../../src/judge/escalation.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const seed = { k0: 1, k1: 2 };
const [a, b, c] = [nthIpv4(1), nthIpv4(2), nthIpv4(3)] as const;
const DAY_MS = 86_400_000;
const shipped = { blockTimeMs: DAY_MS, factor: 4, maxMs: 30 * DAY_MS };

test("blocks grow from a day to thirty", () => {
  const days = [1, 2, 3, 4, 5, 1_000_000].map((offences) => (blockDurationMs(shipped, offences) ?? 0) / DAY_MS);
  assert.deepEqual(days, [1, 4, 16, 30, 30, 30]);
});

test("BLOCK_TIME 0 is for ever, whatever the maximum", () => {
  assert.equal(blockDurationMs({ ...shipped, blockTimeMs: undefined }, 1), undefined);
});

test("a block time above the maximum is cut to it; a fraction of a millisecond is cut off", () => {
  assert.equal(blockDurationMs({ blockTimeMs: 100, factor: 2, maxMs: 50 }, 1), 50);
  assert.equal(blockDurationMs({ blockTimeMs: 5, factor: 1.5, maxMs: 50 }, 2), 7);
});

test("a block never gets shorter with more offences, and never passes the maximum", () => {
  const times = fc.record({
    blockTimeMs: fc.integer({ min: 1, max: 1e12 }),
    factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
    maxMs: fc.integer({ min: 1, max: 1e13 }),
  });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 0, max: 1e9 }), (given, offences, more) => {
      const duration = blockDurationMs(given, offences) ?? Number.NaN;
      const longer = blockDurationMs(given, offences + more) ?? Number.NaN;
      assert.ok(Number.isSafeInteger(duration) && duration <= longer && longer <= given.maxMs);
    }),
  );
});

test("offences add up until the memory's time has passed since the last end", () => {
  const memory = new OffenceMemory({ seed, memoryMs: 1000 });
  assert.equal(memory.get(prefix("192.0.2.1"), 0), undefined);
  assert.equal(memory.record(prefix("192.0.2.1"), 0), 1);
  assert.equal(memory.record(prefix("192.0.2.1"), 1000), 2);
  memory.setEnd(prefix("192.0.2.1"), 5000);
  assert.deepEqual(memory.get(prefix("192.0.2.1"), 6000), { offences: 2, lastEndMs: 5000 });
  assert.equal(memory.get(prefix("192.0.2.1"), 6001), undefined);
  assert.equal(memory.record(prefix("192.0.2.1"), 6001), 1, "forgotten: a first offence again");
  assert.equal(memory.record(prefix("192.0.2.2"), 6001), 1, "each source by itself");
});

test("an early unblock and a pardon", () => {
  const memory = new OffenceMemory({ seed, memoryMs: 1000 });
  memory.record(prefix("192.0.2.1"), 0);
  memory.setEnd(prefix("192.0.2.1"), 50_000);
  memory.setEnd(prefix("192.0.2.1"), 10);
  assert.equal(memory.get(prefix("192.0.2.1"), 1011), undefined);
  memory.forget(prefix("192.0.2.1"));
  memory.setEnd(prefix("192.0.2.1"), 99);
  assert.equal(memory.size, 0);
});

test("a full memory drops the source whose record changed the longest ago, and counts it", () => {
  const memory = new OffenceMemory({ seed, memoryMs: 1000, capacity: 2 });
  memory.record(a, 0);
  memory.record(b, 0);
  memory.record(a, 1);
  memory.record(c, 1);
  assert.deepEqual(
    [...memory.entries()].map(([source]) => source),
    [a, c],
  );
  assert.equal(memory.evictions, 1);
});

test("what entries gives, restore takes, in order and within the bound", () => {
  const memory = new OffenceMemory({ seed, memoryMs: 1000 });
  for (const source of [a, b, c, a]) memory.record(source, 7);
  const other = new OffenceMemory({ seed, memoryMs: 1000 });
  other.restore(memory.entries());
  assert.deepEqual([...other.entries()], [...memory.entries()]);
  const small = new OffenceMemory({ seed, memoryMs: 1000, capacity: 1 });
  small.restore(memory.entries());
  assert.deepEqual([...small.entries()], [[a, { offences: 2, lastEndMs: 7 }]]);
});

test("the size never passes the capacity", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(9), { maxLength: 60 }), (capacity, sources) => {
      const memory = new OffenceMemory({ seed, memoryMs: 1000, capacity });
      for (const source of sources) {
        memory.record(nthIpv4(source), 0);
        assert.ok(memory.size <= capacity);
      }
      assert.equal(memory.size, Math.min(capacity, new Set(sources).size));
    }),
  );
});

test("a capacity that cannot be is refused", () => {
  assert.throws(() => new OffenceMemory({ seed, memoryMs: 1, capacity: 0 }), /offence memory: capacity 0/);
});

const step = fc.oneof(
  fc.record({ record: fc.nat(9), atMs: fc.nat(3_000) }),
  fc.record({ end: fc.nat(9), atMs: fc.nat(3_000) }),
  fc.record({ forget: fc.nat(9) }),
);

test("as a naive map in the order of changes, within the capacity", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 120 }), (capacity, steps) => {
      const memory = new OffenceMemory({ seed, memoryMs: 1000, capacity });
      const model = new Map<string, readonly [Prefix, Offences]>();
      const put = (source: Prefix, known: Offences) => {
        const key = formatPrefix(source);
        model.delete(key);
        const [oldest] = model.keys();
        if (model.size >= capacity && oldest !== undefined) model.delete(oldest);
        model.set(key, [source, known]);
      };
      const counts = (known: Offences, nowMs: number) => nowMs - known.lastEndMs <= 1000;
      for (const each of steps) {
        if ("record" in each) {
          const source = nthIpv4(each.record);
          const known = model.get(formatPrefix(source))?.[1];
          const offences = (known !== undefined && counts(known, each.atMs) ? known.offences : 0) + 1;
          assert.equal(memory.record(source, each.atMs), offences);
          put(source, { offences, lastEndMs: each.atMs });
        } else if ("end" in each) {
          const source = nthIpv4(each.end);
          const known = model.get(formatPrefix(source))?.[1];
          memory.setEnd(source, each.atMs);
          if (known !== undefined) put(source, { offences: known.offences, lastEndMs: each.atMs });
        } else {
          memory.forget(nthIpv4(each.forget));
          model.delete(formatPrefix(nthIpv4(each.forget)));
        }
        assert.deepEqual([...memory.entries()], [...model.values()]);
      }
    }),
  );
});
