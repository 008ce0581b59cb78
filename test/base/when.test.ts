// Moments in the past as people type them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWhen } from "../../src/base/when.ts";

// By the reader's clock: a Sunday at noon.
const nowMs = new Date(2026, 10, 22, 12).getTime();
const at = (...parts: [number, number, number, number?, number?]) => new Date(...parts).getTime();

for (const [text, wanted] of [
  ["12h", nowMs - 12 * 3_600_000],
  ["7d", nowMs - 7 * 86_400_000],
  ["90", nowMs - 90_000],
  ["22:00", at(2026, 10, 22, 22)],
  ["9:05", at(2026, 10, 22, 9, 5)],
  ["today", at(2026, 10, 22)],
  ["yesterday", at(2026, 10, 21)],
  ["yesterday 22:00", at(2026, 10, 21, 22)],
  ["2026-11-20", at(2026, 10, 20)],
  ["2026-11-20 10:30", at(2026, 10, 20, 10, 30)],
  ["2026-11-20T10:30:00.250Z", Date.UTC(2026, 10, 20, 10, 30, 0, 250)],
] as const) {
  test(`"${text}" is ${new Date(wanted).toISOString()}`, () => assert.equal(parseWhen(text, nowMs), wanted));
}

test("whatever else stands there is no time", () => {
  for (const text of ["", "tomorrow", "24:00", "12:60", "yesterday 25:00", "2026-13-01", "2026-11-20 10", "7y", "now"])
    assert.equal(parseWhen(text, nowMs), undefined, text);
});
