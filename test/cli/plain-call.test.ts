// The commands that are read without commander mean what commander takes them to mean, and no other command line is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfFile } from "../../src/cli/options.ts";
import { readPlainCall } from "../../src/cli/plain-call.ts";
import { createProgram } from "../../src/cli/program.ts";
import { makeLab } from "./run-command.ts";

const conf = defaultConfFile;
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
});

test("every other command line is left to commander", () => {
  const lines = [
    "",
    "--json",
    "run",
    "block 192.0.2.7",
    "status extra",
    "status -c",
    "status -c --json",
    "status -cx",
    "status --conf=x",
    "status -c x -c y",
    "status --jso",
    "status --help",
    "status --",
    "guard -",
    "why",
    "why 192.0.2.7 192.0.2.8",
    "why -x",
    "toString",
  ];
  for (const line of lines) assert.equal(readPlainCall(line.split(" ")), undefined, line);
});

test("commander reads a plain call in the same way", async (t) => {
  const { ask, conf: file } = await makeLab(t);
  for (const line of ["status", "blocked --json", "guard", "guard --json", "why 192.0.2.7", "why 192.0.2.7 --json"]) {
    const [command = "", ...words] = line.split(" ");
    const plain = await ask(command, ...words);
    let out = "";
    const codes: number[] = [];
    const terminal = {
      async write(text: string) {
        out += text;
      },
      complain: assert.fail,
      colour: false,
      nowMs: Date.now,
    };
    const loadDaemon = () => assert.fail("no daemon is asked for");
    const program = createProgram({ terminal, version: "", loadDaemon, done: (code) => void codes.push(code) });
    await program.parseAsync(["node", "portreeve", command, `--conf=${file}`, ...words]);
    const masked = (text: string) => text.replace(/another .*s\./, "another time.");
    assert.deepEqual([masked(out), codes], [masked(plain.out), [plain.code]], line);
  }
});
