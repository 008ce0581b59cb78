// After `sudo npm start` the clone's owner can build again. In a copy of the scripts that belongs to another user.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, cpSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryFolder } from "../support/repository.ts";

const owner = 65534;

test("what root has made in a clone becomes its owner's; what a link leads to does not", {
  skip: process.geteuid?.() !== 0,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-owner-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [clone, outside] = [join(folder, "clone"), join(folder, "outside")];
  cpSync(repositoryFolder("scripts/setup.mjs"), join(clone, "scripts/setup.mjs"));
  mkdirSync(join(clone, "build/src"), { recursive: true });
  writeFileSync(join(clone, "build/src/main.js"), "");
  mkdirSync(outside);
  writeFileSync(join(outside, "file"), "");
  symlinkSync(outside, join(clone, "build/link"));
  symlinkSync(outside, join(clone, "node_modules"));
  chownSync(clone, owner, owner);
  const script = "(await import(process.argv[1])).giveToOwner('build', 'node_modules', 'dist')";
  const argv = ["--input-type=module", "-e", script, join(clone, "scripts/setup.mjs")];
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const uidOf = (path: string) => lstatSync(join(folder, path)).uid;
  for (const path of ["build", "build/src", "build/src/main.js", "build/link"])
    assert.equal(uidOf(`clone/${path}`), owner, path);
  for (const path of ["outside", "outside/file", "clone/node_modules"]) assert.equal(uidOf(path), 0, path);
});
