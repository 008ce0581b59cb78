// What is remembered of one network: a window and the one before it, in a fast and in a slow memory, each by itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAST_WINDOW_MS, Memory, NeighbourBodies } from "../../src/detect/neighbour-bodies.ts";
import { BLOCK_AT, NetworkKind, PORT_AT, SOURCE_AT } from "../../src/detect/neighbour-networks.ts";

const SLOW_MS = 3_600_000;
/** The first second of a slow window, and of a fast one. */
const START_MS = 470_000 * SLOW_MS;
const ROW = 1;
const { Fast, Slow } = Memory;

const bitsOf = (source: number, port = 0, block = 0) =>
  (source << SOURCE_AT) | (port << PORT_AT) | (block << BLOCK_AT) | NetworkKind.Site;

function setUp() {
  const bodies = new NeighbourBodies(3);
  bodies.open(ROW, bitsOf(0), START_MS / 1000, SLOW_MS);
  const note = (source: number, port = 0, block = 0) =>
    bodies.remember(ROW, NetworkKind.Site, bitsOf(source, port, block));
  const counts = (memory: Memory) => [
    bodies.sources(ROW, memory),
    bodies.ports(ROW, memory),
    bodies.blocks(ROW, memory),
  ];
  return { bodies, note, counts };
}

test("it begins with the one probe of its head; another source, port or /56 is new once", () => {
  const { bodies, note, counts } = setUp();
  assert.deepEqual([counts(Fast), counts(Slow), bodies.added(ROW)], [[1, 1, 1], [1, 1, 1], 1]);
  assert.equal(note(0), false);
  assert.equal(note(9), true);
  assert.equal(note(9, 5), true);
  assert.equal(note(9, 5, 3), true);
  assert.equal(note(9, 5, 3), false);
  assert.deepEqual([counts(Fast), counts(Slow), bodies.added(ROW)], [[2, 2, 2], [2, 2, 2], 2]);
});

test("of a fast window the one before counts too, and one that is older does not; the slow memory stays", () => {
  const { bodies, note, counts } = setUp();
  note(40);
  bodies.turn(ROW, START_MS + FAST_WINDOW_MS, SLOW_MS);
  note(50);
  assert.equal(counts(Fast)[0], 3);
  bodies.turn(ROW, START_MS + 2 * FAST_WINDOW_MS, SLOW_MS);
  assert.equal(counts(Fast)[0], 1, "of the window before");
  bodies.turn(ROW, START_MS + 4 * FAST_WINDOW_MS, SLOW_MS);
  assert.equal(counts(Fast)[0], 0);
  assert.equal(counts(Slow)[0], 3);
});

test("of a slow window the same; what was added is what is still counted, and the first of them came later", () => {
  const { bodies, note, counts } = setUp();
  note(40);
  bodies.turn(ROW, START_MS + SLOW_MS, SLOW_MS);
  note(50);
  assert.deepEqual([counts(Slow)[0], bodies.added(ROW)], [3, 3]);
  assert.equal(bodies.sinceMs(ROW, Slow, SLOW_MS), START_MS);
  bodies.turn(ROW, START_MS + 2 * SLOW_MS, SLOW_MS);
  assert.deepEqual([counts(Slow)[0], bodies.added(ROW)], [1, 1]);
  assert.equal(bodies.sinceMs(ROW, Slow, SLOW_MS), START_MS + SLOW_MS, "the window before began");
  const laterMs = START_MS + 5 * SLOW_MS + 7_000;
  bodies.turn(ROW, laterMs, SLOW_MS);
  assert.deepEqual([counts(Slow)[0], bodies.added(ROW)], [0, 0]);
  assert.equal(bodies.sinceMs(ROW, Slow, SLOW_MS), laterMs);
});

test("sources, ports and /56s go on together from window to window, in either memory", () => {
  for (const [memory, windowMs] of [
    [Fast, FAST_WINDOW_MS],
    [Slow, SLOW_MS],
  ] as const) {
    const { bodies, note, counts } = setUp();
    note(40, 11, 5);
    note(50, 12, 6);
    const turnTo = (window: number) => bodies.turn(ROW, START_MS + window * windowMs, SLOW_MS);
    assert.deepEqual(counts(memory), [3, 3, 3]);
    turnTo(1);
    note(60, 13, 7);
    assert.deepEqual(counts(memory), [4, 4, 4], "with the window before");
    turnTo(2);
    assert.deepEqual(counts(memory), [1, 1, 1], "what came in the window before");
    turnTo(3);
    assert.deepEqual(counts(memory), [0, 0, 0]);
  }
});

test("a clock that is set back a little begins no window; one that is set back further begins afresh", () => {
  const { bodies, note, counts } = setUp();
  bodies.turn(ROW, START_MS + SLOW_MS, SLOW_MS);
  note(40);
  bodies.turn(ROW, START_MS + SLOW_MS - 1, SLOW_MS);
  assert.deepEqual([counts(Fast)[0], counts(Slow)[0]], [1, 2]);
  bodies.turn(ROW, START_MS - 3 * SLOW_MS, SLOW_MS);
  assert.deepEqual([counts(Fast)[0], counts(Slow)[0]], [0, 0]);
});

test("a network is found once a slow window by each memory, and can be found again", () => {
  const { bodies } = setUp();
  for (const memory of [Fast, Slow]) {
    assert.equal(bodies.isFound(ROW, memory), false);
    bodies.flagFound(ROW, memory);
    assert.equal(bodies.isFound(ROW, memory), true);
    assert.equal(bodies.isFound(ROW, memory === Fast ? Slow : Fast), memory === Slow);
  }
  bodies.turn(ROW, START_MS + FAST_WINDOW_MS, SLOW_MS);
  assert.deepEqual([bodies.isFound(ROW, Fast), bodies.isFound(ROW, Slow)], [true, true]);
  bodies.turn(ROW, START_MS + SLOW_MS, SLOW_MS);
  assert.deepEqual([bodies.isFound(ROW, Fast), bodies.isFound(ROW, Slow)], [false, false]);
  bodies.flagFound(ROW, Slow);
  bodies.unflag(ROW);
  assert.equal(bodies.isFound(ROW, Slow), false);
  for (const other of [0, 2]) assert.equal(bodies.sources(other, Slow), 0, "the rows beside it have nothing of it");
});
