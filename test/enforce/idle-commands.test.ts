// What follows when a source is answered that a command of the administrator's was to shut out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { loadSettings } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/settings.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import { IdleCommands } from "../../src/enforce/idle-commands.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

function settingsWith(killRoute: string): Settings {
  const text = `TCP_MODE=""\nBLOCK_TCP="1"\nKILL_ROUTE="${killRoute}"\n`;
  const { settings, problems } = loadSettings("/conf", () => Buffer.from(text), { fileExists: () => true });
  assert.ok(settings, JSON.stringify(problems));
  return settings;
}

function blockOf(source: string, more: Partial<Block> = {}): Block {
  const times = { sinceMs: 0, untilMs: undefined, offences: 1 };
  const what = { grade: "direct", soft: false, reason: "", backend: "kill-route", enforced: true } as const;
  return { source: prefix(source), ...times, ...what, ...more };
}

function setUp(blocks: readonly Block[], stands: () => Promise<boolean | undefined> = async () => undefined) {
  const list = new BlockList(1_000);
  for (const block of blocks) list.put(block);
  const [taken, said]: [string[], string[]] = [[], []];
  let gone = 0;
  const troubles = createTroubles();
  const commands = new IdleCommands(settingsWith("/bin/true $TARGET$"), {
    list,
    delegate: { stands, suffices: ({ backend }) => backend === "kill-route" },
    troubles,
    takeOver: ({ source }) => {
      taken.push(formatPrefix(source));
      const block = list.get(source);
      if (block !== undefined) list.put({ ...block, backend: "nftables" });
      return "";
    },
    ruleGone: () => gone++,
    warn: (message) => said.push(message),
  });
  return { commands, list, taken, said, troubles, gone: () => gone };
}

test("an answer proves it once a source: said, counted, and taken over", async () => {
  const { commands, taken, said, troubles } = setUp([blockOf("192.0.2.1"), blockOf("2001:db8:5::/64")]);
  await commands.answered([prefix("192.0.2.1")]);
  await commands.answered([prefix("192.0.2.1")]);
  await commands.answered([prefix("2001:db8:5::7"), prefix("2001:db8:5::/64")]);
  assert.deepEqual(taken, ["192.0.2.1", "2001:db8:5::/64"]);
  assert.equal(said.length, 2);
  assert.equal(commands.counters.commandsWithoutEffect, 2);
  assert.match(troubles.current().join(), /KILL_ROUTE "\/bin\/true \$TARGET\$" .*: 2 sources were answered/);
});

test("who is not blocked by a command is none of its business", async () => {
  const blocks = [
    blockOf("192.0.2.1", { backend: "nftables" }),
    blockOf("192.0.2.2", { backend: "hosts.deny" }),
    blockOf("192.0.2.3", { enforced: false }),
  ];
  const { commands, taken, troubles } = setUp(blocks);
  for (const last of [1, 2, 3, 4]) await commands.answered([prefix(`192.0.2.${last}`)]);
  assert.deepEqual([taken, troubles.current()], [[], []]);
});

test("a rule that is gone was deleted: whoever looks after that is told, and nothing is said of the command", async () => {
  const { commands, taken, said, gone } = setUp([blockOf("192.0.2.1")], async () => false);
  await commands.answered([prefix("192.0.2.1")]);
  assert.deepEqual([taken, said, gone()], [[], [], 1]);
});

test("a block that ends while its rule is asked for, and 300 sources at once", async () => {
  const many = Array.from({ length: 300 }, (_, index) => `198.51.${index >> 8}.${index & 255}`);
  const answers: (() => void)[] = [];
  const asking = () => new Promise<undefined>((done) => answers.push(() => done(undefined)));
  const { commands, list, taken } = setUp(
    many.map((source) => blockOf(source)),
    asking,
  );
  const all = many.map((source) => commands.answered([prefix(source)]));
  assert.equal(answers.length, 256);
  assert.equal(commands.counters.commandProofsMissed, 44);
  list.remove(prefix("198.51.0.0"));
  for (const answer of answers) answer();
  await Promise.all(all);
  assert.equal(taken.length, 255);
  assert.ok(!taken.includes("198.51.0.0"));
});

test("another command begins without a record; the same one keeps it", async () => {
  const { commands, troubles } = setUp([blockOf("192.0.2.1")]);
  await commands.answered([prefix("192.0.2.1")]);
  commands.setSettings(settingsWith("/bin/true $TARGET$"));
  assert.equal(troubles.current().length, 1);
  commands.setSettings(settingsWith("/bin/echo $TARGET$"));
  assert.deepEqual([troubles.current(), commands.counters.commandsWithoutEffect], [[], 0]);
});
