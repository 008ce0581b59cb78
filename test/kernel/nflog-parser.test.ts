import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NetlinkWriter } from "../../src/kernel/netlink.ts";
import { NflogParser, NO_UID } from "../../src/kernel/nflog.ts";
import { hex } from "../support/hex.ts";

/** NFULNL_MSG_PACKET; NFULA_PACKET_HDR, NFULA_PREFIX "probe", NFULA_PAYLOAD (7 bytes), NFULA_SEQ 41. */
const first = hex(`3c000000 0004 0000 00000000 00000000  02 00 7072
  0800 0100 0800 0100   0a00 0a00 70726f626500 0000   0b00 0900 45000007aabbcc 00   0800 0c00 00000029`);
/** No prefix; payload of 4 bytes, sequence 42. */
const second = hex(`24000000 0004 0000 00000000 00000000  0a 00 7072
  0800 0900 60000000   0800 0c00 0000002a`);
const done = hex("14000000 0300 0200 00000000 00000000 00000000");

interface Seen {
  readonly payload: string;
  readonly tag: string;
}

function parse(parser: NflogParser, bytes: Uint8Array, length = bytes.length): Seen[] {
  const seen: Seen[] = [];
  parser.parse(bytes, length, {
    packet(buffer, at, end, tag) {
      const payload = Buffer.from(buffer.subarray(at, end)).toString("hex");
      seen.push({ payload, tag: tag === 0 ? "" : String.fromCharCode(tag) });
    },
  });
  return seen;
}

const firstSeen = { payload: "45000007aabbcc", tag: "p" };
const secondSeen = { payload: "60000000", tag: "" };

function numbered(sequence: number): Uint8Array {
  return Uint8Array.from(new NetlinkWriter().begin(0x0400, 0, 0).nfgen(2, 1).u32be(9, 1).u32be(12, sequence).finish());
}

function lostBetween(...sequences: readonly number[]): number {
  const parser = new NflogParser();
  for (const sequence of sequences) parse(parser, numbered(sequence));
  return parser.lost;
}

test("two packets of one datagram, with their rules' tags", () => {
  const parser = new NflogParser();
  assert.deepEqual(parse(parser, Buffer.concat([first, second, done])), [firstSeen, secondSeen]);
  assert.deepEqual({ lost: parser.lost, malformed: parser.malformed }, { lost: 0, malformed: 0 });
});

test("a packet that a socket of this host sent comes with the user; another one with none", () => {
  const users: number[] = [];
  const visitor = {
    packet: (_bytes: Uint8Array, _at: number, _end: number, _tag: number, uid: number) => void users.push(uid),
  };
  // NFULA_PAYLOAD, NFULA_UID.
  const sent = Uint8Array.from(
    new NetlinkWriter().begin(0x0400, 0, 0).nfgen(2, 1).u32be(9, 1).u32be(11, 65_534).finish(),
  );
  const bytes = Buffer.concat([sent, second]);
  new NflogParser().parse(bytes, bytes.length, visitor);
  assert.deepEqual(users, [65_534, NO_UID]);
});

test("a datagram can be walked in steps, each from where the last one ended", () => {
  const parser = new NflogParser();
  const bytes = Buffer.concat([first, second, first, done]);
  const seen: string[] = [];
  const visitor = {
    packet: (buffer: Uint8Array, at: number, end: number) =>
      void seen.push(Buffer.from(buffer.subarray(at, end)).toString("hex")),
  };
  const steps: number[] = [];
  for (let from = 0; from < bytes.length; ) {
    from = parser.parse(bytes, bytes.length, visitor, { from, packets: 2 });
    steps.push(seen.length);
  }
  assert.deepEqual(steps, [2, 3]);
  assert.deepEqual(seen, [firstSeen.payload, secondSeen.payload, firstSeen.payload]);
  assert.equal(parser.malformed, 0);
});

test("what stands behind `length` in the buffer is not read", () => {
  const buffer = Buffer.concat([first, second]);
  assert.deepEqual(parse(new NflogParser(), buffer, first.length), [firstSeen]);
});

test("gaps in the sequence are counted as lost, over datagrams", () => {
  assert.equal(lostBetween(5, 6, 7), 0);
  assert.equal(lostBetween(5, 7), 1);
  assert.equal(lostBetween(0, 1_000_000, 1_000_001, 1_000_003), 1_000_000);
  assert.equal(lostBetween(1_000), 0);
});

test("the sequence wraps around at 2^32 without a loss, and a loss across it is counted", () => {
  assert.equal(lostBetween(0xfffffffe, 0xffffffff, 0, 1), 0);
  assert.equal(lostBetween(0xfffffffe, 3), 4);
  assert.equal(lostBetween(0xffffffff, 1), 1);
});

test("a sequence that begins anew is no loss", () => {
  assert.equal(lostBetween(5_000, 0, 1, 2, 4), 1);
  assert.equal(lostBetween(5_000, 5_000, 5_001), 0);
});

test("a datagram cut at any length gives whole packets only, and says that something was wrong", () => {
  const whole = Buffer.concat([first, second]);
  for (let length = 0; length < whole.length; length++) {
    const parser = new NflogParser();
    const seen = parse(parser, Buffer.from(whole.subarray(0, length)));
    assert.deepEqual(seen, length >= first.length ? [firstSeen] : [], `cut to ${length}`);
    const headerOfNext = length >= first.length ? length - first.length : length;
    assert.equal(parser.malformed, headerOfNext >= 16 ? 1 : 0, `cut to ${length}`);
  }
});

test("a message cut at any length, its own length told rightly, never gives bytes that are not its own", () => {
  for (let length = 16; length < first.length; length++) {
    const cut = Buffer.concat([first.subarray(0, length), new Uint8Array(3)]);
    cut.writeUInt32LE(length, 0);
    const parser = new NflogParser();
    for (const { payload } of parse(parser, cut, length)) assert.equal(payload, firstSeen.payload);
    assert.ok(parser.malformed <= 1);
  }
});

test("messages without a payload and of other kinds are counted as malformed", () => {
  const parser = new NflogParser();
  const other = Uint8Array.from(new NetlinkWriter().begin(0x0a00, 0, 0).nfgen(0, 0).finish());
  const empty = Uint8Array.from(new NetlinkWriter().begin(0x0400, 0, 0).nfgen(2, 1).u32be(12, 1).finish());
  assert.deepEqual(parse(parser, Buffer.concat([other, empty, second])), [secondSeen]);
  assert.equal(parser.malformed, 2);
});

test("random bytes never throw, and packets lie within the datagram", () => {
  const noise = fc.array(fc.oneof(fc.constantFrom(0, 4, 8, 9, 10, 12, 16), fc.integer({ min: 0, max: 255 })));
  const damaged = fc
    .tuple(fc.nat(first.length - 1), fc.integer({ min: 0, max: 255 }))
    .map(([at, value]) => [...first.subarray(0, at), value, ...first.subarray(at + 1), ...second]);
  fc.assert(
    fc.property(fc.oneof(noise, damaged), (values) => {
      const bytes = Uint8Array.from(values);
      let visits = 0;
      new NflogParser().parse(bytes, bytes.length, {
        packet(_bytes, at, end, tag) {
          visits++;
          assert.ok(at <= end && end <= bytes.length && tag >= 0 && tag <= 255);
        },
      });
      assert.ok(visits <= bytes.length / 16);
    }),
    { numRuns: 3_000 },
  );
});
