import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { withKernelSets } from "../../scripts/papers/kernel-sets.ts";
import { configuredSets } from "../../src/table/configured-sets.ts";
import { intervalSets } from "../../src/table/held-intervals.ts";
import { blockSets, kernelSets, keyLength } from "../../src/table/kernel-sets.ts";
import { learnedSetNames } from "../../src/table/learned-sets.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { plainSets } from "../../src/table/set-key.ts";
import { sets } from "../../src/table/sets.ts";
import { repositoryFolder } from "../support/repository.ts";
import { ordinaryPlan } from "./plan.ts";

const named = (choose: (row: (typeof kernelSets)[number]["row"]) => boolean) =>
  kernelSets.filter(({ row }) => choose(row)).map(({ name }) => name);

test("docs/reference/kernel-table.md has the table that the rows make", () => {
  const page = readFileSync(repositoryFolder("docs/reference/kernel-table.md"), "utf8");
  assert.ok(page.includes("| `ignored4/6` |"), "the page has no table");
  assert.ok(
    withKernelSets(page) === page,
    "the page differs from src/table/sets.ts; run: npm run build && node scripts/docs.mjs",
  );
});

test("every set has a name of its own, and the ruleset defines each once", () => {
  const names = kernelSets.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const defined = [...buildRuleset(ordinaryPlan, "on").matchAll(/^add set inet portreeve (\w+) (?!.*elements)/gm)].map(
    ([, name]) => name,
  );
  assert.deepEqual(defined, names);
});

test("the sets that the plan fills are those of whole ranges; rules and the daemon fill the others", () => {
  assert.deepEqual([...configuredSets(ordinaryPlan)].sort(), named(({ kind }) => kind === "fixed").sort());
  for (const { name, row } of kernelSets) if (row.kind === "dynamic") assert.ok(row.size && row.seconds, name);
});

test("blocks are where the daemon puts them, and what is learned is what the file keeps", () => {
  assert.deepEqual([...plainSets, ...Object.values(intervalSets)].sort(), [...blockSets].sort());
  assert.deepEqual([...learnedSetNames].sort(), named(({ isLearned }) => isLearned === true).sort());
});

test("a key is as long as the kernel has it", () => {
  assert.deepEqual(learnedSetNames.map(keyLength), [8, 20, 8, 4, 16, 8, 20, 12, 24, 16, 40, 12, 24, 16, 40]);
  assert.equal(keyLength("lured6"), 40);
  assert.equal(sets.held.seconds, 5);
});
