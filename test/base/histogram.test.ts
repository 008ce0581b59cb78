import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../src/base/histogram.ts";

test("each bucket counts what took at most so long; what took longer is counted all the same", () => {
  const histogram = new Histogram([1, 10, 100]);
  for (const ms of [0.5, 1, 5, 99, 1_000]) histogram.observe(ms);
  assert.deepEqual(histogram.figures(), {
    buckets: [
      [0.001, 2],
      [0.01, 3],
      [0.1, 4],
    ],
    sumSeconds: 1.1055,
    count: 5,
  });
});
