// Rules that stay are known after a restart: written when they change, read at start, and damage is told.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { addLeftRules, LeftRules, readLeftRules } from "../../src/enforce/left-rules.ts";
import { type LeftRule, RuleUndo } from "../../src/enforce/rule-undo.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeDelegate, FakeRecorder } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-left-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function open(stateDir: string) {
  const parts = { delegate: new FakeDelegate(), recorder: new FakeRecorder() };
  const rules = new RuleUndo(parts);
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const kept = new LeftRules({ stateDir, rules, onTrouble: say, onRecovered: say });
  kept.load();
  return { ...parts, rules, said, kept };
}

const named = (left: readonly LeftRule[]) =>
  left.map(({ block: { source, madeBy }, failure }) => [formatPrefix(source), madeBy, failure]);

test("what stays is known to the next run, with what made it; what has been undone since is not", async (t) => {
  const folder = folderFor(t);
  const first = open(folder);
  await first.kept.save();
  assert.equal(existsSync(join(folder, "rules-left")), false, "nothing stays, and nothing is written");
  for (const source of ["192.0.2.1", "192.0.2.2", "2001:db8::/64"]) {
    first.delegate.stays.add(source);
    await first.rules.undo(block(source, { madeBy: `made ${source}` }), "expired");
  }
  await first.kept.save();
  assert.equal(statSync(join(folder, "rules-left")).mode & 0o777, 0o600);
  const second = open(folder);
  assert.deepEqual(named(second.rules.left), [
    ["192.0.2.1", "made 192.0.2.1", "it stays"],
    ["192.0.2.2", "made 192.0.2.2", "it stays"],
    ["2001:db8::/64", "made 2001:db8::/64", "it stays"],
  ]);
  const [left] = second.rules.left;
  assert.ok(left !== undefined);
  await second.rules.undo(left.block, "by hand");
  await second.kept.save();
  assert.deepEqual(
    named(open(folder).rules.left).map(([source]) => source),
    ["192.0.2.2", "2001:db8::/64"],
  );
});

test("without a daemon rules are added to those that are known", async (t) => {
  const folder = folderFor(t);
  await addLeftRules(folder, []);
  assert.equal(existsSync(join(folder, "rules-left")), false);
  const left = (source: string) => ({ block: block(source, { madeBy: "a command" }), failure: "no inverse" });
  await addLeftRules(folder, [left("192.0.2.1")]);
  await addLeftRules(folder, [left("192.0.2.2")]);
  assert.deepEqual(
    named(readLeftRules(folder)).map(([source]) => source),
    ["192.0.2.1", "192.0.2.2"],
  );
});

test("lines that are none of ours are passed over; a file that is not ours to read is told, and nothing is known", async (t) => {
  const folder = folderFor(t);
  const path = join(folder, "rules-left");
  await addLeftRules(folder, [{ block: block("192.0.2.1"), failure: "no inverse" }]);
  writeFileSync(path, `${readFileSync(path, "utf8")}garbage\n[1,2]\n["192.0.2.2"]\n`);
  assert.deepEqual(
    named(readLeftRules(folder)).map(([source]) => source),
    ["192.0.2.1"],
  );
  rmSync(path);
  mkdirSync(path);
  const { said, rules } = open(folder);
  assert.equal(said.length, 1);
  assert.match(
    said[0] ?? "",
    /rules-left cannot be read: .*it is a directory.*; rules that stay of earlier runs are not known$/,
  );
  assert.deepEqual(rules.left, []);
});

test("what cannot be written is told once, tried again at each call, and told when it works", async (t) => {
  const folder = folderFor(t);
  const { kept, rules, delegate, said } = open(folder);
  delegate.stays.add("192.0.2.1");
  await rules.undo(block("192.0.2.1"));
  mkdirSync(join(folder, "rules-left"));
  await kept.save();
  await kept.save();
  assert.equal(kept.counters.rulesLeftErrors, 2);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^cannot write .*rules-left: .*; a restart forgets which rules of ended blocks stay$/);
  rmSync(join(folder, "rules-left"), { recursive: true });
  await kept.save();
  assert.match(said[1] ?? "", /rules-left is written again$/);
  assert.equal(readLeftRules(folder).length, 1);
});

test("more than the file has room for: the last ones are kept, and the others counted", async (t) => {
  const folder = folderFor(t);
  const { kept, rules, delegate } = open(folder);
  const sources = Array.from({ length: 200 }, (_, index) => `192.0.2.${index}`);
  for (const source of sources) {
    delegate.stays.add(source);
    await rules.undo(block(source, { madeBy: "x".repeat(60_000) }));
  }
  await kept.save();
  const known = readLeftRules(folder).map(({ block: { source } }) => formatPrefix(source));
  assert.equal(known.length + kept.counters.rulesLeftNotKept, 200);
  assert.ok(known.length >= 130 && known.length < 200, `${known.length}`);
  assert.deepEqual(known, sources.slice(-known.length));
});
