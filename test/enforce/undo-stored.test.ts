// What is left on a host when the package goes: stored blocks' routes and lines are undone, and what is not is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResponseRequest, ResponseStep } from "../../src/enforce/commands/response.ts";
import type { LeftRule } from "../../src/enforce/rule-undo.ts";
import { undoStored } from "../../src/enforce/undo-stored.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { block } from "../judge/blocks.ts";

const settings = settingsOf(load('TCP_MODE="stcp"\nUDP_MODE="audp"\nBLOCK_TCP="1"\nKILL_ROUTE="/bin/true $TARGET$"\n'));

function setUp({ steps = ["run", "route"] as readonly ResponseStep[], broken = "" } = {}) {
  const asked: string[] = [];
  let nowMs = 0;
  const responder = {
    steps: () => steps,
    undo: async ({ source, port, modeName }: ResponseRequest) => {
      nowMs += 1;
      const name = formatPrefix(source);
      asked.push(`${name} ${port} ${modeName}`);
      return [{ step: "route" as const, ok: name !== broken, text: `route ${name}`, detail: "exit code 2" }];
    },
  };
  return { asked, parts: { settings, responder, deadlineMs: 1_000, nowMs: () => nowMs } };
}

const named = (left: readonly LeftRule[]) =>
  left.map(({ block: { source }, failure }) => `${formatPrefix(source)}: ${failure}`);

test("of each full block that commands may have met everything is undone; what cannot be is told", async () => {
  const { asked, parts } = setUp({ broken: "192.0.2.2" });
  const blocks = [
    block("192.0.2.1", { backend: "kill-route", trigger: { protocol: 17, port: 53 } }),
    block("192.0.2.2"),
    block("192.0.2.3", { soft: true }),
    block("192.0.2.4", { grade: "manual" }),
  ];
  const { undone, left } = await undoStored(blocks, parts);
  assert.deepEqual([undone, named(left)], [1, ["192.0.2.2: route 192.0.2.2: exit code 2"]]);
  assert.deepEqual(asked, ["192.0.2.1 53 audp", "192.0.2.2 0 stcp"]);
});

test("where only KILL_RUN_CMD is set nothing can be undone, and nothing is asked", async () => {
  const { asked, parts } = setUp({ steps: ["run"] });
  assert.deepEqual(await undoStored([block("192.0.2.1")], parts), { undone: 0, left: [] });
  assert.deepEqual(asked, []);
});

test("after the deadline no command is begun, and the rest is told", async () => {
  const { asked, parts } = setUp();
  const blocks = Array.from({ length: 300 }, (_, index) => block(`198.51.${100 + (index >> 8)}.${index & 255}`));
  const { undone, left } = await undoStored(blocks, { ...parts, deadlineMs: 1 });
  assert.deepEqual([undone, left.length, asked.length], [256, 44, 256]);
  assert.equal(named(left)[0], "198.51.101.0: there was no time to undo it");
});

test("a block that says what made it is undone by that, though nothing of the kind is set any more", async () => {
  const { asked, parts } = setUp({ steps: [] });
  const blocks = [block("192.0.2.1", { madeBy: "a command" }), block("192.0.2.2", { madeBy: "" }), block("192.0.2.3")];
  assert.deepEqual(await undoStored(blocks, parts), { undone: 1, left: [] });
  assert.deepEqual(asked, ["192.0.2.1 0 stcp"]);
});
