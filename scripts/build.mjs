#!/usr/bin/env node
// Compiles src/ and test/ into build/ with the pinned TypeScript; stale output is removed first when sources moved.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const result = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", root], {
  stdio: "inherit",
});
process.exit(result.status ?? 1);
