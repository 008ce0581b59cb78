#!/usr/bin/env node
// Compiles src/, test/ and scripts/papers/ into build/ with the pinned TypeScript, and removes output whose source is gone.
// Then it joins the modules of the client commands into one file.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeClientFile } from "./client-file.mjs";
import { requireMachine } from "./machine.mjs";
import { ensureNpmPackages, giveToOwner, root } from "./setup.mjs";

await requireMachine({ asRoot: false });
const output = join(root, "build");

for (const folder of ["src", "test", "scripts"]) {
  if (!existsSync(join(output, folder))) continue;
  for (const name of readdirSync(join(output, folder), { recursive: true })) {
    const source = join(root, folder, String(name).replace(/\.js(\.map)?$/, ".ts"));
    if (/\.js(\.map)?$/.test(String(name)) && !existsSync(source)) rmSync(join(output, folder, String(name)));
  }
}
const compiler = join(root, "node_modules/typescript/bin/tsc");
if (!existsSync(compiler)) ensureNpmPackages();
const result = spawnSync(process.execPath, [compiler, "-p", root], { stdio: "inherit" });
if (result.status === 0) writeClientFile(join(output, "src"));
giveToOwner("build");
process.exit(result.status ?? 1);
