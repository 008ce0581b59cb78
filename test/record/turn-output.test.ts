import assert from "node:assert/strict";
import { test } from "node:test";
import { STDERR, STDOUT, TurnOutput } from "../../src/record/turn-output.ts";

/** What was written in each call, and how many lines were lost. `room`: how much each call takes; it then throws EAGAIN. */
function output(room: readonly number[] = []) {
  const calls: string[] = [];
  const left = [...room];
  const told = { lost: 0 };
  const sink = new TurnOutput({
    write(fd, bytes) {
      const taken = left.length === 0 ? bytes.length : Math.min(bytes.length, left.shift() ?? 0);
      if (taken === 0) throw new Error("EAGAIN");
      calls.push(`${fd}: ${Buffer.from(bytes.subarray(0, taken)).toString()}`);
      return taken;
    },
    lost: (lines) => {
      told.lost += lines;
    },
  });
  return { calls, sink, told };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("the lines of a turn leave together at its end, those of the next turn by themselves", async () => {
  const { calls, sink } = output();
  sink.write("one", true);
  sink.write("two", true);
  assert.deepEqual(calls, []);
  await turn();
  sink.write("three", true);
  await turn();
  assert.deepEqual(calls, ["1: one\ntwo\n", "1: three\n"]);
});

test("lines for the two descriptors stay in their order", async () => {
  const { calls, sink } = output();
  sink.write("one", true);
  sink.write("two", true, true);
  sink.write("three", true);
  await turn();
  assert.deepEqual(calls, [`${STDOUT}: one\n`, `${STDERR}: two\n`, `${STDOUT}: three\n`]);
});

test("at the end, and when 64 KiB wait, they leave at once", () => {
  const { calls, sink } = output();
  sink.write("x".repeat(40_000), true);
  sink.write("y".repeat(30_000), true);
  assert.equal(calls.length, 1);
  sink.write("z", true);
  sink.close();
  assert.equal(calls.at(-1), "1: z\n");
  sink.close();
  assert.equal(calls.length, 2);
});

test("a pipe that takes a part is asked again, and what it does not take is counted by lines", async () => {
  const slow = output([2, 5, 100]);
  slow.sink.write("one", true);
  slow.sink.write("two", true);
  await turn();
  assert.deepEqual(slow.calls, ["1: on", "1: e\ntwo", "1: \n"]);
  assert.equal(slow.told.lost, 0);
  const full = output([6, 0, 100]);
  for (const line of ["one", "two", "three"]) full.sink.write(line, true);
  await turn();
  assert.equal(full.told.lost, 2);
  full.sink.write("four", true);
  await turn();
  assert.deepEqual(full.calls, ["1: one\ntw", "1: \nfour\n"], "what was cut off is not joined to the next line");
});

test("a reader that went away costs the lines, and throws nothing", async () => {
  const { calls, sink, told } = output([0]);
  sink.write("one", true);
  await turn();
  assert.deepEqual([calls, told.lost], [[], 1]);
});
