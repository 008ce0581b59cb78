// List, kernel, store and offences at one: what is kept, what a lift takes from each, and what the kernel does not give up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockKeeper, type HowLifted } from "../../src/enforce/block-keeper.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import type { Block } from "../../src/judge/block.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeDetector, FakeFirewall, FakeRecorder, FakeStore } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const nowMs = 1_700_000_000_000;
const HOUR = 3_600_000;
const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);

function setUp(limit = 10) {
  const ended: string[] = [];
  const table = new FakeFirewall();
  table.liftEnded = (blocks) => void ended.push(...blocks.map((each) => formatPrefix(each.source)));
  const undone: string[] = [];
  const told: string[] = [];
  const parts = {
    ...{ list: new BlockList(limit), table, store: new FakeStore(), recorder: new FakeRecorder() },
    detector: new FakeDetector(),
    offences: new OffenceMemory({ memoryMs: 10 * HOUR, seed: { k0: 1, k1: 2 } }),
    undo: ({ source: of }: Block, how: HowLifted) => {
      undone.push(formatPrefix(of));
      parts.recorder.unblocked(of, how);
    },
    wider: { lifted: ({ source: of }: Block, byHand: boolean) => void told.push(`${formatPrefix(of)} ${byHand}`) },
    nowMs: () => nowMs,
  };
  return { ...parts, keeper: new BlockKeeper(parts), ended, undone, told };
}

test("a full block that is kept is listed as enforced, stored, and an offence that ends with it", () => {
  const { keeper, list, store, offences } = setUp();
  const one = block(SOURCE, { untilMs: nowMs + HOUR });
  assert.equal(keeper.keep(one, undefined, nowMs), "");
  assert.equal(list.get(source)?.enforced, true);
  assert.ok(store.rows.has(SOURCE));
  assert.deepEqual(store.offences.get(SOURCE), { source, offences: 1, lastEndMs: nowMs + HOUR });
  assert.equal(offences.get(source, nowMs)?.lastEndMs, nowMs + HOUR);
  keeper.keep(block(SOURCE), one, nowMs);
  assert.deepEqual(store.offences.get(SOURCE), { source, offences: 2, lastEndMs: nowMs }, "one for ever has no end");
});

test("a soft block is no offence; when the other kind of block takes its place it leaves its set", () => {
  const { keeper, store, table } = setUp();
  const soft = block(SOURCE, { soft: true });
  const full = block(SOURCE);
  table.enforce([soft, full], nowMs);
  keeper.keep(soft, undefined, nowMs);
  assert.equal(store.offences.size, 0);
  keeper.keep(soft, soft, nowMs);
  assert.deepEqual([...table.kernel.keys()], [`soft ${SOURCE}`, `full ${SOURCE}`]);
  keeper.keep(full, soft, nowMs);
  assert.deepEqual([...table.kernel.keys()], [`full ${SOURCE}`]);
});

test("what the full list refuses leaves the table, and a command's block is not asked of the table", () => {
  const { keeper, table, store } = setUp(0);
  const one = block(SOURCE);
  table.enforce([one], nowMs);
  assert.equal(keeper.keep({ ...one, backend: "kill-route" }, undefined, nowMs), "the block list is full (0)");
  assert.equal(table.kernel.size, 1);
  assert.equal(keeper.keep(one, undefined, nowMs), "the block list is full (0)");
  assert.deepEqual([table.kernel.size, store.rows.size, store.offences.size], [0, 0, 0]);
});

test("a block that stays after the trial ends its offence when it does, a soft one is none", () => {
  const { keeper, list, store, offences } = setUp();
  offences.record(source, nowMs);
  keeper.prolong(block(SOURCE, { untilMs: nowMs + HOUR, offences: 3 }));
  assert.deepEqual(store.offences.get(SOURCE), { source, offences: 3, lastEndMs: nowMs + HOUR });
  assert.equal(offences.get(source, nowMs)?.offences, 1, "it is no further offence");
  keeper.prolong(block("192.0.2.2", { soft: true }));
  assert.deepEqual([list.size, store.rows.size, store.offences.size], [2, 2, 1]);
});

for (const { how, isOver } of [
  { how: "by hand", isOver: false },
  { how: "all", isOver: false },
  { how: "the trial is over", isOver: false },
  { how: "guarded", isOver: false },
  { how: "expired", isOver: true },
  { how: "removed elsewhere", isOver: true },
] as const satisfies { how: HowLifted; isOver: boolean }[]) {
  test(`lifted as "${how}": the kernel ${isOver ? "has ended it, and what is left is taken out" : "is asked to remove it"}`, () => {
    const { keeper, list, table, store, detector, recorder, offences, ended, told } = setUp();
    const one = block(SOURCE, { untilMs: nowMs + HOUR });
    table.enforce([one], nowMs);
    keeper.keep(one, undefined, nowMs);
    assert.deepEqual(keeper.lift([...list.values()], how), []);
    assert.deepEqual([list.size, store.rows.size, store.flushes], [0, 0, 1]);
    assert.deepEqual([ended, table.kernel.size], isOver ? [[SOURCE], 1] : [[], 0]);
    assert.deepEqual([detector.resets, recorder.take()], [[SOURCE], [`unblocked ${SOURCE} ${how}`]]);
    // Its time has ended the offence already; any other end is now.
    assert.equal(offences.get(source, nowMs)?.lastEndMs, how === "expired" ? nowMs + HOUR : nowMs);
    assert.deepEqual(told, [`${SOURCE} ${how !== "expired"}`]);
  });
}

test("what the kernel will not give up stays listed and stored, and is named; the others go", () => {
  const { keeper, list, table, store, recorder, undone } = setUp();
  for (const from of [SOURCE, "192.0.2.2"]) {
    table.enforce([block(from)], nowMs);
    keeper.keep(block(from), undefined, nowMs);
  }
  table.refusals.set("192.0.2.2", "EPERM");
  assert.deepEqual(keeper.lift([...list.values()], "all"), ["192.0.2.2: EPERM"]);
  assert.deepEqual([list.size, [...store.rows.keys()]], [1, ["192.0.2.2"]]);
  assert.deepEqual(recorder.take(), [`unblocked ${SOURCE} all`]);
  assert.deepEqual(undone, [SOURCE]);
});

test("the table is not asked to lift what a command has blocked", () => {
  const { keeper, list, table, undone } = setUp();
  table.refusals.set(SOURCE, "EPERM");
  keeper.keep(block(SOURCE, { backend: "hosts.deny" }), undefined, nowMs);
  assert.deepEqual(keeper.lift([...list.values()], "all"), []);
  assert.deepEqual([list.size, undone], [0, [SOURCE]]);
});
