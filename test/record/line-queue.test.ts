import assert from "node:assert/strict";
import { test } from "node:test";
import { LineQueue } from "../../src/record/line-queue.ts";

function setUp() {
  const written: string[] = [];
  const answers = new Map<string, (name: string) => void>();
  const asked: string[] = [];
  const queue = new LineQueue(
    (address) =>
      new Promise((resolve) => {
        asked.push(address);
        answers.set(address, resolve);
      }),
  );
  const say = (text: string) => queue.put(() => written.push(text));
  const sayOf = (address: string) => queue.putNamed(address, (name) => written.push(`${name}/${address}`));
  const answer = async (address: string, name: string) => {
    answers.get(address)?.(name);
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { queue, written, asked, say, sayOf, answer };
}

test("without a resolver everything is written at once, with the address", () => {
  const written: string[] = [];
  const queue = new LineQueue(undefined);
  queue.putNamed("192.0.2.1", (name) => written.push(name));
  queue.put(() => written.push("x"));
  assert.deepEqual(written, ["192.0.2.1", "x"]);
});

test("lines keep their order while one waits for its name", async () => {
  const { written, say, sayOf, answer } = setUp();
  say("first");
  sayOf("192.0.2.1");
  say("second");
  sayOf("192.0.2.2");
  assert.deepEqual(written, ["first"]);
  await answer("192.0.2.2", "two.example");
  assert.deepEqual(written, ["first"]);
  await answer("192.0.2.1", "one.example");
  assert.deepEqual(written, ["first", "one.example/192.0.2.1", "second", "two.example/192.0.2.2"]);
  say("third");
  assert.equal(written.at(-1), "third");
});

test("blocks of addresses have no name", () => {
  const { asked, written, sayOf } = setUp();
  sayOf("2001:db8::/64");
  assert.deepEqual(asked, []);
  assert.deepEqual(written, ["2001:db8::/64/2001:db8::/64"]);
});

test("drain writes what waits, with the address; its name may come later without harm", async () => {
  const { queue, written, say, sayOf, answer } = setUp();
  sayOf("192.0.2.1");
  say("second");
  queue.drain();
  assert.deepEqual(written, ["192.0.2.1/192.0.2.1", "second"]);
  await answer("192.0.2.1", "one.example");
  assert.equal(written.length, 2);
});

test("at most 4,096 wait; then all are written, and counted as unnamed", () => {
  const { queue, written, say, sayOf } = setUp();
  for (let i = 0; i < 4096; i++) sayOf(`10.0.${i >> 8}.${i & 255}`);
  assert.equal(written.length, 0);
  say("last");
  assert.equal(written.length, 4097);
  assert.equal(written.at(-1), "last");
  assert.equal(queue.counters.linesUnnamed, 4096);
});
