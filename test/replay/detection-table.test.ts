import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";
import { renderTable, withTable } from "./detection-table.ts";

test("the corpus table of docs/reference/detection.md is what the detectors make of the corpus", async () => {
  const page = readFileSync(repositoryFolder("docs/reference/detection.md"), "utf8");
  assert.equal(page, withTable(page, await renderTable()), 'run "node scripts/detection-table.mjs"');
});
