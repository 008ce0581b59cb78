#!/usr/bin/env node
// npm test: installs what the tests need, builds (type check), checks format and lint, runs the tests.
//   node scripts/test.mjs            everything but the long runs
//   node scripts/test.mjs unit|lab|long|bench [file name part ...] [--option=value ... for benches: test/bench/options.ts]
import { spawn, spawnSync } from "node:child_process";
import { join, relative } from "node:path";
import { requireMachine } from "./machine.mjs";
import { build, ensureDebianPackages, ensureNpmPackages, root, run, testFiles } from "./setup.mjs";

const [part = "all", ...words] = process.argv.slice(2);
const wanted = words.filter((word) => !word.startsWith("--"));
process.env.BENCH_OPTIONS = words.filter((word) => word.startsWith("--")).join("\n");
const needsLab = part !== "unit";
await requireMachine({ asRoot: needsLab });
ensureNpmPackages();
if (needsLab) ensureDebianPackages((await import("./lab-packages.mjs")).labPackages);
build();

const sets = {
  unit: () => testFiles(".", { except: ["lab/", "bench/"] }),
  lab: () => testFiles("lab", { except: ["long/"] }),
  long: () => testFiles("lab/long"),
  bench: () => testFiles("bench"),
};

/** Lab tests that run at a time: each waits most of its time, for packets and for clocks. */
const LANES = 4;
/** They fetch packages by apt and build ours: one of them at a time. */
const usesPackages =
  /lab.(package|walkthrough|fail2ban|guard|guard-services|ssh-source|own-session|trial|unseen-login)\.test/;
/** Begun first, or the last of them would run alone at the end. */
const longest = [
  ...[
    "differential",
    "proof",
    "many-sources",
    "decoy",
    "delegation",
    "repeated-probes",
    "false-alarm",
    "decoy-attacks",
  ],
  ...[
    "ends-well",
    "silence-tells-nothing",
    "detection",
    "web-page",
    "idle-commands",
    "networks",
    "forged",
    "leak",
    "ring",
  ],
];

/** Those that wait for each other come first, so that they never wait for each other alone at the end. */
function rank(file) {
  if (usesPackages.test(file)) return -1;
  const at = longest.findIndex((name) => file.endsWith(`/${name}.test.js`));
  return at < 0 ? longest.length : at;
}

const options = ["--test", "--enable-source-maps"];

/** Each file in a process of its own, so that it prints when it is done, and not among others. */
function runFile(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...options, file], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const pieces = [];
    child.stdout.on("data", (piece) => pieces.push(piece));
    child.stderr.on("data", (piece) => pieces.push(piece));
    child.once("close", (code) => {
      process.stdout.write(`# ${relative(root, file)}\n${Buffer.concat(pieces)}`);
      resolve(code === 0);
    });
  });
}

async function runInLanes(files) {
  const waiting = [...files].sort((a, b) => rank(a) - rank(b));
  let arePackagesInUse = false;
  const results = [];
  const lane = async () => {
    for (;;) {
      const at = waiting.findIndex((file) => !(arePackagesInUse && usesPackages.test(file)));
      if (at < 0) return;
      const [file] = waiting.splice(at, 1);
      const usesThem = usesPackages.test(file);
      if (usesThem) arePackagesInUse = true;
      results.push({ file, passed: await runFile(file) });
      if (usesThem) arePackagesInUse = false;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  // A lane ends when only files are left that have to wait for the other.
  while (waiting.length > 0) await lane();
  const failed = results.filter(({ passed }) => !passed);
  for (const { file } of failed) process.stdout.write(`# FAILED: ${relative(root, file)}\n`);
  return failed.length === 0;
}

function runTogether(files, concurrency) {
  const args = [...options, `--test-concurrency=${concurrency}`, ...files];
  return spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
}

/** Long runs and benchmarks measure the machine they run on: one after the other. */
function runTests(name) {
  const files = sets[name]().filter((file) => wanted.length === 0 || wanted.some((text) => file.includes(text)));
  if (files.length === 0) return true;
  return name === "lab" ? runInLanes(files) : runTogether(files, name === "unit" ? 2 : 1);
}

if (part === "all") run(join(root, "node_modules/.bin/biome"), ["ci", "--error-on-warnings", "."]);
const names = part === "all" ? ["unit", "lab"] : [part];
const passed = [];
for (const name of names) passed.push(await runTests(name));
process.exit(passed.every(Boolean) ? 0 : 1);
