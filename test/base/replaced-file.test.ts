// The one replacer, on real files: whole or not at all, owner and mode kept, nothing followed, nobody's file taken.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ReplacedFile } from "../../src/base/replaced-file.ts";
import { NotOurs } from "../../src/base/trust.ts";
import { makeFolder, NOBODY_UID, needsRoot, obstacles } from "./support.ts";

const options = { mode: 0o640, maxBytes: 100, links: "refuse" } as const;

test("made with its mode; replaced with the mode and group that somebody gave it; no draft is left", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "file");
  const file = new ReplacedFile(path, options);
  assert.equal(await file.read(), undefined);
  assert.equal(await file.replace("one"), true);
  const { ino, mode } = statSync(path);
  assert.equal(mode & 0o7777, 0o640);
  chmodSync(path, 0o604);
  if (process.getuid?.() === 0) chownSync(path, 0, NOBODY_UID);
  const { gid } = statSync(path);
  assert.equal(await file.replace(Buffer.from("two")), true);
  const after = statSync(path);
  assert.notEqual(after.ino, ino);
  assert.deepEqual([after.mode & 0o7777, after.gid], [0o604, gid]);
  assert.equal((await file.read())?.bytes.toString(), "two");
  assert.deepEqual(readdirSync(folder), ["file"]);
});

for (const [name, make, why] of obstacles) {
  test(`${name} is refused, and stays as it was`, { skip: needsRoot }, async (t) => {
    const folder = makeFolder(t);
    const path = join(folder, "file");
    make(path);
    const before = lstatSync(path);
    const names = readdirSync(folder);
    const file = new ReplacedFile(path, options);
    const isRefusal = (error: unknown) => error instanceof NotOurs && why.test(error.message);
    await assert.rejects(file.replace("ours"), isRefusal);
    await assert.rejects(file.read(), isRefusal);
    const after = lstatSync(path);
    assert.deepEqual([after.ino, after.mode, after.ctimeMs], [before.ino, before.mode, before.ctimeMs]);
    assert.deepEqual(readdirSync(folder), names);
    if (names.includes("real")) assert.equal(readFileSync(join(folder, "real"), "utf8"), "kept\n");
  });
}

test("names that somebody puts in the way, in a folder that everybody may write: none is met", async (t) => {
  const folder = makeFolder(t);
  chmodSync(folder, 0o1777);
  const path = join(folder, "file");
  for (const name of [".file.new", ".file.portreeve.new"]) mkdirSync(join(folder, name));
  const file = new ReplacedFile(path, options);
  await file.replace("one");
  await file.replace("two");
  assert.equal(readFileSync(path, "utf8"), "two");
});

test("a file that is a mount of its own is written in place, shorter and longer", { skip: needsRoot }, (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, "outside"), "before");
  writeFileSync(join(folder, "file"), "");
  const module = new URL("../../src/base/replaced-file.js", import.meta.url).href;
  const program = `import { readFileSync } from "node:fs";
    import { ReplacedFile } from ${JSON.stringify(module)};
    const file = new ReplacedFile("${folder}/file", { mode: 0o600, maxBytes: 100, links: "refuse" });
    for (const text of ["longer than before", "short"]) {
      await file.replace(text);
      console.log(readFileSync("${folder}/file", "utf8"));
    }`;
  const shell = `mount --bind ${folder}/outside ${folder}/file && exec "$@"`;
  const argv = ["--mount", "sh", "-c", shell, "sh", process.execPath, "--input-type=module", "-e", program];
  const { stdout, stderr, status } = spawnSync("unshare", argv, { encoding: "utf8" });
  assert.deepEqual([status, stdout], [0, "longer than before\nshort\n"], stderr);
  assert.equal(readFileSync(join(folder, "outside"), "utf8"), "short");
  assert.deepEqual(readdirSync(folder).sort(), ["file", "outside"]);
});

test("only if it is still as it was read", async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, "file");
  const file = new ReplacedFile(path, options);
  await file.replace("one");
  const before = await file.read();
  writeFileSync(path, "another's");
  assert.equal(await file.replace("ours", before?.stat), false);
  assert.equal(readFileSync(path, "utf8"), "another's");
  assert.equal(await file.replace("ours", (await file.read())?.stat), true);
  assert.deepEqual(readdirSync(folder), ["file"]);
});

test("root's links are followed where that is asked for, if nobody else can have made them", {
  skip: needsRoot,
}, async (t) => {
  const folder = makeFolder(t);
  const [path, real] = [join(folder, "file"), join(folder, "real")];
  writeFileSync(real, "one");
  symlinkSync(real, path);
  const file = new ReplacedFile(path, { ...options, links: "root's" });
  await file.replace("two");
  assert.ok(lstatSync(path).isSymbolicLink());
  assert.equal(readFileSync(real, "utf8"), "two");
  chmodSync(folder, 0o1777);
  await assert.rejects(file.replace("three"), /it is a symbolic link, and everybody may put a file into/);
  chmodSync(folder, 0o755);
  lchownSync(path, NOBODY_UID, NOBODY_UID);
  await assert.rejects(file.replace("three"), /a link that user 65534 has made/);
  assert.equal(readFileSync(real, "utf8"), "two");
});

test("what a killed process has left goes; what another one is writing stays", async (t) => {
  const folder = makeFolder(t);
  const [old, young, others] = [`.file.${"0".repeat(24)}.new`, `.file.${"1".repeat(24)}.new`, ".file.mine.new"];
  for (const name of [old, young, others]) writeFileSync(join(folder, name), "half");
  utimesSync(join(folder, old), 1, 1);
  utimesSync(join(folder, others), 1, 1);
  await new ReplacedFile(join(folder, "file"), options).replace("whole");
  assert.deepEqual(readdirSync(folder).sort(), [young, others, "file"].sort());
});
