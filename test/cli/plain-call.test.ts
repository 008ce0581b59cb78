// The commands that are read without commander mean what commander takes them to mean, and no other command line is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clientCommands } from "../../src/cli/client-commands.ts";
import { defaultConfFile } from "../../src/cli/options.ts";
import { forms, plainOptions, readPlainCall } from "../../src/cli/plain-call.ts";
import { createProgram } from "../../src/cli/program.ts";
import { makeLab } from "./run-command.ts";

const conf = defaultConfFile;
const noTerminal = { write: assert.fail, complain: assert.fail, colour: false, nowMs: Date.now };
// As the child processes have it.
process.env.TZ = "UTC";

test("the plain forms are read", () => {
  assert.deepEqual(readPlainCall(["status"]), { command: "status", operand: "", options: { conf } });
  assert.deepEqual(readPlainCall(["blocked", "--json", "-c", "x"]), {
    command: "blocked",
    operand: "",
    options: { conf: "x", json: true },
  });
  assert.deepEqual(readPlainCall(["why", "--conf", "x", "192.0.2.7"]), {
    command: "why",
    operand: "192.0.2.7",
    options: { conf: "x" },
  });
  assert.deepEqual(readPlainCall(["unblock", "--all"]), {
    command: "unblock",
    operand: "",
    options: { conf, all: true },
  });
  assert.deepEqual(readPlainCall(["block", "192.0.2.7", "--for", "1h", "--reason", "a b", "--force"]), {
    command: "block",
    operand: "192.0.2.7",
    options: { conf, for: "1h", reason: "a b", force: true },
  });
  assert.deepEqual(readPlainCall(["events", "-f", "-n", "10000", "--since", "12h"]), {
    command: "events",
    operand: "",
    options: { conf, follow: true, limit: 10_000, since: "12h" },
  });
});

test("every other command line is left to commander", () => {
  const lines = [
    "",
    "--json",
    "run",
    "check",
    "status extra",
    "status -c",
    "status -c --json",
    "status -cx",
    "status --conf=x",
    "status -c x -c y",
    "status --jso",
    "status --help",
    "status --",
    "status --force",
    "status -f",
    "guard -",
    "why",
    "why 192.0.2.7 192.0.2.8",
    "why -x",
    "toString",
    "block",
    "block 192.0.2.7 --for",
    "block 192.0.2.7 --for -1",
    "unblock 192.0.2.7 192.0.2.8",
    "events -n 10001",
    "events -n 1e3",
    "events -n -1",
    "events --type block",
  ];
  for (const line of lines) assert.equal(readPlainCall(line.split(" ")), undefined, line);
});

test("each plain form is a command of commander's, with the same operands and options", () => {
  const program = createProgram({
    terminal: noTerminal,
    version: "",
    loadDaemon: assert.fail,
    done: () => assert.fail(),
  });
  for (const [name, form] of Object.entries<{ operands: readonly [number, number]; options?: readonly string[] }>(
    forms,
  )) {
    const command = program.commands.find((one) => one.name() === name);
    assert.ok(command, name);
    const least = command.registeredArguments.filter(({ required }) => required).length;
    assert.deepEqual([least, command.registeredArguments.length], form.operands, name);
    const theirs = new Map(command.options.map((option) => [option.attributeName(), option]));
    for (const option of ["conf", "json", ...(form.options ?? [])] as (keyof typeof plainOptions)[])
      assert.equal(theirs.get(option)?.required, plainOptions[option] !== "nothing", `${name} --${option}`);
    if (theirs.has("limit")) assert.equal(theirs.get("limit")?.short, "-n");
    if (theirs.has("follow")) assert.equal(theirs.get("follow")?.short, "-f");
  }
  assert.deepEqual(Object.keys(forms).sort(), Object.keys(clientCommands).sort());
});

test("commander reads a plain call in the same way", async (t) => {
  const { ask, conf: file } = await makeLab(t);
  const lines = [
    ...["status", "blocked --json", "guard", "guard --json", "why 192.0.2.7", "why 192.0.2.7 --json"],
    ...["block 192.0.2.7 --for 1h --reason abuse --force", "unblock 192.0.2.7", "unblock --all --json"],
    ...[
      "events -n 1",
      "events --since 12h --source 192.0.2.0/24",
      "events",
      "report --since 2026-11-20 --until 2026-11-23 --json",
    ],
  ];
  for (const line of lines) {
    const [command = "", ...words] = line.split(" ");
    const plain = await ask(command, ...words);
    let out = "";
    const codes: number[] = [];
    const terminal = {
      ...noTerminal,
      async write(text: string) {
        out += text;
      },
    };
    const loadDaemon = () => assert.fail("no daemon is asked for");
    const program = createProgram({ terminal, version: "", loadDaemon, done: (code) => void codes.push(code) });
    await program.parseAsync(["node", "portreeve", command, `--conf=${file}`, ...words]);
    const masked = (text: string) => text.replace(/another .*s\./, "another time.");
    assert.deepEqual([masked(out), codes], [masked(plain.out), [plain.code]], line);
  }
});
