// Completion as bash gives it: each word of a command line that is begun, and the commands and options that are offered for it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createReferenceProgram } from "../../scripts/papers/commands.ts";
import { bashCompletion, zshCompletion } from "../../scripts/papers/completion.ts";
import { makeFolder } from "../control/fake-daemon.ts";

const program = createReferenceProgram();

/** What bash offers for the last word, sorted; in a folder with two files. */
function completer(t: TestContext): (...words: readonly string[]) => string[] {
  const folder = makeFolder(t);
  const script = join(folder, "completion");
  writeFileSync(script, bashCompletion(program));
  for (const name of ["capture one.pcap", "capture-two.pcap"]) writeFileSync(join(folder, name), "");
  // As readline calls the function that "complete -F" names; compopt is for readline's own calls only.
  const call = `set -u
source ./completion
complete -p portreeve >/dev/null
compopt() { :; }
COMP_WORDS=(portreeve "$@"); COMP_CWORD=$#
_portreeve portreeve "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]-}"`;
  return (...words) => {
    const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", call, "bash", ...words], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""], words.join(" "));
    return stdout.split("\n").filter((word) => word !== "");
  };
}

test("bash offers every command, and every option of each", (t) => {
  const offers = completer(t);
  const names = program.commands.map((command) => command.name());
  assert.ok(names.includes("allow") && names.includes("report"));
  assert.deepEqual(offers("").sort(), [...names, "help", "-V", "--version", "-h", "--help"].sort());
  assert.deepEqual(offers("bl").sort(), ["block", "blocked"]);
  for (const command of program.commands) {
    const flags = command.options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
    assert.deepEqual(offers(command.name(), "-").sort(), [...flags, "-h", "--help"].sort(), command.name());
  }
});

test("bash offers the values of an option, files where a file is meant, and nothing that it cannot know", (t) => {
  const offers = completer(t);
  assert.deepEqual(offers("run", "--log", ""), ["stdout", "syslog"]);
  assert.deepEqual(offers("run", "--block", "--tcp-mode", "s"), ["stcp"]);
  assert.deepEqual(offers("events", "--type", "").sort(), [
    "block",
    "drift",
    "finding",
    "outgoing",
    "probe",
    "unblock",
    "warning",
  ]);
  assert.deepEqual(offers("replay", "capture").sort(), ["capture one.pcap", "capture-two.pcap"]);
  assert.deepEqual(offers("status", "-c", "capture-").sort(), ["capture-two.pcap"]);
  assert.deepEqual(offers("help", "conf"), ["confirm"]);
  for (const line of [
    ["block", ""],
    ["block", "--for", ""],
    ["events", "-n", ""],
    ["nothing", ""],
  ])
    assert.deepEqual(offers(...line), [], line.join(" "));
});

test("zsh's has every command and option, and no quote or bracket stands open", () => {
  const text = zshCompletion(program);
  assert.match(text, /^#compdef portreeve\n/);
  for (const command of program.commands) {
    const line = text.split("\n").find((one) => one.trim().startsWith(`${command.name()}) _arguments`));
    assert.ok(line !== undefined, command.name());
    for (const { long } of command.options) assert.ok(line.includes(`'${long ?? ""}[`), `${command.name()} ${long}`);
  }
  // Bash reads its quotes in the same way.
  const { status, stderr } = spawnSync("bash", ["-n"], {
    input: text.replaceAll(/\$words\[1\]/g, "x"),
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("zsh reads it", { skip: spawnSync("zsh", ["--version"]).error !== undefined && "zsh is not installed" }, () => {
  const { status, stderr } = spawnSync("zsh", ["-n"], { input: zshCompletion(program), encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});
