// The two programs in bin/ from another folder: a symbolic link runs, a bare copy says what it lacks and what to do.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../control/fake-daemon.ts";
import { repositoryFolder } from "../support/repository.ts";

for (const name of ["portreeve", "portsentry"]) {
  const original = repositoryFolder(`bin/${name}`);

  const run = (file: string) => spawnSync(process.execPath, [file, "--help"], { cwd: "/", encoding: "utf8" });

  test(`${name} runs through a symbolic link in another folder, also through two of them`, (t) => {
    const folder = makeFolder(t);
    const [link, second] = [join(folder, name), join(folder, "second")];
    symlinkSync(original, link);
    symlinkSync(link, second);
    const { stdout } = run(original);
    assert.match(stdout, /^Usage: /im);
    for (const file of [link, second]) {
      const { status, stdout: out, stderr } = run(file);
      assert.deepEqual([status, out, stderr], [0, stdout, ""], file);
    }
  });

  test(`a bare copy of ${name} says that it is one, and how to do it`, (t) => {
    const copy = join(makeFolder(t), name);
    copyFileSync(original, copy);
    const { status, stdout, stderr } = run(copy);
    assert.deepEqual([status, stdout], [69, ""]);
    assert.match(
      stderr,
      new RegExp(
        `^${name}: ${copy} is a copy, and the program is not beside it \\(Cannot find module .*\\); make a symbolic link to the original in its place: ln -s /path/to/bin/${name}\n$`,
      ),
    );
  });
}
