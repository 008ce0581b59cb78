// Whether an address is in the interval that it should be in, until the end that it should have.
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfKey, keyOfAddress, spanOf } from "../../src/table/address-span.ts";
import { isHeldAt, readIntervals } from "../../src/table/held-intervals.ts";
import { prefix } from "../support/prefix.ts";
import { FakeTables } from "./fake-tables.ts";

const NOW_MS = 1_700_000_000_000;
const HOUR = 3_600_000;
const network = prefix("192.0.2.0/24");

function setUp(expiresInMs: number | undefined) {
  const tables = new FakeTables();
  const span = spanOf(network, expiresInMs === undefined ? undefined : NOW_MS + expiresInMs);
  const added = [
    { first: keyOfAddress(span.first, "ipv4"), end: keyOfAddress(span.last + 1n, "ipv4"), timeoutMs: expiresInMs },
  ];
  tables.changeIntervals([{ set: "blockednet4", gone: [], added }]);
  const isHeld = (address: bigint, untilMs: number | undefined, nowMs: number | undefined = NOW_MS) =>
    isHeldAt(tables, { family: "ipv4", address, span: { ...span, untilMs } }, nowMs);
  return { tables, span, isHeld };
}

test("in the interval that begins where it should, until the end that it should have, and two seconds are as good", () => {
  const { span, isHeld } = setUp(HOUR);
  for (const address of [span.first, span.first + 7n, span.last]) {
    assert.ok(isHeld(address, NOW_MS + HOUR));
    assert.ok(isHeld(address, NOW_MS + HOUR + 2_000) && isHeld(address, NOW_MS + HOUR - 2_000));
    assert.ok(!isHeld(address, NOW_MS + HOUR + 2_001) && !isHeld(address, NOW_MS + HOUR - 2_001));
    assert.ok(!isHeld(address, undefined), "it should have no end");
  }
  assert.ok(!isHeld(span.last + 1n, NOW_MS + HOUR), "behind it");
});

test("one without an end is held for ever, and only as one without", () => {
  const { span, isHeld } = setUp(undefined);
  assert.ok(isHeld(span.first, undefined));
  assert.ok(!isHeld(span.first, NOW_MS + HOUR));
});

test("what ends within two seconds may be gone already, or not yet; without a time only the place counts", () => {
  const { tables, span, isHeld } = setUp(HOUR);
  const beside = span.last + 1n;
  assert.ok(isHeld(beside, NOW_MS + 2_000));
  assert.ok(!isHeld(beside, NOW_MS + 2_001));
  assert.ok(!isHeld(beside, undefined));
  const at = (address: bigint) => isHeldAt(tables, { family: "ipv4", address, span: undefined }, NOW_MS);
  assert.deepEqual([at(span.first), at(beside)], [false, true], "in none that stays");
  const ending = setUp(2_000);
  assert.ok(isHeldAt(ending.tables, { family: "ipv4", address: span.first, span: undefined }, NOW_MS));
  assert.ok(isHeldAt(tables, { family: "ipv4", address: span.first, span: { ...span, untilMs: 5 } }, undefined));
  assert.ok(!isHeldAt(tables, { family: "ipv4", address: beside, span }, undefined));
});

test("a set that is read whole is its intervals, ascending, each with its end", () => {
  const { tables, span } = setUp(HOUR);
  const other = spanOf(prefix("192.0.3.0/24"), undefined);
  tables.changeIntervals([
    {
      set: "blockednet4",
      gone: [],
      added: [
        { first: keyOfAddress(other.first, "ipv4"), end: keyOfAddress(other.last + 1n, "ipv4"), timeoutMs: undefined },
      ],
    },
  ]);
  const [one, two, ...more] = readIntervals(tables, "ipv4", NOW_MS);
  assert.deepEqual([one?.first, one?.last, more.length], [span.first, span.last, 0]);
  assert.ok(Math.abs((one?.untilMs ?? 0) - NOW_MS - HOUR) < 60_000);
  assert.deepEqual(two, { first: other.first, last: other.last, untilMs: undefined });
  assert.equal(addressOfKey(keyOfAddress(span.last, "ipv4")), span.last);
});
