#!/usr/bin/env node
// npm start: installs what is missing, builds, and runs the daemon on this host. Arguments go to `portreeve run`:
//   npm start                 detects and logs; blocks nothing
//   npm start -- --block      blocks
//   npm start -- -c FILE      with another configuration
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { greeting } from "./greeting.mjs";
import { requireMachine } from "./machine.mjs";
import { build, ensureDebianPackages, ensureNpmPackages, root } from "./setup.mjs";

await requireMachine({ asRoot: true });
ensureDebianPackages(["nftables"]);
ensureNpmPackages();
build();

const given = process.argv.slice(2);
const hasFile = given.some((argument) => argument === "-c" || argument.startsWith("--conf"));
const file = hasFile ? [] : ["-c", join(root, "conf/portsentry.conf")];
if (!hasFile) ensureAllowList("/etc/portsentry/portsentry.ignore");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
if (process.stderr.isTTY) process.stderr.write(greeting(version, given));
const daemon = spawn(process.execPath, [join(root, "bin/portreeve"), "run", ...file, ...given], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => daemon.kill(signal));
daemon.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));

/** The shipped configuration names this file; a missing one would be warned of. */
function ensureAllowList(path) {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(root, "conf/portsentry.ignore"), path);
  process.stderr.write(`portreeve: made ${path}, the list of addresses that are never blocked\n`);
}
