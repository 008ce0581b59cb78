// Packages of the npm registry that the .deb carries, and which npm does not install here (the runtime, another architecture's
// prebuilds): exact versions, and nothing is used whose SHA-512 is not the one in scripts/deb-lock.json.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fail, root, run } from "../setup.mjs";

const read = (file) => JSON.parse(readFileSync(join(root, file), "utf8"));

/** The packages pinned for an architecture, by name. Those that package-lock.json names as well have to agree with it. */
export function pinnedPackages(arch) {
  const { packages } = read("package-lock.json");
  const pinned = new Map(read("scripts/deb-lock.json")[arch].map((entry) => [entry.name, entry]));
  for (const { name, version, integrity } of pinned.values()) {
    const locked = packages[`node_modules/${name}`];
    if (locked === undefined || (locked.version === version && locked.integrity === integrity)) continue;
    fail(
      78,
      `scripts/deb-lock.json pins ${name} ${version}, package-lock.json ${locked.version}: write that one, with what ` +
        `"npm view ${name}@${locked.version} dist.integrity" prints`,
    );
  }
  return pinned;
}

/** In a folder that was unpacked whole: the hash of its tarball. It is no part of the package. */
export const UNPACKED_MARK = ".integrity";

/**
 * Unpacks a pinned package into `folder`, once: the program that runs may be the one in that folder, and cannot be written
 * meanwhile. The tarball is kept in `cache`, and checked before it is unpacked.
 */
export function unpackPinned({ name, version, integrity }, cache, folder) {
  const mark = join(folder, UNPACKED_MARK);
  if (existsSync(mark) && readFileSync(mark, "utf8") === integrity) return;
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `${name.replace("/", "-").replace("@", "")}-${version}.tgz`);
  if (!existsSync(file)) download(`${name}@${version}`, cache, file);
  const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  if (found !== integrity) {
    rmSync(file);
    fail(69, `${name}@${version} is not what scripts/deb-lock.json pins: ${found} instead of ${integrity}`);
  }
  const fresh = mkdtempSync(join(cache, "unpack-"));
  chmodSync(fresh, 0o755);
  run("tar", ["-xzf", file, "-C", fresh, "--strip-components=1", "--no-same-owner"]);
  writeFileSync(join(fresh, UNPACKED_MARK), integrity);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(fresh, folder);
}

function download(spec, cache, file) {
  process.stderr.write(`deb: fetching ${spec} ...\n`);
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    const result = spawnSync("npm", ["pack", "--silent", "--pack-destination", folder, spec], { encoding: "utf8" });
    const [name] = readdirSync(folder);
    if (result.status !== 0 || name === undefined) fail(69, `npm pack ${spec} failed: ${result.stderr}`);
    renameSync(join(folder, name), file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The names of the packages that the program needs at run time, from package.json down. No platform packages. */
export function productionPackages() {
  const locked = read("package-lock.json").packages;
  const names = new Set();
  const visit = (name) => {
    if (names.has(name)) return;
    const file = `node_modules/${name}/package.json`;
    if (!existsSync(join(root, file))) fail(69, `${name} is not installed at the top of node_modules: run npm install`);
    const { version, dependencies = {} } = read(file);
    const expected = locked[`node_modules/${name}`]?.version;
    if (version !== expected) fail(69, `${name} ${version} is installed, package-lock.json says ${expected}`);
    names.add(name);
    for (const dependency of Object.keys(dependencies)) visit(dependency);
  };
  for (const name of Object.keys(read("package.json").dependencies)) visit(name);
  return [...names].sort();
}
