// When the administrator's rules are looked at, and which of them: one look at a time, in turn, and never two of one rule at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandBackend } from "../../src/enforce/backends/command-backend.ts";
import { RuleLook } from "../../src/enforce/rule-look.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { block } from "../judge/blocks.ts";

const blocks = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((source) => block(source, { backend: "kill-route" }));

function setUp(stands: (one: Block) => Promise<boolean | undefined>) {
  const asked: string[] = [];
  const backend: CommandBackend = {
    ...{ name: "kill-route", step: "route", suffices: true },
    enforce: async () => [],
    lift: async () => [],
    close: async () => undefined,
    stands: (one) => {
      asked.push(formatPrefix(one.source));
      return stands(one);
    },
  };
  const gone: string[] = [];
  const look = new RuleLook([backend]);
  const lookAt = (afterChange: boolean) =>
    look.look(blocks, afterChange, (lost) => void gone.push(...lost.map(({ source }) => formatPrefix(source))));
  return { lookAt, asked, gone };
}

test("a look that comes while another is on asks for nothing; the next one does, though a look has failed", async () => {
  let answer = (_: boolean | undefined): void => assert.fail("nobody asks");
  let isFailing = false;
  const { lookAt, asked, gone } = setUp(() => {
    if (isFailing) return Promise.reject(new Error("no process"));
    if (asked.length > 1) return Promise.resolve(undefined);
    return new Promise((done) => {
      answer = done;
    });
  });
  const first = lookAt(true);
  await Promise.resolve();
  await lookAt(true);
  assert.deepEqual(asked.length, 1);
  answer(false);
  await first;
  assert.deepEqual([asked.length, gone], [3, ["192.0.2.1"]]);
  isFailing = true;
  await assert.rejects(lookAt(true), /no process/);
  isFailing = false;
  await lookAt(true);
  assert.equal(asked.length, 7);
});
