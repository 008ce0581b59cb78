// docs/reference/commands.md is what the command line says of itself.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { commandReference, createReferenceProgram } from "../../scripts/papers/commands.ts";

/** The nearest folder above the build that has the page. */
function findRepository(): string {
  let folder = import.meta.dirname;
  while (folder !== dirname(folder) && !existsSync(join(folder, "docs/reference/commands.md")))
    folder = dirname(folder);
  return folder;
}

test("docs/reference/commands.md is up to date (else: npm run build && node scripts/docs-commands.mjs)", () => {
  const written = readFileSync(join(findRepository(), "docs/reference/commands.md"), "utf8");
  assert.equal(written, commandReference(createReferenceProgram()));
});

test("the reference has every command with its options, examples and exit codes", () => {
  const reference = commandReference(createReferenceProgram());
  for (const command of ["run", "check", "status", "blocked", "events", "why", "block", "unblock"]) {
    const section = reference.split("\n## ").find((text) => text.startsWith(`portreeve ${command}\n`));
    assert.ok(section !== undefined, command);
    assert.match(section, /--conf <file>/);
    assert.match(section, /Examples:\n {2}portreeve /);
    assert.match(section, /Exit codes:\n {2}0 /);
  }
});
