#!/usr/bin/env node
// npm test: installs what the tests need, builds (type check), checks format and lint, runs the tests.
//   node scripts/test.mjs            everything but the long runs
//   node scripts/test.mjs unit|lab|long|bench [file name part ...]
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build, ensureDebianPackages, ensureNpmPackages, requireMachine, root, run, testFiles } from "./setup.mjs";

const [part = "all", ...wanted] = process.argv.slice(2);
const needsLab = part !== "unit";
requireMachine({ asRoot: needsLab });
ensureNpmPackages();
if (needsLab) ensureDebianPackages((await import("./lab-packages.mjs")).labPackages);
build();

const sets = {
  unit: () => testFiles(".", { except: ["lab/", "bench/"] }),
  lab: () => testFiles("lab", { except: ["long/"] }),
  long: () => testFiles("lab/long"),
  bench: () => testFiles("bench"),
};

/** Runs test files; those of the lab one after the other, as each measures the machine it runs on. */
function runTests(name) {
  const files = sets[name]().filter((file) => wanted.length === 0 || wanted.some((text) => file.includes(text)));
  if (files.length === 0) return true;
  const concurrency = name === "unit" ? 2 : 1;
  const args = ["--test", `--test-concurrency=${concurrency}`, "--enable-source-maps", ...files];
  return spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
}

if (part === "all") run(join(root, "node_modules/.bin/biome"), ["ci", "--error-on-warnings", "."]);
const names = part === "all" ? ["unit", "lab"] : [part];
const passed = names.map(runTests).every(Boolean);
process.exit(passed ? 0 : 1);
