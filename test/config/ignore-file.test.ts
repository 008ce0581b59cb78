import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MAX_IGNORED, readIgnoreFile } from "../../src/config/ignore-file.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { tellProblem } from "./support.ts";

function read(text: string): { prefixes: string[]; problems: string[] } {
  const { prefixes, problems } = readIgnoreFile(text, "/i");
  return { prefixes: prefixes.map(formatPrefix), problems: problems.map(tellProblem) };
}

describe("what an ignore file may hold", () => {
  const good: readonly (readonly [string, readonly string[]])[] = [
    ["192.0.2.1\n198.51.100.0/24\n", ["192.0.2.1", "198.51.100.0/24"]],
    ["10.0.0.12", ["10.0.0.12"]],
    ["2001:DB8::A/64\r\n::1\r\n", ["2001:db8::/64", "::1"]],
    ["127.9.9.9/8", ["127.0.0.0/8"]],
    ["# all\n\n  \t\n 10.0.0.1 # trailing\n10.0.0.2#close\n#", ["10.0.0.1", "10.0.0.2"]],
    ["\ufeff10.0.0.1\n", ["10.0.0.1"]],
    ["::ffff:192.0.2.9", ["192.0.2.9"]],
    ["0.0.0.0", ["0.0.0.0"]],
    ["10.0.0.1/32\n2001:db8::1/128", ["10.0.0.1", "2001:db8::1"]],
    ["fe80::/10\nfc00::/7\n10.0.0.0/8", ["fe80::/10", "fc00::/7", "10.0.0.0/8"]],
    ["", []],
  ];
  for (const [text, prefixes] of good) {
    test(JSON.stringify(text), () => assert.deepEqual(read(text), { prefixes, problems: [] }));
  }
});

describe("what it may not hold is named with its line, and the rest kept", () => {
  const words = [
    "example.org",
    "10.0.0",
    "10.0.0.1/33",
    "10.0.0.1/",
    "10.0.0.1/255.255.255.0",
    "010.0.0.1",
    "::/129",
    "x10.0.0.1",
  ];
  for (const word of [...words, "1:2", "10.0.0.1:80", "bad:host", "\u001b[2J", "\0"]) {
    test(JSON.stringify(word), () => {
      const { prefixes, problems } = read(`192.0.2.1\n${word}\n192.0.2.2`);
      assert.deepEqual(prefixes, ["192.0.2.1", "192.0.2.2"]);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", /^2 warning ".*" is no address or network, and is left out; write /);
      assert.doesNotMatch(problems[0] ?? "", /\p{Cc}/u);
    });
  }

  for (const word of ["0.0.0.0/0", "1.2.3.4/0", "::/0", "::1/0", "::ffff:0:0/96", "::ffff:1.2.3.4/96"]) {
    test(`${word} would exempt everybody`, () => {
      const { prefixes, problems } = read(`${word}\n192.0.2.2`);
      assert.deepEqual(prefixes, ["192.0.2.2"]);
      assert.match(problems.join(), /^1 warning .* would exempt everybody of its family and switch the defence off/);
    });
  }

  for (const word of ["0.0.0.0/1", "64.0.0.0/7", "2000::/3", "::/1"]) {
    test(`${word} is kept, with a question`, () => {
      const { prefixes, problems } = read(word);
      assert.deepEqual(prefixes, [word]);
      assert.match(problems.join(), /^1 warning .* exempts a large part of the internet/);
    });
  }

  for (const [text, prefix] of [
    ["192.0.2.1;office", "192.0.2.1"],
    ["192.0.2.1-9", "192.0.2.1"],
    ["192.0.2.0/24office", "192.0.2.0/24"],
    ["2001:DB8::A/64 mine", "2001:db8::/64"],
    ["fe80::1%eth0", "fe80::1"],
    ["192.0.2.1, 192.0.2.2", "192.0.2.1"],
  ] as const) {
    test(`${text}: an address ends where it can no longer be one, as in 1.2`, () => {
      const { prefixes, problems } = read(text);
      assert.deepEqual(prefixes, [prefix]);
      assert.equal(problems.length, 1);
      assert.ok(problems[0]?.startsWith(`1 warning the text after ${prefix} is taken as a comment`), problems[0]);
    });
  }

  test("words after an address are a comment, as in 1.2, and reported", () => {
    const { prefixes, problems } = read("192.0.2.1 my office\n");
    assert.deepEqual(prefixes, ["192.0.2.1"]);
    assert.match(problems.join(), /^1 warning the text after 192.0.2.1 is taken as a comment; put # before the text/);
  });

  test("the number of entries is bounded", () => {
    const { prefixes, problems } = read(`# head\n${"192.0.2.1\n".repeat(MAX_IGNORED + 5)}`);
    assert.equal(prefixes.length, MAX_IGNORED);
    assert.deepEqual(problems.length, 1);
    assert.match(problems[0] ?? "", /^100002 warning the file has more than 100000 entries/);
  });
});

test("never throws, whatever the text is", () => {
  const fragment = fc.oneof(
    fc.constantFrom("10.0.0.1", "/", "::", "#", "\n", "\r", " ", "0", "ffff", ".", "\0"),
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), (parts) => {
      const { problems } = read(parts.join(""));
      for (const problem of problems) assert.doesNotMatch(problem, /[\p{Cc}\p{Cs}]/u);
    }),
    { numRuns: 500 },
  );
});

test("every address of either family comes back", () => {
  const v4 = fc.ipV4().map((address) => ({ address, bits: 32 }));
  const v6 = fc.ipV6().map((address) => ({ address, bits: 128 }));
  fc.assert(
    fc.property(fc.oneof(v4, v6), ({ address, bits }) => {
      const single = readIgnoreFile(`${address.toUpperCase()}/${bits}`, "/i");
      assert.equal(single.prefixes.length, 1);
      assert.deepEqual(readIgnoreFile(single.prefixes.map(formatPrefix).join("\n"), "/i").prefixes, single.prefixes);
    }),
  );
});
