import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addEntry, buildIgnoreText, isBuilt, removeEntry } from "../../src/config/build-ignore.ts";
import { readIgnoreFile } from "../../src/config/ignore-file.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

function build(staticText: string, ...own: string[]) {
  return buildIgnoreText({ staticText, staticPath: "/s", ignorePath: "/i", own: own.map(prefix) });
}

const entriesOf = (text: string) => readIgnoreFile(text, "").prefixes.map(formatPrefix);

test("the static entries with their comments, then the host's own addresses", () => {
  const { text, problems } = build(
    "# office\n127.0.0.1/32\n  10.0.0.0/8 # ours\n0.0.0.0",
    "192.0.2.1",
    "2001:db8::1",
    "127.0.0.1",
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(entriesOf(text), ["127.0.0.1", "10.0.0.0/8", "0.0.0.0", "192.0.2.1", "2001:db8::1"]);
  for (const line of ["# office", "  10.0.0.0/8 # ours", "# From /s:"])
    assert.ok(text.split("\n").includes(line), line);
  assert.deepEqual(readIgnoreFile(text, "").problems, []);
  assert.ok(text.startsWith("# /i: ") && text.endsWith("\n"));
});

test("a line that names no address becomes a comment, and is told with its line", () => {
  const { text, problems } = build("10.0.0.1\nexample.org\n::/0\n");
  assert.deepEqual(entriesOf(text), ["10.0.0.1"]);
  assert.deepEqual(readIgnoreFile(text, "").problems, []);
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? "", /^\/s:2: warning: "example\.org"/);
  assert.match(problems[1] ?? "", /^\/s:3: warning: .*would exempt everybody/);
});

test("a made file is known by its head, an administrator's own is not", () => {
  assert.equal(isBuilt(build("", "192.0.2.1").text), true);
  assert.equal(isBuilt("# mine\n192.0.2.1\n"), false);
});

test("adding and removing", () => {
  assert.equal(addEntry("10.0.0.1\n", prefix("10.0.0.2")), "10.0.0.1\n10.0.0.2\n");
  assert.equal(addEntry("10.0.0.1", prefix("10.0.0.2")), "10.0.0.1\n10.0.0.2\n", "the last line had no end");
  assert.equal(addEntry("", prefix("2001:DB8::/32")), "2001:db8::/32\n");
  assert.equal(addEntry("  10.0.0.2/32 # there\n", prefix("10.0.0.2")), undefined);
  assert.equal(addEntry("10.0.0.20\n10.0.0.2/31\n", prefix("10.0.0.2")), "10.0.0.20\n10.0.0.2/31\n10.0.0.2\n");
  assert.equal(removeEntry("# a\n10.0.0.2 # x\n10.0.0.20\n10.0.0.2/32", prefix("10.0.0.2")), "# a\n10.0.0.20\n");
  assert.equal(removeEntry("10.0.0.20\n# 10.0.0.2\n", prefix("10.0.0.2")), undefined);
});

test("what was added is removed again, and nothing else", () => {
  const entry = fc.oneof(fc.ipV4(), fc.ipV6()).map(prefix);
  const line = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("# comment"), fc.constant(""));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), entry, (lines, added) => {
      const before = lines.map((text) => `${text}\n`).join("");
      const after = addEntry(before, added);
      if (after === undefined) assert.ok(entriesOf(before).includes(formatPrefix(added)));
      else assert.equal(removeEntry(after, added), before);
    }),
  );
});
