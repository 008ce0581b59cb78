// Command templates: what goes by argv is split exactly as sh would, and no value ever becomes syntax or an argument.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { fill, parseTemplate, type TemplateValues } from "../../src/command/template.ts";
import { type Prefix, prefixOfWords } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const values: TemplateValues = { target: prefix("192.0.2.1"), port: 23, modeName: "stcp" };

function argvOf(template: string): readonly string[] {
  return fill(parseTemplate(template), values).argv;
}

/** Any source, of either family, single or a block. */
const anySource: fc.Arbitrary<Prefix> = fc.oneof(
  fc
    .tuple(fc.nat(0xffffffff), fc.integer({ min: 96, max: 128 }))
    .map(([w, bits]) => prefixOfWords(0, 0, 0xffff, w, bits)),
  fc
    .tuple(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(128))
    .map(([a, b, c, d, bits]) => prefixOfWords(a, b, c, d, bits)),
);
const anyValues: fc.Arbitrary<TemplateValues> = fc.record({
  target: anySource,
  port: fc.nat(65_535),
  modeName: fc.constantFrom("tcp", "stcp", "atcp", "udp", "sudp", "audp", "stealth", "connect"),
});
const pieces = [
  "$TARGET$",
  "$PORT$",
  "$MODE$",
  " ",
  "  ",
  "\t",
  "'",
  '"',
  "a",
  "-s",
  "b/c",
  "é",
  "=",
  ":",
  "#",
  "!",
  "$",
];
const syntax = [";", "&", "|", "<", ">", "`", "(", ")", "{", "}", "*", "?", "[", "]", "~", "\n", "\\", "%", ",", "^"];
const anyTemplate = fc
  .array(fc.constantFrom(...pieces, ...pieces, ...syntax), { maxLength: 14 })
  .map((parts) => parts.join(""));
const plainTemplate = fc
  .array(fc.constantFrom(...pieces.slice(0, 14)), { maxLength: 14 })
  .map((parts) => `/bin/x ${parts.join("")}`);

test("a template without shell syntax is a list of arguments", () => {
  assert.deepEqual(argvOf("/sbin/iptables -I INPUT -s $TARGET$ -j DROP"), [
    "/sbin/iptables",
    "-I",
    "INPUT",
    "-s",
    "192.0.2.1",
    "-j",
    "DROP",
  ]);
  assert.deepEqual(argvOf(`  cmd\t"$TARGET$ $PORT$" '' 'a b'c"d"  $MODE$$PORT$ `), [
    "cmd",
    "192.0.2.1 23",
    "",
    "a bcd",
    "stcp23",
  ]);
  assert.deepEqual(argvOf("cmd x#y a!b '#' '!' '*;&|'"), ["cmd", "x#y", "a!b", "#", "!", "*;&|"]);
  assert.deepEqual(argvOf(""), []);
});

test("any shell syntax sends the whole template to sh", () => {
  const templates = [
    "a; b",
    "a & b",
    "a | b",
    "a < b",
    "a > b",
    "a `b`",
    "a $HOME",
    "a $(b)",
    "a {b,c}",
    "a *",
    "a ?",
    "a [b]",
    "a ~",
    "a\nb",
    "a \\b",
    "a #b",
    "! a",
    'a "$HOME"',
    'a "`b`"',
    'a "\\b"',
    "a 'b",
    'a "b',
    "X=1 a",
    "X+=1 a",
    "exec a",
    "if a",
    ": a",
    ". a",
    "a '$TAR''GET$'",
    "a $TARGET$ && b",
    "a $$TARGET$",
  ];
  for (const template of templates) {
    const filled = fill(parseTemplate(template), values);
    assert.deepEqual(filled.argv.slice(0, 2), ["/bin/sh", "-c"], template);
    assert.equal(filled.viaShell, true, template);
    assert.equal(filled.argv[2], filled.text);
    assert.equal(filled.text, template.replaceAll("$TARGET$", "192.0.2.1"));
  }
});

test("the text is the template with its tokens replaced, spaces and quotes as they are", () => {
  const filled = fill(parseTemplate("/bin/echo  'run' $TARGET$ $PORT$ $MODE$ >> /tmp/out $NOT$"), values);
  assert.equal(filled.text, "/bin/echo  'run' 192.0.2.1 23 stcp >> /tmp/out $NOT$");
});

test("property: whatever the values, the arguments are those of the template, in number and around the values", () => {
  fc.assert(
    fc.property(anyTemplate, anyValues, (text, some) => {
      const template = parseTemplate(text);
      const filled = fill(template, some);
      const model = fill(template, values);
      assert.equal(filled.argv.length, model.argv.length);
      assert.equal(filled.viaShell, model.viaShell);
      // Read backwards: every value once more replaced by its token gives the template's own words.
      const marked = fill(template, { target: prefix("203.0.113.99"), port: 64_999, modeName: "zz9zz" });
      const unmark = (word: string) =>
        word.replaceAll("203.0.113.99", "$TARGET$").replaceAll("64999", "$PORT$").replaceAll("zz9zz", "$MODE$");
      assert.equal(unmark(marked.text), text);
      if (!marked.viaShell) assert.deepEqual(marked.argv.map(unmark), template.words);
    }),
    { numRuns: 2000 },
  );
});

test("property: what goes by argv is what sh would have made of it", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        plainTemplate,
        anyTemplate.map((text) => `/bin/x ${text}`),
      ),
      anyValues,
      (text, some) => {
        const { argv, viaShell, text: command } = fill(parseTemplate(text), some);
        fc.pre(!viaShell);
        const shell = spawnSync("/bin/sh", ["-c", `printf '%s\\0' ${command}`], { encoding: "utf8" });
        assert.equal(shell.stdout, argv.map((word) => `${word}\0`).join(""), command);
      },
    ),
    { numRuns: 150 },
  );
});

test("property: sh given a filled template sees the values as plain text", () => {
  fc.assert(
    fc.property(anyValues, (some) => {
      const { argv, viaShell, text } = fill(parseTemplate("printf '%s\\0' $TARGET$ $PORT$ $MODE$; printf end"), some);
      assert.equal(viaShell, true);
      const shell = spawnSync(argv[0] ?? "", argv.slice(1), { encoding: "utf8" });
      const shown = text.slice("printf '%s\\0' ".length, -"; printf end".length);
      assert.equal(shell.stdout, `${shown.replaceAll(" ", "\0")}\0end`);
    }),
    { numRuns: 60 },
  );
});

test("values that no packet can bring are refused before they reach a command", () => {
  const template = parseTemplate("cmd $TARGET$ $PORT$ $MODE$");
  for (const modeName of ["", "a b", "$(id)", ";", "tcp\n", "x".repeat(17)]) {
    assert.throws(() => fill(template, { ...values, modeName }), /must not stand in a command/);
  }
  for (const port of [-1, 65_536, 1.5, Number.NaN]) {
    assert.throws(() => fill(template, { ...values, port }), /must not stand in a command/);
  }
});
