import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Cluster, MAX_ELEMENTS, MAX_MEMBERS } from "../../../src/detect/tap/cluster.ts";
import { prefix } from "../probes.ts";

const source = (number: number) => prefix(`198.51.${number >> 8}.${number & 255}`);

test("elements, pairs, repeats and squares are those of a plain count", () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: -20, max: 60 }));
  fc.assert(
    fc.property(fc.uniqueArray(pair, { selector: ([who, what]) => who * 1000 + what, maxLength: 200 }), (pairs) => {
      const cluster = new Cluster();
      cluster.begin(1, 2, 0);
      const first = new Map<number, number>();
      const counts = new Map<number, number>();
      let repeats = 0;
      for (const [who, what] of pairs) {
        assert.equal(cluster.add(who, source(who), what, what), true);
        if (first.has(what)) repeats++;
        else first.set(what, who);
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }
      assert.equal(cluster.elements, first.size);
      assert.equal(cluster.repeats, repeats);
      assert.equal(cluster.pairs, pairs.length);
      assert.equal(
        cluster.squares,
        [...counts.values()].reduce((sum, count) => sum + count * count, 0),
      );
      assert.equal(cluster.members.length, counts.size);
      if (first.size === 0) return;
      assert.equal(cluster.lowest, Math.min(...first.keys()));
      assert.equal(cluster.highest, Math.max(...first.keys()));
    }),
    { seed: 4, numRuns: 300 },
  );
});

test("the first source at an element counts there once, however often it comes", () => {
  const cluster = new Cluster();
  cluster.begin(1, 2, 0);
  for (let time = 0; time < 5; time++) cluster.add(7, source(7), 80, 80);
  assert.deepEqual([cluster.elements, cluster.pairs, cluster.repeats], [1, 1, 0]);
});

test("it takes no more than its bounds, and says so", () => {
  const cluster = new Cluster();
  cluster.begin(1, 2, 0);
  for (let element = 0; element < MAX_ELEMENTS; element++) assert.ok(cluster.add(1, source(1), element, element));
  assert.equal(cluster.add(1, source(1), MAX_ELEMENTS, MAX_ELEMENTS), false);
  assert.equal(cluster.add(2, source(2), 5, 5), true);
  assert.equal(cluster.elements, MAX_ELEMENTS);
  cluster.begin(1, 2, 0);
  for (let member = 0; member < MAX_MEMBERS; member++) assert.ok(cluster.add(member, source(member), member, member));
  assert.equal(cluster.add(MAX_MEMBERS, source(MAX_MEMBERS), 1, 1), false);
  assert.equal(cluster.members.length, MAX_MEMBERS);
});

test("a cluster that begins anew knows nothing of before, and leaves a finding its members", () => {
  const cluster = new Cluster();
  cluster.begin(1, 2, 0);
  for (let element = 0; element < 500; element++) cluster.add(element % 5, source(element % 5), element, element);
  const members = cluster.members;
  cluster.finding = { update: () => assert.fail("told of another cluster's probes") };
  cluster.begin(3, 4, 9);
  assert.equal(members.length, 5);
  assert.deepEqual([cluster.elements, cluster.pairs, cluster.repeats], [0, 0, 0]);
  for (const key of [4, 5, 6]) {
    cluster.begin(key, key, 9);
    cluster.add(4, source(key), 3, 3);
    assert.deepEqual([cluster.elements, cluster.repeats, cluster.lowest, cluster.highest], [1, 0, 3, 3]);
    assert.deepEqual(cluster.members, [source(key)]);
  }
});
