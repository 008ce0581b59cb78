// The package's rules for logcheck: what the daemon says at each start and stop is left out of the mail, all else is in it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryFolder } from "./support/repository.ts";

const rules = join(repositoryFolder("packaging"), "portreeve.logcheck");
const said = readFileSync(join(repositoryFolder("test"), "record/fixtures/portsentry-1.2-lines.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.replace(/\$$/, ""));
const heads = [
  "Nov 30 08:12:56 host portsentry[812]: ",
  "2026-11-30T08:12:56.123456+00:00 host.example.org portsentry: ",
];

/** The lines that are mailed. */
function mailed(lines: readonly string[]): string[] {
  const input = lines.map((line) => `${line}\n`).join("");
  return spawnSync("grep", ["-Evf", rules], { input, encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => line !== "");
}

for (const head of heads) {
  test(`of "${head}..." start and stop are left out, attacks, errors and warnings are not`, () => {
    const own = ["Every closed TCP port is watched.", "Watched, UDP: 1-1023 (1023 ports), while closed"];
    const notices = own.map((text) => `adminalert: ${text}`);
    const isRoutine = (line: string) => !line.startsWith("attackalert") && !/ERROR|Cannot/.test(line);
    const troubles = [
      "adminalert: WARNING: cannot block 192.0.2.7: EPERM",
      "adminalert: Cannot open config file: x. Exiting",
    ];
    const expected = [...said.filter((line) => !isRoutine(line)), ...troubles].map((line) => head + line);
    assert.ok(said.some(isRoutine) && expected.length > troubles.length);
    assert.deepEqual(mailed([...said, ...notices, ...troubles].map((line) => head + line)), expected);
  });
}

test("lines of other programs are not touched", () => {
  const line = "Nov 30 08:12:56 host sshd[812]: adminalert: Every closed TCP port is watched.";
  assert.deepEqual(mailed([line]), [line]);
});
