#!/usr/bin/env node
// Writes the corpus table of docs/reference/detection.md from what the detectors make of test/corpus. Needs `npm run build` first.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = process.env.PORTREEVE_BUILD ?? join(root, "build");
const { renderTable, withTable } = await import(join(build, "test/replay/detection-table.js"));
const path = join(root, "docs/reference/detection.md");
writeFileSync(path, withTable(readFileSync(path, "utf8"), await renderTable()));
