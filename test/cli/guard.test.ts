// portreeve guard against a fake daemon: the list as a table and as JSON, and what comes over the socket is checked.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GuardEntry } from "../../src/control/api.ts";
import { makeLab } from "./run-command.ts";

const gateway: GuardEntry = { source: "198.51.100.254", because: "gateway", until: null };
const peer = (until: string): GuardEntry => ({ source: "2001:db8::7", because: "peer", until });

test("guard --json is one array of entries", async (t) => {
  const { daemon, ask } = await makeLab(t);
  assert.equal((await ask("guard", "--json")).out, "[]\n");
  const all = [gateway, peer("2026-11-22T10:00:00.000Z")];
  daemon.guarded = all;
  const { code, out } = await ask("guard", "--json");
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(out), all);
});

test("guard is a table: who, why and for how long", async (t) => {
  const { daemon, ask } = await makeLab(t);
  assert.equal((await ask("guard")).out, "no source is guarded\n");
  daemon.guarded = [gateway, peer(new Date(Date.now() + 30 * 60_000 + 30_000).toISOString())];
  const lines = (await ask("guard")).out.trimEnd().split("\n");
  assert.match(lines[0] ?? "", /^SOURCE +BECAUSE +UNTIL +REMAINING$/);
  assert.match(lines[1] ?? "", /^198\.51\.100\.254 +gateway +as long as it is so +-$/);
  assert.match(lines[2] ?? "", /^2001:db8::7 +peer +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +30m \d+s$/);
});

test("an answer that is no guard entry is not printed", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const strange: object = { source: "192.0.2.1", because: "\x1b[31m", until: null };
  daemon.guarded = (function* (): Generator<GuardEntry> {
    yield JSON.parse(JSON.stringify(strange));
  })();
  const { code, out } = await ask("guard");
  assert.equal(code, 69);
  assert.equal(out, "");
});
