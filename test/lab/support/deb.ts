// The package itself, built from the program that is under test, and packages of Debian to go with it.
import { mkdirSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { mustRun } from "./exec.ts";
import type { Lab } from "./lab.ts";

// build/test/lab/support -> build, and the repository
const build = resolve(import.meta.dirname, "../../..");
const root = resolve(import.meta.dirname, "../../../..");

/** Builds portreeve_*.deb, as `npm run deb` does but quickly; answers with its path. */
export async function buildDeb(lab: Lab): Promise<string> {
  const folder = join(lab.folder, "deb");
  const script = [process.execPath, join(root, "scripts/deb.mjs")];
  await mustRun(["env", `PORTREEVE_BUILD=${build}`, ...script, "--fast", "--out", folder]);
  const [name] = readdirSync(folder);
  if (name === undefined) throw new Error(`${script.join(" ")} made nothing in ${folder}`);
  return join(folder, name);
}

/** Fetches Debian packages, with what they need and this machine lacks, and keeps them; nothing is installed here. */
export async function fetchPackages(names: readonly string[]): Promise<readonly string[]> {
  const cache = join(build, "deb", "debian", names.join("+"));
  const found = () => readdirSync(cache).filter((name) => name.endsWith(".deb"));
  mkdirSync(join(cache, "partial"), { recursive: true });
  if (found().length === 0) {
    const where = ["-o", `Dir::Cache::archives=${cache}`];
    const install = ["apt-get", "install", "-y", "-qq", "--download-only", "--no-install-recommends"];
    await mustRun([...install, ...where, ...names]).catch(async () => {
      // No lists yet, or old ones.
      await mustRun(["apt-get", "update", "-qq"]);
      await mustRun([...install, ...where, ...names]);
    });
  }
  return found().map((name) => join(cache, basename(name)));
}
