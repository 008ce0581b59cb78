// Sources of a list beside the block list's bound: how many are taken, and that what is listed is in kernel and store.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockKeeper } from "../../src/enforce/block-keeper.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import { BlockTerms } from "../../src/enforce/block-terms.ts";
import { ListedSources } from "../../src/enforce/listed-sources.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { FakeDetector, FakeFirewall, FakeRecorder, FakeStore } from "../daemon/fakes.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const nowMs = 1_700_000_000_000;
const HOUR = 3_600_000;

function setUp(limit: number, trialEndsMs?: number) {
  const list = new BlockList(limit);
  const offences = new OffenceMemory({ memoryMs: HOUR, seed: { k0: 1, k1: 2 } });
  const [table, store] = [new FakeFirewall(), new FakeStore()];
  const settings = settingsOf(load('BLOCK_TCP="1"\n'));
  const terms = new BlockTerms({ settings: () => settings, list, offences, trial: { limitMs: () => trialEndsMs } });
  const detector = new FakeDetector();
  const keeper = new BlockKeeper({
    ...{ list, table, store, offences, detector, recorder: new FakeRecorder(), nowMs: () => nowMs },
    undo: () => undefined,
  });
  return { list, table, store, lists: new ListedSources({ list, terms, keeper, store, nowMs: () => nowMs }) };
}

const how = { forMs: HOUR, reason: "theirs", isDryRun: false };

test("a full list takes no more, in a dry run neither, and prolongs what it has", () => {
  const { lists, list, table, store } = setUp(3);
  lists.take([nthIpv4(0)], { ...how, forMs: 1_000 });
  const sources = [nthIpv4(0), nthIpv4(1), nthIpv4(2), nthIpv4(3)];
  const expected = ["merged", "added", "added", "full"];
  assert.deepEqual(lists.take(sources, { ...how, isDryRun: true }), expected);
  assert.deepEqual([list.size, table.kernel.size], [1, 1]);
  assert.deepEqual(lists.take(sources, how), expected);
  assert.deepEqual([list.size, table.kernel.size, store.rows.size, store.offences.size], [3, 3, 3, 0]);
  const ends = new Set([...table.kernel.values(), ...[...store.rows.values()].map(({ untilMs }) => untilMs)]);
  assert.deepEqual([...ends], [nowMs + HOUR]);
});

test("on trial the blocks of a list end with it, and know their own end", () => {
  const { lists, list } = setUp(10, nowMs + 60_000);
  const source = prefix("192.0.2.1");
  assert.deepEqual(lists.take([source], how), ["added"]);
  const { untilMs, afterTrial } = list.get(source) ?? assert.fail(formatPrefix(source));
  assert.deepEqual({ untilMs, afterTrial }, { untilMs: nowMs + 60_000, afterTrial: { untilMs: nowMs + HOUR } });
});
