// Debian's PortSentry 1.2 and ours get the same configuration and the same probes: they say and leave behind the same, but
// for what docs/reference/differences.md names. The whole cross product of the settings is in long/differential.test.ts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { cases } from "./support/cases.ts";
import { compareAll } from "./support/compare.ts";
import { Differences } from "./support/difference-checks.ts";
import { differences } from "./support/differences.ts";

// build/test/lab -> the repository
const document = join(resolve(import.meta.dirname, "../../.."), "docs/reference/differences.md");
const known = new Differences(differences);

compareAll("PortSentry 1.2 and ours", cases, known);

test("each difference that the table allows has shown in some case", () => {
  assert.deepEqual(known.unmet(), []);
});

test("each difference that the table allows is explained in docs/reference/differences.md", () => {
  const headings = readFileSync(document, "utf8").split("\n");
  assert.deepEqual(
    differences.map(({ name }) => `### ${name}`).filter((heading) => !headings.includes(heading)),
    [],
  );
});
