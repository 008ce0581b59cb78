// Blocks in the kernel's sets, with sets in memory in its place: what is read back, what a refusal costs, and what goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block } from "../../src/judge/block.ts";
import { Firewall } from "../../src/table/firewall.ts";
import { HeldElements } from "../../src/table/held-elements.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { FakeNft, FakeTables } from "./fake-tables.ts";

const nowMs = 1_700_000_000_000;
const HOUR = 3_600_000;
const KEY = "c0000201";

function setUp() {
  const tables = new FakeTables();
  const nft = new FakeNft();
  const near = new AddressRanges([prefix("2001:db8:a::/64")]);
  return { tables, nft, firewall: new Firewall(nft, tables, () => near) };
}

const timed = (source: string, more: Partial<Block> = {}) => block(source, { untilMs: nowMs + HOUR, ...more });
const failuresOf = (outcomes: readonly { readonly failure: string }[]) => outcomes.map(({ failure }) => failure);

test("a block is an element of its own set, with its time, and is called held when the kernel says so", () => {
  const { tables, firewall } = setUp();
  const blocks = [timed("192.0.2.1"), timed("192.0.2.2", { soft: true }), block("2001:db8:0:1::/64")];
  assert.deepEqual(failuresOf(firewall.enforce(blocks, nowMs)), ["", "", ""]);
  assert.equal(Math.round((tables.elements("blocked4").get(KEY) ?? 0) / 1_000), HOUR / 1_000);
  assert.equal(tables.elements("soft4").size, 1);
  assert.deepEqual([...tables.elements("blocked6").values()], [undefined]);
  assert.deepEqual(tables.asked, ["insert 3", "look up 3"], "one transaction, and one question");
  for (const each of blocks) assert.ok(firewall.stands(each, nowMs) && firewall.isPresent(each));
  assert.equal(firewall.countBlocked(), 3);
});

test("one element that is refused goes alone, and so do the others of its transaction; it has the errno and a remedy", () => {
  const { tables, firewall } = setUp();
  tables.refused.add(KEY);
  const outcomes = firewall.enforce([timed("192.0.2.1"), timed("192.0.2.2")], nowMs);
  assert.match(outcomes[0]?.failure ?? "", /^ENFILE; /);
  assert.equal(outcomes[1]?.failure, "");
  assert.deepEqual(tables.asked, ["insert 2", "replace 1", "replace 1"]);
  assert.equal(tables.elements("blocked4").size, 1);
});

test("what the kernel takes and does not hold, or holds until another time, is no block", () => {
  const { tables, firewall } = setUp();
  tables.swallowed.add(KEY);
  assert.deepEqual(failuresOf(firewall.enforce([timed("192.0.2.1")], nowMs)), [
    "the kernel took it and does not hold it",
  ]);
  tables.elements("blocked4").set(KEY, 60_000);
  const held = timed("192.0.2.1");
  assert.deepEqual([firewall.isPresent(held), firewall.stands(held, nowMs)], [true, false]);
  assert.ok(firewall.stands({ ...held, untilMs: nowMs + 61_000 }, nowMs), "the kernel counts in its own ticks");
  tables.elements("blocked4").set(KEY, undefined);
  assert.deepEqual([firewall.stands(held, nowMs), firewall.stands(block("192.0.2.1"), nowMs)], [false, true]);
});

test("an error while one goes alone is its failure, and no other's", () => {
  const { tables, firewall } = setUp();
  tables.refused.add(KEY);
  const { replace } = tables;
  tables.replace = (changes) => {
    if (changes.some(({ key }) => Buffer.from(key).toString("hex") === KEY)) throw new Error("netlink: EIO");
    return replace.call(tables, changes);
  };
  assert.deepEqual(failuresOf(firewall.enforce([timed("192.0.2.1"), timed("192.0.2.2")], nowMs)), ["netlink: EIO", ""]);
});

test("many go to the kernel in transactions of 4,000, and one that it does not hold goes alone", () => {
  const { tables, firewall } = setUp();
  const blocks = Array.from({ length: 4_500 }, (_, index) => block(nthIpv4(index), { untilMs: nowMs + HOUR }));
  tables.swallowed.add("0a000007");
  const outcomes = firewall.enforce(blocks, nowMs);
  assert.deepEqual(
    outcomes.filter(({ failure }) => failure !== "").map(({ block: each }) => each.source.w3),
    [0x0a000007],
  );
  assert.deepEqual(tables.asked.slice(0, 4), ["insert 4000", "look up 4000", "insert 500", "look up 500"]);
  assert.equal(tables.asked.filter((what) => what.startsWith("replace")).length, 1);
  tables.asked.length = 0;
  assert.deepEqual(firewall.lift(blocks, nowMs), []);
  assert.deepEqual(tables.asked, ["remove 4000", "remove 500"]);
  assert.equal(firewall.countBlocked(), 0);
});

test("what may stand already is asked for before it is added: of none the first, of all each, of some what is missing is added", () => {
  const { tables, firewall } = setUp();
  const blocks = Array.from({ length: 250 }, (_, index) => block(nthIpv4(index), { untilMs: nowMs + HOUR }));
  const enforce = () => {
    tables.asked.length = 0;
    assert.ok(failuresOf(firewall.enforce(blocks, nowMs, true)).every((failure) => failure === ""));
    return tables.asked.splice(0);
  };
  assert.deepEqual(enforce(), ["look up 1", "insert 250", "look up 250"]);
  assert.deepEqual(enforce(), ["look up 1", "look up 100", "look up 100", "look up 49"]);
  tables.elements("blocked4").delete("0a000096");
  tables.elements("blocked4").set("0a0000c8", 60_000);
  assert.deepEqual(enforce(), [...["look up 1", "look up 100", "look up 100", "insert 51", "look up 51"]]);
  assert.equal(tables.elements("blocked4").size, 250);
  assert.ok(blocks.every((each) => firewall.stands(each, nowMs)));
});

test("a network is an interval; one that is refused has its failure, the others beside it have none", () => {
  const { tables, firewall } = setUp();
  const network = timed("198.51.100.0/23");
  assert.deepEqual(failuresOf(firewall.enforce([network, timed("192.0.2.1")], nowMs)), ["", ""]);
  assert.deepEqual([firewall.isNetwork(network), firewall.isNetwork(timed("192.0.2.1"))], [true, false]);
  assert.ok(firewall.isNetwork(timed("2001:db8:a::/64")), "on our links a /64 is no single key");
  assert.ok(!firewall.isNetwork(timed("2001:db8:b::/64")));
  assert.deepEqual(firewall.networkCounts, { networkBlocks: 1, networkBlocksRefused: 0 });
  assert.deepEqual(firewall.lift([network], nowMs), []);
  assert.equal(tables.elements("blockednet4").size, 0);
});

test("what cannot be removed is told; a table that is gone holds nothing", () => {
  const { tables, firewall } = setUp();
  const one = timed("192.0.2.1");
  firewall.enforce([one], nowMs);
  tables.codes.push("EPERM");
  const [failed] = firewall.lift([one], nowMs);
  assert.match(failed?.failure ?? "", /^EPERM; /);
  tables.codes.push("ENOENT");
  assert.deepEqual(firewall.lift([one], nowMs), []);
});

test("of blocks that have ended only those that the kernel holds all the same are removed, at most 1,000 at once", () => {
  const { tables, firewall } = setUp();
  const blocks = Array.from({ length: 1_002 }, (_, index) => block(nthIpv4(index), { untilMs: nowMs }));
  for (const index of [3, 1_001]) firewall.enforce(blocks.slice(index, index + 1), nowMs);
  tables.asked.length = 0;
  firewall.liftEnded(blocks, nowMs);
  assert.deepEqual(tables.asked, ["remove 1"]);
  assert.equal(tables.elements("blocked4").size, 1, "the 1,002nd is left to its time");
  tables.asked.length = 0;
  firewall.liftEnded(blocks.slice(0, 10), nowMs);
  assert.deepEqual(tables.asked, []);
});

test("every set of blocks is emptied, networks too, and a refusal is said in nft's words", () => {
  const { nft, firewall } = setUp();
  firewall.enforce([timed("198.51.100.0/23")], nowMs);
  firewall.emptyBlockSets();
  for (const set of ["blocked4", "blocked6", "soft4", "soft6", "blockednet4", "blockednet6", "soft24"])
    assert.match(nft.ran[0] ?? "", new RegExp(`^flush set inet portreeve ${set}$`, "m"));
  assert.equal(firewall.networkCounts.networkBlocks, 0);
  nft.answers.push(false);
  assert.throws(() => firewall.emptyBlockSets(), /nftables: cannot empty the block sets: Error: syntax error/);
});

test("what the sets hold for a source: its own element, its /64, and the wider ones of neighbours", () => {
  const { firewall } = setUp();
  const held = ["2001:db8:b:1::/64", "2001:db8:b::/56", "2001:db8:b::/48", "2001:db8::/40"].map((source) =>
    timed(source, { soft: !source.endsWith("/64") }),
  );
  firewall.enforce([...held, timed("2001:db8:a::7"), timed("192.0.2.1"), timed("192.0.2.0/24", { soft: true })], nowMs);
  const namesOf = (source: string) => firewall.held.of(prefix(source)).map(({ place, soft }) => `${place} ${soft}`);
  assert.deepEqual(namesOf("2001:db8:b:1::9"), ["blocked6 false", "soft56 true", "soft48 true", "soft40 true"]);
  assert.deepEqual(
    namesOf("2001:db8:a::7"),
    ["blocked6 false", "soft40 true"],
    "on our link by itself, and in the /40",
  );
  assert.deepEqual(namesOf("2001:db8:b::/48"), ["soft48 true", "soft40 true"]);
  firewall.enforce(
    ["2001:db8:a::/56", "2001:db8:a::/48"].map((source) => timed(source, { soft: true })),
    nowMs,
  );
  assert.deepEqual(namesOf("2001:db8:a::7"), ["blocked6 false", "soft56 true", "soft48 true", "soft40 true"]);
  assert.deepEqual(namesOf("192.0.2.1"), ["blocked4 false", "soft24 true"]);
  assert.deepEqual(namesOf("192.0.2.99"), ["soft24 true"]);
  assert.deepEqual(namesOf("198.51.100.1"), []);
  assert.equal(firewall.held.read().length, 9);
});

test("elements are taken out of the sets that they were read from; on our links a key without a host part is an address", () => {
  const { tables, firewall } = setUp();
  firewall.enforce([timed("192.0.2.1"), timed("192.0.2.2", { soft: true })], nowMs);
  tables.elements("blocked6").set("20010db8000a00000000000000000000", undefined);
  const held = firewall.held.read();
  assert.deepEqual(
    held.map(({ source, soft, expiresInMs }) => [source?.bits, soft, expiresInMs === undefined]),
    [
      [128, false, false],
      [128, false, true],
      [128, true, false],
    ],
  );
  assert.equal(firewall.held.remove(held), "");
  assert.equal(firewall.countBlocked(), 0);
  tables.codes.push("EPERM");
  assert.equal(firewall.held.remove(held), "EPERM");
});

test("what is held inside a network is found in the sets of its family, and nothing beside it", async () => {
  const { tables, firewall } = setUp();
  const inside = ["192.0.2.1", "2001:db8:b:1::/64", "2001:db8:a::7"].map((source) => timed(source));
  const soft = ["192.0.2.7", "192.0.2.0/24", "2001:db8:b::/48"].map((source) => timed(source, { soft: true }));
  firewall.enforce([...inside, ...soft, timed("192.0.3.1"), timed("198.51.100.0/23"), timed("2001:db9::/64")], nowMs);
  const held = new HeldElements(tables, () => new AddressRanges([prefix("2001:db8:a::/64")]), tables.dump);
  let pauses = 0;
  const within = async (network: string) => {
    const found = await held.inside(prefix(network), async () => void pauses++);
    return found.map(({ source, soft: isSoft }) => `${source && formatPrefix(source)}${isSoft ? " soft" : ""}`).sort();
  };
  assert.deepEqual(await within("192.0.2.0/24"), ["192.0.2.0/24 soft", "192.0.2.1", "192.0.2.7 soft"]);
  assert.deepEqual(await within("192.0.2.0/25"), ["192.0.2.1", "192.0.2.7 soft"]);
  assert.deepEqual(await within("2001:db8::/32"), ["2001:db8:a::7", "2001:db8:b:1::/64", "2001:db8:b::/48 soft"]);
  assert.deepEqual(await within("198.51.100.0/24"), []);
  assert.ok(pauses > 0, "the event loop has its turn");
});
