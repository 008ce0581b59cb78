// Blocks and offences from the store at start; a store that is found damaged while it is read is made anew with what was read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { StoredState } from "../../src/enforce/stored-state.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import type { StoredBlock, StoredOffences } from "../../src/record/store.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeFirewall, FakeStore } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const NOW_MS = 1_000_000;
const seed = { k0: 1, k1: 2 };

/** `isDamaged`: the store is found to be so when one block has been read, and is empty from then on. */
function setUp(isDamaged: boolean) {
  const kept = new FakeStore();
  const offences = new OffenceMemory({ memoryMs: 3_600_000, seed });
  const list = new BlockList(10);
  const firewall = new FakeFirewall();
  for (const source of ["192.0.2.1", "192.0.2.2"]) kept.putBlock(block(source));
  const store = {
    blocks: function* (): Generator<StoredBlock> {
      for (const one of [...kept.blocks()]) {
        yield one;
        if (!isDamaged) continue;
        kept.rows.clear();
        stored.storeAll();
        return;
      }
    },
    countBlocks: (nowMs: number) => kept.countBlocks(nowMs),
    networks: () => kept.networks(),
    putBlock: (one: StoredBlock) => kept.putBlock(one),
    deleteBlock: (source: StoredBlock["source"]) => kept.deleteBlock(source),
    putOffence: (one: StoredOffences) => kept.putOffence(one),
    flush: () => kept.flush(),
    *offences(): Generator<StoredOffences> {
      yield { source: prefix("192.0.2.77"), offences: 3, lastEndMs: NOW_MS };
      yield { source: prefix("192.0.2.78"), offences: 1, lastEndMs: NOW_MS };
    },
  };
  const stored = new StoredState({ store, list, offences, firewall, nowMs: () => NOW_MS, seed });
  const listed = () => [...list.values()].map(({ source }) => formatPrefix(source)).sort();
  return { stored, kept, offences, firewall, listed };
}

test("a sound store gives back its blocks and offences, and is not written anew", () => {
  const { stored, kept, offences, firewall, listed } = setUp(false);
  stored.restoreOffences();
  assert.equal(offences.get(prefix("192.0.2.77"), NOW_MS)?.offences, 3);
  assert.equal(stored.restoreBlocks(true).restored, 2);
  assert.deepEqual([listed(), firewall.kernel.size, kept.offences.size], [["192.0.2.1", "192.0.2.2"], 2, 0]);
});

test("what was read of a damaged store is in the new one, with the offences that are known", () => {
  const { stored, kept, listed } = setUp(true);
  stored.restoreOffences();
  stored.restoreBlocks(true);
  assert.deepEqual([listed(), [...kept.rows.keys()]], [["192.0.2.1"], ["192.0.2.1"]]);
  assert.deepEqual([...kept.offences.keys()], ["192.0.2.77", "192.0.2.78"]);
});

test("where nothing enforces, blocks of the table stay in the store and go nowhere", () => {
  const { stored, kept, firewall, listed } = setUp(false);
  stored.restoreBlocks(false);
  assert.deepEqual([listed(), firewall.kernel.size, kept.rows.size], [[], 0, 2]);
});
