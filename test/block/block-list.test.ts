import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Block } from "../../src/block/block.ts";
import { BlockList } from "../../src/block/block-list.ts";
import { formatPrefix, prefixContains } from "../../src/wire/address.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { block } from "./blocks.ts";

const sources = [
  "192.0.2.1",
  "192.0.2.2",
  "192.0.2.0/24",
  "192.0.0.0/16",
  "2001:db8::1",
  "2001:db8::/64",
  "2001:db8::/32",
];
const LIMIT = 4;
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ put: fc.constantFrom(...sources), untilMs: fc.option(fc.nat(100), { nil: undefined }) }),
  },
  { weight: 1, arbitrary: fc.record({ remove: fc.constantFrom(...sources) }) },
  { weight: 2, arbitrary: fc.record({ expireAt: fc.nat(100) }) },
);

/** Takes from the list and from the model what is over; both must agree, in order of time. */
function expireBoth(list: BlockList, model: Map<string, Block>, nowMs: number): void {
  let lastMs = -1;
  for (let taken = list.takeExpired(nowMs); taken !== undefined; taken = list.takeExpired(nowMs)) {
    const key = formatPrefix(taken.source);
    assert.equal(model.get(key), taken);
    assert.ok(taken.untilMs !== undefined && taken.untilMs <= nowMs && taken.untilMs >= lastMs);
    lastMs = taken.untilMs;
    model.delete(key);
  }
  for (const { untilMs } of model.values()) assert.ok(untilMs === undefined || untilMs > nowMs);
}

test("as a naive map: puts, removals, expiry in order and never early, the newest time counts, the bound holds", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const list = new BlockList(LIMIT);
      const model = new Map<string, Block>();
      let refused = 0;
      for (const step of actions) {
        if ("put" in step) {
          const each = block(step.put, { untilMs: step.untilMs });
          const fits = model.has(step.put) || model.size < LIMIT;
          assert.equal(list.put(each), fits);
          if (fits) model.set(step.put, each);
          else refused++;
        } else if ("remove" in step) {
          assert.equal(list.remove(prefix(step.remove)), model.get(step.remove));
          model.delete(step.remove);
        } else expireBoth(list, model, step.expireAt);
        assert.equal(list.size, model.size);
        assert.equal(list.refused, refused);
        assert.deepEqual(new Set(list.values()), new Set(model.values()));
        for (const source of sources) assertSameView(list, model, source);
      }
    }),
  );
});

function assertSameView(list: BlockList, model: ReadonlyMap<string, Block>, source: string): void {
  const asked = prefix(source);
  assert.equal(list.get(asked), model.get(source));
  const inside = [...model.values()].filter((each) => prefixContains(asked, each.source));
  assert.deepEqual(new Set(list.inside(asked)), new Set(inside));
  const covering = [...model.values()].some(
    (each) => isWiderOrSame(each, source) && prefixContains(each.source, asked),
  );
  assert.equal(list.covering(asked) !== undefined, covering, source);
}

/** A /64 is a source of its own: an address in it is counted by it, and asked for by that key. */
function isWiderOrSame({ source }: Block, asked: string): boolean {
  return formatPrefix(source) === asked || (source.bits !== 128 && source.bits !== 64);
}

test("softCount counts soft blocks only", () => {
  const list = new BlockList(10);
  list.put(block("192.0.2.1", { soft: true }));
  list.put(block("192.0.2.2"));
  assert.equal(list.softCount, 1);
});

test("a block that is put again many times keeps the memory in bounds and its last time", () => {
  const list = new BlockList(10);
  for (let untilMs = 1; untilMs <= 100_000; untilMs++) list.put(block("192.0.2.1", { untilMs }));
  assert.equal(list.takeExpired(99_999), undefined);
  assert.equal(list.takeExpired(100_000)?.untilMs, 100_000);
  assert.equal(list.size, 0);
});

test("100,000 blocks end in the order of their times", () => {
  const list = new BlockList(100_000);
  for (let index = 0; index < 100_000; index++) {
    list.put({ ...block("192.0.2.1"), source: nthIpv4(index), untilMs: (index * 7_919) % 100_003 });
  }
  let lastMs = -1;
  for (let taken = list.takeExpired(1e6); taken !== undefined; taken = list.takeExpired(1e6)) {
    assert.ok((taken.untilMs ?? -1) >= lastMs);
    lastMs = taken.untilMs ?? lastMs;
  }
  assert.equal(list.size, 0);
});
