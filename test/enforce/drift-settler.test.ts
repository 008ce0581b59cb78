// What follows when another program has changed blocks in the kernel: unblocked, put back, or listed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { DriftSettler } from "../../src/enforce/drift-settler.ts";
import type { Block } from "../../src/judge/block.ts";
import type { NetworkAudit } from "../../src/table/network-blocks.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeFirewall, FakeRecorder } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

function setUp(listed: readonly Block[], audit: Partial<NetworkAudit> = {}) {
  const firewall = new FakeFirewall();
  firewall.audit = { gone: [], torn: [], foreign: [], untimely: false, ...audit };
  const recorder = new FakeRecorder();
  const list = new BlockList(20_000);
  for (const each of listed) list.put(each);
  const done: string[] = [];
  let repairs = 0;
  const drop = ({ source }: Block, failure: string) => void done.push(`drop ${formatPrefix(source)} ${failure}`);
  const settler = new DriftSettler({
    ...{ firewall, drift: firewall, recorder, drop, nowMs: () => 1_000_000 },
    blocker: {
      list,
      lift: (blocks, how) => {
        done.push(...blocks.map(({ source }) => `lift ${formatPrefix(source)} ${how}`));
        return [];
      },
      adopt: (held, networks, reason) => {
        done.push(`adopt ${held.length}+${networks.length} ${reason}`);
        return { adopted: networks.map(({ source }) => source), removed: held.flatMap(({ source }) => source ?? []) };
      },
    },
    repaired: () => {
      repairs++;
    },
  });
  const settle = (missing: readonly Block[] = [], untimely: readonly Block[] = [], program = "nft") => {
    settler.settle({ areNetworksRight: false, missing: [...missing], untimely: [...untimely] }, program);
    return recorder.take();
  };
  return { firewall, settle, done, repairs: () => repairs };
}

const one = block("192.0.2.1");
const other = block("192.0.2.2");
const network = block("198.51.100.0/24");
const inner = block("198.51.100.7");

test("while the table itself has drifted nothing is settled", () => {
  const { firewall, settle, done } = setUp([one]);
  firewall.drifted = true;
  assert.deepEqual([settle([one]), done], [[], []]);
});

test("one that is gone is an unblock, by whoever it was", () => {
  const { settle, done, repairs } = setUp([one]);
  assert.deepEqual(settle([one], [], ""), [
    "drift 192.0.2.1 was removed from the kernel by another program, which is taken as an unblock",
  ]);
  assert.deepEqual([done, repairs()], [["lift 192.0.2.1 removed elsewhere"], 0]);
});

test("two that are gone are put back, and counted once; what is refused is dropped", () => {
  const { firewall, settle, done, repairs } = setUp([one, other]);
  firewall.refusals.set("192.0.2.2", "ENFILE");
  assert.deepEqual(settle([one, other]), ["drift nft removed 2 blocks from the kernel: 1 restored"]);
  assert.deepEqual([[...firewall.kernel.keys()], done, repairs()], [["full 192.0.2.1"], ["drop 192.0.2.2 ENFILE"], 1]);
});

test("a network that is gone takes with it what lies in it: one unblock; with another beside it all are put back", () => {
  const alone = setUp([network, inner], { gone: [network.source] });
  alone.settle([inner]);
  assert.deepEqual(alone.done, ["lift 198.51.100.7 removed elsewhere", "lift 198.51.100.0/24 removed elsewhere"]);
  const two = setUp([network, inner, one], { gone: [network.source] });
  two.settle([inner, one]);
  assert.deepEqual(two.done, []);
  assert.equal(two.firewall.kernel.size, 3);
});

test("parts of networks that are gone are put back, and nothing is taken as an unblock of them", () => {
  const { firewall, settle, done, repairs } = setUp([network, one], { torn: [network.source], gone: [network.source] });
  assert.deepEqual(settle(), ["drift nft changed parts of blocked networks in the kernel: they are put back"]);
  assert.deepEqual(
    [[...firewall.kernel.keys()], firewall.rewrites, done, repairs()],
    [["full 198.51.100.0/24"], 0, [], 1],
  );
});

test("intervals of no listed network are written again whole; why that cannot be is said", () => {
  const { firewall, settle, repairs } = setUp([], { untimely: true });
  assert.deepEqual(settle(), ["drift nft changed parts of blocked networks in the kernel: they are put back"]);
  assert.deepEqual([firewall.rewrites, repairs()], [1, 1]);
  firewall.rewriteNetworks = () => "EPERM";
  const failed = "drift nft changed parts of blocked networks in the kernel, and they cannot be put back: EPERM";
  assert.deepEqual(settle(), [failed]);
});

test("another end is put right, and the first source is named", () => {
  const { firewall, settle, done, repairs } = setUp([one, other]);
  firewall.refusals.set("192.0.2.2", "EPERM");
  assert.deepEqual(settle([], [one, other]), [
    "drift nft gave 192.0.2.1 and 1 more another end in the kernel: the end in the list is put back",
  ]);
  assert.deepEqual([done, repairs()], [["drop 192.0.2.2 EPERM"], 1]);
  assert.match(settle([], [one])[0] ?? "", /nft gave 192\.0\.2\.1 another end/);
});

test("what was added is listed, and what cannot be is taken out; nothing is said of what is listed already", () => {
  const soft = { place: "soft4", source: prefix("192.0.2.1"), soft: true, expiresInMs: undefined };
  const { firewall, settle, done, repairs } = setUp([one]);
  firewall.elements = [{ ...soft, place: "blocked4", soft: false }];
  assert.deepEqual([settle(), done], [[], []]);
  firewall.elements = [soft];
  firewall.audit = { ...firewall.audit, foreign: [{ source: prefix("203.0.113.0/24"), untilMs: undefined }] };
  assert.deepEqual(settle(), [
    "drift nft added 203.0.113.0/24 to the blocks in the kernel: they are listed now",
    "drift nft added 192.0.2.1 to the blocks in the kernel: they are taken out, as they cannot be listed",
  ]);
  assert.deepEqual([done, repairs()], [["adopt 1+1 added to the kernel's set by nft"], 1]);
});

test("among more than 10,000 blocks the sets are not read whole: of what was added networks alone are found", () => {
  const added = { place: "blocked4", source: prefix("192.0.2.9"), soft: false, expiresInMs: undefined };
  for (const [count, adopted] of [
    [10_000, ["adopt 1+0 added to the kernel's set by nft"]],
    [10_001, []],
  ] as const) {
    const { firewall, settle, done } = setUp(Array.from({ length: count }, (_, index) => block(nthIpv4(index))));
    firewall.elements = [added];
    settle();
    assert.deepEqual(done, adopted);
  }
});
