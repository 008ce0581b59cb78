// Damaged capture files of every kind: nothing throws but CaptureError, the pieces they come in do not matter, the report
// stays small, and what is handed on is in range.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { CaptureError } from "../../../src/capture/file/capture-report.ts";
import { concat } from "../../support/capture-writer.ts";
import { repositoryFolder } from "../../support/repository.ts";
import { type Collected, collect } from "./collect.ts";

const folder = repositoryFolder("test/capture/fixtures");
const files = readdirSync(folder)
  .filter((name) => /\.pcap(ng)?$/.test(name))
  .map((name) => new Uint8Array(readFileSync(join(folder, name))));

type Change = (bytes: Uint8Array) => Uint8Array;
const place = fc.integer({ min: 0, max: 1_000_000 }).map((millionth) => millionth / 1_000_000);
const word = fc.constantFrom(
  0,
  1,
  4,
  6,
  12,
  28,
  31,
  32,
  60,
  0x1a2b3c4d,
  0x0a0d0d0a,
  262_144,
  262_145,
  0x7fffffff,
  0xffffffff,
);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): Change =>
      (bytes) => {
        const changed = bytes.slice();
        changed[Math.floor(at * bytes.length)] = value;
        return changed;
      },
  ),
  fc.tuple(place, word, fc.boolean()).map(
    ([at, value, isLittle]): Change =>
      (bytes) => {
        const changed = bytes.slice();
        if (changed.length >= 4)
          new DataView(changed.buffer).setUint32(Math.floor(at * (changed.length - 4)), value, isLittle);
        return changed;
      },
  ),
  fc.tuple(place, fc.nat(200)).map(
    ([at, count]): Change =>
      (bytes) => {
        const from = Math.floor(at * bytes.length);
        return concat([bytes.subarray(0, from), bytes.subarray(from + count)]);
      },
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 300 })).map(
    ([at, more]): Change =>
      (bytes) => {
        const from = Math.floor(at * bytes.length);
        return concat([bytes.subarray(0, from), more, bytes.subarray(from)]);
      },
  ),
  fc.tuple(place, fc.nat(3000)).map(
    ([at, count]): Change =>
      (bytes) => {
        const from = Math.floor(at * bytes.length);
        return bytes.slice().fill(0, from, from + count);
      },
  ),
  place.map(
    (at): Change =>
      (bytes) =>
        bytes.slice(0, Math.floor(at * bytes.length)),
  ),
  place.map(
    (at): Change =>
      (bytes) =>
        concat([bytes.slice(0, Math.floor(at * bytes.length)), bytes]),
  ),
);

/** What was read, or why it is no capture. */
function readIn(bytes: Uint8Array, pieceBytes: number): Collected | string {
  try {
    return collect(bytes, pieceBytes);
  } catch (error) {
    if (error instanceof CaptureError) return error.message;
    throw error;
  }
}

test("damaged files, in pieces of any size", () => {
  let problems = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 600 }),
      (file, changes, pieceBytes) => {
        const bytes = changes.reduce<Uint8Array>((before, one) => one(before), file);
        const read = readIn(bytes, Math.max(1, bytes.length));
        assert.deepEqual(readIn(bytes, pieceBytes), read);
        if (typeof read === "string") return;
        problems += read.problems.length;
        assert.ok(read.problems.length <= 20);
        assert.ok(read.problems.every(({ offset }) => offset >= 0 && offset <= bytes.length));
        // Each byte is given at most once.
        assert.ok(read.frames.reduce((sum, frame) => sum + frame.bytes.length, 0) <= bytes.length);
        assert.ok(read.frames.every(({ timeMs }) => timeMs >= 0 && timeMs <= 8.64e15));
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(problems > 500, `only ${problems} problems were made`);
});
