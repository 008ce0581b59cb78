// A million sources through one table, as in a flood: bounds are asserted, time and memory are only told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { weigh } from "../../src/detect/scorers.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { probe, seed } from "./probes.ts";

const SOURCES = 1_000_000;
const CAPACITY = 1_048_576;
const policy = {
  policy: "score",
  scanTrigger: 1,
  scorePorts: 3,
  scoreWindowMs: 60_000,
  slowScorePorts: 10,
  slowScoreWindowMs: 86_400_000,
} as const;

/** Each source once, in an order without pattern: odd multiplication is a bijection of 32-bit numbers. */
function flood(table: SourceTable, sources: number, offset: number): number {
  const one = probe();
  const started = process.hrtime.bigint();
  for (let i = 0; i < sources; i++) {
    one.source3 = Math.imul(i + offset, 0x9e3779b1) >>> 0;
    one.port = i & 0xffff;
    one.timeMs = 1_700_000_000_000 + i;
    weigh(table, table.touch(one), one, policy);
  }
  return Number(process.hrtime.bigint() - started) / sources;
}

test("1,000,000 sources fit; the next ones drop the stalest", (t) => {
  const rssBefore = process.memoryUsage.rss();
  const table = new SourceTable(CAPACITY, seed);
  const rssEmpty = process.memoryUsage.rss();
  const newNs = flood(table, SOURCES, 0);
  const rssFull = process.memoryUsage.rss();
  assert.equal(table.size, SOURCES);
  assert.equal(table.evictions, 0);
  assert.ok(table.bytes / CAPACITY <= 79, `${table.bytes / CAPACITY} bytes a row`);
  assert.ok(table.bytes / CAPACITY >= 77, "no array is left out of the sum");

  const againNs = flood(table, SOURCES, 0);
  assert.equal(table.size, SOURCES);
  assert.equal(table.probes(table.touch(probe({ source: "0.0.0.0" }))), 3);

  const evictingNs = flood(table, SOURCES, SOURCES);
  assert.equal(table.size, CAPACITY);
  assert.equal(table.evictions, 2 * SOURCES - CAPACITY);

  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  t.diagnostic(
    `ns a packet: new source ${newNs.toFixed(0)}, known ${againNs.toFixed(0)}, evicting ${evictingNs.toFixed(0)}`,
  );
  t.diagnostic(
    `typed arrays ${mib(table.bytes)} MiB; resident: +${mib(rssEmpty - rssBefore)} when made, +${mib(rssFull - rssBefore)} with a million`,
  );
});
