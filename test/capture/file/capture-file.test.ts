// Captures from the disk, a FIFO and standard input, with gzip and without: all frames, all faults, bounded memory.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { type ReadOptions, readCapture } from "../../../src/capture/file/capture-file.ts";
import type { CaptureReport } from "../../../src/capture/file/capture-report.ts";
import { concat, pcapFile, pcapHeader, pcapRecord } from "../../support/capture-writer.ts";
import { nmapSyn } from "../../support/captures.ts";
import { FrameCollector } from "./collect.ts";

const START_MS = 1_700_000_000_000;
const folder = mkdtempSync(join(tmpdir(), "portreeve-capture-"));
after(() => rmSync(folder, { recursive: true }));

/** Frames that do not compress to nothing: 60 bytes of noise behind the headers. */
function noisyFrames(count: number): { bytes: Uint8Array; timeMs: number }[] {
  let noise = 1;
  const byte = (): number => {
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    return noise >>> 24;
  };
  return Array.from({ length: count }, (_, index) => ({
    bytes: concat([nmapSyn, Uint8Array.from({ length: 60 }, byte)]),
    timeMs: START_MS + index,
  }));
}

const frames = noisyFrames(3000);
const capture = pcapFile(frames, { linkType: 101 });
const zipped = gzipSync(capture);
const recordBytes = 16 + nmapSyn.length + 60;

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function read(source: string, options: ReadOptions = {}) {
  const collector = new FrameCollector();
  const report = await readCapture(source, collector, options);
  return { report, frames: collector.frames };
}

function assertWhole({ report, frames: got }: Awaited<ReturnType<typeof read>>, bytesRead: number): void {
  const clean: CaptureReport = { packets: 3000, bytesRead, interfaces: 1, problems: [], furtherProblems: 0 };
  assert.deepEqual(report, clean);
  assert.deepEqual(
    got,
    frames.map((frame) => ({ ...frame, linkType: 101 })),
  );
}

test("a file, and the same within gzip; progress tells bytes and size", async () => {
  const seen: (number | undefined)[][] = [];
  assertWhole(await read(put("plain.pcap", capture), { onProgress: (...told) => seen.push(told) }), capture.length);
  assert.deepEqual(seen.at(-1), [capture.length, capture.length]);
  assertWhole(await read(put("zipped.pcap.gz", zipped)), zipped.length);
});

test("larger than the buffer, so that records lie across its end", async () => {
  const repeats = 60;
  const records = capture.subarray(24);
  const path = put("large.pcap", concat([capture.subarray(0, 24), ...new Array<Uint8Array>(repeats).fill(records)]));
  let sum = 0;
  const report = await readCapture(path, {
    frame(bytes, at, end) {
      sum += end - at + (bytes[at + 12] ?? 0);
    },
  });
  assert.equal(report.packets, 3000 * repeats);
  assert.equal(sum, report.packets * (nmapSyn.length + 60 + (nmapSyn[12] ?? 0)));
  assert.deepEqual(report.problems, []);
});

test("standard input: in pieces of every size, with gzip and without", async () => {
  for (const bytes of [capture, zipped]) {
    for (const pieceBytes of [1000, 65_536]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
        bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
      );
      const totals: (number | undefined)[] = [];
      const stdin = Readable.from([
        bytes.subarray(0, 1),
        ...pieces.slice(0, 1).map((one) => one.subarray(1)),
        ...pieces.slice(1),
      ]);
      assertWhole(await read("-", { stdin, onProgress: (_, total) => totals.push(total) }), bytes.length);
      assert.ok(totals.every((total) => total === undefined));
    }
  }
});

test("the process's own standard input: a pipe, and a file", () => {
  const reader = pathToFileURL(join(import.meta.dirname, "../../../src/capture/file/capture-file.js")).href;
  const program = `import { readCapture } from ${JSON.stringify(reader)};
    const report = await readCapture("-", { frame() {} });
    console.log(JSON.stringify(report));`;
  const argv = ["--input-type=module", "-e", program];
  const clean = { packets: 3000, bytesRead: capture.length, interfaces: 1, problems: [], furtherProblems: 0 };
  const piped = spawnSync(process.execPath, argv, { input: capture });
  assert.deepEqual(JSON.parse(piped.stdout.toString()), clean, piped.stderr.toString());
  const fd = openSync(put("plain.pcap", capture), "r");
  const fromFile = spawnSync(process.execPath, argv, { stdio: [fd, "pipe", "pipe"] });
  closeSync(fd);
  assert.deepEqual(JSON.parse(fromFile.stdout.toString()), clean, fromFile.stderr.toString());
});

test("a FIFO", async () => {
  const path = join(folder, "fifo");
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const writer = spawn("dd", [`if=${put("plain.pcap", capture)}`, `of=${path}`, "status=none"], { stdio: "ignore" });
  const closed = once(writer, "close");
  assertWhole(await read(path), capture.length);
  assert.deepEqual(await closed, [0, null]);
});

test("gzip cut off: what is there is read, to the last byte", async () => {
  const path = put("cut.gz", zipped.subarray(0, zipped.length / 2));
  const { report, frames: got } = await read(path);
  assert.ok(got.length > 1000 && got.length < 2000, `${got.length} frames of half a file`);
  assert.match(report.problems[0]?.message ?? "", /^gzip: unexpected end of file at byte/);
  assert.deepEqual(
    got.slice(0, -1).map((frame) => frame.bytes),
    frames.slice(0, got.length - 1).map((frame) => frame.bytes),
  );
});

test("gzip whose checksum is wrong: all is read", async () => {
  const wrong = Uint8Array.from(zipped);
  wrong[wrong.length - 8] = (wrong[wrong.length - 8] ?? 0) ^ 0xff;
  const { report, frames: got } = await read(put("wrong.gz", wrong));
  assert.equal(got.length, 3000);
  assert.match(report.problems[0]?.message ?? "", /^gzip: incorrect data check/);
});

test("gzip damaged in the middle: nothing before it is lost", async () => {
  // Stored blocks (RFC 1951 section 3.2.4), of which the fifth is of the kind that does not exist.
  const stored = [Buffer.from("1f8b08000000000000ff", "hex")];
  for (let block = 0; block < 6; block++) {
    const head = Buffer.alloc(5);
    head.writeUInt8(block === 4 ? 6 : 0);
    head.writeUInt16LE(20_000, 1);
    head.writeUInt16LE(20_000 ^ 0xffff, 3);
    stored.push(head, Buffer.from(capture.subarray(block * 20_000, (block + 1) * 20_000)));
  }
  const { report, frames: got } = await read(put("damaged.gz", concat(stored)));
  assert.equal(got.length, Math.ceil((80_000 - 24) / recordBytes));
  assert.equal(got.at(-1)?.bytes.length, ((80_000 - 24) % recordBytes) - 16);
  assert.equal(report.packets, got.length);
  assert.ok(report.problems.some(({ message }) => message.startsWith("gzip: ")));
});

test("two gzip members, and rubbish behind the last", async () => {
  const half = 24 + 1500 * recordBytes;
  const members = concat([gzipSync(capture.subarray(0, half)), gzipSync(capture.subarray(half))]);
  assertWhole(await read(put("members.gz", members)), members.length);
  const { report, frames: got } = await read(put("rubbish.gz", concat([zipped, Buffer.from("rubbish")])));
  assert.equal(got.length, 3000);
  assert.equal(report.problems.length, 1);
});

test("what cannot be read at all is an error that names the file", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(folder, "missing"), /missing: no such file/],
    [folder, /is a directory/],
    [put("empty", new Uint8Array()), /empty: it is empty/],
    [put("text", Buffer.from("#!/bin/sh\necho this is no capture file\n")), /text: it begins like no capture file/],
    [put("text.gz", gzipSync("this is no capture file either")), /text.gz: it begins like no capture file/],
    [put("bad.gz", Uint8Array.of(0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9)), /bad.gz: gzip: /],
  ];
  for (const [path, message] of cases) {
    await assert.rejects(read(path), { name: "CaptureError", message });
  }
  await assert.rejects(read("-", { stdin: Readable.from([]) }), { message: /standard input: it is empty/ });
});

test("an error of the sink passes through, from every kind of source", async () => {
  const sink = {
    frame(): void {
      throw new RangeError("the sink's own");
    },
  };
  const expected = { name: "RangeError", message: "the sink's own" };
  await assert.rejects(readCapture(put("plain.pcap", capture), sink), expected);
  await assert.rejects(readCapture(put("zipped.pcap.gz", zipped), sink), expected);
  await assert.rejects(readCapture("-", sink, { stdin: Readable.from([capture]) }), expected);
});

test("a stream that breaks: what came before counts", async () => {
  async function* broken() {
    yield capture.subarray(0, 24 + 10 * recordBytes);
    throw new Error("EIO: the disk is gone");
  }
  const { report, frames: got } = await read("-", { stdin: Readable.from(broken()) });
  assert.equal(got.length, 10);
  assert.match(report.problems[0]?.message ?? "", /cannot be read further: EIO/);
});

test("reading stops where nothing more can come of it", async () => {
  const start = concat([pcapHeader(), pcapRecord({ bytes: nmapSyn, timeMs: START_MS })]);
  let given = 0;
  async function* endless() {
    yield start;
    const nothing = new Uint8Array(1_048_576);
    for (; given < 1000; given++) yield nothing;
  }
  const { report } = await read("-", { stdin: Readable.from(endless()) });
  assert.equal(report.packets, 1);
  assert.ok(given < 100, `${given} MiB were read`);
});
