import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CONTACT_SLOTS, SourceTable, WEAK_CONTACT } from "../../src/detect/source-table.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix, probe, seed } from "./probes.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const times = { scoreWindowMs: 10 * MINUTE, slowScoreWindowMs: DAY };
/** The first second of a slow window. */
const T0 = 20_000 * DAY;

function setUp(source = "192.0.2.1") {
  const table = new SourceTable(1, seed);
  const { memory } = table;
  const row = table.touch(probe({ source, timeMs: T0 }));
  const note = (port: number, timeMs: number) => {
    memory.note(row, (6 << 16) | port, timeMs, times);
    return Number(memory.score(row, timeMs, times.scoreWindowMs).toFixed(3));
  };
  const slow = (timeMs: number) => memory.slowCount(row, timeMs, DAY);
  return { table, memory, row, note, slow };
}

test("each new contact adds 1 to a score that halves in every window", () => {
  const { memory, row, note } = setUp();
  assert.equal(note(1, T0), 1);
  assert.equal(note(1, T0 + 1), 1, "the same again");
  assert.equal(memory.score(row, T0 + 5 * MINUTE, times.scoreWindowMs).toFixed(3), "0.707");
  assert.equal(note(2, T0 + 5 * MINUTE), 1.707);
  assert.equal(note(3, T0 + 10 * MINUTE), 2.207);
  assert.equal(note(3, T0 + 20 * MINUTE), 1.104);
  assert.equal(note(4, T0 + 20 * MINUTE), 2.104);
  assert.equal(memory.directScore(row, T0 + 20 * MINUTE, times.scoreWindowMs).toFixed(3), "2.104");
});

test("a weak contact counts apart, and once it is direct it is direct for good", () => {
  const { memory, row, note } = setUp();
  const parts = () => [memory.highestScore(row), memory.directScore(row, T0, times.scoreWindowMs)];
  note(100 | WEAK_CONTACT, T0);
  assert.deepEqual(parts(), [1, 0]);
  note(100, T0);
  assert.deepEqual(parts(), [1, 1], "not counted twice");
  note(100 | WEAK_CONTACT, T0);
  assert.deepEqual(parts(), [1, 1]);
});

test("packets that overtake one another and clocks that are set back lose nothing", () => {
  const { memory, row, note, slow } = setUp();
  note(1, T0 + 500);
  note(2, T0 - 700);
  assert.equal(memory.highestScore(row), 2, "across the turn of a slow window: at the time of the later one");
  assert.equal(slow(T0), 2);
  assert.equal(note(3, T0 - 6 * HOUR), 1, "set back: the score is of another time");
  assert.equal(slow(T0 - 6 * HOUR), 3);
  assert.equal(note(4, T0 - 6 * HOUR), 2);
  note(5, T0 - 9 * DAY);
  assert.equal(slow(T0 - 9 * DAY), 1, "by more than a slow window: begun again");
  note(6, Number.NaN);
  assert.equal(memory.score(row, T0, times.scoreWindowMs) >= 0, true, "a time that is none harms nobody");
});

test("the slow memory is of this slow window and the one before", () => {
  const { memory, row, note, slow, table } = setUp();
  note(1, T0);
  note(2, T0 + 23 * HOUR);
  assert.equal(slow(T0 + 23 * HOUR), 2);
  assert.equal(slow(T0 + 25 * HOUR), 2, "one turn");
  note(3, T0 + 25 * HOUR);
  note(4 | WEAK_CONTACT, T0 + 26 * HOUR);
  assert.equal(slow(T0 + 26 * HOUR), 3, "weak contacts are not sketched");
  assert.equal(memory.slowSinceMs(row, DAY), T0);
  note(4 | WEAK_CONTACT, T0 + 49 * HOUR);
  assert.equal(slow(T0 + 49 * HOUR), 1, "known contacts do not come again; those of the first day are gone");
  note(5, T0 + 49 * HOUR);
  assert.equal(slow(T0 + 49 * HOUR), 2);
  assert.equal(memory.slowSinceMs(row, DAY), T0 + DAY);
  assert.equal(slow(T0 + 96 * HOUR), 0);
  note(1, T0 + 96 * HOUR);
  assert.deepEqual(
    table.describe(row).contacts.map(({ port }) => port),
    [1],
    "a whole slow window without a new contact: all is forgotten",
  );
});

test("a slow window of 0 is a day: contacts are known again, and forgotten, all the same", () => {
  const { memory, row, table } = setUp();
  const note = (port: number, timeMs: number) =>
    memory.note(row, (6 << 16) | port, timeMs, { ...times, slowScoreWindowMs: 0 });
  note(1, T0);
  note(2, T0);
  note(1, T0 + 30 * HOUR);
  assert.equal(memory.highestScore(row), 2, "port 1 is known");
  assert.equal(memory.slowSinceMs(row, 0), T0);
  note(1, T0 + 48 * HOUR);
  assert.equal(table.describe(row).contacts.length, 1);
});

test("seven ports in turn: each time new to the score, once to the sketch", () => {
  const { memory, row, note, slow } = setUp();
  for (let round = 0; round < 50; round++) for (let port = 1; port <= 7; port++) note(port, T0);
  assert.ok(memory.highestScore(row) > 15, "stops at the end of its field");
  assert.ok(slow(T0) <= 7);
  for (let round = 0; round < 50; round++) for (let port = 1; port <= 6; port++) note(port, T0 + 2 * DAY);
  assert.equal(memory.highestScore(row), 6, "six fit");
});

test("the sketch never counts more contacts than there were, and most of few", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(65_535), { minLength: 1, maxLength: 40 }), (ports) => {
      const { memory, row, note } = setUp("2001:db8::/64");
      for (const port of ports) note(port, T0);
      const distinct = new Set(ports).size;
      const counted = memory.slowCount(row, T0, DAY);
      assert.ok(counted <= distinct && counted >= 1);
      assert.ok(memory.distinct(row) <= distinct && memory.distinct(row) >= Math.min(distinct, CONTACT_SLOTS));
    }),
  );
  const counted = Array.from({ length: 200 }, (_, index) => {
    const { note, slow } = setUp(`192.0.2.${index}`);
    for (let port = 1; port <= 10; port++) note(port, T0);
    return slow(T0);
  });
  const mean = counted.reduce((sum, count) => sum + count) / counted.length;
  const expected = 32 * (1 - (31 / 32) ** 10);
  assert.ok(Math.abs(mean - expected) < 0.3, `${mean}, not ${expected}: and not the same ports for every source`);
  assert.ok(new Set(counted).size > 1);
});

test("six contacts are told as they came, the weak and the old going first", () => {
  const anyContact = fc.record({
    protocol: fc.oneof(fc.constantFrom(6, 17, 132, 33, 136), fc.nat(255)),
    port: fc.nat(65535),
    isWeak: fc.boolean(),
  });
  // A protocol without ports has none to tell.
  const told = (contact: { protocol: number; port: number; isWeak: boolean }) => ({
    ...contact,
    port: [6, 17, 132, 33, 136].includes(contact.protocol) ? contact.port : 0,
  });
  fc.assert(
    fc.property(
      fc.constantFrom("192.0.2.1", "2001:db8::/64", "2001:db8::ffff:1", "::1.2.3.4"),
      fc.array(anyContact, { maxLength: 20 }),
      fc.integer({ min: 0, max: 4_000_000_000_999 }),
      (source, contacts, timeMs) => {
        const table = new SourceTable(3, seed);
        const other = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
        table.touch(probe({ source: other }));
        const row = table.touch(probe({ source, timeMs }));
        const model: { protocol: number; port: number; isWeak: boolean }[] = [];
        for (const each of contacts) {
          const word = (each.protocol << 16) | each.port | (each.isWeak ? WEAK_CONTACT : 0);
          table.memory.note(row, word, timeMs, times);
          const contact = told(each);
          const known = model.find(({ protocol, port }) => protocol === contact.protocol && port === contact.port);
          if (known !== undefined) known.isWeak &&= contact.isWeak;
          else {
            if (model.length === CONTACT_SLOTS) {
              model.splice(
                Math.max(
                  0,
                  model.findIndex(({ isWeak }) => isWeak),
                ),
                1,
              );
            }
            model.push(contact);
          }
        }
        assert.deepEqual(table.describe(row).contacts, model);
        assert.equal(table.memory.directProbes(row), contacts.filter(({ isWeak }) => !isWeak).length);
        assert.equal(formatPrefix(table.source(row)), formatPrefix(prefix(source)));
        const { w0, w1, w2, w3, bits } = prefix(other);
        assert.deepEqual(table.describe(table.find(w0, w1, w2, w3, bits)).contacts, []);
      },
    ),
  );
});
