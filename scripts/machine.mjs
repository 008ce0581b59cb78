// What each script asks of the machine first. Where Node is too old (Debian 12 has 18), the script goes on under the runtime that
// the .deb carries: pinned in deb-lock.json, fetched once into build/deb/. This file and what it imports run on Node 18 as well.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { pinnedPackages, unpackPinned } from "./deb/registry.mjs";
import { fail, root } from "./setup.mjs";

const architectures = { x64: "amd64", arm64: "arm64" };

/**
 * Ends the script with a message when this machine cannot run Portreeve. Under an old Node the script is run again under the
 * pinned runtime, and this promise stays open until that has ended, with the script's exit code.
 */
export async function requireMachine({ asRoot }) {
  if (process.platform !== "linux") fail(69, `needs Linux, this is ${process.platform}`);
  if (asRoot && process.getuid() !== 0) fail(77, "needs root: it loads nftables rules; run it again with sudo");
  if (isOld(process.versions.node)) await runAgain(pinnedRuntime());
}

function isOld(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 20 || (major === 20 && minor < 19);
}

/** The folder of the pinned runtime's program. */
export function pinnedRuntime() {
  const arch = architectures[process.arch];
  if (arch === undefined)
    fail(69, `needs Node >= 20.19, this is ${process.version}; none is pinned for ${process.arch}`);
  const cache = join(root, "build/deb", arch);
  const folder = join(cache, "runtime");
  const [runtime] = pinnedPackages(arch).values();
  unpackPinned(runtime, cache, folder);
  return join(folder, "bin");
}

function runAgain(bin) {
  const program = join(bin, "node");
  process.stderr.write(`portreeve: needs Node >= 20.19, this is ${process.version}: going on with ${program}\n`);
  // Also for what the script starts by the name "node".
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` };
  const again = spawn(program, process.argv.slice(1), { stdio: "inherit", env });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => again.kill(signal));
  // A terminal sends it to both.
  process.on("SIGINT", () => {});
  return new Promise(() => {
    again.on("error", (error) => fail(69, `cannot run ${program}: ${error.message}`));
    again.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
  });
}
