import assert from "node:assert/strict";
import { test } from "node:test";
import { TwoTiers } from "../../../src/detect/outgoing/two-tiers.ts";

test("newcomers push out newcomers, and no key that is kept", () => {
  const tiers = new TwoTiers<number>(3, 2);
  tiers.add("kept", 1);
  tiers.keep("kept", 1);
  for (let index = 0; index < 10; index++) tiers.add(`new ${index}`, index);
  assert.equal(tiers.get("kept"), 1);
  assert.equal(tiers.get("new 6"), undefined);
  assert.equal(tiers.get("new 9"), 9);
  assert.equal(tiers.evicted, 0);
});

test("of the kept ones the one renewed longest ago makes room", () => {
  const tiers = new TwoTiers<number>(3, 2);
  tiers.keep("a", 1);
  tiers.keep("b", 2);
  tiers.keep("a", 1);
  tiers.keep("c", 3);
  assert.deepEqual([tiers.get("a"), tiers.get("b"), tiers.get("c")], [1, undefined, 3]);
  assert.equal(tiers.evicted, 1);
  tiers.delete("a");
  assert.equal(tiers.get("a"), undefined);
});
