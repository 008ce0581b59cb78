// build/src/cli/client.cjs, of which scripts/client-file.mjs says why it is made, needs no other file of this program for the commands
// that ask the daemon.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { forms } from "../../src/cli/plain-call.ts";
import { repositoryFolder } from "../support/repository.ts";
import { mainFile, makeLab, portreeve } from "./run-command.ts";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-client-file-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The file alone, with the modules of others. */
function copyAlone(folder: string): string {
  mkdirSync(join(folder, "build/src/cli"), { recursive: true });
  symlinkSync(repositoryFolder("node_modules"), join(folder, "node_modules"));
  const file = join(folder, "build/src/cli/client.cjs");
  cpSync(mainFile, file);
  return file;
}

test("each command that asks the daemon runs from the one file", async (t) => {
  const { conf } = await makeLab(t);
  const file = copyAlone(makeFolder(t));
  for (const [command, { operands }] of Object.entries(forms)) {
    const args = [command, ...(operands[1] === 1 ? ["192.0.2.7"] : []), "-c", conf];
    const [alone, whole] = await Promise.all([file, mainFile].map((one) => portreeve(args, { file: one })));
    assert.doesNotMatch(alone?.err ?? "", /MODULE_NOT_FOUND|Error/, command);
    assert.deepEqual([alone?.code, alone?.err], [whole?.code, whole?.err], command);
    assert.notEqual(`${alone?.out}${alone?.err}`, "", command);
  }
});

test("without the daemon, allow edits the file from the one file too", async (t) => {
  const folder = makeFolder(t);
  const list = join(folder, "list");
  writeFileSync(list, "");
  writeFileSync(join(folder, "conf"), `CONTROL_SOCKET="${folder}/none.sock"\nIGNORE_FILE="${list}"\n`);
  const { code, err } = await portreeve(["allow", "192.0.2.7", "-c", join(folder, "conf")], {
    file: copyAlone(folder),
  });
  assert.equal(code, 0, err);
  assert.match(readFileSync(list, "utf8"), /^192\.0\.2\.7/m);
});

test("a command line that the one file leaves to the others needs them", (t) => {
  const { status, stderr } = spawnSync(process.execPath, [copyAlone(makeFolder(t)), "--version"], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, /cli\/main\.js/);
});
