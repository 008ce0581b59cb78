import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExpiryQueue } from "../../src/enforce/expiry-queue.ts";

const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ set: fc.nat(12), atMs: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ delete: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ takeUntilMs: fc.nat(1_000) }) },
);

test("as a naive map: whatever is due comes first, the newest time counts, what is deleted is gone", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new ExpiryQueue();
      const model = new Map<number, number>();
      for (const step of actions) {
        if ("set" in step) {
          queue.set(step.set, step.atMs);
          model.set(step.set, step.atMs);
        } else if ("delete" in step) {
          queue.delete(step.delete);
          model.delete(step.delete);
        } else {
          const due = queue.firstDue(step.takeUntilMs);
          const earliestMs = Math.min(...model.values());
          if (earliestMs > step.takeUntilMs) assert.equal(due, undefined);
          else {
            assert.equal(queue.timeOf(due ?? -1), earliestMs);
            assert.equal(model.get(due ?? -1), earliestMs);
            queue.delete(due ?? -1);
            model.delete(due ?? -1);
          }
        }
        assert.equal(queue.size, model.size);
        for (let row = 0; row <= 12; row++) assert.equal(queue.timeOf(row), model.get(row));
      }
    }),
  );
});

test("many rows come out in the order of their times", () => {
  const queue = new ExpiryQueue();
  for (let row = 0; row < 10_000; row++) queue.set(row, (row * 7_919) % 10_007);
  let lastMs = -1;
  for (let due = queue.firstDue(1e9); due !== undefined; due = queue.firstDue(1e9)) {
    const atMs = queue.timeOf(due) ?? -1;
    assert.ok(atMs >= lastMs);
    lastMs = atMs;
    queue.delete(due);
  }
  assert.equal(queue.size, 0);
});
