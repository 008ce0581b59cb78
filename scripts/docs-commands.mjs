#!/usr/bin/env node
// Writes docs/reference/commands.md from the built command line (npm run build first); test/cli/reference.test.ts compares them.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Another build folder may be named, for those who do not build into build/.
const build = process.argv[2] ?? join(root, "build");
const load = (file) => import(pathToFileURL(join(build, "src/cli", file)).href);
const { commandReference, createReferenceProgram } = await load("reference.js");

mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(join(root, "docs/reference/commands.md"), commandReference(createReferenceProgram()));
