// What the monitor tells of other programs, and what it does not tell: our own commits, and other tables.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Libnftables } from "../../src/kernel/libnftables.ts";
import { NfTables } from "../../src/kernel/nf-tables.ts";
import { type ForeignChange, NfTablesMonitor } from "../../src/kernel/nf-tables-monitor.ts";
import { ownProcess } from "../../src/kernel/own-process.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const nft = new Libnftables();
const tables = new NfTables("watched");
const opened: NfTablesMonitor[] = [];
afterEach(() => {
  for (const monitor of opened.splice(0)) monitor.close();
});

/** The table with a rule, and 192.0.2.1 to 192.0.2.9 in its set; then a monitor that has seen nothing of that. */
function setUp(own = ownProcess()): NfTablesMonitor {
  const elements = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((last) => `192.0.2.${last}`).join(", ");
  const { ok, error } = nft.run(`flush ruleset
    add table inet watched
    add set inet watched s { type ipv4_addr; flags timeout; size 500000; }
    add element inet watched s { ${elements} }
    add chain inet watched c
    add rule inet watched c counter
    add table inet watched2
    add chain inet watched2 c
    add set inet watched2 s { type ipv4_addr; }`);
  assert.ok(ok, error);
  const monitor = new NfTablesMonitor("watched", own);
  opened.push(monitor);
  return monitor;
}

function changesSeen(monitor: NfTablesMonitor): ForeignChange[] {
  const changes: ForeignChange[] = [];
  monitor.read((change) => changes.push(change));
  return changes;
}

const key = (last: number) => ({ set: "s", key: Uint8Array.of(192, 0, 2, last) });

test("own commits are not told, whichever way they were made", () => {
  const monitor = setUp();
  assert.equal(tables.insert([key(20)]), "");
  assert.equal(tables.remove([key(1)]), "");
  assert.ok(nft.run("add rule inet watched c accept\ndelete element inet watched s { 192.0.2.2 }").ok);
  assert.deepEqual(changesSeen(monitor), []);
});

test("our own commits while nothing is heard are none of others, another program's are told as a change of unknown extent", () => {
  const monitor = setUp();
  monitor.deafWhile(tables, () => {
    assert.equal(tables.insert([key(20)]), "");
    assert.equal(tables.insert([key(21), key(22)]), "");
  });
  assert.deepEqual(changesSeen(monitor), []);
  assert.throws(() =>
    monitor.deafWhile(tables, () => {
      assert.equal(tables.insert([key(23)]), "");
      mustDo("nft", "add element inet watched s { 192.0.2.70 }");
      throw new Error("a defect");
    }),
  );
  assert.deepEqual(changesSeen(monitor), [{ structural: true, program: "" }]);
  mustDo("nft", "add element inet watched s { 192.0.2.71 }");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
});

test("in a container the kernel names this process by a number that it does not know", () => {
  const { name } = ownProcess();
  const monitor = setUp({ pid: 2 ** 30, name });
  mustDo("nft", "add element inet watched s { 192.0.2.70 }");
  assert.equal(tables.insert([key(20)]), "");
  assert.equal(tables.remove([key(1)]), "");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
  mustDo("nft", "delete element inet watched s { 192.0.2.2 }");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
});

test("what others do to other tables is not told", () => {
  const monitor = setUp();
  mustDo("nft", "add rule inet watched2 c drop; add element inet watched2 s { 192.0.2.1 }; add table ip mine");
  mustDo("nft", "delete table inet watched2");
  assert.deepEqual(changesSeen(monitor), []);
});

test("an element that nft deletes or adds is told, with nft's name", () => {
  const monitor = setUp();
  mustDo("nft", "delete element inet watched s { 192.0.2.1 }");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
  mustDo("nft", "add element inet watched s { 192.0.2.77 }");
  mustDo("nft", "flush set inet watched s");
  assert.deepEqual(changesSeen(monitor), [
    { structural: false, sets: ["s"], program: "nft" },
    { structural: false, sets: ["s"], program: "nft" },
  ]);
});

test("a change of the table's rules, chains or itself is told as structural, once a transaction", () => {
  const commands = [
    "add rule inet watched c drop",
    "add chain inet watched d",
    "flush chain inet watched c",
    "delete table inet watched",
    "flush ruleset",
    "delete element inet watched s { 192.0.2.1 }; add rule inet watched c drop",
  ];
  for (const command of commands) {
    const monitor = setUp();
    mustDo("nft", command);
    const changes = changesSeen(monitor).map(({ structural, program }) => ({ structural, program }));
    assert.deepEqual(changes, [{ structural: true, program: "nft" }], command);
  }
});

test("a foreign change between own ones is told alone", () => {
  const monitor = setUp();
  assert.equal(tables.insert([key(20)]), "");
  mustDo("nft", "delete element inet watched s { 192.0.2.1 }");
  assert.equal(tables.insert([key(21)]), "");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
});

test("notifications that did not fit are counted and told as a change of everything", () => {
  const monitor = setUp();
  const many = (round: number) =>
    Array.from({ length: 50_000 }, (_, index) => ({
      set: "s",
      key: Uint8Array.of(10 + round, index >> 8, index & 255, 1),
    }));
  // Own commits, so that a report can only come from the overrun itself; 8 x 50,000 elements are far over 4 MiB.
  for (let round = 0; round < 8 && monitor.counters.notificationOverruns === 0; round++)
    assert.equal(tables.insert(many(round)), "");
  const changes = changesSeen(monitor);
  assert.ok(monitor.counters.notificationOverruns > 0);
  assert.deepEqual(changes[0], { structural: true, program: "" });
  // Once what is left in the socket has been read, it goes on as before.
  while (monitor.socket.receive() !== 0);
  mustDo("nft", "delete element inet watched s { 192.0.2.1 }");
  assert.deepEqual(changesSeen(monitor), [{ structural: false, sets: ["s"], program: "nft" }]);
});
