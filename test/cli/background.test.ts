import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startInBackground, takeParent } from "../../src/cli/background.ts";
import { makeFolder } from "../control/fake-daemon.ts";

const module = new URL("../../src/cli/background.js", import.meta.url).href;

/** A child that does `body` with its parent `p`, and where it leaves what it knows. */
function writeChild(t: TestContext, body: string) {
  const folder = makeFolder(t);
  const file = join(folder, "child.mjs");
  const note = join(folder, "note.json");
  writeFileSync(
    file,
    `import { writeFileSync, readlinkSync, readFileSync } from "node:fs";
import { takeParent } from ${JSON.stringify(module)};
const p = takeParent(process.env);
const note = (value) => writeFileSync(${JSON.stringify(note)}, JSON.stringify(value));
${body}`,
  );
  return { file, note };
}

const start = (file: string, more = {}) => startInBackground({ argv: [file, "-x"], env: process.env, ...more });

test("a child that is ready is left alone, in / and in a session of its own", async (t) => {
  const { file, note } = writeChild(
    t,
    `const stat = readFileSync("/proc/self/stat", "utf8");
note({ pid: process.pid, session: Number(stat.slice(stat.lastIndexOf(")")).split(" ")[4]), cwd: process.cwd(),
  args: process.argv.slice(2), variable: process.env.PORTREEVE_READY_FD ?? null,
  fds: [0, 1, 2].map((fd) => readlinkSync("/proc/self/fd/" + fd)) });
p.complain("careful");
p.ready();
p.ready();
p.complain("nobody hears this");
setInterval(() => {}, 1000);`,
  );
  assert.deepEqual(await start(file), { ready: true, complaints: "careful\n" });
  const { pid, session, ...rest }: { pid: number; session: number } = JSON.parse(readFileSync(note, "utf8"));
  process.kill(pid, "SIGKILL");
  assert.equal(session, pid);
  assert.deepEqual(rest, {
    cwd: "/",
    args: ["-x"],
    variable: null,
    fds: ["/dev/null", "/dev/null", "/dev/null"],
  });
});

test("a child that fails: what it said, and its exit code", async (t) => {
  const { file } = writeChild(t, `p.complain("cannot start: EPERM");\nprocess.exitCode = 77;`);
  assert.deepEqual(await start(file), { ready: false, complaints: "cannot start: EPERM\n", exitCode: 77 });
});

test("a child that is killed", async (t) => {
  const { file } = writeChild(t, `process.kill(process.pid, "SIGKILL");`);
  assert.deepEqual(await start(file), { ready: false, complaints: "ended by SIGKILL\n", exitCode: 1 });
});

test("a child that does neither outlives its parent's patience", async (t) => {
  const { file } = writeChild(t, "setInterval(() => {}, 1000);");
  const result = await start(file, { patienceMs: 1 });
  assert.ok(!result.ready && result.exitCode === undefined);
  const pid = Number(/pid (\d+)/.exec(result.complaints)?.[1]);
  assert.ok(pid > 1);
  process.kill(pid, "SIGKILL");
});

test("without a parent that waits there is none, and the variable is taken out either way", () => {
  const env: NodeJS.ProcessEnv = { PORTREEVE_READY_FD: "77" };
  assert.equal(takeParent(env), undefined);
  assert.deepEqual(env, {});
  assert.equal(takeParent({}), undefined);
});
