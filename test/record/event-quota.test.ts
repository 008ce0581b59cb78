import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { eventKinds, kindOf, storedTypeOf, storedTypes, surplus, typesOf } from "../../src/record/event-quota.ts";

const counts = fc.record(
  { probes: fc.nat(200_000), claims: fc.nat(200_000), proven: fc.nat(200_000), notices: fc.nat(200_000) },
  { noNullPrototype: true },
);

test("every type is of one kind", () => {
  assert.deepEqual(eventKinds.flatMap(typesOf).sort(), [...storedTypes].sort());
  for (const type of storedTypes) assert.ok(typesOf(kindOf(type)).includes(type));
});

test("what no forger can bring about is told from claims: by a proof's grade, and by hand", () => {
  for (const type of ["finding", "block"] as const) {
    for (const grade of ["handshake", "silence", "manual", "fleet"])
      assert.equal(kindOf(storedTypeOf({ type, grade })), "proven");
    for (const grade of ["direct", undefined]) assert.equal(storedTypeOf({ type, ...(grade && { grade }) }), type);
  }
  assert.equal(kindOf(storedTypeOf({ type: "unblock", action: "by hand" })), "proven");
  assert.equal(storedTypeOf({ type: "unblock", action: "expired" }), "unblock");
  assert.equal(storedTypeOf({ type: "warning", grade: "silence" }), "warning");
});

test("while all fit, none goes; places that others do not use are lent", () => {
  assert.deepEqual(surplus({ probes: 100, claims: 0, proven: 0, notices: 0 }, 100, 0.9), []);
  assert.deepEqual(surplus({ probes: 101, claims: 0, proven: 0, notices: 0 }, 100, 0.9), [["probes", 11]]);
  assert.deepEqual(surplus({ probes: 61, claims: 40, proven: 0, notices: 0 }, 100, 0.9), [["probes", 11]]);
});

test("a flood of one kind takes no place of another's part", () => {
  assert.deepEqual(surplus({ probes: 90, claims: 10, proven: 0, notices: 1 }, 100, 0.9), [["probes", 11]]);
  assert.deepEqual(surplus({ probes: 10, claims: 90, proven: 0, notices: 1 }, 100, 0.9), [["claims", 11]]);
  assert.deepEqual(surplus({ probes: 22, claims: 18, proven: 0, notices: 61 }, 100, 0.9), [["notices", 11]]);
});

test("what stays is what was asked for, and each kind keeps what it has up to its part", () => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 10, max: 200_000 }), (given, limit) => {
      const left = { ...given };
      for (const [kind, count] of surplus(given, limit, 0.9)) {
        assert.ok(count > 0 && count <= given[kind]);
        left[kind] -= count;
      }
      const total = left.probes + left.claims + left.proven + left.notices;
      if (given.probes + given.claims + given.proven + given.notices <= limit) assert.deepEqual(left, given);
      else assert.ok(total <= Math.floor(0.9 * limit) + 3, `${total} stay`);
      const stays = Math.floor(0.9 * limit);
      for (const [kind, share] of [
        ["probes", 0.5],
        ["claims", 0.2],
        ["proven", 0.2],
        ["notices", 0.1],
      ] as const) {
        assert.ok(left[kind] >= Math.min(given[kind], Math.floor(stays * share)), kind);
      }
    }),
  );
});
