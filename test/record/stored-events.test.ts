// All of the record, from the open store and from the files of one that nobody has open.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import Database from "libsql";
import type { Event } from "../../src/record/event.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import type { Store } from "../../src/record/store.ts";
import { openStoredEvents } from "../../src/record/stored-events.ts";

function event(number: number): Event {
  const about = { source: "192.0.2.1", protocol: "tcp", port: 79, kind: "syn", disposition: "guarded" } as const;
  return { time: new Date(number).toISOString(), type: "probe", ...about, ...(number % 2 === 0 && { missed: number }) };
}

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-record-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const said: string[] = [];
  const path = join(folder, "portreeve.db");
  const open = (maxEvents = 10_000): Store => {
    const listener = { onTrouble: (text: string) => void said.push(text), onRecovered: () => undefined };
    const store = openStore(path, Date.now, { maxEvents }, listener);
    t.after(() => store.close());
    return store;
  };
  return { folder, path, said, open };
}

function fill(store: Store, count: number): void {
  for (let number = 1; number <= count; number++) store.addEvent(event(number));
  store.flush();
}

test("the open store gives its events by number, in any part, those of now included", (t) => {
  const { open } = setUp(t);
  const store = open();
  fill(store, 1_200);
  store.addEvent(event(1_201));
  const all = [...store.eventsAfter(0, 10_000)];
  assert.deepEqual(
    all.map(({ number }) => number),
    Array.from({ length: 1_201 }, (_, index) => index + 1),
  );
  assert.deepEqual(all[3]?.event, event(4));
  assert.deepEqual(
    [...store.eventsAfter(700, 3)].map(({ number }) => number),
    [701, 702, 703],
  );
  assert.deepEqual([...store.eventsAfter(1_201, 10)], []);
  assert.deepEqual([...store.eventsAfter(5, 0)], []);
});

test("numbers go on after a pruning, so that it shows how much is gone", (t) => {
  const { open } = setUp(t);
  const store = open(100);
  for (let round = 0; round < 5; round++) fill(store, 50);
  const [first] = store.eventsAfter(0, 1);
  const all = [...store.eventsAfter(0, 10_000)];
  assert.equal(all.at(-1)?.number, 250);
  assert.equal(first?.number, 250 - all.length + 1);
  assert.ok(all.length <= 100);
});

test("the files of a store that was closed: read in order, rows that are none of ours counted, no lock taken", (t) => {
  const { folder, path, said, open } = setUp(t);
  const store = open();
  fill(store, 4_500);
  store.close();
  const tamper = new Database(path);
  tamper.exec("UPDATE events SET json = 'nonsense' WHERE id IN (7, 2000, 4500)");
  tamper.close();

  const stored = openStoredEvents(path);
  const all = stored.all()[Symbol.iterator]();
  assert.deepEqual(all.next().value, { number: 1, event: event(1) });
  // A daemon that starts now has the file for itself.
  assert.equal(open().persistent, true);
  assert.deepEqual(said, []);
  const rest = [...{ [Symbol.iterator]: () => all }];
  assert.equal(rest.length, 4_500 - 3 - 1);
  assert.equal(stored.badRows, 3);
  stored.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith("-shm")),
    [],
  );
});

test("what a killed daemon has left in its -wal file is read too, and no copy stays behind", (t) => {
  const { folder, path, open } = setUp(t);
  fill(open(), 30);
  // As after SIGKILL: the files as they are, and nobody who has them open.
  const killed = join(folder, "killed");
  const temporary = join(folder, "tmp");
  for (const made of [killed, temporary]) mkdirSync(made);
  for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, join(killed, `portreeve.db${suffix}`));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  t.after(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  const stored = openStoredEvents(join(killed, "portreeve.db"));
  assert.equal([...stored.all()].length, 30);
  assert.equal(readdirSync(temporary).length, 1);
  stored.close();
  assert.deepEqual(readdirSync(temporary), []);
  assert.deepEqual(readdirSync(killed).sort(), ["portreeve.db", "portreeve.db-wal"]);
});

test("no store, and one that is none, are errors", (t) => {
  const { folder, path } = setUp(t);
  assert.throws(() => openStoredEvents(path), { code: "ENOENT" });
  const other = join(folder, "other.db");
  writeFileSync(other, "this is no database of SQLite's, whatever its name says".repeat(40));
  assert.throws(() => {
    const stored = openStoredEvents(other);
    try {
      return [...stored.all()];
    } finally {
      stored.close();
    }
  }, /not a database/);
});
