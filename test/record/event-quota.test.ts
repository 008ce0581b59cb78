import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { eventTypes } from "../../src/record/event.ts";
import { eventKinds, kindOf, surplus, typesOf } from "../../src/record/event-quota.ts";

const counts = fc.record(
  { probes: fc.nat(200_000), decisions: fc.nat(200_000), notices: fc.nat(200_000) },
  { noNullPrototype: true },
);

test("every type is of one kind", () => {
  assert.deepEqual(eventKinds.flatMap(typesOf).sort(), [...eventTypes].sort());
  for (const type of eventTypes) assert.ok(typesOf(kindOf(type)).includes(type));
});

test("while all fit, none goes; places that others do not use are lent", () => {
  assert.deepEqual(surplus({ probes: 100, decisions: 0, notices: 0 }, 100, 0.9), []);
  assert.deepEqual(surplus({ probes: 101, decisions: 0, notices: 0 }, 100, 0.9), [["probes", 11]]);
  assert.deepEqual(surplus({ probes: 61, decisions: 40, notices: 0 }, 100, 0.9), [["probes", 11]]);
});

test("a flood of one kind takes no place of another's part", () => {
  assert.deepEqual(surplus({ probes: 90, decisions: 10, notices: 1 }, 100, 0.9), [["probes", 11]]);
  assert.deepEqual(surplus({ probes: 10, decisions: 90, notices: 1 }, 100, 0.9), [["decisions", 11]]);
  assert.deepEqual(surplus({ probes: 20, decisions: 20, notices: 61 }, 100, 0.9), [["notices", 11]]);
});

test("what stays is what was asked for, and each kind keeps what it has up to its part", () => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 10, max: 200_000 }), (given, limit) => {
      const left = { ...given };
      for (const [kind, count] of surplus(given, limit, 0.9)) {
        assert.ok(count > 0 && count <= given[kind]);
        left[kind] -= count;
      }
      const total = left.probes + left.decisions + left.notices;
      if (given.probes + given.decisions + given.notices <= limit) assert.deepEqual(left, given);
      else assert.ok(total <= Math.floor(0.9 * limit) + 2, `${total} stay`);
      const stays = Math.floor(0.9 * limit);
      for (const [kind, share] of [
        ["probes", 0.5],
        ["decisions", 0.4],
        ["notices", 0.1],
      ] as const) {
        assert.ok(left[kind] >= Math.min(given[kind], Math.floor(stays * share)), kind);
      }
    }),
  );
});
