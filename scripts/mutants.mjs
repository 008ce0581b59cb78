#!/usr/bin/env node
// npm run mutants: are the tests able to fail? Draws one-line mutants of judge/, table/, enforce/, detect/ and the packet's walk
// with a fixed seed, runs the unit tests that reach each mutated file (those of its own folder and room first) until one fails, and
// writes docs/mutants.md. It works on a copy of build/ and src/ in a temporary folder; the repository is not touched but for that page.
//   node scripts/mutants.mjs [--count 60] [--seed 11] [--minutes 30] [--within judge/proof] [--dry]
// With --within, mutants of the files below that path alone are drawn, and the page is not written; nor is it with another seed.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { requireMachine } from "./machine.mjs";
import { build, root } from "./setup.mjs";

/** The seed of the page. */
const PAGE_SEED = "11";

await requireMachine({ asRoot: false });
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "60" },
    seed: { type: "string", default: PAGE_SEED },
    minutes: { type: "string", default: "30" },
    within: { type: "string", default: "" },
    dry: { type: "boolean", default: false },
  },
});
const page = join(root, "docs/mutants.md");
/** The rooms that judge, enforce and detect, with all that they hold; and the files of daemon/ through which a packet walks. */
const rooms = ["judge", "table", "enforce", "detect"];
const walk = ["engine", "walk", "walked", "enforcement", "in-force", "sources"];
const isMutated = (file) => rooms.includes(roomOf(file)) || walk.some((name) => file === `daemon/${name}.js`);
/** Their tests need a right, a program or another machine's time. */
const leftOut = /^(lab|bench|kernel|cli|docs)\//;
/** A mutant may loop for ever: a test file that takes so much longer than without it has found it. */
const SLOWER = 4;
const SLACK_MS = 10_000;
/** Of one mutant, for the tests of other files; what has not failed by then has survived. */
const BUDGET_MS = 120_000;
/** Of the test of the mutated file. */
const OWN_TEST_MS = 300_000;
/** Test files of other files that take longer are not run: they would use up the time of the others. */
const SLOW_MS = 40_000;
/** It compares the numbers that the docs state with the constants in src/, which it reads as text. */
const BOUNDS_TEST = "docs/bounds.test.js";

/** The text with everything that is no code (comments, strings, templates, regular expressions) made blank. */
function codeOf(text) {
  const code = [...text];
  const blank = (from, to) => {
    for (let at = from; at < to; at++) if (code[at] !== "\n") code[at] = " ";
  };
  const rest = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`/g;
  for (const { index, 0: piece } of text.matchAll(rest)) blank(index, index + piece.length);
  const joined = code.join("");
  for (const { index, 0: piece, 1: before } of joined.matchAll(
    /([(,=:!&|?]\s*)\/(?![/*])(?:\\.|\[[^\]]*\]|[^/\n\\[])+\/\w*/g,
  ))
    blank(index + before.length, index + piece.length);
  return code.join("");
}

/** Each finds places in the code and says what stands there instead. */
const operators = [
  { name: "comparison", pattern: / (<=?|>=?|===|!==) /g, instead: ([, sign]) => ` ${otherSign[sign]} ` },
  { name: "and, or", pattern: / (&&|\|\|) /g, instead: ([, sign]) => (sign === "&&" ? " || " : " && ") },
  { name: "not", pattern: /(?<![\w)])!(?=[\w(])/g, instead: () => "" },
  { name: "number", pattern: /(?<![\w.#$])\d[\d_]*(?![\w.])/g, instead: ([text]) => `(${text} + 1)` },
  { name: "minus one", pattern: /(?<![\w.#$])[1-9][\d_]*(?![\w.])/g, instead: ([text]) => `(${text} - 1)` },
  { name: "true, false", pattern: /\b(true|false)\b/g, instead: ([text]) => (text === "true" ? "false" : "true") },
  { name: "plus, minus", pattern: / ([+-]) (?=\w)/g, instead: ([, sign]) => (sign === "+" ? " - " : " + ") },
  {
    name: "statement dropped",
    // Within functions: a field of a class stands further left.
    pattern: /^ {8,}(?:(?:this\.|\w+\.)[\w.#?]+\([^\n]*\)|[\w.#[\]]+ (?:[+-]?=) [^\n]*|this\.[\w.#]+(?:\+\+|--));$/gm,
    instead: ([text]) => `${/^ */.exec(text)[0]};`,
  },
  { name: "early return", pattern: /(?<=\) \{\n) +(?=\S)/g, instead: ([text]) => `${text}return; ` },
];
const otherSign = { "<": "<=", "<=": "<", ">": ">=", ">=": ">", "===": "!==", "!==": "===" };

function* filesIn(folder, ending) {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort())
    if (name.endsWith(ending)) yield name;
}

/**
 * A place's rank goes by the seed and by what stands there, not by where it stands: a change of the source draws no other mutants
 * in the files and lines that it leaves alone.
 */
function rankOf(seed, operator, file, lineText, nth) {
  return createHash("sha256").update(`${seed} ${operator} ${file} ${nth} ${lineText}`).digest("hex");
}

/**
 * Mutants that are equivalent by a rule, and are not drawn: the number behind `??` of an indexed read (`words[at] ?? 0`).
 * TypeScript asks for it (noUncheckedIndexedAccess); it is taken where the index is beyond the end, and never within.
 */
function isNeverTaken(code, at) {
  return /\] \?\? $/.test(code.slice(Math.max(0, at - 8), at));
}

/** As many of each operator, at most one of a line. */
function draw(sources, count, seed) {
  const places = operators.map(({ name, pattern, instead }) => {
    const found = [];
    for (const [file, text] of sources) {
      const code = codeOf(text);
      const seen = new Map();
      for (const match of code.matchAll(pattern)) {
        const line = text.lastIndexOf("\n", match.index) + 1;
        const lineText = text.slice(line, text.indexOf("\n", match.index + match[0].length)).trim();
        if (/^(import|export \{)/.test(lineText) || isNeverTaken(code, match.index)) continue;
        const nth = seen.get(lineText) ?? 0;
        seen.set(lineText, nth + 1);
        found.push({
          rank: rankOf(seed, name, file, lineText, nth),
          operator: name,
          file,
          at: match.index,
          was: text.slice(match.index, match.index + match[0].length),
          instead: instead(match),
        });
      }
    }
    return found.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  });
  const drawn = [];
  const lines = new Set();
  while (drawn.length < count && places.some((list) => list.length > 0)) {
    for (const list of places) {
      const place = list.shift();
      if (place === undefined || drawn.length >= count) continue;
      const text = sources.get(place.file);
      const line = text.slice(0, place.at).split("\n").length;
      if (lines.has(`${place.file}:${line}`)) continue;
      lines.add(`${place.file}:${line}`);
      drawn.push({ ...place, ...origin(place, text) });
    }
  }
  return drawn;
}

/** Where it stands in the TypeScript, and the line before and after. */
function origin({ file, at, was, instead }, text) {
  const before = text.slice(0, at).split("\n");
  const map = new SourceMap(JSON.parse(readFileSync(join(root, "build/src", `${file}.map`), "utf8")));
  // A statement that is dropped begins behind its blanks.
  const indent = /^\s*/.exec(was)[0].length;
  const { originalLine } = map.findEntry(before.length - 1, before[before.length - 1].length + indent);
  const [from, to] = [text.lastIndexOf("\n", at - 1) + 1, text.indexOf("\n", at + was.length)];
  const line = text.slice(from, to).trim();
  const rest = `${text.slice(from, at)}${instead}${text.slice(at + was.length, to)}`.trim();
  const changed = rest === ";" ? `(dropped) ${line}` : rest;
  return { line: originalLine + 1, was: line, becomes: changed, from: at, to: at + was.length };
}

/** Which files of build/src each test file loads, and over how many imports. */
function reachOf(folder) {
  const known = new Map();
  const importsOf = (path) => {
    if (known.has(path)) return known.get(path);
    const found = [...readFileSync(path, "utf8").matchAll(/(?:from|import) "(\.[^"]+)"/g)].map(([, to]) =>
      resolve(dirname(path), to),
    );
    known.set(path, found);
    return found;
  };
  return (test) => {
    const reached = new Map([[test, 0]]);
    // What is added while a map is walked comes in its turn: the nearest first.
    for (const [path, steps] of reached) {
      if (!existsSync(path)) continue;
      for (const next of importsOf(path)) if (!reached.has(next)) reached.set(next, steps + 1);
    }
    return new Map([...reached].map(([path, steps]) => [relative(join(folder, "src"), path), steps]));
  };
}

/** Runs one test file in a process group of its own; how long it took, and whether it passed. */
function runTest(folder, file, limitMs) {
  const startMs = performance.now();
  return new Promise((done) => {
    const child = spawn("nice", ["-n", "10", process.execPath, join("build/test", file)], {
      cwd: folder,
      stdio: "ignore",
      detached: true,
    });
    const limit = setTimeout(() => process.kill(-child.pid, "SIGKILL"), limitMs);
    child.once("close", (code) => {
      clearTimeout(limit);
      done({ passed: code === 0, ms: performance.now() - startMs });
    });
  });
}

/** A number that is changed in a constant, in the TypeScript: for the test that compares constants with the docs. */
function writtenMutant({ operator, file, line, instead }) {
  if (operator !== "number" && operator !== "minus one") return undefined;
  const source = file.replace(/\.js$/, ".ts");
  const lines = readFileSync(join(root, "src", source), "utf8").split("\n");
  const text = lines[line - 1] ?? "";
  const number = instead.slice(1).split(" ")[0];
  if (!/^(export )?const \w+ = /.test(text) || text.split(number).length !== 2) return undefined;
  // The test reads plain numbers.
  const value = Number(number.replaceAll("_", "")) + (operator === "number" ? 1 : -1);
  lines[line - 1] = text.replace(number, String(value));
  return { file: source, text: lines.join("\n") };
}

const roomOf = (file) => file.split("/")[0];

async function main() {
  build();
  const folder = mkdtempSync(join(tmpdir(), "portreeve-mutants-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  cpSync(join(root, "build"), join(folder, "build"), { recursive: true });
  cpSync(join(root, "src"), join(folder, "src"), { recursive: true });
  for (const name of readdirSync(root))
    if (name !== "build" && name !== "src" && name !== ".git") symlinkSync(join(root, name), join(folder, name));

  const sources = new Map();
  for (const file of filesIn(join(folder, "build/src"), ".js"))
    if (isMutated(file) && file.startsWith(values.within))
      sources.set(file, readFileSync(join(folder, "build/src", file), "utf8"));
  const mutants = draw(sources, Number(values.count), values.seed);
  if (values.dry) {
    for (const { file, line, operator, becomes } of mutants)
      process.stdout.write(`${file}:${line} (${operator}) ${becomes}\n`);
    return;
  }
  /** src/ as it is, after a mutant. */
  const restore = ({ file }) => {
    const source = file.replace(/\.js$/, ".ts");
    cpSync(join(root, "src", source), join(folder, "src", source));
  };
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  const reach = reachOf(join(folder, "build"));
  const tests = [...filesIn(join(folder, "build/test"), ".test.js")]
    .filter((file) => !leftOut.test(file) || file === BOUNDS_TEST)
    .map((file) => ({ file, reached: reach(join(folder, "build/test", file)), ms: undefined }));
  const results = [];
  for (const mutant of mutants) {
    if (performance.now() > endMs) break;
    const path = join(folder, "build/src", mutant.file);
    const text = sources.get(mutant.file);
    const written = writtenMutant(mutant);
    const able = tests.filter(
      ({ file, reached }) => reached.has(mutant.file) || (file === BOUNDS_TEST && written !== undefined),
    );
    const isNear = ({ file }) => roomOf(file) === roomOf(mutant.file);
    const isBeside = ({ file }) => dirname(file) === dirname(mutant.file);
    const isItsOwn = ({ file }) => file === mutant.file.replace(/\.js$/, ".test.js");
    const stepsOf = ({ reached }) => reached.get(mutant.file) ?? 1;
    const inTurn = (a, b) =>
      isItsOwn(b) - isItsOwn(a) || isBeside(b) - isBeside(a) || isNear(b) - isNear(a) || stepsOf(a) - stepsOf(b);
    able.sort((a, b) => inTurn(a, b) || (a.ms ?? 1_000) - (b.ms ?? 1_000));
    let untilMs = performance.now() + BUDGET_MS;
    let [killer, runs] = [undefined, 0];
    for (const test of able) {
      if (performance.now() > untilMs) break;
      // How long it takes without any mutant, measured when it is first needed.
      if (test.ms === undefined) {
        writeFileSync(path, text);
        restore(mutant);
        const { passed, ms } = await runTest(folder, test.file, isItsOwn(test) ? OWN_TEST_MS : SLOW_MS);
        test.ms = passed ? ms : Number.POSITIVE_INFINITY;
      }
      if (!Number.isFinite(test.ms)) continue;
      writeFileSync(path, text.slice(0, mutant.from) + mutant.instead + text.slice(mutant.to));
      if (written !== undefined) writeFileSync(join(folder, "src", written.file), written.text);
      runs++;
      const { passed } = await runTest(folder, test.file, SLOWER * test.ms + SLACK_MS);
      if (isItsOwn(test)) untilMs = performance.now() + BUDGET_MS;
      if (passed) continue;
      killer = test.file;
      break;
    }
    writeFileSync(path, text);
    restore(mutant);
    results.push({ ...mutant, killer, runs });
    const verdict =
      killer === undefined
        ? `SURVIVED ${runs} of ${able.length} test files`
        : `killed by ${killer.replace(/\.js$/, ".ts")}`;
    process.stdout.write(
      `${results.length}/${mutants.length} ${mutant.file.replace(/\.js$/, ".ts")}:${mutant.line} ${mutant.becomes}\n    ${verdict}\n`,
    );
  }
  for (const { file, ms } of tests)
    if (ms === Number.POSITIVE_INFINITY)
      process.stdout.write(`${file} fails without any mutant, or takes too long: not used\n`);
  if (values.within === "" && values.seed === PAGE_SEED) writeFileSync(page, report(results, mutants.length));
}

/** What somebody has written is kept: the reasons, by the line and what becomes of it, and what stands about other runs. */
function writtenBefore() {
  const text = existsSync(page) ? readFileSync(page, "utf8") : "";
  const rows = text.matchAll(/^\| `([^`]+):\d+` \| (`.*`) \| (.*) \|$/gm);
  const reasons = new Map([...rows].map(([, file, becomes, reason]) => [`${file} ${becomes}`, reason]));
  return { reasons, otherRuns: /\n## Other runs\n[\s\S]*$/.exec(text)?.[0] ?? "" };
}

function commit() {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
}

function report(results, count) {
  const { reasons, otherRuns } = writtenBefore();
  const survivors = results.filter(({ killer }) => killer === undefined);
  const killed = results.length - survivors.length;
  const rows = survivors.map(({ file, line, becomes }) => {
    const [name, code] = [
      `src/${file.replace(/\.js$/, ".ts")}`,
      `\`${becomes.replaceAll("|", "\\|").replaceAll("`", "'")}\``,
    ];
    return `| \`${name}:${line}\` | ${code} | ${reasons.get(`${name} ${code}`) ?? "not looked into"} |`;
  });
  return `# Mutants

Made by \`npm run mutants\` (scripts/mutants.mjs): ${count} one-line mutants of ${rooms.map((room) => `\`${room}/\``).join(", ")}
and \`daemon/{${walk.join(",")}}.ts\`, drawn with seed ${values.seed}, as many of each operator (${operators.map(({ name }) => name).join("; ")}). A mutant
is killed when a unit test fails that reaches the mutated file, or the test that compares a constant with the docs; the lab tests, which see the whole daemon, are not run.
The reasons are from reading the lines; no lab test has been run against a mutant.

Not drawn are mutants that are equivalent by a rule: the number behind \`??\` of an indexed read (\`words[at] ?? 0\`), which TypeScript asks for and which is taken only
beyond the end of an array. A place is drawn by the seed and by the text of its line, so that a change elsewhere draws no others.

Run of ${new Date().toISOString().slice(0, 10)} at commit ${commit()}: **${killed} of ${results.length} killed (${Math.round((100 * killed) / Math.max(1, results.length))} %)**${results.length < count ? `; for ${count - results.length} of those drawn the time was over` : ""}.

| survivor | the mutated line | why it survives |
|---|---|---|
${rows.join("\n")}
${otherRuns}`;
}

await main();
