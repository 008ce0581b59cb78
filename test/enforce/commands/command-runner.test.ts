// CommandRunner with real programs: bounds, time limit, children that stay, and never a throw.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { whyNot } from "../../../src/enforce/commands/command-result.ts";
import { CommandRunner } from "../../../src/enforce/commands/command-runner.ts";

const folder = mkdtempSync(join(tmpdir(), "portreeve-runner-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function script(name: string, body: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, body, { mode });
  return path;
}

const sh = (command: string) => ["/bin/sh", "-c", command];

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody has waited for yet is not alive.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let count = 0; !condition(); count++) {
    assert.ok(count < 1000, `never: ${what}`);
    await delay(10);
  }
}

test("says how a command ended", async () => {
  const runner = new CommandRunner();
  const good = await runner.run(["/bin/echo", "hello"]);
  assert.deepEqual(good, { ok: true, exitCode: 0, signal: undefined, timedOut: false, error: "", output: "hello\n" });
  assert.equal(whyNot(good), "");
  const bad = await runner.run(sh("echo no such chain >&2; exit 3"));
  assert.equal(bad.ok, false);
  assert.equal(bad.exitCode, 3);
  assert.equal(whyNot(bad), "exit code 3: no such chain");
  const shot = await runner.run(sh("kill -TERM $$"));
  assert.equal(shot.signal, "SIGTERM");
  assert.equal(whyNot(shot), "ended by SIGTERM");
});

test("what cannot run is a result, not an exception", async () => {
  const runner = new CommandRunner();
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[join(folder, "missing")], /cannot run .*missing: ENOENT/],
    [[script("no-x", "#!/bin/sh\n", 0o644)], /EACCES/],
    [[folder], /EACCES/],
    [[script("bad-interpreter", "#!/no/such/interpreter\n")], /ENOENT/],
    [[], /cannot run/],
    [["/bin/echo", "a\0b"], /cannot run/],
    [["/bin/echo", "x".repeat(1 << 20)], /E2BIG/],
  ];
  for (const [argv, error] of cases) {
    const result = await runner.run(argv);
    assert.equal(result.ok, false);
    assert.match(result.error, error);
  }
  assert.equal(runner.running, 0);
});

test("a script without an interpreter line runs, as by system()", async () => {
  const result = await new CommandRunner().run([script("plain", "echo $1\n"), "x"]);
  assert.equal(result.output, "x\n");
});

test("the environment is small and fixed, standard input empty, the folder /", async () => {
  const { output } = await new CommandRunner().run(sh("env | sort; cat; pwd"));
  const lines = output
    .trim()
    .split("\n")
    .filter((line) => !/^(?:_|PWD|OLDPWD|SHLVL)=/.test(line));
  assert.deepEqual(lines, ["LC_ALL=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/"]);
});

test("10 MB of output does not stop it, and 4 KiB of it stay", async () => {
  const result = await new CommandRunner().run(sh("yes abcdefg | head -c 10000000; echo end >&2; exit 5"));
  assert.equal(result.exitCode, 5);
  assert.equal(result.output.length, 4096);
});

test("what would drive a terminal is escaped", async () => {
  const { output } = await new CommandRunner().run(["/usr/bin/printf", "a\\033[31m\\007\\r\\n\\342\\200\\256b\\377"]);
  assert.equal(output, "a\\x1b[31m\\x07\\x0d\n\\u202eb\ufffd");
});

test("the time limit ends the command and what it started", async () => {
  const runner = new CommandRunner({ timeLimitMs: 300 });
  const pids = join(folder, "hung");
  const result = await runner.run(sh(`trap '' TERM INT HUP; sleep 1000 & echo $$ $! > ${pids}; wait; sleep 1000`));
  assert.equal(result.ok, false);
  assert.equal(result.timedOut, true);
  assert.equal(whyNot(result), "timed out after 0.3 s");
  assert.equal(runner.counters.commandsTimedOut, 1);
  const [shell = 0, child = 0] = readFileSync(pids, "utf8").trim().split(" ").map(Number);
  await until("all of it ends", () => !isAlive(shell) && !isAlive(child));
  await until("its place is free", () => runner.running === 0);
});

test("a child that stays in the background, outputs open, is neither waited for nor ended", async () => {
  const runner = new CommandRunner({ timeLimitMs: 60_000 });
  const pids = join(folder, "daemon");
  const result = await runner.run(sh(`sleep 1000 & echo $! > ${pids}; echo started`));
  assert.deepEqual([result.ok, result.output, runner.running], [true, "started\n", 0]);
  const child = Number(readFileSync(pids, "utf8"));
  try {
    assert.ok(isAlive(child));
    await runner.close();
    assert.ok(isAlive(child), "the daemon's end is not its end");
  } finally {
    process.kill(child, "SIGKILL");
  }
});

test("2,000 at once: no more than 8 run, 1,024 wait, the rest is refused and counted, and all get an answer", async () => {
  const runner = new CommandRunner();
  let most = 0;
  const results = await Promise.all(
    Array.from({ length: 2000 }, async () => {
      const result = runner.run(["/bin/true"]);
      most = Math.max(most, runner.running);
      return result;
    }),
  );
  assert.equal(most, 8);
  assert.equal(results.filter(({ ok }) => ok).length, 8 + 1024);
  assert.equal(runner.counters.commandsRefused, 2000 - 8 - 1024);
  assert.equal(runner.counters.commandsStarted, 8 + 1024);
  const refused = results.find(({ ok }) => !ok);
  assert.equal(refused?.error, "not run: 1024 commands wait already");
  assert.deepEqual([runner.running, runner.waiting], [0, 0]);
});

test("close() ends what runs, answers what waits, and lets nothing new in", async () => {
  const runner = new CommandRunner({ atOnce: 1 });
  const hanging = runner.run(["/bin/sleep", "1000"]);
  const waiting = runner.run(["/bin/true"]);
  await runner.close(10);
  assert.match((await hanging).error, /stopping/);
  assert.match((await waiting).error, /not run: the daemon is stopping/);
  assert.match((await runner.run(["/bin/true"])).error, /stopping/);
});

test("close() gives a command that is about to end its time", async () => {
  const runner = new CommandRunner();
  const started = join(folder, "slow-started");
  const slow = runner.run(sh(`: > ${started}; sleep 0.2; echo done`));
  await runner.close(60_000);
  assert.equal((await slow).output, "done\n");
});
