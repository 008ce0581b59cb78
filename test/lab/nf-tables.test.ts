// NfTables against the kernel's own tables: what it puts in is there, for as long as it says, and what is refused is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Libnftables } from "../../src/kernel/libnftables.ts";
import type { ElementChange } from "../../src/kernel/nf-elements.ts";
import { NfTables } from "../../src/kernel/nf-tables.ts";
import { enterOwnNamespace, mustDo } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const nft = new Libnftables();
const tables = new NfTables("scratch");
process.on("exit", () => {
  tables.close();
  nft.close();
});

function must(commands: string): void {
  const { ok, error } = nft.run(commands);
  assert.ok(ok, error);
}

/** The table anew, with a set of each family and a small one. */
function setUp(): void {
  must(`add table inet scratch
    delete table inet scratch
    add table inet scratch
    add set inet scratch four { type ipv4_addr; flags timeout; size 100000; }
    add set inet scratch six { type ipv6_addr; flags timeout; size 100000; }
    add set inet scratch small { type ipv4_addr; flags timeout; size 8; }`);
}

const four = (last: number, timeoutMs?: number): ElementChange => ({
  set: "four",
  key: Uint8Array.of(192, 0, 2, last),
  timeoutMs,
});
const small = (last: number, timeoutMs?: number): ElementChange => ({ ...four(last, timeoutMs), set: "small" });

function assertExpiresIn({ set, key }: ElementChange, milliseconds: number | undefined): void {
  const state = tables.lookup(set, key);
  assert.ok(state.present);
  if (milliseconds === undefined || state.expiresInMs === undefined) assert.equal(state.expiresInMs, milliseconds);
  else assert.ok(Math.abs(state.expiresInMs - milliseconds) < 5_000, `${state.expiresInMs}, not ${milliseconds}`);
}

test("what is inserted is there, with its time, as nft itself sees it", () => {
  setUp();
  const six = { set: "six", key: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) };
  assert.equal(tables.insert([four(1, 600_000), four(2), { ...six, timeoutMs: 40 * 86_400_000 }]), "");
  assertExpiresIn(four(1), 600_000);
  assertExpiresIn(four(2), undefined);
  assertExpiresIn(six, 40 * 86_400_000);
  assert.deepEqual(tables.lookup("four", Uint8Array.of(192, 0, 2, 3)), { present: false });
  const listed = mustDo("nft", "list", "table", "inet", "scratch");
  assert.match(listed, /192\.0\.2\.1 timeout 10m expires /);
  assert.match(listed, /192\.0\.2\.2\b(?! timeout)/);
  assert.match(listed, /2001:db8::1 timeout 40d expires /);
});

test("many are looked up in a few questions: each answer is its own key's, those that are not there included", () => {
  setUp();
  const six = (last: number) => ({
    set: "six",
    key: Uint8Array.from([0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), last]),
  });
  const keys = Array.from({ length: 500 }, (_, index) => (index % 5 === 0 ? six(index % 256) : four(index % 256)));
  const isThere = (index: number) => index % 256 !== 7 && index % 256 < 200;
  assert.equal(tables.insert(keys.filter((_, index) => isThere(index))), "");
  const told: [number, boolean][] = [];
  tables.lookupAll(keys, (at, { present }) => told.push([at, present]));
  assert.deepEqual(
    told,
    keys.map((_, index) => [index, isThere(index)]),
  );
  assert.throws(
    () => new NfTables("scratch").lookupAll([{ set: "four", key: Uint8Array.of(1) }], () => undefined),
    /EINVAL/,
  );
});

test("the interval around an address is told by its first key, where intervals touch too", () => {
  setUp();
  must(`add set inet scratch nets { type ipv4_addr; flags interval,timeout; }
    add element inet scratch nets { 192.0.2.16/28 timeout 1h, 192.0.2.32/28, 192.0.2.240/28 }`);
  const firstOf = (last: number) => tables.intervalAt("nets", Uint8Array.of(192, 0, 2, last))?.first[3];
  assert.deepEqual([15, 16, 20, 31, 32, 47, 48, 239, 240, 255].map(firstOf), [
    undefined,
    16,
    16,
    16,
    32,
    32,
    undefined,
    undefined,
    240,
    240,
  ]);
  assert.ok((tables.intervalAt("nets", Uint8Array.of(192, 0, 2, 31))?.expiresInMs ?? 0) > 3_500_000);
  assert.equal(tables.intervalAt("nets", Uint8Array.of(192, 0, 2, 40))?.expiresInMs, undefined);
});

test("replace gives a new time to what is there, in both directions and to and from for ever", () => {
  setUp();
  assert.equal(tables.insert([four(1, 600_000)]), "");
  for (const timeoutMs of [60_000, 3_600_000, undefined, 90_000]) {
    assert.equal(tables.replace([four(1, timeoutMs)]), "");
    assertExpiresIn(four(1), timeoutMs);
  }
  assert.equal(tables.countElements("four"), 1);
});

test("an element goes when its time is over", async () => {
  setUp();
  assert.equal(tables.insert([four(1, 50)]), "");
  const end = Date.now() + 10_000;
  while (tables.lookup("four", four(1).key).present) {
    assert.ok(Date.now() < end, "it stayed");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test("removes what is there, and what is not there is no error", () => {
  setUp();
  assert.equal(tables.insert([four(1), four(2)]), "");
  assert.equal(tables.remove([four(1), four(77)]), "");
  assert.equal(tables.lookup("four", four(1).key).present, false);
  assert.equal(tables.lookup("four", four(77).key).present, false);
  assert.equal(tables.lookup("four", four(2).key).present, true);
});

test("visits every element once, over many datagrams", () => {
  setUp();
  const count = 20_000;
  const changes = Array.from({ length: count }, (_, index) => ({
    set: "four",
    key: Uint8Array.of(10, index >> 16, (index >> 8) & 255, index & 255),
    timeoutMs: 1_000_000 + index,
  }));
  assert.equal(tables.insert(changes), "");
  const seen = new Set<string>();
  tables.visitElements("four", (key, expiresInMs) => {
    assert.equal(key.length, 4);
    assert.ok(expiresInMs !== undefined && expiresInMs > 900_000 && expiresInMs <= 1_020_000, String(expiresInMs));
    seen.add(key.toString("hex"));
  });
  assert.equal(seen.size, count);
  assert.equal(tables.countElements("four"), count);
  assert.equal(tables.remove(changes), "");
  assert.equal(tables.countElements("four"), 0);
});

test("a full set refuses the whole transaction, and takes new times and removals all the same", () => {
  setUp();
  assert.equal(tables.insert([1, 2, 3, 4, 5, 6, 7, 8].map((last) => small(last, 600_000))), "");
  assert.match(tables.insert([small(9, 600_000)]), /^(ENFILE|ENOSPC)$/);
  assert.match(tables.replace([small(9, 600_000)]), /^(ENFILE|ENOSPC)$/);
  assert.equal(tables.replace([small(8, 60_000)]), "");
  assertExpiresIn(small(8), 60_000);
  assert.equal(tables.countElements("small"), 8);
  // 9 has "just expired", and there is no room to add it before it is removed.
  assert.equal(tables.remove([small(9), small(1)]), "");
  assert.equal(tables.countElements("small"), 7);
});

test("says ENOENT when the table or the set is gone", () => {
  setUp();
  assert.equal(tables.insert([{ ...four(1), set: "nosuch" }]), "ENOENT");
  must("delete table inet scratch");
  assert.equal(tables.insert([four(1)]), "ENOENT");
  assert.equal(tables.replace([four(1)]), "ENOENT");
  assert.equal(tables.remove([four(1)]), "ENOENT");
  assert.deepEqual(tables.lookup("four", four(1).key), { present: false });
  assert.throws(() => tables.countElements("four"), { name: "KernelError", code: "ENOENT" });
  assert.equal(tables.fingerprint(), "");
});

test("counters of rules are read by their names, and those of other tables are not", () => {
  setUp();
  assert.deepEqual([...tables.readCounters()], []);
  must(`add counter inet scratch dropped { packets 5000000000 bytes 1; }
    add counter inet scratch kept
    add limit inet scratch dropping { rate 1/second; }
    add table ip scratch
    add counter ip scratch elsewhere { packets 7 bytes 7; }`);
  assert.deepEqual([...tables.readCounters()].sort(), [
    ["dropped", 5_000_000_000],
    ["kept", 0],
  ]);
  must("delete table inet scratch\ndelete table ip scratch");
  assert.deepEqual([...tables.readCounters()], []);
});

test("the fingerprint follows the table, its chains and rules, and nothing else", () => {
  setUp();
  must("add chain inet scratch c\nadd rule inet scratch c counter\nadd rule inet scratch c counter drop");
  const before = tables.fingerprint();
  assert.match(before, /^0 c c#\d+ c#\d+$/);
  must("add table inet other\nadd chain inet other c\nadd rule inet other c counter");
  must("add element inet scratch four { 192.0.2.9 }");
  assert.equal(tables.fingerprint(), before);
  must("add rule inet scratch c accept");
  assert.notEqual(tables.fingerprint(), before);
  must("flush chain inet scratch c");
  assert.equal(tables.fingerprint(), "0 c ");
  const seen = new Set([tables.fingerprint()]);
  for (const command of [
    "add chain inet scratch hooked { type filter hook input priority 5; policy accept; }",
    "chain inet scratch hooked { policy drop; }",
    "add table inet scratch { flags dormant; }",
    "delete table inet scratch",
  ]) {
    must(command);
    assert.ok(!seen.has(tables.fingerprint()), command);
    seen.add(tables.fingerprint());
  }
  assert.equal(tables.fingerprint(), "");
});

test("a digest follows what a set holds, in whatever order, and is empty without the set", () => {
  setUp();
  assert.equal(tables.digest("four"), "0:0");
  assert.equal(tables.insert([four(1), four(2)]), "");
  const both = tables.digest("four");
  assert.match(both, /^2:\d+$/);
  assert.equal(tables.remove([four(1), four(2)]), "");
  assert.equal(tables.insert([four(2), four(1)]), "");
  assert.equal(tables.digest("four"), both);
  assert.equal(tables.remove([four(2)]), "");
  assert.equal(tables.insert([four(3)]), "");
  assert.match(tables.digest("four"), /^2:/);
  assert.notEqual(tables.digest("four"), both);
  assert.equal(tables.digest("nowhere"), "");
});

test("the generation grows with every commit of any program, and with nothing else", () => {
  setUp();
  const before = tables.generation();
  assert.equal(tables.generation(), before);
  tables.lookup("four", four(1).key);
  assert.equal(tables.generation(), before);
  assert.equal(tables.insert([four(1)]), "");
  assert.ok(tables.generation() > before);
  const between = tables.generation();
  mustDo("nft", "add table ip somebody");
  assert.ok(tables.generation() > between);
});
