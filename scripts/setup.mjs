// What the other scripts share: installing what is missing (npm packages from the lockfile, Debian packages), building,
// running. Uses nothing but Node itself, so that it works on a fresh clone.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function fail(exitCode, message) {
  process.stderr.write(`portreeve: ${message}\n`);
  process.exit(exitCode);
}

/** Runs a command and ends the script when it fails. Output goes through; `quiet` keeps it for the error only. */
export function run(command, args, { quiet = false, env = process.env } = {}) {
  const result = spawnSync(command, args, { cwd: root, env, stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit" });
  if (result.status === 0) return;
  if (quiet) process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  const why = result.error === undefined ? `exit code ${result.status}` : result.error.message;
  fail(69, `${command} ${args.join(" ").slice(0, 200)} failed: ${why}`);
}

/** Installs exactly what package-lock.json names, unless that was done already. */
export function ensureNpmPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const mark = join(root, "node_modules/.portreeve-lock");
  if (existsSync(mark) && readFileSync(mark, "utf8") === lock) return;
  // npm ci empties the folder behind a link first, which belongs to another working tree.
  if (lstatSync(join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink())
    fail(
      78,
      "node_modules is a link and its packages are not those of package-lock.json: remove the link, or run npm ci where it points to",
    );
  process.stderr.write("portreeve: installing npm packages ...\n");
  run("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], { quiet: true });
  writeFileSync(mark, lock);
  giveToOwner("node_modules");
}

/**
 * After `sudo npm start` what was made in these folders belongs to the clone's owner, who could not build any more otherwise.
 * Links are not followed.
 */
export function giveToOwner(...folders) {
  const { uid, gid } = statSync(root);
  if (process.getuid() !== 0 || uid === 0) return;
  const made = folders.map((name) => join(root, name));
  const own = made.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  if (own.length > 0) run("chown", ["-hR", `${uid}:${gid}`, ...own], { quiet: true });
}

/** Another apt, such as that of the nightly upgrades, is waited for. */
const wait = ["-o", "DPkg::Lock::Timeout=300"];

/** Installs the Debian packages of which `isThere(name)` says that they are missing. */
export function ensureDebianPackages(names) {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) fail(77, `needs the Debian packages ${missing.join(", ")}; run as root, or install them`);
  process.stderr.write(`portreeve: installing Debian packages: ${missing.join(" ")} ...\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", [...wait, "update", "-qq"], { quiet: true, env });
  run("apt-get", [...wait, "install", "-y", "-qq", "--no-install-recommends", ...missing], { quiet: true, env });
}

function isInstalled(name) {
  const result = spawnSync("dpkg-query", ["-s", name], { encoding: "utf8" });
  return result.status === 0 && /^Status: install ok installed$/m.test(result.stdout);
}

export function build() {
  run(process.execPath, [join(root, "scripts/build.mjs")]);
}

/** Compiled test files below a folder of build/test, sorted. */
export function testFiles(folder, { except = [] } = {}) {
  const top = join(root, "build/test", folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true })
    .map((name) => String(name))
    .filter((name) => name.endsWith(".test.js") && !except.some((start) => name.startsWith(start)))
    .sort()
    .map((name) => join("build/test", folder, name));
}
