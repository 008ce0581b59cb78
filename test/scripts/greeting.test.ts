// What `npm start` says on a terminal: what it is, whether it blocks, and commands that exist.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { createProgram } from "../../src/cli/program.ts";
import { repositoryFolder } from "../support/repository.ts";

function greetingFor(...given: readonly string[]): string {
  const script = "process.stdout.write((await import(process.argv[1])).greeting('1.2.3', process.argv.slice(2)))";
  const argv = ["--input-type=module", "-e", script, repositoryFolder("scripts/greeting.mjs"), ...given];
  return spawnSync(process.execPath, argv, { encoding: "utf8" }).stdout;
}

test("the greeting names Portreeve, says whether it blocks, and names commands that exist", () => {
  assert.match(greetingFor(), /^Portreeve 1\.2\.3 detects and logs, and blocks no source\./);
  assert.match(greetingFor("-c", "x", "--block"), /^Portreeve 1\.2\.3 detects and blocks\./);
  const terminal = { write: async () => {}, complain: () => {}, colour: false, nowMs: () => 0 };
  const loadDaemon = async () => async () => 0;
  const { commands } = createProgram({ terminal, version: "", loadDaemon, done: () => undefined });
  const named = /bin\/portreeve (\w+), (\w+) -f, (\w+) ADDRESS/.exec(greetingFor())?.slice(1) ?? [];
  assert.equal(named.length, 3);
  for (const name of named)
    assert.ok(
      commands.some((command) => command.name() === name),
      name,
    );
});
