// Packages of Debian that tests install into a Root: fetched by this machine's apt once, installed only there.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { mustRun } from "./exec.ts";

// build/test/lab/support -> build
const build = resolve(import.meta.dirname, "../../..");

/** The packages, and what they need and this machine lacks; none where it has them all already. */
export async function fetchPackages(names: readonly string[]): Promise<readonly string[]> {
  const cache = join(build, "deb", "debian", names.join("+"));
  const found = (): readonly string[] => readdirSync(cache).filter((name) => name.endsWith(".deb"));
  mkdirSync(join(cache, "partial"), { recursive: true });
  if (found().length === 0) await download(cache, ["--no-install-recommends", ...names]);
  return found().map((name) => join(cache, name));
}

/** The same, unpacked into a folder that ends with this process, and never installed. */
export async function unpackPackages(names: readonly string[]): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "portreeve-unpacked-"));
  process.on("exit", () => rmSync(root, { recursive: true, force: true }));
  for (const file of await fetchPackages(names)) await mustRun(["dpkg-deb", "-x", file, root]);
  return root;
}

/** Everything that apt would install here beside a package file; where that is much, as on a minimal Debian, or nothing. */
export async function fetchCompanions(file: string, folder: string): Promise<readonly string[]> {
  mkdirSync(join(folder, "partial"), { recursive: true });
  await download(folder, [file]);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".deb"))
    .map((name) => join(folder, name));
}

async function download(folder: string, what: readonly string[]): Promise<void> {
  const options = [`Dir::Cache::archives=${folder}`, "DPkg::Lock::Timeout=300"].flatMap((option) => ["-o", option]);
  const fetch = ["apt-get", "install", "-y", "-qq", "--download-only", ...options, ...what];
  await mustRun(fetch).catch(async () => {
    // No lists yet, or old ones.
    await mustRun(["apt-get", "update", "-qq"]);
    await mustRun(fetch);
  });
}
