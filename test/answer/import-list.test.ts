// `portreeve import` at the daemon's side: what becomes of each source of a list, and what is said of all of it.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createImport, type Later } from "../../src/answer/import-list.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { assemble, NOW_MS, OWN } from "../daemon/assembled.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;

function setUp(t: TestContext, conf = "") {
  const assembled = assemble(t, `BLOCK_TCP="1"\nBLOCK_TIME="1h"\n${conf}`);
  const waiting: (() => void)[] = [];
  const later: Later = (task) => {
    waiting.push(task);
    return { stop: () => void waiting.splice(waiting.indexOf(task), 1) };
  };
  const { daemon } = assembled;
  const send = createImport(daemon, later);
  const list = daemon.blocker.list;
  const untilMs = (source: string) => (list.get(prefix(source))?.untilMs ?? Number.NaN) - NOW_MS;
  assembled.take();
  return { ...assembled, send, list, untilMs, waiting };
}

test("addresses and networks of both families are blocked by hand, with their reason, and no event or offence tells of it", (t) => {
  const { send, list, daemon, tables, store, untilMs, take } = setUp(t);
  const sources = ["192.0.2.1", "198.51.100.0/24", "2001:db8::1", "2001:db8:1::/64", "2001:db8:2::/48"];
  const reply = send({ sources, forMs: HOUR, reason: "the hoster's list", isLast: true });
  assert.deepEqual(reply, { ok: { added: 5, merged: 0, skipped: 0, refused: [] } });
  assert.deepEqual([...list.values()].map(({ source }) => formatPrefix(source)).sort(), [...sources].sort());
  for (const source of sources) {
    const { grade, reason, enforced, soft } = list.get(prefix(source)) ?? assert.fail(source);
    assert.deepEqual(
      { grade, reason, enforced, soft },
      { grade: "manual", reason: "the hoster's list", enforced: true, soft: false },
    );
    assert.equal(untilMs(source), HOUR);
    assert.equal(daemon.enforcement.offencesOf(prefix(source)), 0);
  }
  assert.equal(tables.elements("blocked4").size, 1);
  assert.deepEqual(
    store
      .loadBlocks()
      .map(({ source }) => formatPrefix(source))
      .sort(),
    [...sources].sort(),
  );
  assert.deepEqual(store.events({ limit: 10 }), []);
  assert.deepEqual(take(), [
    "adminalert: a list was imported: 5 sources blocked, 0 for longer than before, 0 blocked already, 0 refused",
  ]);
});

test("what stands as long is skipped, what ends sooner gets the later end and keeps what is known of it", (t) => {
  const { send, list, daemon, untilMs } = setUp(t);
  daemon.blocker.blockByHand(prefix("192.0.2.1"), 2 * HOUR, "longer");
  daemon.blocker.blockByHand(prefix("192.0.2.2"), 60_000, "shorter");
  daemon.blocker.blockByHand(prefix("198.51.100.0/24"), 0, "wide");
  daemon.blocker.blockByHand(prefix("203.0.113.128/25"), 60_000, "wide, and shorter");
  const sources = ["192.0.2.1", "192.0.2.2", "198.51.100.7", "203.0.113.200", "192.0.2.3", "192.0.2.3"];
  const isDryRun = true;
  const expected = { ok: { added: 2, merged: 1, skipped: 3, refused: [] } };
  const size = list.size;
  assert.deepEqual(send({ sources, forMs: HOUR, isDryRun }), expected);
  assert.deepEqual([list.size, untilMs("192.0.2.2")], [size, 60_000], "a dry run changes nothing");
  assert.deepEqual(send({ sources, forMs: HOUR }), expected);
  assert.deepEqual([untilMs("192.0.2.1"), untilMs("192.0.2.2"), untilMs("203.0.113.200")], [2 * HOUR, HOUR, HOUR]);
  assert.equal(list.get(prefix("192.0.2.2"))?.reason, "shorter");
  assert.equal(list.get(prefix("192.0.2.3"))?.reason, "imported");
  assert.equal(list.get(prefix("198.51.100.7")), undefined);
  const again = send({ sources, forMs: HOUR });
  assert.deepEqual(again, { ok: { added: 0, merged: 0, skipped: 6, refused: [] } });
});

test("a softly blocked source is blocked in full, and leaves the soft set", (t) => {
  const { send, list, tables, deliver } = setUp(t, 'PROOF="on"\nSCAN_TRIGGER="0"\nPOLICY="trigger"\n');
  deliver("192.0.2.9", 81, 82, 83, 84);
  assert.equal(list.get(prefix("192.0.2.9"))?.soft, true);
  assert.deepEqual(send({ sources: ["192.0.2.9"] }), { ok: { added: 1, merged: 0, skipped: 0, refused: [] } });
  assert.equal(list.get(prefix("192.0.2.9"))?.soft, false);
  assert.deepEqual([tables.elements("soft4").size, tables.elements("blocked4").size], [0, 1]);
});

test("what must not be blocked is refused by its place, and the others are blocked", (t) => {
  const { send, list, daemon } = setUp(t);
  daemon.inForce.apply({ ignored: [prefix("192.0.2.64/26")] });
  const refusals = [
    ["no address", "bad-address"],
    ["198.51.100.1/24", "bad-address"],
    [OWN, "own"],
    ["127.0.0.1", "own"],
    ["203.0.113.0/24", "own"],
    ["192.0.2.70", "ignored"],
    ["192.0.2.0/24", "ignored"],
    ["198.51.100.9", "own-session"],
    ["198.0.0.0/8", "own-session"],
    ["100.0.0.0/8", "too-wide"],
  ] as const;
  const sources = ["192.0.2.1", ...refusals.map(([source]) => source), "192.0.2.2"];
  const refused = refusals.map(([, code], index) => ({ index: index + 1, code }));
  const reply = send({ sources, session: ["198.51.100.9"] });
  assert.deepEqual(reply, { ok: { added: 2, merged: 0, skipped: 0, refused } });
  assert.equal(list.size, 2);
});

test("what the kernel does not take is not listed", (t) => {
  const { send, list, tables } = setUp(t);
  tables.refused.add(Buffer.from([192, 0, 2, 1]).toString("hex"));
  const refused = [{ index: 0, code: "kernel" }];
  assert.deepEqual(send({ sources: ["192.0.2.1", "192.0.2.2"] }), { ok: { added: 1, merged: 0, skipped: 0, refused } });
  assert.deepEqual(
    [...list.values()].map(({ source }) => formatPrefix(source)),
    ["192.0.2.2"],
  );
});

test("the log has one line for all parts of a list, and one for a list that was left off", (t) => {
  const { send, take, waiting } = setUp(t);
  send({ sources: ["192.0.2.1", "x"] });
  send({ sources: ["192.0.2.2", "192.0.2.1"] });
  assert.deepEqual([take(), waiting.length], [[], 1]);
  send({ sources: [], isLast: true });
  assert.deepEqual(
    [take(), waiting.length],
    [["adminalert: a list was imported: 2 sources blocked, 0 for longer than before, 1 blocked already, 1 refused"], 0],
  );
  send({ sources: ["192.0.2.3"] });
  for (const task of waiting.splice(0)) task();
  assert.deepEqual(take(), [
    "adminalert: the import of a list was left off: 1 source blocked, 0 for longer than before, 0 blocked already, 0 refused",
  ]);
});

test("where nothing can block a list is refused as a whole", (t) => {
  const reply = setUp(t, 'FIREWALL="none"\n').send({ sources: ["192.0.2.1"] });
  assert.ok("refused" in reply && reply.refused.code === "no-firewall");
});
