// Packages of Debian that tests install into a Root: fetched by this machine's apt once, installed only there.
import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { mustRun } from "./exec.ts";

// build/test/lab/support -> build
const build = resolve(import.meta.dirname, "../../..");

/** The packages, and what they need and this machine lacks; none where it has them all already. */
export async function fetchPackages(names: readonly string[]): Promise<readonly string[]> {
  const cache = join(build, "deb", "debian", names.join("+"));
  const found = (): readonly string[] => readdirSync(cache).filter((name) => name.endsWith(".deb"));
  mkdirSync(join(cache, "partial"), { recursive: true });
  if (found().length === 0) {
    const where = ["-o", `Dir::Cache::archives=${cache}`];
    const fetch = ["apt-get", "install", "-y", "-qq", "--download-only", "--no-install-recommends", ...where, ...names];
    await mustRun(fetch).catch(async () => {
      // No lists yet, or old ones.
      await mustRun(["apt-get", "update", "-qq"]);
      await mustRun(fetch);
    });
  }
  return found().map((name) => join(cache, name));
}
