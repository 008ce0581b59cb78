// How long a block lasts: by hand, softly, by offence, on trial, and beside one that stands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { BlockTerms } from "../../src/enforce/block-terms.ts";
import type { Decision } from "../../src/enforce/decision.ts";
import type { Block } from "../../src/judge/block.ts";
import { OffenceMemory } from "../../src/judge/escalation.ts";
import { load, settingsOf } from "../config/support.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";

const nowMs = 1_700_000_000_000;
const HOUR = 3_600_000;
const SOURCE = "192.0.2.1";
const source = prefix(SOURCE);
const CONF = 'BLOCK_TCP="1"\nBLOCK_TIME="1h"\nBLOCK_TIME_FACTOR="4"\nBLOCK_TIME_MAX="10h"\nSOFT_BLOCK_TIME="10m"\n';

function setUp(standing?: Partial<Block>, trialEndsMs?: number) {
  const list = new BlockList(10);
  if (standing !== undefined) list.put(block(SOURCE, standing));
  const settings = settingsOf(load(CONF));
  const offences = new OffenceMemory({ memoryMs: settings.blockTimeMaxMs, seed: { k0: 1, k1: 2 } });
  const trial = { limitMs: () => trialEndsMs };
  const terms = new BlockTerms({ settings: () => settings, list, offences, trial });
  const ends = (more: Partial<Decision> = {}) => {
    const decision = { source, grade: "direct", soft: false, reason: "", ...more } as const;
    const { untilMs, afterTrial } = terms.blockOf(decision, "nftables", nowMs);
    return [untilMs, afterTrial?.untilMs];
  };
  return { offences, terms, ends };
}

test("a block begins now, is not enforced yet, and knows its backend, probe and offence", () => {
  const { offences, terms } = setUp();
  offences.record(source, nowMs);
  const made = terms.blockOf({ source, grade: "silence", soft: false, reason: "why" }, "kill-route", nowMs);
  assert.deepEqual(made, {
    ...{ source, sinceMs: nowMs, untilMs: nowMs + 4 * HOUR, grade: "silence", soft: false, reason: "why" },
    ...{ offences: 2, backend: "kill-route", madeBy: "", enforced: false },
  });
});

test("a time by hand counts, and 0 is for ever; a soft block has a time of its own", () => {
  const { ends } = setUp();
  assert.deepEqual(ends({ forMs: 5_000 }), [nowMs + 5_000, undefined]);
  assert.deepEqual(ends({ forMs: 0 }), [undefined, undefined]);
  assert.deepEqual(ends({ soft: true }), [nowMs + 600_000, undefined]);
  assert.deepEqual(ends({ soft: true, forMs: 7_000 }), [nowMs + 7_000, undefined]);
});

for (const { what, standing, decision, end } of [
  { what: "a full block that ends later stays", standing: { untilMs: nowMs + 9 * HOUR }, decision: {}, end: 9 * HOUR },
  { what: "one that ends earlier is prolonged", standing: { untilMs: nowMs + 60_000 }, decision: {}, end: HOUR },
  { what: "one for ever stays", standing: { untilMs: undefined }, decision: {}, end: undefined },
  {
    what: "a person may shorten it",
    standing: { untilMs: nowMs + 9 * HOUR },
    decision: { forMs: 60_000, mayShorten: true },
    end: 60_000,
  },
  {
    what: "a soft one that ends later is none to keep",
    standing: { untilMs: nowMs + 9 * HOUR, soft: true },
    decision: {},
    end: HOUR,
  },
  {
    what: "a soft one beside it has its own end",
    standing: { untilMs: nowMs + 9 * HOUR },
    decision: { soft: true },
    end: 600_000,
  },
] as const) {
  test(`of a block that stands: ${what}`, () => {
    const { ends } = setUp(standing);
    assert.deepEqual(ends(decision)[0], end === undefined ? undefined : nowMs + end);
  });
}

test("a block of a trial that stands keeps its own time behind it", () => {
  const { ends } = setUp({ untilMs: nowMs + 9 * HOUR, afterTrial: { untilMs: nowMs + 20 * HOUR } });
  assert.deepEqual(ends(), [nowMs + 9 * HOUR, nowMs + 20 * HOUR]);
});

const TRIAL_END = nowMs + 300_000;
for (const { what, standing, decision, end } of [
  { what: "a longer block ends with it", decision: {}, end: [TRIAL_END, nowMs + HOUR] },
  { what: "one for ever does", decision: { forMs: 0 }, end: [TRIAL_END, undefined] },
  { what: "one that ends with it is as it is", decision: { forMs: 300_000 }, end: [TRIAL_END, undefined] },
  { what: "one of another program does not", decision: { existed: true }, end: [nowMs + HOUR, undefined] },
  {
    what: "one from before is not shortened",
    standing: { untilMs: TRIAL_END + 1 },
    decision: {},
    end: [TRIAL_END + 1, undefined],
  },
  {
    what: "one from before for ever is not",
    standing: {},
    decision: { mayShorten: true },
    end: [undefined, undefined],
  },
  {
    what: "one from before that ends earlier is prolonged to its end",
    standing: { untilMs: TRIAL_END - 1 },
    decision: {},
    end: [TRIAL_END, nowMs + HOUR],
  },
  {
    what: "a soft one from before counts for nothing",
    standing: { untilMs: TRIAL_END + 1, soft: true },
    decision: {},
    end: [TRIAL_END, nowMs + HOUR],
  },
] as const) {
  test(`on trial ${what}`, () => {
    const { ends, terms } = setUp("standing" in { standing } ? standing : undefined, TRIAL_END);
    assert.deepEqual(ends(decision), end);
    const full = { source, grade: "direct", soft: false, reason: "", ...decision } as const;
    const isOnTrial = "afterTrial" in terms.blockOf(full, "nftables", nowMs);
    assert.equal(isOnTrial, end[0] === TRIAL_END && what !== "one that ends with it is as it is");
  });
}
