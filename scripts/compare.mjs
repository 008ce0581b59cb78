#!/usr/bin/env node
// npm run compare: is a later revision as fast as an earlier one? Builds both in worktrees of their own, runs the same tests of each
// in turn, and prints a table of the times and of the numbers in what the tests tell, medians of all rounds. As root, on a
// quiet machine; a round takes some ten minutes.
//   node scripts/compare.mjs BEFORE [AFTER] [--rounds 5] [--parts lab/leak,bench/replay]
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requireMachine } from "./machine.mjs";
import { fail, root } from "./setup.mjs";

await requireMachine({ asRoot: true });
/** Leak, innocents, proofs, floods, replay. */
const usualParts = ["lab/leak", "lab/forged", "bench/proof-latency", "lab/long/flood", "bench/replay"];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, parts: { type: "string", default: usualParts.join(",") } },
});
const [before, after = "HEAD"] = positionals;
const rounds = Number(values.rounds);
if (before === undefined || !(rounds >= 1))
  fail(64, "usage: npm run compare -- BEFORE [AFTER] [--rounds 5] [--parts ...]");

const folder = mkdtempSync(join(tmpdir(), "portreeve-compare-"));
const sides = [before, after].map((revision, index) => ({ revision, tree: join(folder, ["before", "after"][index]) }));
/** By part and by what was told, with "#" for each number: the numbers of each round, of both sides. */
const told = new Map();
try {
  for (const { revision, tree } of sides) {
    must("git", ["worktree", "add", "--quiet", "--detach", tree, revision], root);
    must("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], tree);
    must(process.execPath, ["scripts/build.mjs"], tree);
  }
  for (let round = 0; round < rounds; round++) {
    for (const part of values.parts.split(",")) {
      // The first of a round is the second of the next: what follows the other finds warmer caches.
      for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) runPart(part, index);
    }
    process.stderr.write(`compare: round ${round + 1} of ${rounds}, load ${loadavg()[0].toFixed(1)}\n`);
  }
  printTable();
} finally {
  for (const { tree } of sides)
    if (existsSync(tree)) spawnSync("git", ["worktree", "remove", "--force", tree], { cwd: root });
  rmSync(folder, { recursive: true, force: true });
}

function must(command, args, cwd) {
  const { status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed in ${cwd}: ${stdout}${stderr}`);
}

function runPart(part, index) {
  const args = ["--test", "--test-reporter=tap", `build/test/${part}.test.js`];
  const started = performance.now();
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: sides[index].tree, encoding: "utf8" });
  add(`${part}: seconds`, index, [(performance.now() - started) / 1000]);
  add(`${part}: runs that failed`, index, [status === 0 ? 0 : 1]);
  const known = /^# (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms|Subtest:) /;
  for (const line of stdout.split("\n").map((text) => text.trim())) {
    if (!line.startsWith("# ") || known.test(line)) continue;
    const numbers = [...line.matchAll(/(?<![\w.:])\d+(?:\.\d+)?/g)].map(([text]) => Number(text));
    if (numbers.length > 0) add(`${part}: ${line.slice(2).replace(/(?<![\w.:])\d+(?:\.\d+)?/g, "#")}`, index, numbers);
  }
}

function add(name, index, numbers) {
  const both = told.get(name) ?? [[], []];
  told.set(name, both);
  both[index].push(numbers);
}

/** The medians of a line's numbers, in their order; the smallest and the largest where there is one number. */
function summary(runs) {
  const [first] = runs;
  if (first === undefined) return "-";
  const columns = first.map((_, at) => runs.map((numbers) => numbers[at]).sort((a, b) => a - b));
  const short = (value) => String(Number(value.toPrecision(4)));
  const middles = columns.map((sorted) => short(sorted[sorted.length >> 1])).join("; ");
  const [only] = columns;
  return columns.length > 1 ? middles : `${middles} (${short(only[0])} to ${short(only.at(-1))})`;
}

function printTable() {
  const [from, to] = sides.map(({ revision }) => revision);
  process.stdout.write(`| medians of ${rounds} rounds in turn | ${from} | ${to} |\n|---|---|---|\n`);
  for (const [name, [old, now]] of told) process.stdout.write(`| ${name} | ${summary(old)} | ${summary(now)} |\n`);
}
