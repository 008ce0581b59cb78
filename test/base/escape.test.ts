import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeJson, escapeText } from "../../src/base/escape.ts";

test("controls, bidi, zero width and lone surrogates are written out, the rest stays", () => {
  assert.equal(escapeText("a\u001b[2Jb\r\nc\u007f\u009b"), "a\\x1b[2Jb\\x0d\\x0ac\\x7f\\x9b");
  assert.equal(escapeText("\u202eevil\u200b \u2028 \ud800"), "\\u202eevil\\u200b \\u2028 \\ud800");
  assert.equal(escapeText("\u{e0041}"), "\\u{0e0041}");
  assert.equal(escapeText('nft add "Grüße 日本 €" \\ $'), 'nft add "Grüße 日本 €" \\ $');
});

test("a long text is cut", () => {
  assert.equal(escapeText("x".repeat(20), 10), `${"x".repeat(10)}...`);
});

test("property: no escaped text has a control character, and escaped JSON means the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.doesNotMatch(escapeText(text), /[\p{C}\p{Zl}\p{Zp}]/u);
      const json = escapeJson(JSON.stringify({ text }));
      assert.doesNotMatch(json, /[\p{C}\p{Zl}\p{Zp}]/u);
      assert.deepEqual(JSON.parse(json), { text });
    }),
  );
});
