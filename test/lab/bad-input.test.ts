// Bad input: configuration lines of every wrong kind, huge and unreadable files, a hosts.deny that is a directory, commands
// that hang, fail or are not there. Each is told with file and line or with what the command came to, and the daemon lives.
import assert from "node:assert/strict";
import { chmodSync, lchownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { NOBODY_UID } from "../base/support.ts";
import { source, TARGET } from "./support/addresses.ts";
import { badLines, writeBadFile } from "./support/bad-lines.ts";
import { Daemon, stateOf } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { harsh, type Settings } from "./support/settings.ts";
import { Stage } from "./support/stage.ts";
import { waitUntil } from "./support/wait.ts";

const CONFIGURATION = 78;
const ENTRIES = 10_000;

async function openLab(t: TestContext): Promise<Lab> {
  const lab = await Lab.open();
  t.after(() => lab.close());
  return lab;
}

async function probe(lab: Lab, number: number, port = 23): Promise<void> {
  await sendPackets(lab, [syn({ from: source(number).ipv4, to: TARGET.ipv4, port })]);
}

/** The daemon is alive and does what it is for. */
async function assertGuards(lab: Lab, daemon: Daemon, number: number): Promise<void> {
  await probe(lab, number);
  await daemon.waitForBlock(source(number).key.ipv4);
  assert.equal(daemon.ended, false);
}

test("every kind of wrong line is an error with its file and line, all at once, and nothing is started", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  await daemon.stop();
  writeBadFile(daemon.file);
  const { code, stderr } = await daemon.second();
  assert.equal(code, CONFIGURATION);
  for (const [index, { what, complaint, severity = "error" }] of badLines.entries()) {
    const place = `${daemon.file}:${index + 1}: ${severity}: `;
    const told = stderr.split("\n").filter((line) => line.startsWith(place));
    assert.ok(
      told.some((line) => complaint.test(line)),
      `${what}: ${place}... ${complaint} is not in\n${stderr}`,
    );
  }
  const checked = await daemon.cli(["check"]);
  assert.equal(checked.code, CONFIGURATION);
  assert.ok(`${checked.stdout}${checked.stderr}`.includes(`${daemon.file}:${badLines.length}: `));
});

test("a wrong file at reload: the running settings stay, and each error is logged with its line", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  const from = daemon.lines.length;
  writeBadFile(daemon.file);
  daemon.signal("SIGHUP");
  await daemon.waitForLine(/reload: .* has errors: the running settings stay/, from);
  const told = daemon.lines.slice(from).filter((line) => line.includes(`${daemon.file}:`));
  assert.ok(told.length >= badLines.length, told.join("\n"));
  // The command line finds the daemon through the file.
  daemon.configure(harsh);
  await assertGuards(lab, daemon, 1);
});

test("10,000 ignored sources are ignored, the next one is not", async (t) => {
  const lab = await openLab(t);
  const entries = Array.from(
    { length: ENTRIES - 2 },
    (_, index) => `10.${index >> 8}.${index & 255}.0/24 # no ${index}`,
  );
  const daemon = await Daemon.start(lab, harsh, [source(1).ipv4, ...entries, source(2).ipv4]);
  await probe(lab, 1);
  await probe(lab, 2);
  await assertGuards(lab, daemon, 3);
  assert.deepEqual(
    (await daemon.blocked()).map((block) => block.source),
    [source(3).key.ipv4],
  );
});

test("10,000 wrong lines in the ignore file: told with their lines and within bounds, the right ones count", async (t) => {
  const lab = await openLab(t);
  const wrong = Array.from({ length: ENTRIES }, (_, index) => `203.0.113.${index}/33`);
  const daemon = await Daemon.start(lab, harsh, [source(1).ipv4, ...wrong, source(2).ipv4]);
  // It comes on standard error, and that it listens on standard output: the two may overtake one another.
  await daemon.waitForLine(/more problems are not listed/, 0);
  const told = daemon.lines.filter((line) => /portsentry\.ignore:\d+: warning: /.test(line));
  assert.ok(told.some((line) => line.includes("portsentry.ignore:2: ")));
  assert.ok(told.length <= 1_001, `${told.length} lines`);
  await probe(lab, 1);
  await probe(lab, 2);
  await assertGuards(lab, daemon, 3);
  assert.equal((await daemon.blocked()).length, 1);
});

test("a configuration or ignore file that cannot be read keeps the daemon from starting, and says which and why", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab);
  await daemon.stop();
  const loop = join(lab.folder, "loop");
  symlinkSync(loop, loop);
  for (const [ignoreFile, why] of [
    [lab.folder, /EISDIR|directory/],
    [loop, /ELOOP|link/],
    [join(daemon.file, "below-a-file"), /ENOTDIR|directory/],
  ] as const) {
    daemon.configure({ ...harsh, IGNORE_FILE: ignoreFile });
    const { code, stderr } = await daemon.second();
    assert.equal(code, CONFIGURATION, stderr);
    const line = stderr.split("\n").find((each) => each.includes("IGNORE_FILE")) ?? "";
    assert.ok(line.startsWith(`${daemon.file}:`), line);
    assert.match(line, /\.conf:\d+: error: /);
    assert.match(line, why);
  }
  rmSync(daemon.file);
  mkdirSync(daemon.file);
  const { code, stderr } = await daemon.second();
  assert.equal(code, CONFIGURATION);
  assert.match(stderr, /portsentry\.conf: error: cannot read the configuration: .*(EISDIR|directory)/);
});

test("history and blocked file that are directories: told, and the blocks are made all the same", async (t) => {
  const lab = await openLab(t);
  const [history, blocked] = ["history", "blocked"].map((name) => join(lab.folder, name));
  const folders: Settings = { HISTORY_FILE: history ?? "", BLOCKED_FILE: blocked ?? "" };
  mkdirSync(history ?? "");
  mkdirSync(`${blocked}.atcp`);
  mkdirSync(`${blocked}.audp`);
  const daemon = await Daemon.start(lab, { ...harsh, TCP_MODE: "atcp", UDP_MODE: "audp", ...folders });
  await assertGuards(lab, daemon, 1);
  await daemon.waitForLine(/WARNING: cannot write history file \S*history: .*it is a directory; move it away/);
  await daemon.waitForLine(/WARNING: cannot write blocked file \S*blocked\.atcp: .*it is a directory/);
  const { warnings } = await daemon.status();
  assert.ok(warnings.some((warning) => warning.includes("history file")));
  await assertGuards(lab, daemon, 2);
});

test("a folder that everybody may write (2.x's default is /tmp): no link is followed, no name in the way matters", async (t) => {
  const lab = await openLab(t);
  const shared = join(lab.folder, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  // What a local user can do before the daemon starts.
  const [history, blocked, secret] = [join(shared, "history"), join(shared, "blocked"), join(lab.folder, "secret")];
  writeFileSync(secret, "root's\n");
  symlinkSync(secret, history);
  lchownSync(history, NOBODY_UID, NOBODY_UID);
  for (const name of [".blocked.atcp.new", ".blocked.audp.new"]) mkdirSync(join(shared, name));
  const files: Settings = { HISTORY_FILE: history, BLOCKED_FILE: blocked, TCP_MODE: "atcp", UDP_MODE: "audp" };
  const daemon = await Daemon.start(lab, { ...harsh, ...files });
  await assertGuards(lab, daemon, 1);
  await waitUntil("the list is written", () => readFileSync(`${blocked}.atcp`, "utf8").includes(source(1).ipv4));
  await daemon.waitForLine(
    /WARNING: cannot write history file .*it is a symbolic link, which is not followed; move it/,
  );
  assert.equal(readFileSync(secret, "utf8"), "root's\n");
  const { stdout } = await daemon.cli(["check"]);
  assert.match(stdout, /conf:\d+: warning: HISTORY_FILE: .*symbolic link.*it is not written/);
  assert.match(stdout, /conf:\d+: warning: BLOCKED_FILE: .*everybody may put a file into .*shared first/);
});

test("a STATE_DIR that others may write is refused, with what to do", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab, harsh);
  await daemon.stop();
  chmodSync(stateOf(lab), 0o777);
  const { code, stderr } = await daemon.second();
  assert.equal(code, 73);
  assert.match(stderr, /STATE_DIR: everybody may replace what is in .*chmod 700/);
});

/** With KILL_ROUTE, a line for hosts.deny and a stage of its own. */
async function withCommands(t: TestContext, more: Settings, prepare?: (stage: Stage) => void) {
  const lab = await openLab(t);
  const stage = new Stage(join(lab.folder, "stage"));
  stage.clear();
  stage.writeProgram("/run/record", '#!/bin/sh\necho "$@" >> /run/record.log\n');
  prepare?.(stage);
  const daemon = await Daemon.start(lab, { ...harsh, TCP_MODE: "atcp", FIREWALL: "auto", ...more }, [], stage);
  return { lab, stage, daemon };
}

const couldNot = (number: number): RegExp =>
  new RegExp(`Could not block host ${source(number).ipv4}/`.replaceAll(".", "\\."));

test("a hosts.deny that is a directory: told as what it is, and KILL_ROUTE runs all the same", async (t) => {
  const { lab, stage, daemon } = await withCommands(
    t,
    { KILL_HOSTS_DENY: "ALL: $TARGET$ : DENY", KILL_ROUTE: "/run/record $TARGET$" },
    (made) => mkdirSync(made.path("/etc/hosts.deny")),
  );
  await assertGuards(lab, daemon, 1);
  await daemon.waitForLine(
    /error trying to block host \(.*(EISDIR|directory|regular).*\) 203\.0\.113\.1: "ALL: 203\.0\.113\.1 : DENY"/,
  );
  assert.equal(stage.read("/run/record.log"), `${source(1).ipv4}\n`);
  assert.doesNotMatch(daemon.lines.join("\n"), /blocked via wrappers/);
  await assertGuards(lab, daemon, 2);
});

for (const [what, command, why] of [
  ["fails", "/bin/sh -c 'exit 3' $TARGET$", /exit code 3/],
  ["does not exist", "/nowhere/no-program $TARGET$", /ENOENT/],
  ["is killed", "/bin/sh -c 'kill -9 $$' $TARGET$", /Killed|SIGKILL/],
] as const) {
  test(`a KILL_ROUTE that ${what}: never called a block, tried again, and mended by a reload`, async (t) => {
    const { lab, stage, daemon } = await withCommands(t, { KILL_ROUTE: command });
    await probe(lab, 1);
    const line = await daemon.waitForLine(/error trying to block host/);
    assert.match(line, why);
    await daemon.waitForLine(couldNot(1));
    assert.deepEqual(await daemon.blocked(), []);
    const from = daemon.lines.length;
    await probe(lab, 1, 24);
    await daemon.waitForLine(couldNot(1), from);
    assert.doesNotMatch(daemon.lines.join("\n"), /has been blocked/);

    daemon.configure({ ...harsh, TCP_MODE: "atcp", FIREWALL: "auto", KILL_ROUTE: "/run/record $TARGET$" });
    daemon.signal("SIGHUP");
    await daemon.waitForLine(/reload: .* is in force/, from);
    await assertGuards(lab, daemon, 1);
    assert.equal(stage.read("/run/record.log"), `${source(1).ipv4}\n`);
  });
}

test("a KILL_ROUTE that hangs is ended after its time; meanwhile the daemon goes on", async (t) => {
  const { lab, stage, daemon } = await withCommands(t, {
    KILL_ROUTE: `test $TARGET$ != ${source(1).ipv4} || sleep 600; /run/record $TARGET$`,
  });
  await probe(lab, 1);
  await daemon.waitForLine(/SYN\/Normal scan from host: 203\.0\.113\.1\//);
  await assertGuards(lab, daemon, 2);
  assert.equal(stage.read("/run/record.log"), `${source(2).ipv4}\n`, "the other source did not have to wait");
  assert.match(await daemon.waitForLine(/error trying to block host/), /timed out after 10 s/);
  await daemon.waitForLine(couldNot(1));
  await waitUntil("nothing of the command is left", async () => {
    const { stdout } = await lab.target.run(["sh", "-c", `ip netns pids ${lab.target.name} | xargs ps -o args= -p`]);
    return !stdout.includes("sleep 600");
  });
  assert.equal(stage.read("/run/record.log"), `${source(2).ipv4}\n`);
  await assertGuards(lab, daemon, 3);
});

test("an ignore file that becomes unreadable while the daemon runs: what it exempted stays exempt, and it is told", async (t) => {
  const lab = await openLab(t);
  const daemon = await Daemon.start(lab, harsh, [source(1).ipv4]);
  const file = join(daemon.folder, "portsentry.ignore");
  const from = daemon.lines.length;
  rmSync(file);
  mkdirSync(file);
  await daemon.waitForLine(/WARNING: .*portsentry\.ignore.*(EISDIR|directory)/, from);
  await probe(lab, 1);
  await assertGuards(lab, daemon, 2);
  assert.equal((await daemon.blocked()).length, 1, "the ignored source was blocked");
  rmSync(file, { recursive: true });
  writeFileSync(file, `${source(1).ipv4}\n${source(3).ipv4}\n`);
  await daemon.waitForLine(/portsentry\.ignore has changed: 2 entries/, from);
  await probe(lab, 3);
  await assertGuards(lab, daemon, 4);
  assert.equal((await daemon.blocked()).length, 2);
});
