#!/usr/bin/env node
// npm run deb: dist/portreeve_VERSION_ARCH.deb, which installs on Debian 12 and 13 with what Debian or the package provides.
//   npm run deb                        for amd64
//   npm run deb -- --arch arm64        for arm64, from any machine
//   npm run deb -- --fast --out DIR    quick to make and larger: for tests
// PORTREEVE_BUILD names another build folder than build/, which is then not built anew.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { conffiles, controlFile } from "./deb/papers.mjs";
import { filesBelow, stageTree } from "./deb/stage.mjs";
import { requireMachine } from "./machine.mjs";
import { build as compile, ensureDebianPackages, ensureNpmPackages, fail, giveToOwner, root, run } from "./setup.mjs";

const { values } = parseArgs({
  options: {
    arch: { type: "string", default: "amd64" },
    fast: { type: "boolean", default: false },
    out: { type: "string", default: join(root, "dist") },
  },
});
const { arch, fast } = values;
if (arch !== "amd64" && arch !== "arm64") fail(64, `no package can be made for ${arch}: --arch takes amd64 or arm64`);
await requireMachine({ asRoot: false });
ensureDebianPackages(["dpkg"]);
ensureNpmPackages();
if (process.env.PORTREEVE_BUILD === undefined) compile();

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const date = sourceDate();
const stage = mkdtempSync(join(tmpdir(), "portreeve-deb-"));
// It becomes the mode of / in the package.
chmodSync(stage, 0o755);
try {
  stageTree({
    stage,
    arch,
    version,
    date,
    build: resolve(process.env.PORTREEVE_BUILD ?? join(root, "build")),
    cache: join(root, "build/deb", arch),
  });
  writeControl();
  setTimes(stage);
  mkdirSync(values.out, { recursive: true });
  const file = join(resolve(values.out), `portreeve_${version}_${arch}.deb`);
  const compression = fast ? ["-Zgzip", "-z1"] : ["-Zxz"];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(date.getTime() / 1000) };
  run("dpkg-deb", [...compression, "--root-owner-group", "--build", stage, file], { quiet: true, env });
  giveToOwner("build", "dist");
  const mebibytes = (statSync(file).size / 2 ** 20).toFixed(1);
  process.stdout.write(`${file} (${mebibytes} MiB)\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** The time of the last commit, so that the same source makes the same bytes. */
function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  const git = spawnSync("git", ["log", "-1", "--format=%ct"], { cwd: root, encoding: "utf8" });
  const seconds = Number(
    given ?? (git.status === 0 ? git.stdout : statSync(join(root, "package.json")).mtimeMs / 1000),
  );
  return new Date(Math.floor(seconds) * 1000);
}

function writeControl() {
  const files = filesBelow(stage);
  const isConffile = (path) => path.startsWith(join(stage, "etc/"));
  const sums = files
    .filter((path) => !isConffile(path))
    .map((path) => `${createHash("md5").update(readFileSync(path)).digest("hex")}  ${path.slice(stage.length + 1)}\n`);
  const installedKiB = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  const write = (name, text, mode) => writeFileSync(join(stage, "DEBIAN", name), text, { mode });
  const list = conffiles(stage);
  mkdirSync(join(stage, "DEBIAN"));
  write("control", controlFile({ version, arch, installedKiB }), 0o644);
  write("conffiles", list, 0o644);
  write("md5sums", sums.join(""), 0o644);
  // "@etc/FILE@" stands for the text of that file.
  const filled = (script) => script.replace(/^@(etc\/.*)@\n/gm, (_, path) => readFileSync(join(stage, path), "utf8"));
  for (const name of ["preinst", "postinst", "prerm", "postrm"])
    write(name, filled(readFileSync(join(root, "packaging", name), "utf8")), 0o755);
}

function setTimes(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setTimes(path);
    lutimesSync(path, date, date);
  }
}
