// Address text: parse and print undo each other, agree with the C library, and refuse what is ambiguous.
import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatPrefix,
  formatWords,
  isIpv4,
  maskWord,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixOfWords,
} from "../../src/wire/address.ts";

const word = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff));
const ipv4Prefix = fc
  .tuple(word, fc.integer({ min: 96, max: 128 }))
  .map(([w3, bits]) => prefixOfWords(0, 0, 0xffff, w3, bits));
const ipv6Prefix = fc
  .tuple(word, word, word, word, fc.integer({ min: 0, max: 128 }))
  .map(([w0, w1, w2, w3, bits]) => prefixOfWords(w0, w1, w2, w3, bits));
const anyPrefix = fc.oneof(ipv4Prefix, ipv6Prefix);

function parsed(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert.ok(prefix !== undefined, `${text} is refused`);
  return prefix;
}

test("parse(print(x)) = x for blocks of both families", () => {
  fc.assert(
    fc.property(anyPrefix, (prefix) => {
      assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
    }),
  );
});

test("printing is canonical: what is parsed and printed stays as it is, and others can read it", () => {
  fc.assert(
    fc.property(word, word, word, word, (w0, w1, w2, w3) => {
      const text = formatWords(w0, w1, w2, w3);
      assert.ok(isIPv6(text) || isIPv4(text), text);
      const again = parsed(text);
      assert.equal(formatWords(again.w0, again.w1, again.w2, again.w3), text);
    }),
  );
});

test("the words of known addresses", () => {
  assert.deepEqual(parsed("192.0.2.1"), { w0: 0, w1: 0, w2: 0xffff, w3: 0xc0000201, bits: 128 });
  assert.deepEqual(parsed("192.0.2.77/24"), { w0: 0, w1: 0, w2: 0xffff, w3: 0xc0000200, bits: 120 });
  assert.deepEqual(parsed("0.0.0.0/0"), { w0: 0, w1: 0, w2: 0xffff, w3: 0, bits: 96 });
  assert.deepEqual(parsed("2001:db8::1"), { w0: 0x20010db8, w1: 0, w2: 0, w3: 1, bits: 128 });
  assert.deepEqual(parsed("2001:DB8:ffff::/36"), { w0: 0x20010db8, w1: 0xf0000000, w2: 0, w3: 0, bits: 36 });
  assert.deepEqual(parsed("::/0"), { w0: 0, w1: 0, w2: 0, w3: 0, bits: 0 });
});

test("a mapped address is the IPv4 address; no other form with dots is", () => {
  assert.deepEqual(parsed("::ffff:1.2.3.4"), parsed("1.2.3.4"));
  assert.deepEqual(parsed("0:0:0:0:0:FFFF:1.2.3.4"), parsed("1.2.3.4"));
  assert.deepEqual(parsed("::ffff:102:304"), parsed("1.2.3.4"));
  assert.deepEqual(parsed("::ffff:1.2.3.4/120"), parsed("1.2.3.0/24"));
  assert.deepEqual(parsed("::1.2.3.4"), parsed("::102:304"));
  assert.deepEqual(parsed("64:ff9b::1.2.3.4"), parsed("64:ff9b::102:304"));
  assert.deepEqual(parsed("1:2:3:4:5:6:255.255.255.255"), parsed("1:2:3:4:5:6:ffff:ffff"));
});

test("the canonical text follows RFC 5952", () => {
  for (const [given, canonical] of [
    ["2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["1.2.3.4/32", "1.2.3.4"],
    ["::1/128", "::1"],
    ["1.2.3.4/31", "1.2.3.4/31"],
    ["::/0", "::/0"],
    ["9.9.9.9/0", "0.0.0.0/0"],
  ] as const) {
    assert.equal(formatPrefix(parsed(given)), canonical);
  }
});

test("what different readers take for different things is refused", () => {
  const refused = [
    ...["", " ", "/", "/24", "1", "1.2.3", "1.2.3.", ".1.2.3.4", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "16909060"],
    ...["01.2.3.4", "1.2.3.04", "1.2.3.00", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4\0", "１.2.3.4"],
    ...["1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/08", "1.2.3.4/8/8", "1.2.3.4/255.0.0.0"],
    ...["1.2.3.4/1e1", "1.2.3.4/ 8", "1.2.3/24", "10/8", "::1/129", "::1/0128", "::1/", "::1/999999999"],
    ...[
      "fe80::1%eth0",
      "fe80::1%25eth0",
      "fe80::1%1/64",
      "[::1]",
      "::1:",
      ":1::",
      ":",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
    ],
    ...["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "::00001", "::g", "::ffff:1.2.3", "::ffff:1.2.3.4.5"],
    ...["::ffff:01.2.3.4", "::ffff:1.2.3.256", "::1.2.3.4:5", "1.2.3.4::", "::fffff:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4"],
    ...["localhost", "example.org", "1.2.3.4;id", "$(id)", "0".repeat(5000), `::${"1".repeat(5000)}`, ":".repeat(5000)],
  ];
  for (const text of refused) assert.equal(parsePrefix(text), undefined, JSON.stringify(text.slice(0, 60)));
});

test("any text is parsed or refused, never thrown at; what is parsed is what the C library reads", () => {
  const pieces = fc.array(fc.constantFrom("0", "1", "ff", "255", "256", "1234", ":", "::", ".", "/", "%", " ", "x"), {
    maxLength: 16,
  });
  const texts = fc.oneof(
    fc.string(),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4Extended(),
    pieces.map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const address = parseAddress(text);
      assert.equal(address !== undefined, isIPv4(text) || (isIPv6(text) && !text.includes("%")), text);
      if (address !== undefined) assert.equal(address.bits, 128);
    }),
    { numRuns: 2000 },
  );
});

test("parseAddress takes no prefix length", () => {
  assert.equal(parseAddress("1.2.3.4/32"), undefined);
  assert.deepEqual(parseAddress("1.2.3.4"), parsed("1.2.3.4/32"));
});

test("maskWord keeps the first bits of the four words", () => {
  fc.assert(
    fc.property(word, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 128 }), (value, index, bits) => {
      const kept = Math.min(32, Math.max(0, bits - 32 * index));
      const expected = Number((BigInt(value) >> BigInt(32 - kept)) << BigInt(32 - kept));
      assert.equal(maskWord(value, index, bits), expected);
    }),
  );
});

test("isIpv4 and prefixContains keep the families apart", () => {
  assert.ok(isIpv4(parsed("0.0.0.0/0")));
  assert.ok(!isIpv4(parsed("::/0")));
  assert.ok(!isIpv4(parsed("::ffff:0:0/95")));
  assert.ok(prefixContains(parsed("0.0.0.0/0"), parsed("1.2.3.4")));
  assert.ok(prefixContains(parsed("::/0"), parsed("2001:db8::/32")));
  assert.ok(!prefixContains(parsed("::/0"), parsed("1.2.3.4")));
  assert.ok(!prefixContains(parsed("0.0.0.0/0"), parsed("::/0")));
  assert.ok(!prefixContains(parsed("1.2.3.4"), parsed("1.2.3.0/24")));
});
