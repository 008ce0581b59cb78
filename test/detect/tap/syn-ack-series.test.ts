// SYN+ACKs that nobody asked for: those of an idle scan, whose source ports count up, and a victim's, which are backscatter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SynAckSeries } from "../../../src/detect/tap/syn-ack-series.ts";

const START_MS = 1_700_000_000_000;

/** Which of the packets are said to be an idle scan's: each a source port and seconds since the packet before. */
function told(packets: readonly (readonly [port: number, seconds: number])[], hash = 0x1234_5678): boolean[] {
  const series = new SynAckSeries();
  let timeMs = START_MS;
  return packets.map(([port, seconds]) => {
    timeMs += seconds * 1000;
    return series.note(hash, port, timeMs);
  });
}

const ports = (from: number, step: number, count: number, seconds = 1) =>
  Array.from({ length: count }, (_, at) => [from + at * step, seconds] as const);

test("ports that count up are a series from the third step on, also with some lost", () => {
  assert.deepEqual(told(ports(40_000, 1, 6)), [false, false, false, true, true, true]);
  assert.deepEqual(told(ports(40_000, 5, 5)), [false, false, false, true, true]);
  assert.ok(told(ports(40_000, 1, 6), -7).includes(true), "whatever the hash");
});

test("a victim is none: it answers from one port, from a service's, from ports that leap, or downwards", () => {
  for (const packets of [
    ports(40_000, 0, 50),
    ports(80, 1, 50),
    ports(20_000, 100, 50),
    ports(60_000, -1, 50),
    Array.from({ length: 50 }, (_, at) => [at % 2 === 0 ? 40_000 : 50_000, 1] as const),
  ])
    assert.ok(!told(packets).includes(true), `${packets.slice(0, 3)}`);
});

test("what comes after a long silence begins anew, and another host's packets count apart", () => {
  const [early, late] = [ports(40_000, 1, 3), ports(40_003, 1, 3)];
  const [first = [0, 0], ...rest] = late;
  assert.ok(told([...early, ...late]).includes(true));
  assert.ok(!told([...early, [first[0], 600], ...rest]).includes(true));
  const series = new SynAckSeries();
  for (let at = 0; at < 3; at++)
    for (const hash of [1, 2, 3]) assert.equal(series.note(hash, 40_000 + at, START_MS + at), false);
  assert.deepEqual(
    [1, 2, 3].map((hash) => series.note(hash, 40_003, START_MS + 4)),
    [true, true, true],
  );
});
