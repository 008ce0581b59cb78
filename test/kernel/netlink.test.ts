import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MessageBatch } from "../../src/kernel/message-batch.ts";
import { align4, NetlinkWriter, walkAttributes, walkMessages } from "../../src/kernel/netlink.ts";
import { hex } from "../support/hex.ts";

const HEADER_BYTES = 16;

interface Seen {
  readonly type: number;
  readonly value: string;
}

function attributesOf(bytes: Buffer, at: number, end: number): Seen[] {
  const seen: Seen[] = [];
  walkAttributes(bytes, at, end, (type, valueAt, valueEnd) => {
    seen.push({ type, value: bytes.toString("hex", valueAt, valueEnd) });
  });
  return seen;
}

function messagesOf(bytes: Buffer, length = bytes.length) {
  const seen: { type: number; flags: number; portId: number; payload: string }[] = [];
  walkMessages(bytes, length, ({ type, flags, portId, at, end }) => {
    seen.push({ type, flags, portId, payload: bytes.toString("hex", at, end) });
  });
  return seen;
}

test("a message byte for byte: header, nfgenmsg, attributes of each width, a nested one, padding", () => {
  const writer = new NetlinkWriter().begin(0x0a0c, 0x0405, 0x01020304).nfgen(1, 0x7072);
  writer
    .u8(1, 0xab)
    .u16be(2, 0x1234)
    .u32be(3, 0xfedcba98)
    .u64be(4, 2 ** 40 + 5)
    .text(5, "abc");
  const nested = writer.beginNested(6);
  writer.attribute(7, Uint8Array.of(1, 2, 3, 4, 5)).endNested(nested);
  assert.deepEqual(
    Buffer.from(writer.finish()),
    Buffer.from(
      hex(`50000000 0c0a 0504 04030201 00000000   01 00 7072
           0500 0100 ab000000   0600 0200 12340000   0800 0300 fedcba98   0c00 0400 0000010000000005
           0800 0500 61626300   1000 0680 0900 0700 0102030405000000`),
    ),
  );
});

test("padding is zero, whatever stood there before", () => {
  const writer = new NetlinkWriter(64);
  writer.begin(1, 0, 1).attribute(1, new Uint8Array(40).fill(0xff)).finish();
  writer.begin(1, 0, 2).u8(1, 7).raw(Uint8Array.of(9));
  assert.equal(Buffer.from(writer.finish()).toString("hex", HEADER_BYTES), "050001000700000009000000");
});

test("what was written is what is read, at 4-byte boundaries", () => {
  const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), value: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 20 }), (attributes) => {
      const writer = new NetlinkWriter().begin(1, 2, 3);
      for (const { type, value } of attributes) {
        assert.equal(writer.length % 4, 0);
        writer.attribute(type, value);
      }
      const bytes = Buffer.from(writer.finish());
      assert.equal(bytes.readUInt32LE(0), bytes.length);
      const expected = attributes.map(({ type, value }) => ({ type, value: Buffer.from(value).toString("hex") }));
      assert.deepEqual(attributesOf(bytes, HEADER_BYTES, bytes.length), expected);
    }),
  );
});

test("the flags in an attribute's type are not part of it", () => {
  assert.deepEqual(attributesOf(Buffer.from(hex("0500 03c0 2a000000")), 0, 8), [{ type: 3, value: "2a" }]);
});

test("a writer never writes past its buffer: RangeError", () => {
  const at = (bytes: number) => {
    const writer = new NetlinkWriter(HEADER_BYTES + 8).begin(1, 0, 1);
    return bytes === 0 ? writer : writer.attribute(1, new Uint8Array(bytes - 4));
  };
  assert.equal(at(8).finish().length, HEADER_BYTES + 8);
  assert.throws(() => at(9), RangeError);
  assert.throws(() => at(8).u8(1, 1), RangeError);
  assert.throws(() => at(8).u32be(1, 1), RangeError);
  assert.throws(() => at(8).text(1, ""), RangeError);
  assert.throws(() => at(8).beginNested(1), RangeError);
  assert.throws(() => at(8).nfgen(1, 1), RangeError);
  assert.throws(() => at(8).raw(Uint8Array.of(1)), RangeError);
  assert.throws(() => new NetlinkWriter(8).begin(1, 0, 1), RangeError);
});

test("a nested attribute longer than its 16-bit length is refused", () => {
  const writer = new NetlinkWriter(1 << 18).begin(1, 0, 1);
  const nested = writer.beginNested(1);
  for (let count = 0; count < 2; count++) writer.attribute(1, new Uint8Array(40_000));
  assert.throws(() => writer.endNested(nested), RangeError);
});

test("messages of a batch stand one behind the other, whatever is written after them, and a new batch begins empty", () => {
  const writer = new NetlinkWriter();
  const batch = new MessageBatch();
  for (let round = 0; round < 2; round++) {
    batch.begin();
    const messages: Buffer[] = [];
    for (let index = 0; index < 4_000; index++) {
      const message = writer.begin(index, 0, 1).u32be(1, index).finish();
      messages.push(Buffer.from(message));
      batch.add(message);
    }
    assert.ok(Buffer.concat(messages).equals(batch.bytes));
  }
  batch.add(new Uint8Array(2 << 20));
  batch.begin();
  assert.equal(batch.bytes.length, 0);
});

test("several messages of one datagram, the last one cut", () => {
  const one = hex("15000000 0100 0000 00000000 07000000 aabbccddee000000");
  const two = hex("10000000 0200 0200 00000000 00000000");
  const bytes = Buffer.concat([one, two, one]);
  const first = { type: 1, flags: 0, portId: 7, payload: "aabbccddee" };
  const second = { type: 2, flags: 2, portId: 0, payload: "" };
  assert.deepEqual(messagesOf(bytes), [first, second, first]);
  assert.deepEqual(messagesOf(bytes, bytes.length - 4), [first, second]);
});

test("malformed attributes and messages end the walk", () => {
  assert.deepEqual(attributesOf(Buffer.from(hex("0500 0100 2a000000 0300 0100 00000000")), 0, 16), [
    { type: 1, value: "2a" },
  ]);
  assert.deepEqual(attributesOf(Buffer.from(hex("0900 0100 2a000000")), 0, 8), []);
  assert.deepEqual(attributesOf(Buffer.from(hex("0000 0100")), 0, 4), []);
  for (const size of ["00000000", "0f000000", "11000000", "ffffffff"]) {
    assert.deepEqual(messagesOf(Buffer.from(hex(`${size} 0100 0000 00000000 00000000`))), []);
  }
});

test("random bytes never throw, never read past the end, never loop for ever", () => {
  const mostlySmall = fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 8, 16, 20), fc.integer({ min: 0, max: 255 }));
  const bytes = fc.array(mostlySmall, { maxLength: 200 }).map((values) => Buffer.from(values));
  fc.assert(
    fc.property(bytes, (buffer) => {
      let visits = 0;
      walkMessages(buffer, buffer.length, ({ at, end }) => {
        visits++;
        assert.ok(at <= end && end <= buffer.length);
        walkAttributes(buffer, at, end, (type, valueAt, valueEnd) => {
          visits++;
          assert.ok(type <= 0x3fff && at < valueAt && valueAt <= valueEnd && valueEnd <= end);
        });
      });
      walkAttributes(buffer, 0, buffer.length, () => visits++);
      assert.ok(visits <= buffer.length);
    }),
    { numRuns: 2_000 },
  );
});

test("align4 rounds up", () => {
  assert.deepEqual([0, 1, 4, 5, 65_535].map(align4), [0, 4, 4, 8, 65_536]);
});
