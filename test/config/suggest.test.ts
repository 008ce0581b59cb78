import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { allKeys, findKey, keyNames } from "../../src/config/keys.ts";
import { countEdits, suggestName } from "../../src/config/suggest.ts";

test("the key that was meant", () => {
  const meant: readonly (readonly [string, string | undefined])[] = [
    ["BLOK_TCP", "BLOCK_TCP"],
    ["BLOCK_TPC", "BLOCK_TCP"],
    ["block_tcp", "BLOCK_TCP"],
    ["TCP_PORT", "TCP_PORTS"],
    ["SCANTRIGGER", "SCAN_TRIGGER"],
    ["IGNORE_FILES", "IGNORE_FILE"],
    ["PROFF", "PROOF"],
    ["FOO", undefined],
    ["X".repeat(5000), undefined],
    ["SOMETHING_ELSE", undefined],
  ];
  for (const [typed, key] of meant) assert.equal(suggestName(typed, keyNames), key, typed);
});

test("edits are a distance: zero for the same, symmetric, at most the longer length", () => {
  const word = fc.stringMatching(/^[A-C_]{0,8}$/);
  fc.assert(
    fc.property(word, word, (a, b) => {
      const edits = countEdits(a, b);
      assert.equal(edits === 0, a === b);
      assert.equal(edits, countEdits(b, a));
      assert.ok(edits <= Math.max(a.length, b.length) && edits >= Math.abs(a.length - b.length));
    }),
  );
  assert.equal(countEdits("AB", "BA"), 1);
  assert.equal(countEdits("KITTEN", "SITTING"), 3);
});

test("the table of keys: unique names, values that can be read, a meaning", () => {
  assert.equal(new Set(keyNames).size, allKeys.length);
  for (const key of allKeys) {
    assert.equal(findKey(key.name), key);
    assert.ok("ok" in key.type.parse(key.absent), `${key.name}: "${key.absent}"`);
    assert.ok("ok" in key.type.parse(key.shipped ?? key.absent), `${key.name}: "${key.shipped}"`);
    assert.match(key.meaning, /^["A-Z].*\.$/, key.name);
  }
});
