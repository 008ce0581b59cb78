// pcapng files: sections, interfaces, every packet block, time in every unit; cut, in pieces, and damaged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockWriter, concat, Writer } from "../../support/capture-writer.ts";
import { nmapSyn, nmapUdp, nmapUdp6 } from "../../support/captures.ts";
import { type Collected, collect } from "./collect.ts";

const START_SECONDS = 1_700_000_000;
const START_MS = START_SECONDS * 1000;
const MICROSECONDS = BigInt(START_SECONDS) * 1_000_000n;
const little = new BlockWriter();

/** Section, interface, then packets a second apart; `blocks` are what the file is made of. */
const blocks = [
  little.section(),
  little.interface(101),
  ...Array.from({ length: 10 }, (_, index) => little.packet(0, MICROSECONDS + BigInt(index) * 1_000_000n, nmapSyn)),
];
const file = concat(blocks);
const starts = blocks.map((_, index) => concat(blocks.slice(0, index)).length);
/** The block of packet `number`. */
const packetStart = (number: number): number => starts[number + 2] ?? 0;

function numbers(collected: Collected): number[] {
  return collected.frames.map(({ timeMs }) => (timeMs - START_MS) / 1000);
}

function messages(collected: Collected): string[] {
  return collected.problems.map(({ offset, message }) => `${offset}: ${message}`);
}

for (const order of ["little", "big"] as const) {
  test(`${order} endian: enhanced, obsolete and simple packet blocks`, () => {
    const write = new BlockWriter(order);
    const read = collect(
      concat([
        write.section(),
        write.interface(1, { snapBytes: 20 }),
        write.interface(101),
        write.packet(1, MICROSECONDS + 1n, nmapSyn),
        write.obsoletePacket(0, MICROSECONDS + 2n, nmapUdp),
        write.simplePacket(nmapUdp6.slice(0, 20), nmapUdp6.length),
      ]),
    );
    assert.deepEqual(read.problems, []);
    assert.equal(read.interfaces, 2);
    assert.deepEqual(read.frames, [
      { bytes: nmapSyn, linkType: 101, timeMs: START_MS + 0.001 },
      { bytes: nmapUdp, linkType: 1, timeMs: START_MS + 0.002 },
      { bytes: nmapUdp6.slice(0, 20), linkType: 1, timeMs: START_MS + 0.002 },
    ]);
  });

  test(`${order} endian: time in the interface's units and from its offset`, () => {
    const write = new BlockWriter(order);
    const units: readonly (readonly [number, bigint])[] = [
      [0, 1n],
      [3, 1000n],
      [6, 1_000_000n],
      [9, 1_000_000_000n],
      [0x80 | 10, 1024n],
      [0x80 | 20, 1_048_576n],
    ];
    for (const [resolution, perSecond] of units) {
      const seconds = BigInt(START_SECONDS);
      const read = collect(
        concat([
          write.section(),
          write.interface(1, { resolution }),
          write.interface(1, { resolution, offsetSeconds: seconds }),
          write.interface(1, { resolution, offsetSeconds: -5n }),
          write.packet(0, seconds * perSecond, nmapSyn),
          write.packet(1, 3n * perSecond, nmapSyn),
          write.packet(2, seconds * perSecond, nmapSyn),
        ]),
      );
      assert.deepEqual(
        read.frames.map((frame) => frame.timeMs),
        [START_MS, START_MS + 3000, START_MS - 5000],
      );
    }
  });
}

test("sections of either order behind each other number their interfaces anew", () => {
  const big = new BlockWriter("big");
  const read = collect(concat([file, big.section(), big.interface(228), big.packet(0, MICROSECONDS, nmapSyn), file]));
  assert.deepEqual(read.problems, []);
  assert.equal(read.interfaces, 3);
  assert.deepEqual(
    read.frames.map((frame) => frame.linkType),
    [...new Array(10).fill(101), 228, ...new Array(10).fill(101)],
  );
});

test("other blocks are stepped over, one of 5 MB too", () => {
  const others = [4, 5, 9, 10, 0xbad, 0x40000bad, 0x80000001].map((type) => little.block(type, new Uint8Array(40)));
  const large = little.block(0xbad, new Uint8Array(5_000_000).fill(6));
  const read = collect(concat([...blocks.slice(0, 5), ...others, large, ...blocks.slice(5)]), 65_536);
  assert.deepEqual(messages(read), []);
  assert.equal(read.frames.length, 10);
});

test("cut at every length: all whole packets, the cut one as far as it goes, and one problem", () => {
  for (let end = starts[2] ?? 0; end <= file.length; end++) {
    const read = collect(file.subarray(0, end));
    const whole = starts.slice(2).filter((start, index) => (starts[index + 3] ?? file.length) <= end && start < end);
    const cutAt = packetStart(whole.length) || file.length;
    const cutBytes = Math.min(nmapSyn.length, Math.max(0, end - cutAt - 28));
    assert.deepEqual(
      read.frames.map((frame) => frame.bytes.length),
      [...whole.map(() => nmapSyn.length), ...(cutBytes > 0 ? [cutBytes] : [])],
    );
    assert.deepEqual(
      read.problems.map(({ offset }) => offset),
      end === cutAt ? [] : [cutAt],
    );
  }
});

test("the same whatever the size of the pieces", () => {
  const damaged = file.slice();
  damaged.fill(0xff, packetStart(4) + 4, packetStart(4) + 8);
  for (const bytes of [file, damaged, file.subarray(0, file.length - 9)]) {
    const whole = collect(bytes);
    for (const pieceBytes of [1, 2, 3, 7, 16, 61, 250]) assert.deepEqual(collect(bytes, pieceBytes), whole);
  }
});

test("a damaged length: that packet is lost, the others are read", () => {
  for (const length of [0, 8, 31, 40, 200, 100_000, 50_000_000, 0xfffffffc]) {
    const damaged = file.slice();
    new DataView(damaged.buffer).setUint32(packetStart(4) + 4, length, true);
    const read = collect(damaged, 1000);
    assert.deepEqual(numbers(read), [0, 1, 2, 3, 5, 6, 7, 8, 9], `length ${length}`);
    assert.equal(read.problems.length, 1);
    assert.equal(read.problems[0]?.offset, packetStart(4));
  }
});

test("a damaged second length: the packet is read, and the fault told", () => {
  for (const number of [4, 9]) {
    const damaged = file.slice();
    damaged[(starts[number + 3] ?? file.length) - 4] = 0xee;
    const read = collect(damaged);
    assert.equal(read.frames.length, 10);
    assert.deepEqual(messages(read), [`${packetStart(number)}: block whose lengths differ; the first was believed`]);
  }
});

test("a hole of zeros, a missing piece that shifts the rest, and nothing behind", () => {
  const [from, to] = [packetStart(3), packetStart(6)];
  assert.deepEqual(numbers(collect(file.slice().fill(0, from, to))), [0, 1, 2, 6, 7, 8, 9]);
  assert.deepEqual(numbers(collect(concat([file.subarray(0, from + 21), file.subarray(to)]))), [0, 1, 2, 6, 7, 8, 9]);
  const trailing = collect(concat([file, new Uint8Array(4096)]));
  assert.equal(trailing.frames.length, 10);
  assert.deepEqual(messages(trailing), [`${file.length}: impossible block; no other block follows`]);
});

test("no search without end: after 64 MiB of nothing the rest is left", () => {
  const from = packetStart(3);
  const read = collect(concat([file.subarray(0, from), new Uint8Array(70_000_000), file.subarray(from)]), 1_048_576);
  assert.deepEqual(numbers(read), [0, 1, 2]);
  assert.match(read.problems[0]?.message ?? "", /none in the next 67108864 bytes: given up/);
});

test("packets that contradict their block, their interface or the calendar", () => {
  const tooLong = little.packet(0, MICROSECONDS, nmapSyn);
  new DataView(tooLong.buffer).setUint32(20, 60, true);
  const read = collect(
    concat([
      little.section(),
      little.packet(0, MICROSECONDS, nmapSyn),
      little.simplePacket(nmapSyn),
      little.interface(101, { resolution: 0 }),
      little.packet(7, 5n, nmapSyn),
      tooLong,
      little.block(6, new Uint8Array(8)),
      little.block(3, new Uint8Array(0)),
      little.block(1, new Uint8Array(4)),
      little.packet(0, 5n, nmapSyn),
      little.packet(0, 0xffff_ffff_ffffn, nmapSyn),
    ]),
  );
  assert.deepEqual(
    read.frames.map((frame) => frame.timeMs),
    [5000, 5000],
  );
  assert.deepEqual(
    read.problems.map(({ message }) => message),
    [
      "packet of interface 0, which was not described",
      "packet of interface 0, which was not described",
      "packet of interface 7, which was not described",
      "packet of 60 bytes in a block of 80",
      "block of 20 bytes, which is too short for its type",
      "block of 12 bytes, which is too short for its type",
      "block of 16 bytes, which is too short for its type",
      "packet with an impossible time: it got that of the packet before",
    ],
  );
});

test("a flood of interfaces, and of faults, fills no memory", () => {
  const one = little.interface(101);
  const many = concat([little.section(), ...new Array<Uint8Array>(65_600).fill(one)]);
  const read = collect(many);
  assert.equal(read.interfaces, 65_536);
  assert.equal(read.problems.length, 20);
  assert.match(read.problems[0]?.message ?? "", /more interfaces than any machine has/);
});

test("options that do not fit, or say nothing we know, are left", () => {
  const body = new Writer()
    .u16(101, 0)
    .u32(0)
    .u16(2, 3)
    .bytes(Uint8Array.of(1, 2, 3, 0))
    .u16(9, 60_000)
    .u32(1)
    .done();
  const read = collect(concat([little.section(), little.block(1, body), little.packet(0, MICROSECONDS, nmapSyn)]));
  assert.deepEqual(
    read.frames.map((frame) => frame.timeMs),
    [START_MS],
  );
});
