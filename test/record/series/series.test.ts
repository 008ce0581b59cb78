// Counts over time: nothing that was counted gets lost on its way through minutes, hours and days, and an attacker makes no more rows
// than are stated.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import Libsql from "libsql";
import { isFields } from "../../../src/base/checks.ts";
import { Kind } from "../../../src/detect/kinds.ts";
import { Probe } from "../../../src/detect/probe.ts";
import { type Dimension, OTHER, spans } from "../../../src/record/series/dimensions.ts";
import { Series } from "../../../src/record/series/series.ts";
import { openStore } from "../../../src/record/sqlite-store.ts";
import { IpProtocol } from "../../../src/wire/packet.ts";
import { prefix } from "../../support/prefix.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The beginning of a day. */
const START_MS = Date.UTC(2026, 10, 22);
const ALWAYS = { sinceMs: 0, untilMs: START_MS + 1_000 * DAY_MS };

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-series-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = { ms: START_MS };
  const path = join(folder, "store.db");
  const said: string[] = [];
  const open = () => {
    const say = (message: string) => void said.push(message);
    const store = openStore(path, () => clock.ms, { maxEvents: 100 }, { onTrouble: say, onRecovered: say });
    t.after(() => store.close());
    const series = new Series({ store, wallNowMs: () => clock.ms });
    const sums = (by: Dimension, time: { readonly sinceMs: number; readonly untilMs: number } = ALWAYS) =>
      Object.fromEntries(series.top({ by, ...time }, 1_000).map(({ value, count }) => [value, count]));
    return { store, series, sums };
  };
  return { path, clock, said, open };
}

const record = new Probe();

/** The one reused record, as on the packet path. */
function probe(source: string, port = 22, more: Partial<Probe> = {}): Probe {
  const { w0, w1, w2, w3 } = prefix(source);
  const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
  return Object.assign(record, { protocol: IpProtocol.Tcp, kind: Kind.Syn }, words, { port }, more);
}

test("probes and decisions are counted by kind, port, network, tool and action, the running minute included", (t) => {
  const { clock, open } = setUp(t);
  const { series, sums } = open();
  series.probe(probe("192.0.2.7"), true);
  series.probe(probe("192.0.2.200", 53, { protocol: IpProtocol.Udp, kind: Kind.Udp }), false);
  series.decision("finding", "block", "nmap");
  series.decision("warning");
  const assertSums = () => {
    assert.deepEqual(sums("kind"), { syn: 2, udp: 1 });
    assert.deepEqual(sums("port"), { "tcp/22": 2, "udp/53": 1 });
    assert.deepEqual(sums("network"), { "192.0.2.0/24": 2, "2001:db8:1::/48": 1 });
    assert.deepEqual(sums("tool"), { nmap: 1 });
    assert.deepEqual(sums("action"), { "probe held": 2, "probe logged": 1, "finding block": 1, warning: 1 });
  };
  series.probe(probe("2001:db8:1:ffff::9"), true);
  assertSums();
  clock.ms += MINUTE_MS;
  series.tick();
  assertSums();
});

test("totals since the start go on over minutes, and a kind that was never seen is 0", (t) => {
  const { clock, open } = setUp(t);
  const { series } = open();
  for (let minute = 0; minute < 3; minute++) {
    series.probe(probe("192.0.2.7"), minute > 0);
    series.decision("block", "silence");
    clock.ms += MINUTE_MS;
    if (minute < 2) series.tick();
  }
  const { kind, tool, action } = series.totals();
  assert.deepEqual([kind.syn, kind.xmas, tool], [3, 0, {}]);
  assert.deepEqual(action, { "block silence": 3, "probe logged": 1, "probe held": 2 });
});

test("a minute is in its minute, its hour and its day, over a restart", (t) => {
  const { clock, open } = setUp(t);
  const before = open();
  before.series.probe(probe("192.0.2.7"), true);
  before.series.flush();
  before.store.close();
  const { series, store } = open();
  series.probe(probe("192.0.2.7"), true);
  clock.ms += 90 * MINUTE_MS;
  series.tick();
  series.probe(probe("192.0.2.7", 23), true);
  const rows = (span: "minute" | "hour" | "day") =>
    [...series.rows({ by: "port", span, ...ALWAYS })].map(({ startSeconds, value, count }) => [
      (startSeconds * 1000 - START_MS) / MINUTE_MS,
      value,
      count,
    ]);
  assert.deepEqual(rows("minute"), [
    [0, "tcp/22", 2],
    [90, "tcp/23", 1],
  ]);
  assert.deepEqual(rows("hour"), [
    [0, "tcp/22", 2],
    [60, "tcp/23", 1],
  ]);
  assert.deepEqual(rows("day"), [
    [0, "tcp/22", 2],
    [0, "tcp/23", 1],
  ]);
  series.flush();
  assert.deepEqual(rows("day"), [
    [0, "tcp/22", 2],
    [0, "tcp/23", 1],
  ]);
  const only = [...series.rows({ by: "port", span: "day", ...ALWAYS, value: "tcp/23" })];
  assert.deepEqual(
    only.map(({ count }) => count),
    [1],
  );
  assert.deepEqual(
    [...series.rows({ by: "port", span: "day", sinceMs: START_MS + DAY_MS, untilMs: ALWAYS.untilMs })],
    [],
  );
  assert.equal(store.counters.storeErrors, 0);
});

test("thousands of networks and ports make no more rows than a span keeps, and what they counted stays counted", (t) => {
  const { path, clock, open } = setUp(t);
  const { series, sums, store } = open();
  let sent = 0;
  for (let minute = 0; minute < 150; minute++) {
    for (let each = 0; each < 200; each++, sent++)
      series.probe(probe(`2001:db8:${(minute * 200 + each).toString(16)}::1`, sent % 65_536), true);
    clock.ms += MINUTE_MS;
    series.tick();
    store.flush();
  }
  for (const by of ["network", "port"] as const) {
    const total = Object.values(sums(by)).reduce((sum, count) => sum + count, 0);
    assert.equal(total, sent, by);
  }
  store.close();
  const database = new Libsql(path);
  t.after(() => database.close());
  const most = (span: number): unknown => {
    const perSpan = "SELECT count(*) AS n FROM counts WHERE span = ? AND start_s < ? GROUP BY dimension, start_s";
    const row: unknown = database
      .prepare(`SELECT max(n) AS most FROM (${perSpan})`)
      .get([span, START_MS / 1000 + 7_200]);
    return isFields(row) ? row.most : undefined;
  };
  assert.equal(most(0), spans.minute.values + 1);
  assert.equal(most(1), spans.hour.values + 1);
});

test("more networks in one minute than the table holds are added up", (t) => {
  const { open } = setUp(t);
  const { series, sums } = open();
  for (let each = 0; each < 5_000; each++) series.probe(probe(`2001:db8:${each.toString(16)}::1`), true);
  const counts = sums("network");
  assert.equal(
    Object.values(counts).reduce((sum, count) => sum + count, 0),
    5_000,
  );
  assert.ok((counts[OTHER] ?? 0) > 900);
});

test("minutes are kept for two days, hours for 62, days for 400", (t) => {
  const { clock, open } = setUp(t);
  const { series, sums } = open();
  const count = () => series.probe(probe("192.0.2.7"), true);
  const age = (ms: number) => {
    clock.ms += ms;
    series.tick();
    count();
    clock.ms += MINUTE_MS;
    series.tick();
    series.tick();
  };
  count();
  const had = (span: "minute" | "hour" | "day") =>
    [...series.rows({ by: "port", span, ...ALWAYS })].some(({ startSeconds }) => startSeconds === START_MS / 1000);
  age(DAY_MS);
  assert.deepEqual([had("minute"), had("hour"), had("day")], [true, true, true]);
  age(2 * DAY_MS);
  assert.deepEqual([had("minute"), had("hour"), had("day")], [false, true, true]);
  age(60 * DAY_MS);
  assert.deepEqual([had("minute"), had("hour"), had("day")], [false, false, true]);
  age(340 * DAY_MS);
  assert.deepEqual([had("minute"), had("hour"), had("day")], [false, false, false]);
  assert.deepEqual(sums("port", { sinceMs: clock.ms - HOUR_MS, untilMs: clock.ms }), { "tcp/22": 1 });
});

test("a wall clock that is set back adds to the minutes that were", (t) => {
  const { clock, open } = setUp(t);
  const { series, sums } = open();
  series.probe(probe("192.0.2.7"), true);
  clock.ms += MINUTE_MS;
  series.tick();
  clock.ms -= MINUTE_MS;
  series.tick();
  series.probe(probe("192.0.2.7"), true);
  series.flush();
  assert.deepEqual(sums("port", { sinceMs: START_MS, untilMs: START_MS + MINUTE_MS }), { "tcp/22": 2 });
});

test("minutes wait while the store fails, the newest sixty of them", (t) => {
  const { clock, said, open } = setUp(t);
  const { store } = open();
  store.close();
  for (let minute = 0; minute < 70; minute++)
    store.addMinute({ startSeconds: clock.ms / 1000, counts: [{ by: "port", value: "tcp/22", count: 1 }] });
  assert.equal(store.counters.minutesDropped, 10);
  assert.deepEqual(said, []);
});
