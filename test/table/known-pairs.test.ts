// Known pairs in the sets that the rules fill: which elements are looked up for a source and the ports that are served.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownPairs } from "../../src/table/known-pairs.ts";
import { prefix } from "../support/prefix.ts";
import { FakeTables } from "./fake-tables.ts";

function setUp(elements: Readonly<Record<string, readonly string[]>>) {
  const tables = new FakeTables();
  for (const [set, keys] of Object.entries(elements)) for (const key of keys) tables.elements(set).set(key, 5_000);
  return new KnownPairs(tables);
}

test("the ports of an IPv4 client's known pairs are counted, by address and port", () => {
  const pairs = setUp({ known4: ["c000020101bb0000", "c000020100160000", "c00002021f900000"] });
  assert.equal(pairs.countPairs(prefix("192.0.2.1"), [443, 22, 8080, 80]), 2);
  assert.equal(pairs.countPairs(prefix("192.0.2.2"), [443, 8080]), 1);
  assert.equal(pairs.countPairs(prefix("192.0.2.3"), [443, 22, 8080]), 0);
  assert.equal(pairs.countPairs(prefix("192.0.2.0/24"), [443]), 0, "a network has no pairs");
});

test("an IPv6 source is looked for by itself and by its /64; one pair by either is one port", () => {
  const wide = "20010db8000b00010000000000000000";
  const own = "20010db8000b00010000000000000077";
  const pairs = setUp({ known6: [`${wide}01bb0000`, `${own}01bb0000`, `${own}00160000`], client6: [wide] });
  assert.equal(pairs.countPairs(prefix("2001:db8:b:1::77"), [443, 22, 80]), 2);
  assert.equal(pairs.countPairs(prefix("2001:db8:b:1::/64"), [443, 22, 80]), 1);
  assert.deepEqual(
    ["2001:db8:b:1::77", "2001:db8:b:1::/64", "2001:db8:b:2::77", "2001:db8:b::/48"].map((text) =>
      pairs.isClient(prefix(text)),
    ),
    [true, true, false, false],
  );
});

test("sources that are known to use ports are made known pairs, each by its own key, and found again", () => {
  const tables = new FakeTables();
  const pairs = new KnownPairs(tables);
  pairs.add([]);
  pairs.add([{ source: prefix("192.0.2.1"), ports: [] }]);
  assert.deepEqual(tables.asked, []);
  pairs.add([
    { source: prefix("192.0.2.1"), ports: [22, 8080] },
    { source: prefix("2001:db8:b:1::/64"), ports: [22] },
  ]);
  assert.deepEqual([...tables.elements("known4").keys()], ["c000020100160000", "c00002011f900000"]);
  assert.equal(pairs.countPairs(prefix("192.0.2.1"), [22, 80, 8080]), 2);
  assert.equal(pairs.countPairs(prefix("2001:db8:b:1::77"), [22, 80]), 1);
  assert.deepEqual([...tables.elements("known6").values()], [7 * 86_400_000], "as long as the rules remember one");
});
