import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { restoreBlocks } from "../../src/enforce/restore.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeFirewall, FakeStore } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const nowMs = 1_000_000;
const HOUR = 3_600_000;

function restore(stored: readonly Block[], kernel: readonly Block[], limit = 100) {
  const store = new FakeStore();
  for (const each of stored) store.putBlock(each);
  const firewall = new FakeFirewall();
  firewall.elements = kernel.map(({ source, soft, untilMs }) => ({
    place: "",
    source,
    soft,
    expiresInMs: untilMs === undefined ? undefined : untilMs - nowMs,
  }));
  const list = new BlockList(limit);
  const run = () => restoreBlocks({ store, firewall, list, nowMs, seed: { k0: 1, k1: 2 } });
  const listed = () => [...list.values()].map(({ source }) => formatPrefix(source)).sort();
  return { store, firewall, list, run, listed };
}

test("what the kernel still holds until the same time is listed and not touched", () => {
  const kept = block("192.0.2.1", { untilMs: nowMs + HOUR, reason: "as stored", offences: 3 });
  const forEver = block("2001:db8:0:1::/64");
  const { run, firewall, list } = restore([kept, forEver], [{ ...kept, untilMs: nowMs + HOUR - 900 }, forEver]);
  const outcome = run();
  assert.equal(outcome.restored, 2);
  assert.equal(outcome.adopted, 0);
  assert.equal(firewall.kernel.size, 0);
  assert.deepEqual(list.get(kept.source), { ...kept, enforced: true });
});

test("what the kernel lost, or holds until another time, is added again", () => {
  const lost = block("192.0.2.1", { untilMs: nowMs + HOUR });
  const other = block("192.0.2.2", { untilMs: nowMs + HOUR });
  const forEver = block("192.0.2.3");
  const timed = block("192.0.2.4", { untilMs: nowMs + HOUR });
  const kernel = [
    block("192.0.2.2", { untilMs: nowMs + 60_000 }),
    block("192.0.2.3", { untilMs: nowMs + 60_000 }),
    block("192.0.2.4"),
  ];
  const { run, firewall, listed } = restore([lost, other, forEver, timed], kernel);
  assert.equal(run().restored, 4);
  assert.deepEqual(
    [...firewall.kernel],
    [
      ["full 192.0.2.1", nowMs + HOUR],
      ["full 192.0.2.2", nowMs + HOUR],
      ["full 192.0.2.3", undefined],
      ["full 192.0.2.4", nowMs + HOUR],
    ],
  );
  assert.equal(listed().length, 4);
});

test("what ended while the daemon was away is dropped from the store, and counted", () => {
  const { run, firewall, store, listed } = restore([block("192.0.2.1", { untilMs: nowMs }), block("192.0.2.2")], []);
  const { restored, expired } = run();
  assert.deepEqual({ restored, expired }, { restored: 1, expired: 1 });
  assert.deepEqual([...store.rows.keys()], ["192.0.2.2"]);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.2"]);
  assert.deepEqual(listed(), ["192.0.2.2"]);
});

test("what only the kernel remembers is listed and stored with what the kernel knows", () => {
  const { run, store, list } = restore(
    [],
    [block("192.0.2.1", { soft: true, untilMs: nowMs + HOUR }), block("192.0.2.2")],
  );
  assert.equal(run().adopted, 2);
  const adopted = list.get(prefix("192.0.2.1"));
  assert.deepEqual({ soft: adopted?.soft, enforced: adopted?.enforced }, { soft: true, enforced: true });
  // From when it was read on.
  assert.ok(Math.abs((adopted?.untilMs ?? 0) - nowMs - HOUR) < 1_000, `${adopted?.untilMs}`);
  assert.deepEqual([...store.rows.keys()].sort(), ["192.0.2.1", "192.0.2.2"]);
  assert.ok(store.flushes > 0);
});

test("what the kernel refuses is not listed, is named, and stays stored for the next start", () => {
  const { run, firewall, store, listed } = restore([block("192.0.2.1"), block("192.0.2.2")], []);
  firewall.refusals.set("192.0.2.1", "ENFILE; the kernel's set is full");
  const { restored, failures } = run();
  assert.equal(restored, 1);
  assert.deepEqual(failures, ["192.0.2.1: ENFILE; the kernel's set is full"]);
  assert.deepEqual(listed(), ["192.0.2.2"]);
  assert.ok(store.rows.has("192.0.2.1"));
});

test("stored softly, held fully by the kernel: the full block counts, and the soft one goes", () => {
  const soft = block("192.0.2.1", { soft: true, untilMs: nowMs + HOUR });
  const full = block("192.0.2.1", { untilMs: nowMs + 24 * HOUR });
  const { run, firewall, list, store } = restore([soft], [full, soft]);
  firewall.kernel.set("soft 192.0.2.1", soft.untilMs);
  run();
  assert.equal(list.get(soft.source)?.soft, false);
  assert.ok(Math.abs((list.get(soft.source)?.untilMs ?? 0) - (full.untilMs ?? 0)) < 1_000);
  assert.equal(store.rows.get("192.0.2.1")?.soft, false);
  assert.ok(!firewall.kernel.has("soft 192.0.2.1"));
});

test("stored fully, held softly too: the full block stays", () => {
  const full = block("192.0.2.1", { untilMs: nowMs + HOUR });
  const { run, list } = restore([full], [full, block("192.0.2.1", { soft: true, untilMs: nowMs + 60_000 })]);
  assert.equal(run().adopted, 0);
  assert.equal(list.get(full.source)?.soft, false);
});

test("networks that only the kernel holds are listed, stored and enforced as such; what it refuses is taken out", () => {
  const listedNetwork = block("203.0.113.0/24", { untilMs: nowMs + HOUR });
  const { run, firewall, list, store } = restore([listedNetwork], []);
  firewall.beyond = [
    { source: prefix("198.51.100.0/28"), untilMs: nowMs + HOUR },
    { source: prefix("2001:db8::/40"), untilMs: undefined },
  ];
  firewall.refusals.set("2001:db8::/40", "4096 networks are blocked");
  const { restored, adopted, failures } = run();
  assert.deepEqual({ restored, adopted }, { restored: 1, adopted: 1 });
  assert.deepEqual(failures, ["2001:db8::/40: found in the kernel, and taken out"]);
  assert.equal(list.get(prefix("198.51.100.0/28"))?.reason, "found in the kernel at start");
  assert.deepEqual([...store.rows.keys()], ["203.0.113.0/24", "198.51.100.0/28"]);
  assert.ok(firewall.rewrites > 0);
});

test("what does not fit into the list is let go: the oldest, in kernel and store", () => {
  const stored = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map((source, index) =>
    block(source, { sinceMs: index, untilMs: nowMs + HOUR, soft: index === 0 }),
  );
  const { run, firewall, store, list, listed } = restore(stored, [], 2);
  for (const each of stored) firewall.enforce([each], nowMs);
  const { restored, leftOut, failures } = run();
  assert.deepEqual({ restored, leftOut, failures }, { restored: 2, leftOut: 2, failures: [] });
  assert.deepEqual(listed(), ["192.0.2.3", "192.0.2.4"]);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.3", "full 192.0.2.4"]);
  assert.deepEqual([...store.rows.keys()], ["192.0.2.3", "192.0.2.4"]);
  assert.equal(list.refused, 0);
});

test("what only the kernel remembers is let go where the list has no room for it", () => {
  const { run, firewall, listed } = restore([block("192.0.2.1")], [block("192.0.2.2")], 1);
  firewall.kernel.set("full 192.0.2.2", undefined);
  const { restored, adopted, leftOut } = run();
  assert.deepEqual({ restored, adopted, leftOut }, { restored: 1, adopted: 0, leftOut: 1 });
  assert.deepEqual(listed(), ["192.0.2.1"]);
  assert.deepEqual([...firewall.kernel.keys()], ["full 192.0.2.1"]);
});

test("blocks that have ended meanwhile leave room", () => {
  const ended = block("192.0.2.1", { untilMs: nowMs });
  const { run, listed } = restore([ended, block("192.0.2.2"), block("192.0.2.3")], [], 2);
  const { restored, expired, leftOut } = run();
  assert.deepEqual({ restored, expired, leftOut }, { restored: 2, expired: 1, leftOut: 0 });
  assert.deepEqual(listed(), ["192.0.2.2", "192.0.2.3"]);
});

test("a network that has ended meanwhile is not given to the kernel, and one that lasts is before any other block", () => {
  const over = block("198.51.100.0/24", { untilMs: nowMs });
  const lasting = block("203.0.113.0/24", { untilMs: nowMs + HOUR });
  const command = block("192.0.2.0/24", { backend: "kill-route" });
  const { run, firewall, list } = restore([block("192.0.2.1"), over, lasting, command], []);
  const singly: string[] = [];
  const { enforce } = firewall;
  firewall.enforce = (blocks, at) => {
    singly.push(...blocks.map(({ source }) => formatPrefix(source)));
    return enforce.call(firewall, blocks, at);
  };
  assert.deepEqual(
    run().delegated.map(({ source }) => formatPrefix(source)),
    ["192.0.2.0/24"],
  );
  assert.deepEqual([...firewall.kernel.keys()], ["full 203.0.113.0/24", "full 192.0.2.1"]);
  assert.deepEqual(singly, ["192.0.2.1"], "the kernel is not asked twice for a network");
  assert.ok(list.get(lasting.source) !== undefined);
});

test("a network that could not be put with the others is tried by itself, and named when that fails too", () => {
  const { run, firewall, listed } = restore([block("203.0.113.0/24"), block("192.0.2.1")], []);
  firewall.refusals.set("203.0.113.0/24", "10 networks are blocked");
  assert.deepEqual(run().failures, ["203.0.113.0/24: 10 networks are blocked"]);
  assert.deepEqual(listed(), ["192.0.2.1"]);
});

test("networks that only the kernel holds are full blocks, listed since now", () => {
  const { run, firewall, list } = restore([], []);
  firewall.beyond = [{ source: prefix("198.51.100.0/24"), untilMs: undefined }];
  assert.equal(run().adopted, 1);
  const { soft, sinceMs, grade } = list.get(prefix("198.51.100.0/24")) ?? assert.fail();
  assert.deepEqual([soft, grade, firewall.rewrites], [false, "direct", 1]);
  // The clock goes on while the kernel is read: by less than a minute.
  assert.ok(sinceMs >= nowMs && sinceMs < nowMs + 60_000, `${sinceMs}`);
});

test("without a table what the store has of our own blocks stays there, and the commands' are handed on", () => {
  const { store, list } = restore([block("192.0.2.1"), block("192.0.2.2", { backend: "hosts.deny" })], []);
  const outcome = restoreBlocks({ store, list, nowMs, seed: { k0: 1, k1: 2 } });
  assert.deepEqual([outcome.restored, outcome.failures, list.size, store.rows.size], [0, [], 0, 2]);
  assert.deepEqual(
    outcome.delegated.map(({ source }) => formatPrefix(source)),
    ["192.0.2.2"],
  );
});

test("of blocks whose commands nobody has undone those that have ended are told; soft ones and those by hand had none", () => {
  const ended = ["direct", "manual", "silence"] as const;
  const stored = ended.map((grade, index) => block(`192.0.2.${index}`, { grade, untilMs: nowMs }));
  const { run } = restore([...stored, block("192.0.2.9", { soft: true, untilMs: nowMs - 1 })], []);
  const outcome = run();
  assert.equal(outcome.expired, 4);
  assert.deepEqual(
    outcome.ended.map(({ source, enforced }) => [formatPrefix(source), enforced]),
    [
      ["192.0.2.0", false],
      ["192.0.2.2", false],
    ],
  );
});
