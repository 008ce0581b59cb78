#!/usr/bin/env node
// Writes what is made from the table of keys: docs/reference/configuration.md and conf/portsentry.conf. Needs `npm run build` first.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = process.env.PORTREEVE_BUILD ?? join(root, "build");
const { renderKeyReference } = await import(join(build, "scripts/papers/key-reference.js"));
const { renderShippedFile } = await import(join(build, "src/config/shipped-file.js"));
writeFileSync(join(root, "docs/reference/configuration.md"), renderKeyReference());
writeFileSync(join(root, "conf/portsentry.conf"), renderShippedFile());
