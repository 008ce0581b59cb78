// The breaker: trips above its limit, says so once, stays open while the flood lasts, resumes after quiet seconds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Breaker } from "../../src/judge/breaker.ts";

test("up to the limit every source is admitted, in every second", () => {
  const breaker = new Breaker(() => 50);
  for (let second = 0; second < 10; second++) {
    for (let source = 0; source < 50; source++) assert.equal(breaker.admit(second * 1000 + source), "closed");
    assert.equal(breaker.tick(second * 1000 + 999), "closed");
  }
  assert.equal(breaker.withheld, 0);
});

test("trips once, stays open while the flood lasts, and resumes after five quiet seconds", () => {
  const breaker = new Breaker(() => 2);
  assert.deepEqual(
    [1, 2, 3, 4].map((ms) => breaker.admit(ms)),
    ["closed", "closed", "tripped", "open"],
  );
  for (let second = 1; second <= 3; second++) {
    for (let source = 0; source < 5; source++) assert.equal(breaker.admit(second * 1000 + source), "open");
    assert.equal(breaker.tick(second * 1000 + 500), "open");
  }
  // The last second of the flood was the third: 4 to 8 are quiet, one source in them is no flood.
  assert.equal(breaker.admit(5_000), "open");
  assert.deepEqual(
    [4, 5, 6, 7, 8].map((second) => breaker.tick(second * 1000 + 999)),
    ["open", "open", "open", "open", "open"],
  );
  assert.equal(breaker.tick(9_000), "resumed");
  assert.deepEqual([breaker.tick(9_500), breaker.admit(9_600), breaker.isOpen], ["closed", "closed", false]);
  assert.equal(breaker.withheld, 2 + 15 + 1);
});
