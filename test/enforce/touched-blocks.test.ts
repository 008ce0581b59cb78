// Blocks that a change of the host touches: who is in the guard now, and what the kernel holds in another way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import {
  blocksOfExempt,
  blocksOfGuarded,
  type Guarded,
  movedBlocks,
  newlyExempt,
} from "../../src/enforce/touched-blocks.ts";
import type { Block } from "../../src/judge/block.ts";
import { grades } from "../../src/judge/verdict.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { ranges } from "../detect/probes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

function listOf(...blocks: readonly Block[]): BlockList {
  const list = new BlockList(100);
  for (const each of blocks) list.put(each);
  return list;
}

const namesOf = (blocks: readonly Block[]) => blocks.map(({ source }) => formatPrefix(source)).sort();

/** One block of each grade, full and soft, in 192.0.2.0/24. */
const ofEachGrade = grades.flatMap((grade, index) => [
  block(`192.0.2.${2 * index}`, { grade }),
  block(`192.0.2.${2 * index + 1}`, { grade, soft: true }),
]);
const gradeOf = (name: string) => ofEachGrade.find(({ source }) => formatPrefix(source) === name);
const network = prefix("192.0.2.0/24");

for (const { what, because, guardSsh, onClaim, ended } of [
  {
    what: "on a claim ends, soft too",
    because: "gateway",
    guardSsh: true,
    onClaim: true,
    ended: ["direct", "direct soft"],
  },
  {
    what: "of one known by name only ends if it is full",
    because: "time",
    guardSsh: true,
    onClaim: false,
    ended: ["direct"],
  },
  {
    what: "of a live SSH session ends on proof too",
    because: "ssh",
    guardSsh: true,
    onClaim: true,
    ended: ["direct", "direct soft", "handshake", "silence"],
  },
  {
    what: "of a session with GUARD_SSH off is another's",
    because: "ssh",
    guardSsh: false,
    onClaim: false,
    ended: ["direct"],
  },
] as const) {
  test(`a block ${what}`, () => {
    const guarded = [{ source: network, because }] as readonly Guarded[];
    const found = blocksOfGuarded(listOf(...ofEachGrade, block("198.51.100.1")), {
      onClaim: onClaim ? [network] : [],
      guarded,
      guardSsh,
    });
    const told = namesOf(found).map((name) => `${gradeOf(name)?.grade}${gradeOf(name)?.soft === true ? " soft" : ""}`);
    assert.deepEqual(told.sort(), [...ended]);
  });
}

test("a /64 moves when its network becomes a link of ours, and when it is one no more; nothing else does", () => {
  const list = listOf(
    block("2001:db8:a:1::/64"),
    block("2001:db8:a:2::"),
    block("2001:db8:a:3::7"),
    block("2001:db8:a:4::1:0:0"),
    block("2001:db8:a::/56"),
    block("2001:db8:a:5::/64", { backend: "kill-route" }),
    block("2001:db8:b:1::/64"),
    block("192.0.2.1"),
  );
  const link = ranges("2001:db8:a::/48");
  const moved = ["2001:db8:a:1::/64", "2001:db8:a:2::"];
  assert.deepEqual(namesOf(movedBlocks(list, ranges(), link)), moved);
  assert.deepEqual(namesOf(movedBlocks(list, link, ranges())), moved);
  assert.deepEqual(movedBlocks(list, link, link), []);
  assert.deepEqual(movedBlocks(list, link, ranges("2001:db8:a::/48", "2001:db8:c::/48")), []);
});

test("whoever is exempt now: each block inside, whoever made it, and apart from them the prefixes around", () => {
  const list = listOf(
    ...ofEachGrade,
    block("192.0.2.200"),
    block("192.0.2.0/24"),
    block("2001:db8:a:1::/64"),
    block("2001:db8:a::/56"),
    block("2001:db8:b:1::/64"),
    block("198.51.100.1"),
  );
  const { inside, around } = blocksOfExempt(list, [prefix("192.0.2.0/25"), prefix("2001:db8:a:1::7")]);
  assert.deepEqual(namesOf(inside), namesOf(ofEachGrade));
  assert.deepEqual(namesOf(around), ["192.0.2.0/24", "2001:db8:a:1::/64", "2001:db8:a::/56"]);
});

test("exempt anew is what was not exempt before, however it was written", () => {
  const before = ["192.0.2.0/25", "192.0.2.128/25", "2001:db8::1"].map(prefix);
  const now = ["192.0.2.0/24", "192.0.2.7", "2001:db8::/127", "2001:db8::1", "198.51.100.1"].map(prefix);
  assert.deepEqual(newlyExempt(before, now).map(formatPrefix), ["2001:db8::/127", "198.51.100.1"]);
  assert.deepEqual(newlyExempt(now, before), []);
});
