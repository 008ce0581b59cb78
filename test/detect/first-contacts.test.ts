import assert from "node:assert/strict";
import { test } from "node:test";
import { FirstContacts } from "../../src/detect/first-contacts.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { hashOf, prefix, probe, seed } from "./probes.ts";

const START_MS = 1_700_000_000_000;

function contacts() {
  const first = new FirstContacts(seed);
  const met = (source: string, port: number, afterMs: number) => {
    const one = probe({ source, port, timeMs: START_MS + afterMs });
    first.met(one, hashOf(one));
  };
  const repeated = (source: string, port: number, afterMs: number) => {
    const one = probe({ source, port, timeMs: START_MS + afterMs });
    first.repeated(one, hashOf(one));
  };
  const waiting = (source: string, port: number, afterMs: number) => {
    const one = probe({ source, port, timeMs: START_MS + afterMs });
    first.waiting(one, hashOf(one));
  };
  const found = (afterMs: number) =>
    first.takeSingleShots(START_MS + afterMs).map(({ source, contacts: ports }) => `${formatPrefix(source)}: ${ports}`);
  return { first, met, repeated, waiting, found };
}

test("a source that asks five ports and repeats none is found once, when every kernel would have repeated", () => {
  const { met, found } = contacts();
  for (const [index, port] of [22, 25, 110, 143, 3306].entries()) met("192.0.2.1", port, index * 10);
  for (const port of [22, 25, 110, 143]) met("192.0.2.2", port, 0);
  for (let again = 0; again < 9; again++) met("192.0.2.3", 22, again);
  assert.deepEqual(found(4_000), []);
  assert.deepEqual(found(6_000), ["192.0.2.1: 5"]);
  assert.deepEqual(found(12_000), []);
});

test("one repetition, however late, makes a customer, also one that is not served yet", () => {
  const { met, repeated, waiting, found } = contacts();
  for (const port of [22, 25, 110, 143, 3306, 8080]) met("192.0.2.1", port, 0);
  repeated("192.0.2.1", 110, 3_100);
  for (const port of [22, 25, 110, 143, 3306, 8080]) met("192.0.2.2", port, 0);
  waiting("192.0.2.2", 110, 3_100);
  assert.deepEqual(found(9_000), []);
  for (const port of [23, 26, 111, 144, 3307]) met("192.0.2.1", port, 10_000);
  assert.deepEqual(found(20_000), []);
});

test("contacts are counted: first ones, repeated ones, and those that never came back", () => {
  const { first, met, repeated, waiting } = contacts();
  met("192.0.2.1", 22, 0);
  met("192.0.2.2", 22, 0);
  waiting("192.0.2.1", 22, 1_000);
  repeated("192.0.2.1", 22, 3_000);
  const told = () => {
    const { firstContacts, firstContactsRepeated, firstContactsNotRepeated, firstContactsWaiting } = first.counters;
    return [firstContacts, firstContactsRepeated, firstContactsNotRepeated, firstContactsWaiting];
  };
  assert.deepEqual(told(), [2, 1, 0, 1]);
  first.takeSingleShots(START_MS + 91_000);
  assert.deepEqual(told(), [2, 1, 1, 1]);
});

test("the memory is bounded: the source that was quiet the longest goes, and is counted", () => {
  const { first, met, found } = contacts();
  for (const port of [1, 2, 3, 4, 5]) met("192.0.2.1", port, 0);
  for (const port of [1, 2, 3, 4, 5]) met("192.0.2.2", port, 0);
  for (let index = 0; index < 4_095; index++) met(`198.${18 + (index >> 8)}.${index & 255}.1`, 22, 1);
  assert.equal(first.counters.firstContactSourcesEvicted, 1);
  assert.deepEqual(found(6_000), ["192.0.2.2: 5"]);
  found(130_000);
  met("203.0.113.1", 22, 130_000);
  assert.equal(first.counters.firstContactSourcesEvicted, 1, "those that were forgotten make room");
});

test("a source that is let go, or for whose claim there was no turn, can be found again", () => {
  const { first, met, found } = contacts();
  const scan = (afterMs: number) => {
    for (const port of [22, 25, 110, 143, 3306]) met("192.0.2.1", port, afterMs);
  };
  scan(0);
  assert.deepEqual(found(6_000), ["192.0.2.1: 5"]);
  scan(7_000);
  assert.deepEqual(found(13_000), []);
  first.forget(prefix("192.0.2.1"));
  scan(14_000);
  assert.deepEqual(found(20_000), ["192.0.2.1: 5"]);
});
