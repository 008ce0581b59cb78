import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import Database from "libsql";
import { type Event, eventTypes } from "../../src/record/event.ts";
import { type EventFilter, passes } from "../../src/record/event-filter.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import type { Store, StoredBlock, StoreLimits } from "../../src/record/store.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

function block(source: string, more: Partial<StoredBlock> = {}): StoredBlock {
  const times = { sinceMs: 1000, untilMs: 2000 };
  const why = { grade: "direct", soft: true, reason: "3 probes", offences: 2, backend: "nftables" } as const;
  return { source: prefix(source), ...times, ...why, ...more };
}

function event(number: number, source = "192.0.2.1"): Event {
  return { time: new Date(number).toISOString(), type: "probe", source, protocol: "tcp", port: 79, kind: "syn" };
}

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-store-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = { ms: Date.UTC(2026, 10, 22) };
  const said: string[] = [];
  const path = join(folder, "store.db");
  const open = (limits: Partial<StoreLimits> = {}, at = path) => {
    const store = openStore(
      at,
      () => clock.ms,
      { maxEvents: 1000, ...limits },
      {
        onTrouble: (message) => said.push(`trouble: ${message}`),
        onRecovered: (message) => said.push(`recovered: ${message}`),
        onReplaced: () => said.push("replaced"),
      },
    );
    t.after(() => store.close());
    return store;
  };
  return { folder, path, clock, said, open };
}

/** A flush writes a part, as much as fits into a turn. */
function flushAll(store: Store): void {
  while (store.hasMore) store.flush();
}

test("what is put comes back after a restart, deletions included; the file is for root alone", (t) => {
  const { path, said, open } = setUp(t);
  const first = open();
  const kept = [block("192.0.2.1"), block("2001:db8::/64", { untilMs: undefined, soft: false, grade: "manual" })];
  for (const one of [...kept, block("198.51.100.0/24")]) first.putBlock(one);
  first.putOffence({ source: prefix("192.0.2.1"), offences: 2, lastEndMs: 99 });
  first.addEvent(event(1));
  first.flush();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
  first.deleteBlock(prefix("198.51.100.0/24"));
  first.putBlock(block("192.0.2.1", { offences: 3 }));
  first.close();
  assert.equal(existsSync(`${path}-wal`), false);

  const second = open();
  const loaded = second.loadBlocks().sort((a, b) => formatPrefix(a.source).localeCompare(formatPrefix(b.source)));
  assert.deepEqual(loaded, [block("192.0.2.1", { offences: 3 }), kept[1]]);
  assert.deepEqual(second.loadOffences(), [{ source: prefix("192.0.2.1"), offences: 2, lastEndMs: 99 }]);
  assert.deepEqual(second.events({ limit: 10 }), [event(1)]);
  assert.deepEqual(said, []);
});

test("events: the newest, oldest first, of all or of one source, queued ones included", (t) => {
  const store = setUp(t).open();
  for (let i = 0; i < 20; i++) store.addEvent(event(i, `192.0.2.${i % 2}`));
  store.flush();
  store.addEvent(event(20, "192.0.2.0"));
  const times = (found: readonly Event[]) => found.map((one) => Date.parse(one.time));
  assert.deepEqual(times(store.events({ limit: 3 })), [18, 19, 20]);
  assert.deepEqual(times(store.events({ limit: 3, source: "192.0.2.1" })), [15, 17, 19]);
  assert.deepEqual(store.events({ limit: 0 }), []);
  assert.deepEqual(store.events({ limit: 5, source: "' OR 1=1 --" }), []);
});

/** Events of every type from sources of many networks, a minute apart, and the filters that choose among them. */
const mixed = Array.from({ length: 600 }, (_, index): Event => {
  const sources = [
    ...["192.0.2.7", "192.0.2.70", "198.51.100.7", "192.0.2.0/24", "2001:db8:0:1::/64", "2001:db8:1:2::/64"],
    ...["2001:db8::7", "203.0.113.9"],
  ];
  const source = sources[index % sources.length];
  const base = { time: new Date(Date.UTC(2026, 10, 22, 0, index)).toISOString(), ...(source && { source }) };
  const type = eventTypes[index % eventTypes.length] ?? "probe";
  return { ...base, type, grade: index % 4 === 0 ? "silence" : "direct", action: index % 3 === 0 ? "by hand" : "soft" };
});
const filters: readonly EventFilter[] = [
  {},
  { types: ["finding"] },
  { types: ["block", "unblock", "drift"] },
  { sinceMs: Date.UTC(2026, 10, 22, 5) },
  { untilMs: Date.UTC(2026, 10, 22, 0, 3), types: ["probe", "finding"] },
  { sinceMs: Date.UTC(2026, 10, 22, 5, 1), untilMs: Date.UTC(2026, 10, 22, 5, 9) },
  ...[
    "192.0.2.7",
    "192.0.2.0/24",
    "192.0.2.0/25",
    "192.0.0.0/15",
    "2001:db8::/32",
    "2001:db8::/48",
    "2001:db8:0:1::/64",
  ].map((text) => ({ within: prefix(text) })),
  { within: prefix("2001:db8:1::/47"), types: ["warning", "block"] },
  { within: prefix("10.0.0.0/8") },
];

test("events are chosen by time, type and network, over the whole record", (t) => {
  const store = setUp(t).open({ maxEvents: 10_000 });
  for (const one of mixed.slice(0, 590)) store.addEvent(one);
  flushAll(store);
  for (const one of mixed.slice(590)) store.addEvent(one);
  for (const filter of filters) {
    const wanted = mixed.filter((one) => passes(one, filter));
    const what = JSON.stringify(filter);
    assert.deepEqual(store.events({ limit: 1_000, ...filter }), wanted, what);
    assert.deepEqual(store.events({ limit: 3, ...filter }), wanted.slice(-3), what);
    assert.deepEqual(
      [...store.eventsAfter(0, 1_000, filter)].map(({ event: one }) => one),
      wanted,
      what,
    );
    assert.equal(
      [...store.eventsAfter(100, 7, filter)].length,
      Math.min(7, mixed.slice(100).filter((one) => passes(one, filter)).length),
    );
  }
  const counts = filters.map((filter) => mixed.filter((one) => passes(one, filter)).length);
  assert.ok(
    counts.slice(0, -1).every((count) => count > 0),
    counts.join(" "),
  );
});

test("what passes is told by the text of its sources, in every network", () => {
  const about = (source: string, within: string) =>
    passes({ time: new Date(0).toISOString(), type: "probe", source }, { within: prefix(within) });
  assert.deepEqual(
    [
      about("192.0.2.7", "192.0.2.0/29"),
      about("192.0.2.9", "192.0.2.0/29"),
      about("192.0.2.0/24", "192.0.2.0/29"),
      about("2001:db8::1", "2001:db8::/64"),
      about("2001:db8:0:1::1", "2001:db8::/64"),
      about("nobody", "0.0.0.0/0"),
    ],
    [true, false, false, true, false, false],
  );
});

test("events are bounded; the oldest go first", (t) => {
  const store = setUp(t).open({ maxEvents: 100 });
  for (let i = 0; i < 1234; i++) {
    store.addEvent(event(i));
    if (i % 7 === 0) store.flush();
  }
  const kept = store.events({ limit: 10_000 });
  assert.ok(kept.length <= 100 && kept.length >= 90, String(kept.length));
  assert.equal(kept.at(-1)?.time, event(1233).time);
  assert.equal(Date.parse(kept[0]?.time ?? ""), 1234 - kept.length);
});

test("a burst larger than the queue is written, not dropped", (t) => {
  const store = setUp(t).open({ maxEvents: 100_000, maxPendingEvents: 50 });
  for (let i = 0; i < 1000; i++) store.addEvent(event(i));
  assert.equal(store.counters.eventsDropped, 0);
  assert.equal(store.events({ limit: 5000 }).length, 1000);
});

test("offences are bounded; those that ended first go", (t) => {
  const { open } = setUp(t);
  const store = open({ maxOffences: 100 });
  for (let i = 0; i < 500; i++) {
    store.putOffence({ source: prefix(`10.0.${i >> 8}.${i & 255}`), offences: 1, lastEndMs: i });
    store.flush();
  }
  const ends = store.loadOffences().map((row) => row.lastEndMs);
  assert.ok(ends.length <= 100 && ends.length >= 90, String(ends.length));
  assert.equal(Math.min(...ends), 500 - ends.length);
});

test("a file that is no database is moved aside, said once, and a new one begun", (t) => {
  const { folder, path, said, open } = setUp(t);
  writeFileSync(path, "this is no database ".repeat(500));
  const store = open();
  assert.equal(store.persistent, true);
  store.putBlock(block("192.0.2.1"));
  store.flush();
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? "",
    /^trouble: store .* is damaged \(file is not a database\); it was moved to .*corrupt-20261122T/,
  );
  assert.equal(readdirSync(folder).filter((name) => name.includes(".corrupt-")).length, 1);
  store.close();
  assert.equal(open().loadBlocks().length, 1);
});

test("what made a block outlives a restart; a store of a version that did not know it is taken over", (t) => {
  const { path, open, said } = setUp(t);
  const madeBy = '["/sbin/route add -host $TARGET$ reject",null,null,null]';
  const store = open();
  store.putBlock(block("192.0.2.1", { madeBy }));
  store.putBlock(block("192.0.2.2", { madeBy: "" }));
  store.putBlock(block("192.0.2.3"));
  store.close();
  const second = open();
  const made = () =>
    open()
      .loadBlocks()
      .map((each) => each.madeBy);
  assert.deepEqual(
    second.loadBlocks().map((each) => each.madeBy),
    [madeBy, "", undefined],
  );
  second.close();
  const raw = new Database(path);
  raw.exec("PRAGMA locking_mode=EXCLUSIVE; ALTER TABLE blocks DROP COLUMN made_by");
  raw.prepare("PRAGMA journal_mode=DELETE").all();
  raw.exec("PRAGMA locking_mode=NORMAL; SELECT count(*) FROM blocks");
  raw.close();
  assert.deepEqual(made(), [undefined, undefined, undefined]);
  assert.deepEqual(said, [], "nothing was damaged");
});

test("probes, however many, take no place of findings, blocks and warnings; and these none of probes", (t) => {
  const { open } = setUp(t);
  const store = open({ maxEvents: 1_000 });
  const types = ["finding", "block", "warning"] as const;
  for (const type of types) store.addEvent({ ...event(0), type, source: "192.0.2.100" });
  for (let i = 0; i < 5_000; i++) store.addEvent({ ...event(i), type: "probe", source: `10.0.${i >> 8}.${i & 255}` });
  store.flush();
  const kept = () => store.events({ limit: 10, source: "192.0.2.100" }).map(({ type }) => type);
  assert.deepEqual(kept(), types);
  store.close();
  // The counts are read from the file.
  const again = open({ maxEvents: 1_000 });
  for (let i = 0; i < 5_000; i++) again.addEvent({ ...event(i), type: "probe", source: "10.0.0.1" });
  flushAll(again);
  assert.deepEqual(
    again.events({ limit: 10, source: "192.0.2.100" }).map(({ type }) => type),
    types,
  );
  assert.ok(again.events({ limit: 10_000 }).length <= 1_000);
  for (let i = 0; i < 5_000; i++) again.addEvent({ ...event(i), type: "block", source: "10.0.0.2" });
  flushAll(again);
  assert.ok(again.events({ limit: 10_000, source: "10.0.0.1" }).length >= 450);
});

test("findings and blocks on a claim, however many, take no place of those of proven sources, nor of blocks by hand", (t) => {
  const { open } = setUp(t);
  const store = open({ maxEvents: 1_000 });
  const lasting = [
    { type: "finding", grade: "silence", action: "block" },
    { type: "block", grade: "silence", action: "block" },
    { type: "block", grade: "manual", action: "block" },
    { type: "unblock", action: "by hand" },
  ] as const;
  const flood = (into: Store) => {
    for (let i = 0; i < 5_000; i++) {
      const type = i % 2 === 0 ? "finding" : "block";
      into.addEvent({ ...event(i), type, grade: "direct", source: `10.0.${i >> 8}.${i & 255}` });
    }
    flushAll(into);
  };
  for (const one of lasting) store.addEvent({ ...event(0), ...one, source: "192.0.2.100" });
  flood(store);
  const wanted = lasting.map((one) => ({ ...event(0), ...one, source: "192.0.2.100" }));
  assert.deepEqual(store.events({ limit: 10, source: "192.0.2.100" }), wanted);
  store.close();
  // Which is which is read from the file.
  const again = open({ maxEvents: 1_000 });
  flood(again);
  assert.deepEqual(again.events({ limit: 10, source: "192.0.2.100" }), wanted);
  assert.ok(again.events({ limit: 10_000 }).length <= 1_000);
});

test("a page that was overwritten is noticed at the opening", (t) => {
  const { path, said, open } = setUp(t);
  const store = open({ maxEvents: 10_000 });
  for (let i = 0; i < 2000; i++) store.addEvent(event(i));
  store.close();
  const raw = new Database(path);
  const pages = statSync(path).size / 4096;
  raw.close();
  writeFileSync(path, Buffer.alloc(4096, 0xa5), { flag: "r+" });
  assert.ok(pages > 10);
  const second = open();
  assert.match(said[0] ?? "", /is damaged/);
  assert.deepEqual(second.events({ limit: 10 }), []);
});

test("a file that is damaged while it is open is replaced, and the daemon is asked to put its blocks again", (t) => {
  const { path, clock, said, open } = setUp(t);
  const store = open({ maxEvents: 50_000, maxPendingEvents: 50_000 });
  store.putBlock(block("192.0.2.1"));
  // More than SQLite's page cache of 2 MB, so that it has to read what was overwritten.
  for (let i = 0; i < 40_000; i++) store.addEvent(event(i));
  flushAll(store);
  assert.equal(store.events({ limit: 1 }).length, 1);
  for (const file of [path, `${path}-wal`]) {
    writeFileSync(file, Buffer.alloc(statSync(file).size, 0xa5), { flag: "r+" });
  }
  assert.ok(store.events({ limit: 40_000 }).length < 40_000);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? "", /is damaged .* moved to/);
  assert.equal(said[1], "replaced");
  store.putBlock(block("192.0.2.2"));
  clock.ms += 1000;
  store.flush();
  assert.match(said[2] ?? "", /^recovered/);
  store.close();
  assert.deepEqual(open().loadBlocks(), [block("192.0.2.2")]);
  assert.equal(said.length, 3);
});

test("what hears of trouble may add to the store", (t) => {
  const { folder, clock } = setUp(t);
  const heard: string[] = [];
  const path = join(folder, "again.db");
  const store = openStore(
    path,
    () => clock.ms,
    { maxEvents: 10, maxPendingEvents: 1 },
    {
      onTrouble: (message) => {
        heard.push(message);
        store.addEvent(event(2));
      },
      onRecovered: (message) => heard.push(message),
    },
  );
  store.addEvent({
    ...event(1),
    get source(): string {
      throw new Error("cannot be read");
    },
  });
  store.flush();
  assert.deepEqual(
    heard.map((message) => /cannot be read/.test(message)),
    [true],
  );
  assert.equal(store.counters.eventsDropped, 1);
  store.close();
});

test("only the newest five damaged files are kept", (t) => {
  const { folder, path, clock, open } = setUp(t);
  for (let i = 0; i < 8; i++) {
    writeFileSync(path, "this is no database ".repeat(500));
    clock.ms += 1000;
    open().close();
  }
  assert.equal(readdirSync(folder).filter((name) => name.includes(".corrupt-")).length, 5);
});

test("tables of another program, and of another version, are moved aside", (t) => {
  for (const sql of [
    "CREATE TABLE blocks (name text)",
    "CREATE TABLE meta (schema_version integer); INSERT INTO meta VALUES (99)",
    "CREATE TABLE events (id integer PRIMARY KEY, time_ms, type, source, json); INSERT INTO events (id) VALUES (9223372036854775807)",
  ]) {
    const { path, said, open } = setUp(t);
    const raw = new Database(path);
    raw.exec(sql);
    raw.close();
    const store = open();
    assert.match(said[0] ?? "", /is damaged/, sql);
    store.putBlock(block("192.0.2.1"));
    assert.equal(store.loadBlocks().length, 1, sql);
  }
});

test("rows that were tampered with are skipped and counted; text that is not UTF-8 does not end the process", (t) => {
  const { path, open } = setUp(t);
  const store = open();
  store.putBlock(block("192.0.2.1"));
  store.addEvent(event(1));
  store.close();
  const raw = new Database(path);
  raw.exec("PRAGMA locking_mode=EXCLUSIVE");
  for (const source of ["cast(x'41ff42' AS text)", "'1.2.3.4; reboot'", "'192.0.2.1/24'", "'2001:DB8::1'"]) {
    raw.exec(`INSERT INTO blocks VALUES (${source}, 1, NULL, 'direct', 0, '', 1, 'nftables', NULL, NULL, NULL)`);
  }
  raw.exec("INSERT INTO blocks VALUES ('192.0.2.2', 1, NULL, 'divine', 0, '', 1, 'nftables', NULL, NULL, NULL)");
  raw.exec("INSERT INTO blocks VALUES ('192.0.2.3', -1, NULL, 'direct', 0, '', 1, 'nftables', NULL, NULL, NULL)");
  raw.exec("INSERT INTO blocks VALUES ('192.0.2.4', 1, NULL, 'direct', 7, '', 1, 'nftables', NULL, NULL, NULL)");
  raw.exec("INSERT INTO events VALUES (2, 1, 'x', NULL, cast(x'ff' AS text)), (3, 1, 'x', NULL, NULL)");
  raw.exec('INSERT INTO events VALUES (4, 1, \'x\', NULL, \'{"time":"never","type":"probe"}\')');
  raw.prepare("PRAGMA journal_mode=DELETE").all();
  raw.exec("PRAGMA locking_mode=NORMAL; SELECT count(*) FROM blocks");
  raw.close();
  const second = open();
  assert.deepEqual(second.loadBlocks(), [block("192.0.2.1")]);
  assert.equal(second.counters.badRows, 7);
  assert.deepEqual(second.events({ limit: 10 }), [event(1)]);
  assert.equal(second.counters.badRows, 10);
});

test("values that SQLite would refuse do not poison the queue", (t) => {
  const { said, open } = setUp(t);
  const store = open();
  store.putBlock(block("192.0.2.1", { sinceMs: Number.NaN, untilMs: 1.5, reason: `\ud800\0${"x".repeat(5000)}` }));
  store.addEvent({ time: "no time", type: "warning" });
  store.flush();
  assert.deepEqual(said, []);
  const [loaded] = store.loadBlocks();
  assert.deepEqual([loaded?.sinceMs, loaded?.untilMs], [0, 1]);
});

test("a folder that cannot be had: memory, said once, everything goes on", (t) => {
  const { folder, said, open } = setUp(t);
  writeFileSync(join(folder, "file"), "");
  symlinkSync("/dev/null", join(folder, "link"));
  for (const at of [join(folder, "file", "store.db"), join(folder, "link"), folder]) {
    said.length = 0;
    const store = open({}, at);
    assert.equal(store.persistent, false);
    store.putBlock(block("192.0.2.1"));
    store.addEvent(event(1));
    store.flush();
    assert.equal(store.loadBlocks().length, 1);
    assert.equal(store.events({ limit: 1 }).length, 1);
    assert.equal(said.length, 1, at);
    assert.match(said[0] ?? "", /^trouble: cannot open store .* kept in memory/);
  }
});

test("a store that another process has open is left alone", (t) => {
  const { folder, path, said, open } = setUp(t);
  const first = open();
  first.putBlock(block("192.0.2.1"));
  first.flush();
  const second = open();
  assert.equal(second.persistent, false);
  assert.match(said[0] ?? "", /database is locked/);
  assert.deepEqual(readdirSync(folder).sort(), ["store.db", "store.db-wal"]);
  assert.equal(first.loadBlocks().length, 1);
  assert.equal(existsSync(path), true);
});

test("after close nothing throws", (t) => {
  const store = setUp(t).open();
  store.close();
  store.putBlock(block("192.0.2.1"));
  store.addEvent(event(1));
  store.flush();
  store.close();
  assert.equal(store.counters.eventsDropped, 1);
});
