// Texts that rows share: kept once, given back with the last row that has them, and bounded in number and length.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_TEXT, NOT_KEPT, TextTable } from "../../src/enforce/text-table.ts";

test("a text is kept once for all rows that have it, and goes with the last of them", () => {
  const table = new TextTable();
  assert.equal(table.keep(undefined), NO_TEXT);
  assert.equal(table.text(NO_TEXT), undefined);
  const [first, second] = [table.keep("nmap"), table.keep("nmap")];
  const other = table.keep("masscan");
  assert.equal(first, second);
  assert.deepEqual([table.text(first), table.text(other), table.size], ["nmap", "masscan", 2]);
  table.drop(first);
  assert.equal(table.text(first), "nmap");
  table.drop(first);
  assert.deepEqual([table.text(first), table.size], [undefined, 1]);
  table.drop(first);
  assert.equal(table.size, 1, "what has gone does not go again");
  assert.equal(table.keep("zmap"), first, "its number is used again");
  assert.deepEqual([table.text(first), table.text(other)], ["zmap", "masscan"]);
});

test("beyond the bound a row says that its text was not kept, which is counted, until there is room", () => {
  const table = new TextTable(2);
  const [one] = [table.keep("1"), table.keep("2")];
  assert.equal(table.keep("3"), NOT_KEPT);
  assert.match(table.text(NOT_KEPT) ?? "", /no room/);
  assert.equal(table.keep("1"), one, "what is there has room");
  assert.equal(table.refused, 1);
  table.drop(NOT_KEPT);
  assert.match(table.text(NOT_KEPT) ?? "", /no room/);
  table.drop(one);
  table.drop(one);
  assert.equal(table.text(table.keep("3")), "3");
});

test("8,192 texts of 1,000 characters are kept unless a caller says otherwise", () => {
  const table = new TextTable();
  assert.equal(table.text(table.keep("x".repeat(1_001)))?.length, 1_000);
  for (let number = 1; number < 8_192; number++) assert.notEqual(table.keep(`${number}`), NOT_KEPT);
  assert.equal(table.keep("one more"), NOT_KEPT);
  assert.equal(new TextTable(1, 3).text(2), undefined);
  const short = new TextTable(1, 3);
  assert.equal(short.text(short.keep("abcdef")), "abc");
});
