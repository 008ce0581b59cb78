// What ends and what is prolonged: how many in a turn, how near to its end, and what a confirmed trial lets stay.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockEnds } from "../../src/enforce/block-ends.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeDetector, FakeRecorder, FakeStore } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const nowMs = 1_700_000_000_000;
const SOFT_MS = 600_000;
const SOURCE = "192.0.2.1";

function setUp({ mayBlock = true, refusal = "" } = {}) {
  const list = new BlockList(10_000);
  const detector = new FakeDetector();
  const recorder = new FakeRecorder();
  const store = new FakeStore();
  const asked: string[] = [];
  const noted = (what: string) => (each: Block) => {
    asked.push(
      `${what} ${formatPrefix(each.source)} ${each.untilMs === undefined ? "for ever" : each.untilMs - nowMs}`,
    );
    list.put(each);
  };
  const lifted: Block[] = [];
  const ends = new BlockEnds({
    ...{ list, detector, recorder, store, trial: { mayBlock }, nowMs: () => nowMs },
    terms: { endOf: (_about, untilMs) => ({ untilMs }), softMs: () => SOFT_MS },
    keeper: {
      enforce: (blocks) => blocks.map((each) => ({ block: each, failure: refusal })),
      replace: noted("replace"),
      prolong: noted("prolong"),
      lift: (blocks, how) => {
        assert.equal(how, "expired");
        lifted.push(...blocks);
        return [];
      },
    },
  });
  return { ends, list, detector, recorder, store, asked, lifted };
}

test("what is over is lifted, what ends within three seconds is looked at and put back, what ends later is not touched", () => {
  const { ends, list, lifted } = setUp();
  const times = [-5_000, 0, 1, 3_000, 3_001];
  for (const [index, ms] of times.entries()) list.put(block(nthIpv4(index), { untilMs: nowMs + ms }));
  assert.equal(ends.endSome(), false);
  assert.deepEqual(
    lifted.map(({ untilMs = 0 }) => untilMs - nowMs),
    [-5_000, 0],
  );
  const left = [...list.values()].map(({ untilMs = 0 }) => untilMs - nowMs);
  for (const ms of [1, 3_000, 3_001]) assert.ok(left.includes(ms), `${ms}`);
});

test("500 end in one turn; there is more until one is early", () => {
  const { ends, list, lifted } = setUp();
  for (let index = 0; index < 1_000; index++) list.put(block(nthIpv4(index), { untilMs: nowMs - 1 }));
  list.put(block(SOURCE, { untilMs: nowMs + 1 }));
  assert.equal(ends.endSome(), true);
  assert.equal(lifted.length, 500);
  assert.equal(ends.endSome(), true);
  assert.equal(lifted.length, 1_000);
  assert.equal(ends.endSome(), false);
  assert.equal(lifted.length, 1_000);
});

const soft = { soft: true, untilMs: nowMs + 2_000 } as const;
for (const { what, seenMs, options, isRenewed } of [
  { what: "of a source that goes on", seenMs: nowMs, isRenewed: true },
  {
    what: "of a source that went on a second longer than its end says",
    seenMs: soft.untilMs - SOFT_MS + 1_000,
    isRenewed: false,
  },
  {
    what: "of a source that went on just more than a second longer",
    seenMs: soft.untilMs - SOFT_MS + 1_001,
    isRenewed: true,
  },
  { what: "of a source that nobody has seen", seenMs: undefined, isRenewed: false },
  { what: "after a trial that is over", seenMs: nowMs, options: { mayBlock: false }, isRenewed: false },
  { what: "that the kernel will not prolong", seenMs: nowMs, options: { refusal: "ENFILE" }, isRenewed: false },
] as const) {
  test(`a soft block ${what} is ${isRenewed ? "" : "not "}prolonged`, () => {
    const { ends, list, detector, asked } = setUp(options);
    list.put(block(SOURCE, soft));
    if (seenMs !== undefined) detector.lastSeen.set(SOURCE, seenMs);
    assert.equal(ends.endSome(), false);
    assert.deepEqual(asked, isRenewed ? [`replace ${SOURCE} ${(seenMs ?? 0) + SOFT_MS - nowMs}`] : []);
    assert.equal(list.get(prefix(SOURCE))?.untilMs, isRenewed ? (seenMs ?? 0) + SOFT_MS : soft.untilMs);
  });
}

test("a full block is never prolonged by what its source sends", () => {
  const { ends, list, detector, asked } = setUp();
  list.put(block(SOURCE, { untilMs: nowMs + 2_000 }));
  detector.lastSeen.set(SOURCE, nowMs);
  ends.endSome();
  assert.deepEqual(asked, []);
});

test("a confirmed trial lets its blocks stay until their own time; which the kernel does not take is said, and not counted", () => {
  const trial = [
    block("192.0.2.1", { untilMs: nowMs + 1_000, afterTrial: { untilMs: nowMs + 60_000 } }),
    block("192.0.2.2", { untilMs: nowMs + 1_000, afterTrial: { untilMs: undefined } }),
    block("192.0.2.3", { untilMs: nowMs + 1_000 }),
  ];
  const { ends, list, asked, store } = setUp();
  for (const each of trial) list.put(each);
  assert.equal(ends.keepAfterTrial(), 2);
  assert.deepEqual(asked, ["prolong 192.0.2.1 60000", "prolong 192.0.2.2 for ever"]);
  assert.equal(store.flushes, 1);
  assert.equal([...list.onTrial()].length, 0);
  const refused = setUp({ refusal: "ENFILE" });
  for (const each of trial) refused.list.put(each);
  assert.equal(refused.ends.keepAfterTrial(), 0);
  assert.deepEqual(refused.asked, []);
  assert.deepEqual(refused.recorder.take(), [
    "warning 192.0.2.1 ends with the trial, though it was confirmed: ENFILE",
    "warning 192.0.2.2 ends with the trial, though it was confirmed: ENFILE",
  ]);
});
