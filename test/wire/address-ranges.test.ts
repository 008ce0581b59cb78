// AddressRanges against two naive models: a small world asked in full, and big integers over all addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPrefix, isIpv4, type Prefix, parsePrefix, prefixOfWords } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";

function blocks(...texts: string[]): Prefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text);
    assert.ok(prefix !== undefined, text);
    return prefix;
  });
}

function block(text: string): Prefix {
  const [prefix] = blocks(text);
  assert.ok(prefix !== undefined);
  return prefix;
}

function has(ranges: AddressRanges, address: Prefix): boolean {
  return ranges.contains(address.w0, address.w1, address.w2, address.w3);
}

function merged(...texts: string[]): string[] {
  return new AddressRanges(blocks(...texts)).prefixes().map(formatPrefix);
}

// The naive model: every question is answered with big integers, block by block.

function addressNumber(prefix: Prefix): bigint {
  return (BigInt(prefix.w0) << 96n) | (BigInt(prefix.w1) << 64n) | (BigInt(prefix.w2) << 32n) | BigInt(prefix.w3);
}

function modelContains(outer: Prefix, inner: Prefix): boolean {
  const shift = BigInt(128 - outer.bits);
  return (
    isIpv4(outer) === isIpv4(inner) &&
    inner.bits >= outer.bits &&
    addressNumber(inner) >> shift === addressNumber(outer) >> shift
  );
}

/** A small world of 16 addresses, so that every address and every block in it can be asked. */
interface World {
  readonly name: string;
  readonly at: (offset: number, bits: number) => Prefix;
}
const worlds: readonly World[] = [
  { name: "10.0.0.0/28", at: (offset, bits) => prefixOfWords(0, 0, 0xffff, 0x0a000000 + offset, bits) },
  { name: "255.255.255.240/28", at: (offset, bits) => prefixOfWords(0, 0, 0xffff, 0xfffffff0 + offset, bits) },
  { name: "2001:db8::/124", at: (offset, bits) => prefixOfWords(0x20010db8, 0, 0, offset, bits) },
  { name: "the last of all", at: (offset, bits) => prefixOfWords(-1, -1, -1, 0xfffffff0 + offset, bits) },
];
const worldBlocks = Array.from({ length: 5 }, (_, level) => 124 + level).flatMap((bits) =>
  Array.from({ length: 1 << (bits - 124) }, (_, index) => ({ offset: index << (128 - bits), bits })),
);

function smallestCover(world: World, covered: ReadonlySet<number>, offset: number, bits: number): Prefix[] {
  const size = 1 << (128 - bits);
  const inside = Array.from({ length: size }, (_, index) => covered.has(offset + index));
  if (inside.every(Boolean)) return [world.at(offset, bits)];
  if (!inside.some(Boolean)) return [];
  const half = size / 2;
  return [
    ...smallestCover(world, covered, offset, bits + 1),
    ...smallestCover(world, covered, offset + half, bits + 1),
  ];
}

for (const world of worlds) {
  test(`every address and block of a small world: ${world.name}`, () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...worldBlocks), { maxLength: 12 }), (chosen) => {
        const ranges = new AddressRanges(chosen.map(({ offset, bits }) => world.at(offset, bits)));
        const covered = new Set(
          chosen.flatMap(({ offset, bits }) => Array.from({ length: 1 << (128 - bits) }, (_, index) => offset + index)),
        );
        for (let offset = 0; offset < 16; offset++) {
          assert.equal(has(ranges, world.at(offset, 128)), covered.has(offset));
        }
        for (const { offset, bits } of worldBlocks) {
          const inside = Array.from({ length: 1 << (128 - bits) }, (_, index) => covered.has(offset + index));
          assert.equal(ranges.containsPrefix(world.at(offset, bits)), inside.every(Boolean));
          assert.equal(ranges.overlaps(world.at(offset, bits)), inside.some(Boolean));
        }
        assert.deepEqual(ranges.prefixes(), smallestCover(world, covered, 0, 124));
        assert.equal(ranges.rangeCount, ranges.prefixes().length);
      }),
    );
  });
}

const word = fc.oneof(
  fc.constantFrom(0, 1, 0xfffe, 0xffff, 0x10000, 0x80000000, 0xfffffffe, 0xffffffff),
  fc.nat(0xffffffff),
);
const anyBlock = fc.oneof(
  fc.tuple(word, fc.integer({ min: 96, max: 128 })).map(([w3, bits]) => prefixOfWords(0, 0, 0xffff, w3, bits)),
  fc
    .tuple(word, word, word, word, fc.integer({ min: 0, max: 128 }))
    .map(([w0, w1, w2, w3, bits]) => prefixOfWords(w0, w1, w2, w3, bits)),
);

test("against the naive model over all of both families", () => {
  fc.assert(
    fc.property(
      fc.array(anyBlock, { maxLength: 30 }),
      fc.array(anyBlock, { minLength: 1, maxLength: 30 }),
      (given, asked) => {
        const ranges = new AddressRanges(given);
        // Random blocks rarely meet: the ends of the given ones, and their halves and wholes, are asked too.
        const near = given.flatMap((prefix) => [
          prefix,
          { ...prefix, bits: 128 },
          prefixOfWords(prefix.w0, prefix.w1, prefix.w2, prefix.w3, Math.max(prefix.bits - 1, isIpv4(prefix) ? 96 : 0)),
          prefixOfWords(prefix.w0, prefix.w1, prefix.w2, prefix.w3, Math.min(prefix.bits + 1, 128)),
        ]);
        for (const prefix of [...asked, ...near]) {
          const single = { ...prefix, bits: 128 };
          const overlapping = given.some((one) => modelContains(one, prefix) || modelContains(prefix, one));
          assert.equal(
            has(ranges, single),
            given.some((one) => modelContains(one, single)),
          );
          assert.equal(ranges.overlaps(prefix), overlapping);
          if (given.some((one) => modelContains(one, prefix))) assert.ok(ranges.containsPrefix(prefix));
          if (ranges.containsPrefix(prefix)) assert.ok(has(ranges, single) && overlapping);
        }
      },
    ),
  );
});

test("the merged list is the same set: in any order, and merged once more", () => {
  fc.assert(
    fc.property(fc.array(anyBlock, { maxLength: 30 }), (given) => {
      const list = new AddressRanges(given).prefixes();
      assert.deepEqual(new AddressRanges([...given].reverse()).prefixes(), list);
      assert.deepEqual(new AddressRanges(list).prefixes(), list);
      for (const prefix of given) assert.ok(list.some((one) => modelContains(one, prefix)));
      for (const [index, prefix] of list.entries()) {
        assert.ok(list.every((other, at) => at === index || !modelContains(other, prefix)));
      }
    }),
  );
});

test("adjacent and contained blocks are merged", () => {
  assert.deepEqual(merged("10.0.0.0/25", "10.0.0.128/25"), ["10.0.0.0/24"]);
  assert.deepEqual(merged("10.0.0.128/26", "10.0.0.192/26", "10.0.0.0/25"), ["10.0.0.0/24"]);
  assert.deepEqual(merged("10.0.0.0/8", "10.1.2.3", "10.0.0.0/8"), ["10.0.0.0/8"]);
  assert.deepEqual(merged("10.0.0.1", "10.0.0.2"), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(merged("0.0.0.0/1", "128.0.0.0/1"), ["0.0.0.0/0"]);
  assert.deepEqual(merged("8000::/1", "::/1"), ["::/0"]);
  assert.deepEqual(merged("2001:db8::/33", "2001:db8:8000::/33", "192.0.2.1"), ["192.0.2.1", "2001:db8::/32"]);
  assert.deepEqual(merged(), []);
});

test("the families are apart", () => {
  const allIpv6 = new AddressRanges(blocks("::/0"));
  assert.ok(has(allIpv6, block("2001:db8::1")));
  assert.ok(has(allIpv6, block("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  assert.ok(!has(allIpv6, block("1.2.3.4")));
  assert.ok(!allIpv6.overlaps(block("0.0.0.0/0")));
  const allIpv4 = new AddressRanges(blocks("0.0.0.0/0", "::fffe:0:0/96"));
  assert.ok(has(allIpv4, block("255.255.255.255")));
  assert.ok(!has(allIpv4, block("::1")));
  assert.ok(!allIpv4.containsPrefix(block("::/0")));
  assert.equal(allIpv4.rangeCount, 2);
});

test("the empty set contains nothing", () => {
  const none = new AddressRanges([]);
  assert.equal(none.rangeCount, 0);
  for (const text of ["0.0.0.0", "::", "255.255.255.255"]) {
    assert.ok(!has(none, block(text)));
    assert.ok(!none.containsPrefix(block(text)));
    assert.ok(!none.overlaps(block(text)));
  }
  assert.ok(!none.overlaps(block("::/0")));
});

test("the list handed out is a copy", () => {
  const ranges = new AddressRanges(blocks("10.0.0.0/8"));
  ranges.prefixes().pop();
  assert.equal(ranges.prefixes().length, 1);
});

test("thousands of entries", () => {
  const given = Array.from({ length: 20_000 }, (_, index) => prefixOfWords(0, 0, 0xffff, index * 512, 120));
  const ranges = new AddressRanges(given);
  assert.equal(ranges.rangeCount, 20_000);
  for (let index = 0; index < 20_000; index++) {
    assert.ok(ranges.contains(0, 0, 0xffff, index * 512 + 255));
    assert.ok(!ranges.contains(0, 0, 0xffff, index * 512 + 256));
  }
});
