// Times, spans, counts and colours as people see them.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { wrapWords } from "../../src/base/wrap-words.ts";
import { formatCount, formatSpan, formatTime, ordinal, plural, tableLines } from "../../src/cli/format.ts";
import { createTerminal, paint, toJsonLine } from "../../src/cli/terminal.ts";

test("spans show their two largest units", () => {
  const spans: readonly (readonly [number, string])[] = [
    [-5, "0s"],
    [0, "0s"],
    [499, "0s"],
    [59_499, "59s"],
    [59_500, "1m"],
    [61_000, "1m 1s"],
    [3_600_000, "1h"],
    [3_601_000, "1h"],
    [3_661_000, "1h 1m"],
    [90_000_000, "1d 1h"],
    [86_400_000 * 400 + 3_599_000, "400d"],
  ];
  for (const [ms, text] of spans) assert.equal(formatSpan(ms), text);
});

test("times are in the reader's zone, and what is no time stays as it is", () => {
  assert.match(formatTime("2026-11-22T10:00:00.000Z"), /^2026-11-2[123] \d\d:\d\d:00$/);
  assert.equal(formatTime("soon"), "soon");
});

async function tableOf(rows: readonly (readonly string[])[], columns?: number): Promise<string> {
  async function* given() {
    yield* rows;
  }
  let text = "";
  for await (const line of tableLines(["SOURCE", "REASON"], given(), columns)) text += line;
  return text;
}

test("where lines have an end the last column is wrapped at words; in a pipe nothing is", async () => {
  const rows = [
    ["192.0.2.7", "at least 172 different ports in 512 probes"],
    ["198.51.100.9", "by hand"],
  ];
  assert.equal(
    await tableOf(rows),
    "SOURCE        REASON\n192.0.2.7     at least 172 different ports in 512 probes\n198.51.100.9  by hand\n",
  );
  assert.equal(
    await tableOf(rows, 40),
    "SOURCE        REASON\n192.0.2.7     at least 172 different\n              ports in 512 probes\n198.51.100.9  by hand\n",
  );
  assert.equal(
    await tableOf(rows, 30),
    "SOURCE        REASON\n192.0.2.7\n    at least 172 different\n    ports in 512 probes\n198.51.100.9  by hand\n",
  );
  assert.deepEqual(wrapWords("a 2001:db8:1111:2222:3333::/64 b", 8), ["a", "2001:db8:1111:2222:3333::/64", "b"]);
});

test("a terminal says how wide it is, and a pipe does not", () => {
  const of = (more: object) =>
    createTerminal({ stdout: Object.assign(new PassThrough(), more), stderr: new PassThrough(), env: {} }).columns;
  assert.deepEqual(
    [of({ isTTY: true, columns: 80 }), of({ columns: 80 }), of({ isTTY: true, columns: 0 })],
    [80, undefined, undefined],
  );
});

test("counts, plurals and ordinals", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual(
    [plural(1, "probe"), plural(2000, "probe"), plural(0, "entry", "entries")],
    ["1 probe", "2,000 probes", "0 entries"],
  );
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 101, 111].map(ordinal), [
    "1st",
    "2nd",
    "3rd",
    "4th",
    "11th",
    "12th",
    "13th",
    "21st",
    "101st",
    "111th",
  ]);
});

test("JSON lines hold no control character and mean the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const line = toJsonLine({ text });
      assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}]/u);
      assert.deepEqual(JSON.parse(line), { text });
    }),
  );
});

test("colour is for terminals whose user has not said NO_COLOR", () => {
  const colourOf = (isTTY: boolean, env: Record<string, string>): boolean => {
    const stdout = Object.assign(new PassThrough(), { isTTY });
    const terminal = createTerminal({ stdout, stderr: new PassThrough(), env });
    assert.equal(paint(terminal, "red", "x"), terminal.colour ? "\x1b[31mx\x1b[0m" : "x");
    return terminal.colour;
  };
  assert.deepEqual(
    [
      colourOf(true, {}),
      colourOf(true, { NO_COLOR: "" }),
      colourOf(true, { NO_COLOR: "1" }),
      colourOf(true, { TERM: "dumb" }),
      colourOf(false, {}),
    ],
    [true, true, false, false, false],
  );
});
