#!/usr/bin/env node
// Writes what is made from the table of keys (docs/reference/configuration.md, conf/portsentry.conf) and from that of the
// kernel's sets (in docs/reference/kernel-table.md). Needs `npm run build` first.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = process.env.PORTREEVE_BUILD ?? join(root, "build");
const { renderKeyReference } = await import(join(build, "scripts/papers/key-reference.js"));
const { renderShippedFile } = await import(join(build, "src/config/shipped-file.js"));
writeFileSync(join(root, "docs/reference/configuration.md"), renderKeyReference());
writeFileSync(join(root, "conf/portsentry.conf"), renderShippedFile());
const { withKernelSets } = await import(join(build, "scripts/papers/kernel-sets.js"));
const page = join(root, "docs/reference/kernel-table.md");
writeFileSync(page, withKernelSets(readFileSync(page, "utf8")));
