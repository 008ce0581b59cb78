#!/usr/bin/env node
// Writes docs/reference/commands.md from the built command line (npm run build first); test/papers/commands.test.ts compares them.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Another build folder may be named, for those who do not build into build/.
const build = process.argv[2] ?? join(root, "build");
const papers = pathToFileURL(join(build, "scripts/papers/commands.js"));
const { commandReference, createReferenceProgram } = await import(papers.href);

mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(join(root, "docs/reference/commands.md"), commandReference(createReferenceProgram()));
