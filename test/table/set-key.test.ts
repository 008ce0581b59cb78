import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  latelyKey,
  luredKey,
  placeOf,
  servedKey,
  servedOfKey,
  sourceOfKey,
  unspecifiedOf,
} from "../../src/table/set-key.ts";
import { formatPrefix, isIpv4, type Prefix, prefixOfWords } from "../../src/wire/address.ts";
import { Arrival } from "../../src/wire/arrival.ts";
import { prefix } from "../support/prefix.ts";

const word = fc.integer({ min: 0, max: 0xffffffff });
/** Zero halves and all-one halves are where a key's width is decided. */
const edgy = fc.oneof(word, fc.constantFrom(0, 1, 0xffff, 0xffffffff));
const ipv4 = word.map((w3) => prefixOfWords(0, 0, 0xffff, w3, 128));
const ipv6 = fc
  .tuple(edgy, edgy, edgy, edgy, fc.constantFrom(64, 128))
  .map(([w0, w1, w2, w3, bits]) => prefixOfWords(w0, w1, w2, w3, bits))
  .filter((source) => !isIpv4(source));

function keyOf(source: Prefix, soft = false, near = false): string {
  const place = placeOf(source, soft, near);
  return place.kind === "plain" ? `${place.set} ${Buffer.from(place.key).toString("hex")}` : place.set;
}

test("single sources, in network order", () => {
  assert.equal(keyOf(prefix("192.0.2.1")), "blocked4 c0000201");
  assert.equal(keyOf(prefix("192.0.2.1"), true), "soft4 c0000201");
  assert.equal(keyOf(prefix("2001:db8::1")), "blocked6 20010db8000000000000000000000001");
  assert.equal(keyOf(prefix("2001:db8:0:1::/64"), true), "soft6 20010db8000000010000000000000000");
});

test("other widths, and the /64 of a link of ours, are intervals", () => {
  assert.equal(keyOf(prefix("10.0.0.0/8")), "blockednet4");
  assert.equal(keyOf(prefix("10.0.0.0/31")), "blockednet4");
  assert.equal(keyOf(prefix("2001:db8::/48")), "blockednet6");
  assert.equal(keyOf(prefix("2001:db8::/65")), "blockednet6");
  assert.equal(keyOf(prefix("2001:db8:a::/64"), false, true), "blockednet6");
  assert.equal(keyOf(prefix("2001:db8:a::5"), false, true), "blocked6 20010db8000a00000000000000000005");
});

test("one address without a host part is never blocked as its whole /64", () => {
  assert.equal(keyOf(prefix("2001:db8:0:1::")), "blockednet6");
  assert.equal(keyOf(prefix("fe80::"), true, true), "soft6 fe800000000000000000000000000000");
});

test("a source that has a key is the source that the key stands for", () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.boolean(), (source, soft) => {
      const place = placeOf(source, soft, false);
      if (place.kind === "interval") {
        assert.ok(source.bits === 128 && source.w2 === 0 && source.w3 === 0, formatPrefix(source));
        return;
      }
      assert.equal(place.key.length, isIpv4(source) ? 4 : 16);
      assert.equal(place.set.startsWith("soft"), soft);
      assert.deepEqual(sourceOfKey(place.key), source);
    }),
  );
});

test("a key of another length stands for nothing", () => {
  for (const length of [0, 3, 5, 8, 15, 17]) assert.equal(sourceOfKey(new Uint8Array(length)), undefined);
});

test("protocol and port, each padded to four bytes", () => {
  assert.deepEqual([...latelyKey(6, 443)], [6, 0, 0, 0, 1, 187, 0, 0]);
  assert.deepEqual([...latelyKey(17, 65_535)], [17, 0, 0, 0, 255, 255, 0, 0]);
});

test("an IPv6 key is a /64 only where the whole host part is zero, and the key of its address otherwise", () => {
  const keyWith = (at: number) =>
    Uint8Array.from({ length: 16 }, (_, index) => (index === 0 ? 0x20 : index === at ? 1 : 0));
  assert.equal(sourceOfKey(keyWith(-1))?.bits, 64);
  for (let at = 1; at < 8; at++) assert.equal(sourceOfKey(keyWith(at))?.bits, 64, `byte ${at}`);
  for (let at = 8; at < 16; at++) assert.equal(sourceOfKey(keyWith(at))?.bits, 128, `byte ${at}`);
});

test("a SYN to a closed port: source, its port, our address, our port, each padded to four bytes", () => {
  const arrival = (source: Prefix, local: Prefix) =>
    Object.assign(new Arrival(), {
      ...{ source0: source.w0, source1: source.w1, source2: source.w2, source3: source.w3, sourcePort: 0x1234 },
      ...{ local0: local.w0, local1: local.w1, local2: local.w2, local3: local.w3, port: 443 },
    });
  const four = luredKey(arrival(prefix("192.0.2.1"), prefix("203.0.113.9")));
  assert.deepEqual([four.set, Buffer.from(four.key).toString("hex")], ["lured4", "c000020112340000cb00710901bb0000"]);
  const six = luredKey(arrival(prefix("2001:db8::1"), prefix("2001:db8:9::2")));
  assert.deepEqual(
    [six.set, Buffer.from(six.key).toString("hex")],
    ["lured6", "20010db8000000000000000000000001123400002" + "0010db800090000000000000000000201bb0000"],
  );
});

test("a served port has a key at an address, and one for every address; both are read back", () => {
  const at = (address: string) => ({ protocol: 6, port: 443, address: prefix(address) });
  const served = [{ protocol: 6, port: 443 }, ...["192.0.2.1", "2001:db8::1", "0.0.0.0", "::"].map(at)];
  const sets = served.map((one) => servedKey(one).set);
  assert.deepEqual(sets, ["everywhere", "lately4", "lately6", "lately4", "lately6"]);
  const [, four, , some4] = served.map((one) => Buffer.from(servedKey(one).key).toString("hex"));
  assert.deepEqual([four, some4], ["c00002010600000001bb0000", "000000000600000001bb0000"]);
  for (const one of served) {
    const { set, key } = servedKey(one);
    assert.deepEqual(servedOfKey(set, key), one);
    assert.equal(servedOfKey(set, key.subarray(1)), undefined);
    assert.equal(servedOfKey("known4", key), undefined);
  }
  assert.deepEqual(["192.0.2.1", "2001:db8::1"].map(prefix).map(unspecifiedOf), ["0.0.0.0", "::"].map(prefix));
});
