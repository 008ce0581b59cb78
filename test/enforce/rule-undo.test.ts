// What an ended block leaves to be undone: its source is called unblocked when that has worked, and else its rule is named.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { RuleUndo } from "../../src/enforce/rule-undo.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeDelegate, FakeRecorder } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const SOURCE = "192.0.2.1";

function setUp() {
  const parts = { delegate: new FakeDelegate(), recorder: new FakeRecorder(), troubles: createTroubles() };
  return { ...parts, rules: new RuleUndo(parts) };
}

test("unblocked is said when the rule is gone, and not before", async () => {
  const { rules, delegate, recorder } = setUp();
  const undone = rules.undo(block(SOURCE), "by hand");
  assert.deepEqual([recorder.take(), rules.pending], [[], 1]);
  await undone;
  assert.deepEqual(delegate.asked, [`release ${SOURCE}`]);
  assert.deepEqual([recorder.take(), rules.pending, rules.left], [[`unblocked ${SOURCE} by hand`], 0, []]);
});

test("a rule that stays is a warning and a trouble in place of an unblock, until it is undone after all", async () => {
  const { rules, delegate, recorder, troubles } = setUp();
  delegate.stays.add(SOURCE);
  await rules.undo(block(SOURCE), "expired");
  await rules.undo(block("192.0.2.2"), "expired");
  assert.deepEqual(recorder.take(), [
    `warning the block of ${SOURCE} has ended (expired), and its rule stays: it stays`,
    "unblocked 192.0.2.2 expired",
  ]);
  assert.deepEqual(troubles.current(), [
    `the rules of 1 source stay although the blocks have ended, the last ${SOURCE}: it stays`,
  ]);
  assert.equal(rules.counters.rulesLeft, 1);
  const names = (of: string) => rules.leftIn(prefix(of)).map(({ block: { source } }) => formatPrefix(source));
  assert.deepEqual([names(SOURCE), names("192.0.2.0/24"), names("192.0.2.2")], [[SOURCE], [SOURCE], []]);
  delegate.stays.clear();
  await rules.undo(block(SOURCE), "by hand");
  assert.deepEqual(recorder.take(), [`unblocked ${SOURCE} by hand`]);
  assert.deepEqual([rules.left, troubles.current(), rules.counters.rulesLeft], [[], [], 0]);
});

test("a source that a command has blocked again is not one whose rule stays", async () => {
  const { rules, delegate, troubles } = setUp();
  delegate.stays.add(SOURCE);
  await rules.undo(block(SOURCE));
  rules.forget(prefix(SOURCE));
  assert.deepEqual([rules.left, troubles.current()], [[], []]);
});

test("64 are undone at once, and all in the end; what throws is told as a rule that stays", async () => {
  const { recorder } = setUp();
  let running = 0;
  let most = 0;
  const release = async ({ source }: Block): Promise<readonly string[]> => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    if (formatPrefix(source) === "10.0.0.7") throw new Error("broken");
    return [];
  };
  const rules = new RuleUndo({ delegate: { release }, recorder });
  for (let index = 0; index < 200; index++) void rules.undo(block(nthIpv4(index)), "all");
  await rules.ended();
  assert.deepEqual([most, recorder.take().filter((text) => text.startsWith("unblocked")).length], [64, 199]);
  assert.deepEqual(
    rules.left.map(({ failure }) => failure),
    ["Error: broken"],
  );
});

test("what an earlier run has left is told again, and undone like the others", async () => {
  const { rules, recorder, troubles } = setUp();
  rules.restore([]);
  assert.deepEqual([recorder.take(), troubles.current(), rules.left], [[], [], []]);
  rules.restore([{ block: block(SOURCE), failure: "it stays" }]);
  const text = `the rules of 1 source stay although the blocks have ended, the last ${SOURCE}: it stays`;
  assert.deepEqual([recorder.take(), troubles.current()], [[`warning ${text}`], [text]]);
  const before = rules.changes;
  await rules.undo(block(SOURCE), "by hand");
  assert.deepEqual([rules.left, troubles.current()], [[], []]);
  assert.ok(rules.changes > before);
});

test("of 4,096 sources it is remembered that their rule stays, of more it is counted; one of them may be tried again", async () => {
  const { rules, delegate } = setUp();
  const fail = async (index: number) => {
    delegate.stays.add(formatPrefix(nthIpv4(index)));
    await rules.undo(block(nthIpv4(index)));
  };
  for (let index = 0; index < 4_096; index++) await fail(index);
  assert.deepEqual([rules.left.length, rules.counters.rulesLeftForgotten], [4_096, 0]);
  await fail(7);
  assert.deepEqual([rules.left.length, rules.counters.rulesLeftForgotten], [4_096, 0]);
  await fail(4_096);
  assert.deepEqual([rules.left.length, rules.counters.rulesLeftForgotten], [4_096, 1]);
  assert.deepEqual(rules.leftIn(nthIpv4(4_096)), []);
  delegate.stays.clear();
  await rules.undo(block(nthIpv4(7)));
  await fail(4_096);
  assert.equal(rules.leftIn(nthIpv4(4_096)).length, 1);
});
