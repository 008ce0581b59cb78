// STATE_DIR is one daemon's, and nobody else's; on a read-only file system the lock is elsewhere.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { StartError } from "../../src/base/start-error.ts";
import { lockStateFolder } from "../../src/host/state-folder.ts";

const needsRoot = process.getuid?.() === 0 ? false : "only root may mount";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-state-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a folder is made and locked, and a second daemon is refused until the first has gone", (t) => {
  const folder = folderFor(t);
  const [state, run] = [join(folder, "state"), join(folder, "run")];
  const first = lockStateFolder(state, run);
  assert.deepEqual([first.isReadOnly, statSync(state).mode & 0o777], [false, 0o700]);
  assert.throws(
    () => lockStateFolder(state, run),
    (error) => error instanceof StartError && error.message.includes(`another Portreeve is running on ${state}`),
  );
  first.close();
  lockStateFolder(state, run).close();
});

test("an empty folder that is open to everybody is closed, and one with files is refused", (t) => {
  const folder = folderFor(t);
  const state = join(folder, "state");
  mkdirSync(state);
  chmodSync(state, 0o777);
  lockStateFolder(state, folder).close();
  assert.equal(statSync(state).mode & 0o777, 0o700);
  chmodSync(state, 0o777);
  assert.throws(() => lockStateFolder(state, folder), /everybody may replace what is in/);
});

/** Runs lines of a program in a mount namespace in which `mounts` was done; what it prints. */
function inMounts(mounts: string, program: string): string {
  const module = new URL("../../src/host/state-folder.js", import.meta.url).href;
  const text = `import { lockStateFolder } from ${JSON.stringify(module)};
    const tell = (state, run) => {
      try {
        const folder = lockStateFolder(state, run);
        console.log(folder.isReadOnly ? "read-only" : "writable");
        return folder;
      } catch (error) { console.log(error.message); }
    };
    ${program}`;
  const argv = ["--mount", "sh", "-c", `set -e; ${mounts}; exec "$@"`, "sh", process.execPath];
  const { stdout, stderr, status } = spawnSync("unshare", [...argv, "--input-type=module", "-e", text], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("a folder on a read-only file system is locked beside the control socket", { skip: needsRoot }, (t) => {
  const folder = folderFor(t);
  const [state, run] = [join(folder, "state"), join(folder, "run")];
  mkdirSync(state);
  const twice = `tell("${state}", "${run}"); tell("${state}", "${run}");`;
  const locked = `read-only\nanother Portreeve is running on ${state} (it holds ${run}/portreeve.lock); stop it first, or give this one its own STATE_DIR\n`;
  // As a fresh tmpfs is: empty, and open to everybody if it could be written.
  assert.equal(inMounts(`mount -t tmpfs -o ro none ${state}`, twice), locked);
  const inside = `mount -t tmpfs none ${folder}/state; mkdir ${state}/mine; chmod 700 ${state} ${state}/mine; mount -o remount,ro ${state}`;
  assert.equal(inMounts(inside, twice), locked, "with files of ours");
  assert.equal(inMounts(`mount -t tmpfs -o ro none ${state}`, `tell("${state}/not/there", "${run}");`), "read-only\n");
});

test("a read-only folder into which others could have put files is refused", { skip: needsRoot }, (t) => {
  const folder = folderFor(t);
  const state = join(folder, "state");
  mkdirSync(state);
  const mounts = `mount -t tmpfs none ${state}; touch ${state}/clock; chmod 777 ${state}; mount -o remount,ro ${state}`;
  assert.match(inMounts(mounts, `tell("${state}", "${folder}/run");`), /^STATE_DIR: everybody may replace what is in/);
});

test("where the lock cannot be made either the daemon does not start", { skip: needsRoot }, (t) => {
  const folder = folderFor(t);
  const state = join(folder, "state");
  mkdirSync(state);
  const said = inMounts(`mount -t tmpfs -o ro none ${state}`, `tell("${state}", "${state}");`);
  assert.match(said, /^cannot open .*portreeve\.lock: EROFS/);
});
