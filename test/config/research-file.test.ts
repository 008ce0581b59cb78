import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProblem } from "../../src/config/problems.ts";
import { loadResearchFile, MAX_KNOWN, readResearchFile } from "../../src/config/research-file.ts";
import { formatPrefix } from "../../src/wire/address.ts";

function read(text: string) {
  const { entries, problems } = readResearchFile(text, "known.txt");
  return {
    entries: entries.map(({ prefix, name }) => `${formatPrefix(prefix)}=${name}`),
    problems: problems.map(formatProblem),
  };
}

test("addresses, networks of both families, comments, names of several words", () => {
  const text =
    "\ufeff# who scans\n192.0.2.7 Example University\r\n\n  198.51.100.0/24\tExample  Labs # since 2026\n2001:db8::/32 v6\n";
  assert.deepEqual(read(text), {
    entries: ["192.0.2.7=Example University", "198.51.100.0/24=Example  Labs", "2001:db8::/32=v6"],
    problems: [],
  });
});

test("every bad line is told with its number and a remedy, and the rest counts", () => {
  const text = [
    "example.org name",
    "192.0.2.1",
    "0.0.0.0/0 all",
    "::/0 all",
    "192.0.2.2 ok",
    "192.0.2.2 again",
    "192.0.2.3 a\u0007b",
  ];
  const { entries, problems } = read(text.join("\n"));
  assert.deepEqual(entries, ["192.0.2.2=ok"]);
  const expected = [
    /^known.txt:1: warning: "example.org" is no address or network; write /,
    /^known.txt:2: warning: 192.0.2.1 has no name behind it; write "192.0.2.1 Example University"; the line is left out$/,
    /^known.txt:3: warning: 0.0.0.0\/0 is wider than \/8 /,
    /^known.txt:4: warning: ::\/0 is wider than \/16 /,
    /^known.txt:6: warning: 192.0.2.2 is in line 5 already, which counts$/,
    /^known.txt:7: warning: the name of 192.0.2.3 has control characters/,
  ];
  assert.equal(problems.length, expected.length, problems.join("\n"));
  for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? "", pattern);
});

test("a name that drives a terminal is not repeated in the problem", () => {
  const { problems } = read("\u001b[2J x\n");
  assert.match(problems[0] ?? "", /"\\x1b\[2J"/);
});

test("the list is bounded, and says so", () => {
  const text = Array.from(
    { length: MAX_KNOWN + 2 },
    (_, i) => `2001:db8:${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}::1 n`,
  );
  const { entries, problems } = readResearchFile(text.join("\n"), "known.txt");
  assert.equal(entries.length, MAX_KNOWN);
  assert.match(problems[0]?.message ?? "", /^the file has more than 100000 entries/);
  assert.equal(problems[0]?.line, MAX_KNOWN + 1);
});

test("a file that cannot be read is an error with its cause", () => {
  const { entries, problems } = loadResearchFile("known.txt", () => {
    throw Object.assign(new Error("gone"), { code: "ENOENT" });
  });
  assert.deepEqual(entries, []);
  assert.match(formatProblem(problems[0] ?? assert.fail()), /^known.txt: error: there is no such file: /);
});
