// What the client believes of an answer: each shape takes what it describes, and names the place of what it does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  count,
  describeFault,
  fields,
  flag,
  isOf,
  listOf,
  member,
  number,
  numberFrom,
  optional,
  orNull,
  recordOf,
  type Shape,
  text,
  word,
} from "../../src/base/shape.ts";

interface Entry {
  readonly name: string;
  readonly until: string | null;
  readonly port?: number;
}

const entry = fields<Entry>({ name: text, until: orNull(text), port: optional(numberFrom(0, 65_535)) });

/** Everything that JSON has, and what it has not. */
const values = [
  "",
  "a",
  0,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  null,
  undefined,
  [],
  ["a"],
  {},
  { a: 1 },
];

function taken(shape: Shape<unknown>): unknown[] {
  return values.filter((value) => isOf(shape, value));
}

test("each simple shape takes what it describes and nothing else", () => {
  assert.deepEqual(taken(text), ["", "a"]);
  assert.deepEqual(taken(number), [0, -1, 1.5]);
  assert.deepEqual(taken(count), [0, 1.5]);
  assert.deepEqual(taken(numberFrom(-1, 0)), [0, -1]);
  assert.deepEqual(taken(flag), [true]);
  assert.deepEqual(taken(member(["a", "b"])), ["a"]);
  assert.deepEqual(taken(word(0)), [""]);
  assert.deepEqual(taken(orNull(text)), ["", "a", null]);
  assert.deepEqual(taken(listOf(text)), [[], ["a"]]);
  assert.deepEqual(taken(recordOf(number)), [{}, { a: 1 }]);
});

test("an object has all its fields, may lack the optional ones, and may have more", () => {
  for (const value of [
    { name: "a", until: null },
    { name: "a", until: "b", port: 22, novel: {} },
  ])
    assert.equal(describeFault(entry, value), "");
  assert.equal(describeFault(entry, { until: null }), "name: text is expected");
  assert.equal(
    describeFault(entry, { name: "a", until: null, port: null }),
    "port: a number from 0 to 65535 is expected",
  );
  assert.equal(
    describeFault(entry, { name: "a", until: null, port: undefined }),
    "port: a number from 0 to 65535 is expected",
  );
  for (const value of [null, [], "a", undefined]) assert.equal(describeFault(entry, value), "an object is expected");
  assert.equal(describeFault(fields<object>({}), Object.create({ name: 1 })), "");
});

test("a fault deep inside is named with the way to it", () => {
  const shape = fields<{ readonly list: readonly Entry[] }>({ list: listOf(entry) });
  const list = [
    { name: "a", until: null },
    { name: "b", until: 1 },
  ];
  assert.equal(describeFault(shape, { list }), "list.1.until: text is expected");
  assert.equal(describeFault(recordOf(number), { "a b": "x" }), "a b: a number is expected");
});
