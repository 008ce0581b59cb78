import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryClock } from "../../src/base/delivery-clock.ts";

test("a delivery has the time of its first packet; between deliveries the clock is asked each time", () => {
  let ms = 0;
  const clock = new DeliveryClock(() => ++ms);
  assert.equal(clock.nowMs(), 1);
  assert.deepEqual([clock.begin(), clock.begin(), clock.nowMs()], [2, 2, 2]);
  clock.end();
  assert.deepEqual([clock.nowMs(), clock.begin(), clock.begin()], [3, 4, 4]);
});
