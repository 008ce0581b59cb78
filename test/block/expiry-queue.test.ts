import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExpiryQueue } from "../../src/block/expiry-queue.ts";

const action = fc.oneof(
  fc.record({ push: fc.nat(1_000), key: fc.constantFrom("a", "b", "c", "d") }),
  fc.record({ popUntil: fc.nat(1_000) }),
);

test("as a naive list: whatever is due comes out, earliest first, never early, nothing twice", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new ExpiryQueue();
      let model: { atMs: number; key: string }[] = [];
      for (const step of actions) {
        if ("push" in step) {
          queue.push(step.push, step.key);
          model.push({ atMs: step.push, key: step.key });
        } else {
          const due = queue.popDue(step.popUntil);
          const earliest = Math.min(...model.map(({ atMs }) => atMs));
          if (earliest > step.popUntil) assert.equal(due, undefined);
          else {
            assert.equal(due?.atMs, earliest);
            const at = model.findIndex(({ atMs, key }) => atMs === due?.atMs && key === due.key);
            assert.ok(at >= 0);
            model = model.toSpliced(at, 1);
          }
        }
        assert.equal(queue.size, model.length);
      }
    }),
  );
});

test("rebuild replaces everything", () => {
  const queue = new ExpiryQueue();
  for (let at = 0; at < 100; at++) queue.push(at, "old");
  queue.rebuild([
    [30, "late"],
    [10, "early"],
    [20, "middle"],
  ]);
  const keys = [1, 2, 3, 4].map(() => queue.popDue(1_000)?.key);
  assert.deepEqual(keys, ["early", "middle", "late", undefined]);
});
