import assert from "node:assert/strict";
import { test } from "node:test";
import {
  besideKey,
  countsByAddress,
  isSourceKey,
  possibleKeys,
  sourceKeyOf,
  writeSourceKey,
} from "../../src/detect/source-key.ts";
import { formatPrefix, prefixOfWords } from "../../src/wire/address.ts";
import { prefix, ranges } from "./probes.ts";

const near = ranges("fe80::/10", "2001:db8:1::/64");

function senderOf(text: string) {
  const { w0: source0, w1: source1, w2: source2, w3: source3 } = prefix(text);
  return { source0, source1, source2, source3 };
}

const cases: readonly (readonly [string, string])[] = [
  ["198.51.100.7", "198.51.100.7"],
  ["fe80::1", "fe80::1"],
  ["2001:db8:1::77", "2001:db8:1::77"],
  ["2001:db8:2:3:4:5:6:7", "2001:db8:2:3::/64"],
  ["2001:db8:2:3::", "2001:db8:2:3::/64"],
];

for (const [address, key] of cases) {
  test(`${address} counts as ${key}, whether a record or an address asks`, () => {
    assert.equal(formatPrefix(sourceKeyOf(prefix(address), near)), key);
    const out = { source0: 9, source1: 9, source2: 9, source3: 9, sourceBits: 9 };
    writeSourceKey(senderOf(address), countsByAddress(senderOf(address), near), out);
    const { source0, source1, source2, source3, sourceBits } = out;
    assert.equal(formatPrefix({ w0: source0, w1: source1, w2: source2, w3: source3, bits: sourceBits }), key);
    assert.ok(isSourceKey(prefix(key)));
    assert.ok(possibleKeys(prefix(address)).map(formatPrefix).includes(key));
  });
}

test("without links of ours every IPv6 source counts by its /64", () => {
  assert.ok(!countsByAddress(senderOf("fe80::1"), undefined));
  assert.ok(countsByAddress(senderOf("192.0.2.1"), undefined));
});

test("a block is a key already; blocks other than a /64 of IPv6 are no source's", () => {
  for (const text of ["192.0.2.0/24", "2001:db8::/64", "2001:db8::/48"]) {
    assert.equal(formatPrefix(sourceKeyOf(prefix(text), near)), text);
  }
  assert.ok(!isSourceKey(prefix("192.0.2.0/24")));
  assert.ok(!isSourceKey(prefix("2001:db8::/48")));
  // 0.0.0.0/0 has 96 bits, and no IPv4 block may pass for a /64.
  assert.ok(!isSourceKey(prefixOfWords(0, 0, 0xffff, 0, 96)));
});

test("beside a key that is a network stands the address; beside an address nothing", () => {
  const { address } = besideKey(prefix("2001:db8:2:3::/64"), senderOf("2001:db8:2:3:4:5:6:7"));
  assert.equal(address && formatPrefix(address), "2001:db8:2:3:4:5:6:7");
  assert.deepEqual(besideKey(prefix("192.0.2.1"), senderOf("192.0.2.1")), {});
});
