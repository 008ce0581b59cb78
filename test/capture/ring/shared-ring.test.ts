import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { createSharedRing, SharedRingReader, SharedRingWriter } from "../../../src/capture/ring/shared-ring.ts";

const nothing = new Int32Array(1);
const textOf = (bytes: Uint8Array, at: number, end: number) => Buffer.from(bytes.subarray(at, end)).toString("hex");

/** Words whose bytes count up from `first`. */
function bodyOf(first: number, bytes: number): Int32Array {
  const body = new Uint8Array((bytes + 3) & ~3);
  for (let index = 0; index < bytes; index++) body[index] = first + index;
  return new Int32Array(body.buffer);
}

function pair(bytes: number) {
  const memory = createSharedRing(bytes);
  let wakes = 0;
  const writer = new SharedRingWriter(memory, () => wakes++);
  return { writer, reader: new SharedRingReader(memory), wakes: () => wakes };
}

test("what is written is read: bytes from any offset, and facts", () => {
  const { writer, reader } = pair(256);
  const facts = { note: 4, seconds: 1_800_000_000, nanoseconds: 999_999_999 };
  writer.write(facts, bodyOf(0, 16), 5, 6);
  writer.write(facts, bodyOf(0, 16), 8, 3);
  const seen: unknown[] = [];
  const visitor = {
    record: (bytes: Uint8Array, at: number, end: number, { note, seconds, nanoseconds }: SharedRingReader) =>
      seen.push([textOf(bytes, at, end), note, seconds, nanoseconds]),
  };
  assert.equal(reader.drain(visitor, 10), 0, "not published yet");
  writer.publish();
  assert.equal(reader.drain(visitor, 10), 2);
  assert.deepEqual(seen, [
    ["05060708090a", 4, 1_800_000_000, 999_999_999],
    ["08090a", 4, 1_800_000_000, 999_999_999],
  ]);
});

test("in any order of writing and reading, nothing is lost, doubled or torn, around the end and around again", () => {
  const step = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 0, max: 90 }) }),
    fc.record({ read: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const { writer, reader } = pair(512);
      const expected: string[] = [];
      let next = 0;
      const visitor = {
        record: (bytes: Uint8Array, at: number, end: number) => {
          assert.equal(textOf(bytes, at, end), expected.shift());
        },
      };
      for (const one of steps) {
        if ("read" in one) {
          assert.ok(reader.drain(visitor, one.read) <= one.read);
          continue;
        }
        // Four of the longest always fit; more would make the writer wait for a reader that is this same thread.
        if (expected.length >= 3) continue;
        const body = bodyOf(next++ & 0x7f, one.bytes);
        expected.push(Buffer.from(body.buffer).subarray(0, one.bytes).toString("hex"));
        assert.ok(writer.write({ note: 0, seconds: 0, nanoseconds: 0 }, body, 0, one.bytes));
        writer.publish();
      }
      reader.drain(visitor, 1_000);
      assert.equal(expected.length, 0);
    }),
  );
});

test("the reader is woken once for each sleep, and never left asleep beside a record", () => {
  const { writer, reader, wakes } = pair(256);
  const write = () => writer.write({ note: 0, seconds: 0, nanoseconds: 0 }, nothing, 0, 0);
  const visitor = { record: () => undefined };
  write();
  writer.publish();
  write();
  writer.publish();
  assert.equal(wakes(), 1, "it had not begun to read");
  assert.equal(reader.sleep(), false, "there is something to read");
  assert.equal(reader.drain(visitor, 10), 2);
  assert.equal(reader.sleep(), true);
  write();
  assert.equal(wakes(), 1, "not published yet");
  writer.publish();
  assert.equal(wakes(), 2);
});

test("a record that can never fit is a fault, and a writer of a stopped ring does not wait", () => {
  const { writer, reader } = pair(256);
  const facts = { note: 0, seconds: 0, nanoseconds: 0 };
  assert.throws(() => writer.write(facts, bodyOf(0, 200), 0, 200), RangeError);
  reader.stop();
  const write = () => writer.write(facts, bodyOf(0, 60), 0, 60);
  assert.deepEqual([write(), write(), write()], [true, true, true]);
  assert.equal(write(), false);
  assert.equal(writer.isStopped, true);
});

test("between two threads, with a ring that is mostly full, each record comes once and whole", async () => {
  const memory = createSharedRing(1_024);
  const reader = new SharedRingReader(memory);
  const count = 50_000;
  const module = new URL(`../../../src/capture/ring/shared-ring${import.meta.filename.slice(-3)}`, import.meta.url)
    .href;
  const program = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(({ SharedRingWriter }) => {
      const writer = new SharedRingWriter(workerData.memory, () => undefined);
      const body = new Int32Array(20);
      for (let index = 0; index < workerData.count; index++) {
        body.fill(index);
        writer.write({ note: index & 7, seconds: index, nanoseconds: 0 }, body, 0, 4 + (index % 76));
        if (index % 3 === 0) writer.publish();
      }
      writer.publish();
    });`;
  const worker = new Worker(program, { eval: true, workerData: { memory, module, count } });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  let next = 0;
  let wrong = 0;
  const visitor = {
    record: (bytes: Uint8Array, at: number, end: number, { seconds, note }: SharedRingReader) => {
      const isWhole = new DataView(bytes.buffer).getInt32(at, true) === next && end - at === 4 + (next % 76);
      if (!isWhole || seconds !== next || note !== (next & 7)) wrong++;
      next++;
    },
  };
  while (next < count) {
    if (reader.drain(visitor, 64) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  assert.equal(wrong, 0);
  assert.ok(reader.stalls > 0, "the ring was never full: the test shows less than it says");
});
