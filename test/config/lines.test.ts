import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MAX_FILE_BYTES, MAX_LINE_BYTES, readLines } from "../../src/config/lines.ts";
import { createProblemLog, MAX_PROBLEMS, type Problem } from "../../src/config/problems.ts";
import { tellProblem } from "./support.ts";

interface Read {
  readonly values: Readonly<Record<string, string>>;
  readonly lines: Readonly<Record<string, number>>;
  readonly problems: readonly Problem[];
}

function read(input: string | Uint8Array): Read {
  const log = createProblemLog("f");
  const entries = readLines(Buffer.from(input), log);
  const of = <T>(pick: (entry: { value: string; line: number }) => T) =>
    Object.fromEntries([...entries].flatMap(([key, entry]) => (entry.flawed ? [] : [[key, pick(entry)]])));
  return { values: of((entry) => entry.value), lines: of((entry) => entry.line), problems: log.list() };
}

describe("lines that can be read", () => {
  const good: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['A="1"\n', { A: "1" }],
    ['A="1"', { A: "1" }],
    ['  \tA \t=  "1"  \n', { A: "1" }],
    ['A="1" # one\n', { A: "1" }],
    ['A="1"# "quoted" = \n', { A: "1" }],
    ['# A="0"\n  # B\n\n \t\nA="#1"\n', { A: "#1" }],
    ['A="1"\r\nB="2"\r\n', { A: "1", B: "2" }],
    ['\ufeffA="1"\n', { A: "1" }],
    ['A=""\n', { A: "" }],
    ['KILL_ROUTE="/sbin/nft add element $TARGET$ = # x"', { KILL_ROUTE: "/sbin/nft add element $TARGET$ = # x" }],
    ['A="tab\there, and ü"', { A: "tab\there, and ü" }],
    ["", {}],
    ["#", {}],
  ];
  for (const [text, values] of good) {
    test(JSON.stringify(text), () => {
      const got = read(text);
      assert.deepEqual(got.problems, []);
      assert.deepEqual(got.values, values);
    });
  }
});

describe("lines that cannot be read are reported, and the others kept", () => {
  const bad: readonly (readonly [string | Uint8Array, RegExp, string?])[] = [
    ["A=1", /^2 error A: quotes missing from 1; write A="1"/, "A"],
    ["A=", /^2 error A: quotes missing/, "A"],
    ["A='1'", /^2 error A: quotes missing from '1'; write A="1"$/, "A"],
    ["A=1 # one", /^2 error A: quotes missing .*; write A="1"$/, "A"],
    ['A="1', /^2 error A: no closing quote after "1; write A="1"$/, "A"],
    ['A="', /^2 error A: no closing quote/, "A"],
    ["A=\u201d1\u2033", /^2 error A: typographic quotes in \u201d1\u2033, where .*; write A="1"$/, "A"],
    ["A=\u201cALL: x\u201d #", /^2 error A: typographic quotes .*; write A="ALL: x"$/, "A"],
    [Buffer.from("A=\x93a b\x94", "latin1"), /^2 error A: typographic quotes .*; write A="a b"$/, "A"],
    ['A="1" B="2"', /^2 error A: text after the closing quote: "B="2""/, "A"],
    ['A="1"2', /^2 error A: text after the closing quote/, "A"],
    ['A B="1"', /^2 error "A B" is no key/],
    ['ÄA="1"', /^2 error "ÄA" is no key/],
    ['export A="1"', /^2 error "export A" is no key/],
    ['="1"', /^2 error no key before "="/],
    ["hello", /^2 error "hello" has no "="/],
    ['A="\u001b[31m"', /^2 error A: a control character in "\\x1b\[31m"/, "A"],
    ['A="\r"', /^2 error A: a control character/, "A"],
    ['A="1\0"', /^2 error the line holds a NUL byte/, "A"],
    [Buffer.from([0x41, 0x3d, 0x22, 0xff, 0x22]), /^2 error .*no UTF-8/, "A"],
    [`A="${"1".repeat(MAX_LINE_BYTES - 3)}"`, /^2 error the line has 4097 bytes, more than 4096/, "A"],
  ];
  for (const [line, expected, key] of bad) {
    test(JSON.stringify(line).slice(0, 60), () => {
      const got = read(Buffer.concat([Buffer.from('X="1"\n'), Buffer.from(line), Buffer.from('\nY="2"\n')]));
      assert.deepEqual(got.values, { X: "1", Y: "2" });
      assert.deepEqual(got.lines, { X: 1, Y: 3 });
      assert.equal(got.problems.length, 1);
      assert.match(got.problems.map(tellProblem)[0] ?? "", expected);
      assert.equal(got.problems[0]?.key, key);
      assert.equal(got.problems[0]?.file, "f");
    });
  }

  const both = "1.2 and 2.x";
  const flawed: readonly (readonly [string | Uint8Array, string, string])[] = [
    ['A="1" 0 = off', "1", both],
    ['A "1"', "1", "1.2"],
    ['A \t "1" B="2"', "1", "1.2"],
    ['A="/bin/echo "x" y"', "/bin/echo ", both],
    [Buffer.from('A="T\xfcr"', "latin1"), "T\u00fcr", both],
    ['A="1', "1", "1.2"],
    ['A="', "", "1.2"],
    ['A="/x \t# y', "/x", "1.2"],
    ['A="1\u201d', "1", "1.2"],
    ['A=1" ', "", "1.2"],
    ['A=1 # not "2"', "2", "1.2"],
    ['A is what "3" says', "3", "1.2"],
    ['A="1\0"', "1", "1.2"],
    ['A="1\r2"', "1", "1.2"],
    ['A="1\u001b[m"', "1", "1.2"],
    [`A="${"1".repeat(MAX_LINE_BYTES)}"`, "1".repeat(1020), "1.2"],
  ];
  for (const [line, value, startsIn] of flawed) {
    test(`PortSentry reads ${JSON.stringify(String(line)).slice(0, 40)} all the same`, () => {
      const log = createProblemLog("f");
      const entry = readLines(Buffer.from(line), log).get("A");
      assert.deepEqual([entry?.value, entry?.flawed], [value, true]);
      assert.deepEqual(
        log.list().map((problem) => [problem.line, problem.severity, problem.startsIn, problem.passedOver]),
        [[1, "error", startsIn, undefined]],
      );
    });
  }

  test("a key at the start of its line counts before an indented one", () => {
    const got = read(' A="0"\nA="1"\nA="2"\n A="3"\n');
    assert.deepEqual([got.values, got.lines], [{ A: "1" }, { A: 2 }]);
    assert.deepEqual(
      got.problems.map(({ line }) => line),
      [1, 3, 4],
    );
    assert.match(got.problems[0]?.message ?? "", /in line 2, without blanks before it, and that line counts/);
  });

  test("a line that does nothing in PortSentry is told as one", () => {
    for (const line of ["A=1", "nonsense", "\0", '="1"', "A=\u201d1\u2033", `A=${"1".repeat(MAX_LINE_BYTES)}`]) {
      assert.deepEqual(
        read(line).problems.map(({ severity, startsIn, passedOver }) => [severity, startsIn, passedOver]),
        [["error", "1.2", true]],
      );
    }
  });

  test("a key without quotes hides the same key in later lines, as in PortSentry", () => {
    const got = read('A=1\nA="2"\nB="3"\n');
    assert.deepEqual(got.values, { B: "3" });
    assert.match(got.problems.map(tellProblem).join("\n"), /^2 error A stands already in line 1, without quotes/m);
    assert.deepEqual(read('A="1"\nA=2\n').values, { A: "1" });
    assert.deepEqual(read(' A="1"\nA=2\n').values, {});
    assert.deepEqual(read(' A=1\nA="2"\n').values, { A: "2" });
  });

  test("a key that PortSentry does not see: blanks or a byte order mark before it, a tab behind it", () => {
    const unseen = (text: string) => readLines(Buffer.from(text), createProblemLog("f")).get("A")?.unseen;
    for (const text of [' A="1"', '\tA="1"', 'A\t="1"', '\ufeffA="1"']) assert.equal(unseen(text), true, text);
    for (const text of ['A="1"', 'A ="1"', 'A =\t"1"', '\ufeff# x\nA="1"']) assert.equal(unseen(text), false, text);
  });

  test("a file of UTF-16 is told as one", () => {
    for (const text of ['\ufeffA="1"', 'A="1"']) {
      const got = read(Buffer.from(text, "utf16le"));
      assert.deepEqual(got.values, {});
      assert.match(got.problems.map(tellProblem).join(), /^0 error the file is UTF-16/);
    }
  });

  test("a line of exactly the limit is read", () => {
    const got = read(`A="${"1".repeat(MAX_LINE_BYTES - 4)}"\n`);
    assert.deepEqual(got.problems, []);
    assert.equal(got.values.A?.length, MAX_LINE_BYTES - 4);
  });

  test("bad bytes in a comment are a warning only", () => {
    const got = read(Buffer.from('# J\xfcrgen\nA="1"\n', "latin1"));
    assert.deepEqual(got.values, { A: "1" });
    assert.match(got.problems.map(tellProblem).join(), /^1 warning in a comment: .*UTF-8/);
  });

  test("of two equal keys the first wins, and the second is reported", () => {
    const got = read('A="1"\n\nA="2"\nA="3"\n');
    assert.deepEqual(got.values, { A: "1" });
    assert.deepEqual(
      got.problems.map(({ line, key, severity }) => [line, key, severity]),
      [
        [3, "A", "warning"],
        [4, "A", "warning"],
      ],
    );
    assert.match(got.problems[0]?.message ?? "", /in line 1/);
  });

  test("a file above the limit is not read", () => {
    const got = read(`A="1"\n#${"x".repeat(MAX_FILE_BYTES)}`);
    assert.deepEqual(got.values, {});
    assert.match(got.problems.map(tellProblem).join(), /^0 error the file has 1048583 bytes, more than 1048576/);
  });

  test("what is listed is bounded, and the rest counted", () => {
    const got = read("x\n".repeat(MAX_PROBLEMS + 7));
    assert.equal(got.problems.length, MAX_PROBLEMS + 1);
    assert.match(got.problems.at(-1)?.message ?? "", /^7 more problems/);
    assert.equal(got.problems.at(-1)?.severity, "error");
  });
});

describe("properties", () => {
  const fragment = fc.oneof(
    fc.constantFrom("A", "BLOCK_TCP", "=", '"', "#", "\n", "\r\n", " ", "\t", "\0", "\u001b[2J", "\ufeff", "\u202e"),
    fc.string({ unit: "binary" }),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.array(fragment, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(""))),
  );

  test("never throws; a message holds no control character; each line counts at most once as a problem", () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const { problems } = read(input);
        const lineCount = input.toString("latin1").split("\n").length;
        assert.equal(new Set(problems.map(({ line }) => line)).size, problems.length);
        for (const { message, line } of problems) {
          assert.ok((line >= 1 && line <= lineCount) || message.includes("UTF-16"));
          assert.doesNotMatch(message, /[\p{Cc}\p{Cs}\u202a-\u202e]/u);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("every key and value without quote or control character comes back", () => {
    const key = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/);
    const value = fc
      .string({ unit: "grapheme", maxLength: 100 })
      .filter((text) => !/["\p{Cc}\p{Cs}]/u.test(text) && Buffer.byteLength(text) < 4000);
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (pairs) => {
        const text = Object.entries(pairs).map(([name, content]) => `${name}="${content}"\n`);
        const got = read(text.join(""));
        assert.deepEqual(got.values, pairs);
        assert.deepEqual(got.problems, []);
      }),
    );
  });
});
