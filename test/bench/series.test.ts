// A month of counts over time, as a busy and much scanned host makes them (fixed seed): how large the store becomes, and how long the
// questions of a page take at the daemon's side. To reach: 100 ms each.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kindNames } from "../../src/detect/kinds.ts";
import { type Count, type Dimension, dimensions, type SpanName } from "../../src/record/series/dimensions.ts";
import { Series } from "../../src/record/series/series.ts";
import { openStore } from "../../src/record/sqlite-store.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const MINUTES = 31 * 24 * 60;
const END_MS = Date.UTC(2026, 10, 22);
const TO_REACH_MS = 100;

/** From 0 to 1, the same each time (Park and Miller 1988). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Ports as scanners ask them: a few always, thousands now and then. */
function minuteOf(draw: () => number): Count[] {
  const pick = (most: number) => Math.floor(most * draw() ** 6);
  const some = (by: Dimension, count: number, name: () => string): Count[] => {
    const counts = new Map<string, number>();
    for (let each = 0; each < count; each++) {
      const value = name();
      counts.set(value, (counts.get(value) ?? 0) + 1 + pick(50));
    }
    return [...counts].map(([value, sum]) => ({ by, value, count: sum }));
  };
  const network = () => `203.${pick(256)}.${pick(256)}.0/24`;
  return [
    ...some("kind", 4, () => kindNames[pick(kindNames.length)] ?? "syn"),
    ...some("port", 32, () => `tcp/${pick(65_536)}`),
    ...some("network", 32, network),
    ...some("tool", 2, () => ["nmap", "masscan", "zmap"][pick(3)] ?? "nmap"),
    ...some("action", 4, () => ["probe held", "probe logged", "finding block", "block silence"][pick(4)] ?? ""),
  ];
}

test("a month of counts: size of the store, and every question within 100 ms", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-series-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const silent = { onTrouble: assert.fail, onRecovered: () => undefined };
  const path = join(folder, "store.db");
  const store = openStore(path, () => END_MS, { maxEvents: 1_000 }, silent);
  t.after(() => store.close());
  const draw = random(1);
  let worstFlushMs = 0;
  for (let minute = 0; minute < MINUTES; minute++) {
    store.addMinute({ startSeconds: (END_MS - (MINUTES - minute) * MINUTE_MS) / 1000, counts: minuteOf(draw) });
    const startMs = performance.now();
    store.flush();
    worstFlushMs = Math.max(worstFlushMs, performance.now() - startMs);
  }
  t.diagnostic(
    `${MINUTES} minutes: ${(statSync(path).size / 1024 ** 2).toFixed(1)} MB; the longest flush of a minute ${worstFlushMs.toFixed(1)} ms`,
  );
  const series = new Series({ store, wallNowMs: () => END_MS });
  const timed = (what: string, ask: () => number) => {
    const startMs = performance.now();
    const rows = ask();
    const ms = performance.now() - startMs;
    t.diagnostic(`${what}: ${rows} rows, ${ms.toFixed(1)} ms`);
    return ms;
  };
  let worstMs = 0;
  const ranges: readonly (readonly [name: string, days: number, span: SpanName])[] = [
    ["an hour", 1 / 24, "minute"],
    ["a day", 1, "hour"],
    ["a week", 7, "hour"],
    ["a month", 31, "day"],
  ];
  for (const by of dimensions) {
    for (const [name, days, span] of ranges) {
      const query = { by, sinceMs: END_MS - days * DAY_MS, untilMs: END_MS };
      worstMs = Math.max(
        worstMs,
        timed(`the top of ${by} in ${name}`, () => series.top(query, 20).length),
      );
      const rows = () => [...series.rows({ ...query, span })].length;
      worstMs = Math.max(worstMs, timed(`${by} by ${span} over ${name}`, rows));
    }
  }
  assert.ok(worstMs < TO_REACH_MS, `${worstMs} ms`);
});
