import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { Reconciler } from "../../src/enforce/reconciler.ts";
import type { Block } from "../../src/judge/block.ts";
import type { Held } from "../../src/table/held-elements.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { FakeFirewall, FakeRecorder } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";
import { ordinaryPlan } from "../table/plan.ts";

const nowMs = 1_000_000;

function setUp(count: number, more: Partial<Block> = {}) {
  const firewall = new FakeFirewall();
  const recorder = new FakeRecorder();
  const list = new BlockList(1_000_000);
  const lifted: string[] = [];
  const blocker = {
    list,
    adopt(held: readonly Held[], networks: readonly Pick<Block, "source" | "untilMs">[], reason: string) {
      const sources = [...held, ...networks].flatMap(({ source }) => (source === undefined ? [] : [source]));
      for (const source of sources) list.put(block(source, { reason }));
      return { adopted: sources, removed: [] };
    },
    lift(blocks: readonly Block[], how: string) {
      for (const { source } of blocks) {
        list.remove(source);
        lifted.push(`${formatPrefix(source)} ${how}`);
      }
      return [];
    },
  };
  const blocks = Array.from({ length: count }, (_, index) => block(nthIpv4(index), { untilMs: nowMs + 1e6, ...more }));
  for (const each of blocks) list.put(each);
  firewall.enforce(blocks, nowMs);
  const later: (() => void)[] = [];
  const plan = () => ({ ruleset: ordinaryPlan, near: new AddressRanges([]) });
  const reconciler = new Reconciler({
    firewall,
    drift: firewall,
    sensor: firewall,
    blocker,
    recorder,
    plan,
    nowMs: () => nowMs,
    later: (task) => later.push(task),
  });
  const finish = () => {
    for (let task = later.shift(); task !== undefined; task = later.shift()) task();
  };
  const remove = (...indexes: readonly number[]) => {
    for (const index of indexes) firewall.kernel.delete(`full ${formatPrefix(nthIpv4(index))}`);
  };
  return { firewall, recorder, list, lifted, later, reconciler, finish, remove };
}

const byNft = { structural: false, program: "nft" };

test("rules that came or went: the table is loaded again, with every block, and it is said whose doing it was", () => {
  const { firewall, recorder, reconciler } = setUp(3);
  firewall.kernel.clear();
  firewall.drifted = true;
  reconciler.onForeignChange({ structural: true, program: "nft" });
  assert.equal(firewall.loads, 1);
  assert.equal(firewall.kernel.size, 3);
  assert.equal(reconciler.repairs, 1);
  assert.deepEqual(recorder.take(), [
    "drift another program (nft) changed table inet portreeve, which is loaded again with 3 blocks",
  ]);
});

test("the tick repairs what no notification told of, once", () => {
  const { firewall, recorder, reconciler } = setUp(2);
  reconciler.tick();
  reconciler.tick();
  assert.equal(firewall.loads, 0);
  firewall.drifted = true;
  reconciler.tick();
  assert.equal(firewall.loads, 0, "nothing was committed since");
  firewall.generationNumber++;
  reconciler.tick();
  reconciler.tick();
  assert.equal(firewall.loads, 1);
  assert.deepEqual(recorder.take(), [
    "drift another program changed table inet portreeve, which is loaded again with 2 blocks",
  ]);
});

test("a block that cannot be put back is not listed any more, and said to have failed", () => {
  const { firewall, recorder, lifted, reconciler } = setUp(2);
  firewall.drifted = true;
  firewall.refusals.set("10.0.0.1", "ENOSPC");
  reconciler.onForeignChange({ structural: true, program: "" });
  assert.deepEqual(lifted, ["10.0.0.1 removed elsewhere"]);
  assert.ok(recorder.take().includes("failed 10.0.0.1: ENOSPC"));
});

test("a single removal by hand is taken as an unblock", () => {
  const { recorder, lifted, reconciler, remove } = setUp(3);
  remove(1);
  reconciler.onForeignChange(byNft);
  assert.deepEqual(lifted, ["10.0.0.1 removed elsewhere"]);
  assert.deepEqual(recorder.take(), [
    "drift 10.0.0.1 was removed from the kernel by nft, which is taken as an unblock",
  ]);
  assert.equal(reconciler.repairs, 0);
});

test("many removals at once are repaired", () => {
  const { firewall, recorder, lifted, reconciler, remove } = setUp(5);
  remove(1, 3);
  reconciler.onForeignChange(byNft);
  assert.equal(firewall.kernel.size, 5);
  assert.deepEqual(lifted, []);
  assert.equal(reconciler.repairs, 1);
  assert.deepEqual(recorder.take(), ["drift nft removed 2 blocks from the kernel: 2 restored"]);
});

test("a change that took nothing away says nothing", () => {
  const { recorder, reconciler, firewall } = setUp(5);
  reconciler.onForeignChange(byNft);
  assert.equal(firewall.lookups, 5);
  assert.deepEqual(recorder.take(), []);
});

test("an overrun, told as structural without drift, has the blocks looked up too", () => {
  const { recorder, reconciler, remove } = setUp(5);
  remove(1, 2, 3);
  reconciler.onForeignChange({ structural: true, program: "" });
  assert.deepEqual(recorder.take(), ["drift another program removed 3 blocks from the kernel: 3 restored"]);
});

test("a block that is about to end is not missed", () => {
  const { lifted, reconciler, remove } = setUp(2, { untilMs: nowMs + 900 });
  remove(0);
  reconciler.onForeignChange(byNft);
  assert.deepEqual(lifted, []);
});

test("an audit of many goes in slices, and takes no notice of what is lifted meanwhile", () => {
  const { firewall, lifted, list, later, reconciler, finish, remove } = setUp(2_500);
  remove(5, 2_400);
  reconciler.onForeignChange(byNft);
  assert.ok(firewall.lookups <= 1_000);
  assert.equal(later.length, 1);
  list.remove(nthIpv4(2_400));
  finish();
  assert.ok(firewall.lookups <= 2_500);
  assert.deepEqual(lifted, ["10.0.0.5 removed elsewhere"]);
});

test("a removal that comes during an audit is found, though its block had been looked up already", () => {
  const { lifted, reconciler, finish, remove } = setUp(2_500);
  reconciler.onForeignChange(byNft);
  remove(3);
  reconciler.onForeignChange(byNft);
  finish();
  assert.deepEqual(lifted, ["10.0.0.3 removed elsewhere"]);
});

test("a kernel that cannot be asked in a later slice is a warning, and the next audit runs", () => {
  const { firewall, recorder, lifted, reconciler, finish, remove } = setUp(2_500);
  const hasDrifted = firewall.hasDrifted.bind(firewall);
  remove(3);
  reconciler.onForeignChange(byNft);
  firewall.hasDrifted = () => {
    throw new Error("netlink: nf_tables refused: ENOBUFS");
  };
  finish();
  assert.deepEqual(lifted, []);
  assert.match(recorder.take().join(), /^warning .*ENOBUFS/);
  firewall.hasDrifted = hasDrifted;
  reconciler.onForeignChange(byNft);
  finish();
  assert.deepEqual(lifted, ["10.0.0.3 removed elsewhere"]);
});

test("sets that are filled from the settings are filled again, and no block is looked up for that", () => {
  const { firewall, recorder, reconciler } = setUp(3);
  firewall.changedSets.add("watched_tcp").add("ignored4");
  reconciler.onForeignChange({ ...byNft, sets: ["watched_tcp", "ignored4"] });
  assert.deepEqual(recorder.take(), [
    "drift another program (nft) changed watched_tcp, ignored4 of table inet portreeve, which are filled again",
  ]);
  assert.equal(firewall.lookups, 0);
  assert.equal(reconciler.repairs, 1);
  reconciler.onForeignChange({ ...byNft, sets: ["watched_tcp"] });
  reconciler.tick();
  assert.deepEqual(recorder.take(), []);
});

test("one transaction may take from the settings' sets and from the blocks", () => {
  const { firewall, recorder, reconciler, remove } = setUp(3);
  firewall.changedSets.add("guard4");
  remove(1);
  reconciler.onForeignChange({ ...byNft, sets: ["guard4", "blocked4"] });
  assert.deepEqual(recorder.take(), [
    "drift another program (nft) changed guard4 of table inet portreeve, which are filled again",
    "drift 10.0.0.1 was removed from the kernel by nft, which is taken as an unblock",
  ]);
});

test("a set that changed without a notification is found by the tick, and asked for only when something was committed", () => {
  const { firewall, recorder, reconciler } = setUp(1);
  reconciler.tick();
  const asked = firewall.askedSets.length;
  reconciler.tick();
  assert.equal(firewall.askedSets.length, asked);
  firewall.changedSets.add("guard4");
  firewall.generationNumber++;
  reconciler.tick();
  reconciler.tick();
  assert.equal(recorder.take().length, 1);
  assert.deepEqual(new Set(firewall.askedSets), new Set([undefined]));
});

/** A network and one in it are listed beside two addresses. */
function setUpNetworks() {
  const parts = setUp(2);
  const networks = ["203.0.113.0/24", "203.0.113.64/28", "198.51.100.0/24"].map((each) => block(each));
  for (const each of networks) parts.list.put(each);
  const audit = (told: Partial<typeof parts.firewall.audit>) => {
    parts.firewall.audit = { gone: [], torn: [], foreign: [], untimely: false, ...told };
    parts.reconciler.onForeignChange({ structural: false, program: "nft", sets: ["blockednet4"] });
    return parts.recorder.take();
  };
  return { ...parts, audit, sources: networks.map(({ source }) => source) };
}

test("a network that is gone with the one in it is one removal by hand; two that lie apart are put back", () => {
  const one = setUpNetworks();
  const [outer = assert.fail(), inner = assert.fail(), other = assert.fail()] = one.sources;
  assert.deepEqual(one.audit({ gone: [inner, outer] }), [
    "drift 203.0.113.64/28 was removed from the kernel by nft, which is taken as an unblock",
    "drift 203.0.113.0/24 was removed from the kernel by nft, which is taken as an unblock",
  ]);
  assert.deepEqual(one.lifted, ["203.0.113.64/28 removed elsewhere", "203.0.113.0/24 removed elsewhere"]);
  const two = setUpNetworks();
  assert.deepEqual(two.audit({ gone: [outer, other] }), ["drift nft removed 2 blocks from the kernel: 2 restored"]);
  assert.deepEqual(two.lifted, []);
});

test("a network of which a part is gone, or ends at another time, is put back", () => {
  const { audit, sources, firewall, lifted, reconciler } = setUpNetworks();
  const [outer = assert.fail(), inner = assert.fail()] = sources;
  const said = ["drift nft changed parts of blocked networks in the kernel: they are put back"];
  assert.deepEqual(audit({ gone: [inner], torn: [outer] }), said);
  assert.deepEqual([...firewall.kernel.keys()].slice(-2), ["full 203.0.113.64/28", "full 203.0.113.0/24"]);
  assert.deepEqual(audit({ untimely: true }), said);
  assert.equal(firewall.rewrites, 1);
  assert.deepEqual(lifted, []);
  assert.equal(reconciler.repairs, 2);
});

test("what another program adds is listed", () => {
  const { audit, firewall, list } = setUpNetworks();
  firewall.elements = [{ place: "blocked4", source: prefix("192.0.2.9"), soft: false, expiresInMs: undefined }];
  firewall.kernel.set("full 192.0.2.9", undefined);
  assert.deepEqual(audit({ foreign: [{ source: prefix("192.0.2.64/26"), untilMs: undefined }] }), [
    "drift nft added 192.0.2.9 and 1 more to the blocks in the kernel: they are listed now",
  ]);
  assert.equal(list.get(prefix("192.0.2.64/26"))?.reason, "added to the kernel's set by nft");
  assert.deepEqual(audit({}), []);
});

test("a block that another program gave another end gets back its own", () => {
  const { firewall, recorder, reconciler, lifted } = setUp(3);
  firewall.kernel.set("full 10.0.0.1", nowMs + 5);
  reconciler.onForeignChange(byNft);
  assert.equal(firewall.kernel.get("full 10.0.0.1"), nowMs + 1e6);
  assert.deepEqual(lifted, []);
  assert.deepEqual(recorder.take(), [
    "drift nft gave 10.0.0.1 another end in the kernel: the end in the list is put back",
  ]);
});
