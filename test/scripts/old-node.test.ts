// Under a Node that is too old, the scripts go on with the runtime that the .deb carries. In a copy of the scripts, with a node
// in PATH that says it is 18.20.4, and a pinned runtime that needs no registry.
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";

const pretend = `for (const [name, value] of [["versions", { ...process.versions, node: "18.20.4" }], ["version", "v18.20.4"]])
  Object.defineProperty(process, name, { value });
delete process.getBuiltinModule;
`;

interface Clone {
  readonly folder: string;
  /** As "npm run" calls a script: the old node, found by its name. */
  run(script: string, ...args: readonly string[]): SpawnSyncReturns<string>;
}

function makeClone(t: TestContext): Clone {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-old-node-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(repositoryFolder("scripts"), join(folder, "scripts"), { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) cpSync(repositoryFolder(file), join(folder, file));
  pinRuntime(folder);
  const old = join(folder, "old");
  mkdirSync(old);
  writeFileSync(join(old, "pretend.cjs"), pretend);
  writeProgram(join(old, "node"), `exec "${process.execPath}" --require "${join(old, "pretend.cjs")}" "$@"`);
  const env = { ...process.env, PATH: `${old}:${process.env.PATH}` };
  return {
    folder,
    run: (script, ...args) => spawnSync("node", [join(folder, script), ...args], { env, encoding: "utf8" }),
  };
}

/** Puts a runtime in the place of the downloaded one, and its hash into the lock. */
function pinRuntime(folder: string): void {
  const [entry] = lockOf(folder);
  assert.ok(entry);
  const content = join(folder, "content/package/bin");
  const cache = join(folder, "build/deb", debianArch);
  for (const path of [content, cache]) mkdirSync(path, { recursive: true });
  writeProgram(join(content, "node"), `PINNED=yes exec "${process.execPath}" "$@"`);
  const file = join(cache, `${entry.name}-${entry.version}.tgz`);
  assert.equal(spawnSync("tar", ["-czf", file, "-C", join(folder, "content"), "package"]).status, 0);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
  writeFileSync(join(folder, "scripts/deb-lock.json"), JSON.stringify({ [debianArch]: [{ ...entry, integrity }] }));
}

const debianArch = process.arch === "arm64" ? "arm64" : "amd64";

interface Pinned {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

function lockOf(folder: string): readonly Pinned[] {
  const lock: Readonly<Record<string, readonly Pinned[]>> = JSON.parse(
    readFileSync(join(folder, "scripts/deb-lock.json"), "utf8"),
  );
  return lock[debianArch] ?? [];
}

function writeProgram(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

const probe = `import { spawnSync } from "node:child_process";
import { requireMachine } from "./machine.mjs";
await requireMachine({ asRoot: false });
const child = spawnSync("node", ["-p", "process.env.PINNED + process.version"], { encoding: "utf8" });
console.log(process.version, process.env.PINNED, process.argv.slice(2).join(), child.stdout.trim());
process.exit(7);
`;

test("a script goes on under the pinned runtime, with its arguments and its exit code", (t) => {
  const { folder, run } = makeClone(t);
  writeFileSync(join(folder, "scripts/probe.mjs"), probe);
  for (const round of ["fetched", "kept"]) {
    const { status, stdout, stderr } = run("scripts/probe.mjs", "one", "two");
    assert.equal(stdout, `${process.version} yes one,two yes${process.version}\n`, `${round}: ${stderr}`);
    assert.equal(status, 7);
    assert.match(stderr, /needs Node >= 20\.19, this is v18\.20\.4: going on with .*\/runtime\/bin\/node/);
  }
});

test("the program in a clone goes on under the pinned runtime too", (t) => {
  const { folder, run } = makeClone(t);
  cpSync(repositoryFolder("bin"), join(folder, "bin"), { recursive: true });
  const told = "process.env.PINNED, process.argv.slice(2).join()";
  mkdirSync(join(folder, "build/src/cli"), { recursive: true });
  writeFileSync(join(folder, "build/src/cli/client.cjs"), `console.log(${told}); process.exitCode = 3;`);
  writeFileSync(join(folder, "build/src/cli/portsentry.js"), `console.log(${told}); process.exitCode = 3;`);
  for (const program of ["bin/portreeve", "bin/portsentry"]) {
    const { status, stdout, stderr } = run(program, "one", "two");
    assert.deepEqual([status, stdout], [3, "yes one,two\n"], `${program}: ${stderr}`);
  }
});

test("the runtime is not written again while it runs", (t) => {
  const { folder, run } = makeClone(t);
  const unpack = `import { pinnedPackages, unpackPinned } from "./deb/registry.mjs";
const [runtime] = pinnedPackages("${debianArch}").values();
unpackPinned(runtime, "${folder}/build/deb/${debianArch}", "${folder}/build/deb/${debianArch}/runtime");
`;
  writeFileSync(
    join(folder, "scripts/probe.mjs"),
    `await (await import("./machine.mjs")).requireMachine({});\n${unpack}`,
  );
  const program = join(folder, "build/deb", debianArch, "runtime/bin/node");
  assert.equal(run("scripts/probe.mjs").status, 0);
  const first = statSync(program);
  assert.equal(run("scripts/probe.mjs").status, 0);
  assert.equal(statSync(program).ino, first.ino);
  assert.equal(statSync(program).ctimeMs, first.ctimeMs);
});

test("a runtime that is not the pinned one is not run", (t) => {
  const { folder, run } = makeClone(t);
  const [entry] = lockOf(folder);
  writeFileSync(join(folder, "build/deb", debianArch, `${entry?.name}-${entry?.version}.tgz`), "something else");
  writeFileSync(join(folder, "scripts/probe.mjs"), probe);
  const { status, stdout, stderr } = run("scripts/probe.mjs");
  assert.deepEqual([status, stdout], [69, ""]);
  assert.match(stderr, /is not what scripts\/deb-lock\.json pins/);
});

test("every script that npm runs asks for the machine before anything that an old Node lacks", () => {
  const { scripts }: { scripts: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(repositoryFolder("package.json"), "utf8"),
  );
  const files = new Set(Object.values(scripts).flatMap((line) => /^node (scripts\/\S+)/.exec(line)?.slice(1) ?? []));
  assert.ok(files.size >= 6);
  for (const file of files) {
    const text = readFileSync(repositoryFolder(file), "utf8");
    assert.match(text, /await requireMachine\(/, file);
    assert.doesNotMatch(text.slice(0, text.indexOf("await requireMachine(")), /import\.meta\.(dirname|filename)/, file);
  }
});
