// Whose a file is, on real files: what is opened, what is refused and why, and which folders are a risk.
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NotOurs, openOurs, readOurs, riskOfFolders, riskOfReading, riskOfWriting } from "../../src/base/trust.ts";
import { makeFolder, NOBODY_UID, needsRoot, obstacles } from "./support.ts";

for (const [name, make, why] of obstacles) {
  test(`${name} is neither opened nor read`, { skip: needsRoot }, (t) => {
    const folder = makeFolder(t);
    const path = join(folder, "file");
    make(path);
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
    const isRefusal = (error: unknown) =>
      error instanceof NotOurs && why.test(error.message) && /move it away/.test(error.message);
    for (const use of [() => openOurs(path, flags), () => readOurs(path, 100)]) assert.throws(use, isRefusal);
    const real = join(folder, "real");
    if (existsSync(real)) assert.equal(readFileSync(real, "utf8"), "kept\n");
    assert.ok(!existsSync("/nonexistent/made"));
  });
}

test("a file of ours is opened, made where there is none, and read up to a bound", (t) => {
  const path = join(makeFolder(t), "file");
  closeSync(openOurs(path, constants.O_WRONLY | constants.O_CREAT));
  writeFileSync(path, "text");
  assert.equal(readOurs(path, 4).toString(), "text");
  assert.throws(() => readOurs(path, 3), /has 4 bytes, more than 3/);
  assert.throws(() => readOurs(`${path}.gone`, 3), /ENOENT/);
});

test("folders that others may write, or own", { skip: needsRoot }, (t) => {
  const above = join(makeFolder(t), "a");
  const nearest = join(above, "b");
  mkdirSync(nearest, { recursive: true });
  const path = join(nearest, "file");
  assert.equal(riskOfFolders(path), "", "a folder of ours below /tmp is none");
  const cases: readonly (readonly [folder: string, mode: number, RegExp])[] = [
    [nearest, 0o777, /^everybody may replace what is in .*\/a\/b$/],
    [above, 0o777, /^everybody may replace what is in .*\/a$/],
    [nearest, 0o1777, /^everybody may put a file into .*\/a\/b first$/],
    [above, 0o1777, /^$/],
    [nearest, 0o775, /^$/],
  ];
  for (const [folder, mode, risk] of cases) {
    chmodSync(folder, mode);
    assert.match(riskOfFolders(path), risk);
    chmodSync(folder, 0o755);
  }
  chownSync(nearest, 0, NOBODY_UID);
  chmodSync(nearest, 0o775);
  assert.match(riskOfFolders(path), /^group 65534 may replace/);
  chownSync(nearest, NOBODY_UID, 0);
  assert.match(riskOfFolders(path), /belongs to user 65534/);
});

test("what is told of a file before it is written: a link of root's is none where it would be followed", {
  skip: needsRoot,
}, (t) => {
  const folder = makeFolder(t);
  const [path, real] = [join(folder, "file"), join(folder, "real")];
  assert.deepEqual(riskOfWriting(path), { refusal: "", risk: "" }, "nothing there yet");
  writeFileSync(real, "");
  symlinkSync(real, path);
  assert.match(riskOfWriting(path).refusal, /symbolic link/);
  assert.equal(riskOfWriting(path, "root's").refusal, "");
  chownSync(real, NOBODY_UID, NOBODY_UID);
  assert.match(riskOfWriting(path, "root's").refusal, /belongs to user 65534/);
  lchownSync(path, NOBODY_UID, NOBODY_UID);
  assert.match(riskOfWriting(path, "root's").refusal, /symbolic link/);
});

test("what is told of a file that is read or run", { skip: needsRoot }, (t) => {
  const path = join(makeFolder(t), "program");
  assert.equal(riskOfReading(path), "");
  writeFileSync(path, "");
  for (const [mode, risk] of [
    [0o755, /^$/],
    [0o757, /^everybody may write it$/],
    [0o775, /^$/],
  ] as const) {
    chmodSync(path, mode);
    assert.match(riskOfReading(path), risk);
  }
  chownSync(path, 0, NOBODY_UID);
  assert.match(riskOfReading(path), /^group 65534 may write it$/);
  chownSync(path, NOBODY_UID, 0);
  assert.match(riskOfReading(path), /^it belongs to user 65534$/);
});
