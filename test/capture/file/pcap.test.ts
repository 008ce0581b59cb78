// pcap files in every variant, cut at every length, in pieces of every size, and damaged in every way we could think of.
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, type PcapOptions, pcapFile, pcapHeader, pcapRecord, Writer } from "../../support/capture-writer.ts";
import { nmapSyn, nmapUdp6, nmapXmas } from "../../support/captures.ts";
import { type Collected, collect } from "./collect.ts";

const START_MS = 1_700_000_000_000;
const HEADER_BYTES = 24;
const RECORD_BYTES = 16;

const frames = Array.from({ length: 12 }, (_, index) => ({
  bytes: [nmapSyn, nmapXmas, nmapUdp6][index % 3] ?? nmapSyn,
  timeMs: START_MS + index * 250.125,
}));
const variants: readonly PcapOptions[] = (["little", "big"] as const).flatMap((order) =>
  (["micro", "nano", "modified"] as const).map((unit) => ({ order, unit, linkType: 101 })),
);
const file = pcapFile(frames, { linkType: 101 });
/** Where each record begins. */
const starts = frames.map((_, index) => pcapFile(frames.slice(0, index)).length);

function numbers(collected: Collected): number[] {
  return collected.frames.map(({ timeMs }) => Math.round((timeMs - START_MS) / 250.125));
}

function messages(collected: Collected): string[] {
  return collected.problems.map(({ offset, message }) => `${offset}: ${message}`);
}

for (const options of variants) {
  test(`${options.order} endian, ${options.unit}: every frame, its time and link type`, () => {
    const read = collect(pcapFile(frames, options));
    assert.deepEqual(
      read.frames,
      frames.map((frame) => ({ ...frame, linkType: 101 })),
    );
    assert.deepEqual(read.problems, []);
  });
}

test("fractions of a microsecond are kept as far as a number can", () => {
  const read = collect(pcapFile([{ bytes: nmapSyn, timeMs: START_MS + 0.000_5 }], { unit: "nano" }));
  assert.ok(Math.abs((read.frames[0]?.timeMs ?? 0) - START_MS - 0.000_5) < 0.000_25);
});

test("cut at every length: all whole records, the cut one as far as it goes, and one problem", () => {
  for (let end = HEADER_BYTES; end <= file.length; end++) {
    const read = collect(file.subarray(0, end));
    const whole = starts.filter((start, index) => start + RECORD_BYTES + (frames[index]?.bytes.length ?? 0) <= end);
    const begun = starts.filter((start) => start + RECORD_BYTES < end);
    assert.equal(read.frames.length, begun.length, `${end} bytes`);
    const isClean = end === (starts[whole.length] ?? file.length);
    assert.equal(read.problems.length, isClean ? 0 : 1, `${end} bytes`);
    if (!isClean) assert.equal(read.problems[0]?.offset, starts[whole.length]);
    const cut = read.frames[whole.length];
    if (cut !== undefined) assert.deepEqual(cut.bytes, file.subarray((starts[whole.length] ?? 0) + RECORD_BYTES, end));
  }
});

test("shorter than a header, empty, and other files: refused", () => {
  for (const bytes of [new Uint8Array(), file.subarray(0, HEADER_BYTES - 1), Buffer.from("not a capture".repeat(9))]) {
    assert.throws(() => collect(bytes), { name: "CaptureError", code: "not-a-capture" });
  }
});

test("the same whatever the size of the pieces", () => {
  const damaged = file.slice();
  damaged.fill(0xff, (starts[4] ?? 0) + 8, (starts[4] ?? 0) + 12);
  for (const bytes of [file, damaged, file.subarray(0, file.length - 9)]) {
    const whole = collect(bytes);
    for (const pieceBytes of [1, 2, 3, 7, 16, 61, 250]) assert.deepEqual(collect(bytes, pieceBytes), whole);
  }
});

test("an impossible length: that record is lost, the others are read", () => {
  for (const index of [0, 1, 5, 10]) {
    const damaged = file.slice();
    damaged.fill(0xff, (starts[index] ?? 0) + 8, (starts[index] ?? 0) + 12);
    const read = collect(damaged);
    assert.deepEqual(
      numbers(read),
      frames.map((_, number) => number).filter((number) => number !== index),
    );
    assert.deepEqual(messages(read), [
      `${starts[index]}: impossible record (captured length 4294967295); went on at offset ${starts[index + 1]}`,
    ]);
  }
});

test("a length that is wrong and possible: found out by what follows, and no other record is lost", () => {
  for (const length of [4, 20, 43, 45, 100, 200, 100_000]) {
    const damaged = file.slice();
    const start = starts[5] ?? 0;
    new DataView(damaged.buffer).setUint32(start + 8, length, true);
    new DataView(damaged.buffer).setUint32(start + 12, length, true);
    const read = collect(damaged);
    // Too short is not told from a frame that was captured so: the damage is what follows it.
    const isShort = length < 64;
    const others = numbers(read).filter((number) => number !== 5);
    assert.deepEqual(others, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11], `length ${length}`);
    assert.equal(read.problems.length, 1);
    assert.equal(read.problems[0]?.offset, isShort ? start + 16 + length : start);
    assert.deepEqual(collect(damaged, 5), read);
  }
});

test("a hole of zeros, as a crash leaves it, and a piece that is missing", () => {
  const [from = 0, to = 0] = [starts[3], starts[6]];
  const hole = file.slice().fill(0, from, to);
  assert.deepEqual(numbers(collect(hole)), [0, 1, 2, 6, 7, 8, 9, 10, 11]);
  const longHole = concat([file.subarray(0, from), new Uint8Array(5_000_000), file.subarray(from)]);
  assert.deepEqual(numbers(collect(longHole, 65_536)), numbers(collect(file)));
  const missing = concat([file.subarray(0, from + 20), file.subarray(to)]);
  assert.deepEqual(numbers(collect(missing)), [0, 1, 2, 6, 7, 8, 9, 10, 11]);
  const trailing = concat([file, new Uint8Array(4096)]);
  const read = collect(trailing);
  assert.equal(read.frames.length, frames.length);
  assert.deepEqual(messages(read), [`${file.length}: impossible record (captured length 0); no other record follows`]);
});

test("no search without end: after 64 MiB of nothing the rest is left", () => {
  const nothing = new Uint8Array(70_000_000);
  const read = collect(concat([file.subarray(0, starts[3]), nothing, file.subarray(starts[3])]), 1_048_576);
  assert.deepEqual(numbers(read), [0, 1, 2]);
  assert.match(read.problems[0]?.message ?? "", /none in the next 67108864 bytes: given up/);
});

test("odd writers: lengths on the wire of 0, fractions beyond a second, time from 0, empty frames", () => {
  const odd = [
    [1_700_000_000, 5, 44, 0],
    [1_700_000_000, 999_999_999, 44, 44],
    [0, 7, 44, 44],
    [1_700_000_001, 8, 44, 44],
  ] as const;
  const records = odd.map((head) =>
    new Writer()
      .u32(...head)
      .bytes(nmapSyn)
      .done(),
  );
  const empty = new Writer().u32(1_700_000_002, 0, 0, 60).done();
  const read = collect(concat([pcapHeader(), ...records, empty, ...records]));
  assert.deepEqual(
    read.frames.map(({ bytes }) => bytes.length),
    [44, 44, 44, 44, 0, 44, 44, 44, 44],
  );
  assert.deepEqual(read.problems, []);
});

test("times that begin at 0, as relative and replaced ones do: every record is read", () => {
  const relative = frames.map(({ bytes }, index) => ({ bytes, timeMs: index * 250.125 }));
  for (const unit of ["micro", "nano"] as const) {
    const read = collect(pcapFile(relative, { unit }));
    assert.deepEqual(
      read.frames.map(({ timeMs }) => Math.round(timeMs / 250.125)),
      relative.map((_, index) => index),
    );
    assert.deepEqual(read.problems, []);
  }
  // In files of such times damage is found as in others.
  const damaged = pcapFile(relative);
  damaged.fill(0xff, (starts[5] ?? 0) + 8, (starts[5] ?? 0) + 12);
  assert.equal(collect(damaged).frames.length, relative.length - 1);
});

test("records of which nothing was captured count, one behind the other and at either end", () => {
  const empty = (seconds: number) => new Writer().u32(seconds, 0, 0, 60).done();
  const first = Math.floor(START_MS / 1000);
  const read = collect(
    concat([
      pcapHeader(),
      empty(first),
      empty(first),
      ...[0, 1].map(() => pcapRecord(frames[0] ?? { bytes: nmapSyn, timeMs: START_MS })),
      empty(first + 1),
    ]),
  );
  assert.deepEqual(
    read.frames.map(({ bytes }) => bytes.length),
    [0, 0, nmapSyn.length, nmapSyn.length, 0],
  );
  assert.deepEqual(read.problems, []);
});

test("captures put behind one another, joined or as they are: no packet is lost, whatever their times", () => {
  const years = [START_MS, 0, 1_000_000_000_000, START_MS, 86_400_000].map((startMs) =>
    frames.map(({ bytes }, index) => ({ bytes, timeMs: startMs + index * 250 })),
  );
  const joined = collect(pcapFile(years.flat()));
  assert.deepEqual([joined.frames.length, joined.problems], [60, []]);
  const asTheyAre = concat(years.map((one, index) => pcapFile(one, { linkType: index === 1 ? 101 : 1 })));
  for (const pieceBytes of [undefined, 7]) {
    const read = collect(asTheyAre, pieceBytes);
    assert.deepEqual([read.frames.length, read.problems], [60, []]);
    assert.deepEqual(
      read.frames.map(({ linkType }) => linkType),
      years.flatMap((one, index) => one.map(() => (index === 1 ? 101 : 1))),
    );
  }
  // Single packets of other years, each with a step before and behind.
  const strays = [0, 900_000_000_000, 7, START_MS].map((timeMs) => ({ bytes: nmapSyn, timeMs }));
  assert.deepEqual(collect(pcapFile(strays)).frames.length, 4);
});

test("an unknown link type, and a version that is not 2", () => {
  const wifi = collect(pcapFile(frames, { linkType: 105 }));
  assert.equal(wifi.frames.length, frames.length);
  assert.match(wifi.problems[0]?.message ?? "", /link type 105 is not known/);
  const version = file.slice();
  version[4] = 3;
  assert.deepEqual(messages(collect(version)), ["0: file version 3: read as version 2"]);
  // The upper bits tell of a frame check sequence (draft-ietf-opsawg-pcap).
  const checked = concat([
    new Writer().u32(0xa1b2c3d4).u16(2, 4).u32(0, 0, 65535, 0x44000001).done(),
    pcapRecord({ bytes: nmapSyn, timeMs: START_MS }),
  ]);
  assert.equal(collect(checked).frames[0]?.linkType, 1);
});
