// BLOCKED_FILE in step with the list: which file has which source, and how often a file is written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockList } from "../../src/enforce/block-list.ts";
import { BlockedView } from "../../src/enforce/blocked-view.ts";
import type { BlockedForm } from "../../src/record/blocked-file.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4 } from "../support/prefix.ts";

/** Times of the wall are seven seconds ahead. */
const AHEAD_MS = 7_000;

function setUp(protocols: readonly (number | undefined)[] = [6, 17], form: BlockedForm = "lines") {
  const clock = { ms: 1_000_000 };
  const written: string[] = [];
  const list = new BlockList(20_000);
  const files = protocols.map((protocol) => ({
    protocol,
    file: {
      form,
      add: (source: Prefix) => void written.push(`added ${formatPrefix(source)}`),
      write: async (given: Iterable<{ timeMs: number; sourceText: string; port: number }>, older: number) => {
        const entries = [...given];
        const shown = entries.slice(0, 3).map(({ timeMs, sourceText, port }) => `${sourceText} ${port} ${timeMs}`);
        written.push(`${protocol}: ${shown.join(", ")}${entries.length > 3 ? " ..." : ""} and ${older}`);
      },
    },
  }));
  const times = {
    nowMs: () => clock.ms,
    wallMs: (ms: number) => ms + AHEAD_MS,
    ofWallMs: (ms: number) => ms - AHEAD_MS,
  };
  const view = new BlockedView({ list, files, clock: times });
  const begin = async () => {
    await view.begin();
    return written.splice(0);
  };
  const tick = async (laterMs: number, now = false) => {
    clock.ms += laterMs;
    await view.tick(now);
    return written.splice(0);
  };
  return { list, begin, tick, written };
}

const udp = { trigger: { protocol: 17, port: 53 } };

test("each file has the sources of its protocol with the time of the wall; one for both has all of them", async () => {
  for (const [protocols, lines] of [
    [
      [6, 17],
      ["6: 192.0.2.1 79 7001, 192.0.2.3 0 7003 and 0", "17: 192.0.2.2 53 7002 and 0"],
    ],
    [[undefined], ["undefined: 192.0.2.1 79 7001, 192.0.2.2 53 7002, 192.0.2.3 0 7003 and 0"]],
  ] as const) {
    const { list, begin, tick } = setUp(protocols);
    assert.deepEqual(await tick(60_000), [], "what is restored is not complete yet");
    list.put(block("192.0.2.1", { sinceMs: 1, trigger: { protocol: 6, port: 79 } }));
    list.put(block("192.0.2.2", { sinceMs: 2, ...udp }));
    list.put(block("192.0.2.3", { sinceMs: 3 }));
    list.put(block("192.0.2.4", { sinceMs: 4, soft: true }));
    assert.deepEqual(await begin(), lines);
  }
});

test("a file is written when the list has changed, and not more often than every five seconds, but for start and stop", async () => {
  const { list, begin, tick } = setUp([6]);
  list.put(block("192.0.2.1", { sinceMs: 1 }));
  assert.equal((await begin()).length, 1);
  assert.equal((await tick(60_000, true)).length, 0, "nothing has changed");
  list.put(block("192.0.2.2", { sinceMs: 2 }));
  assert.equal((await tick(1_000)).length, 1);
  list.put(block("192.0.2.3", { sinceMs: 3 }));
  assert.equal((await tick(4_999)).length, 0);
  assert.equal((await tick(0, true)).length, 1);
  list.put(block("192.0.2.4", { sinceMs: 4 }));
  assert.equal((await tick(5_000)).length, 1);
});

test("a list of more than 10,000 is written every minute, the newest of it, and how many are older", async () => {
  const { list, begin, tick } = setUp([6]);
  for (let index = 0; index < 10_000; index++) list.put(block(nthIpv4(index), { sinceMs: index }));
  await begin();
  list.put(block("192.0.2.1", { sinceMs: 99_999, soft: true }));
  assert.equal((await tick(5_000)).length, 0, "it is long now");
  assert.deepEqual(await tick(55_000), ["6: 10.0.0.0 0 7000, 10.0.0.1 0 7001, 10.0.0.2 0 7002 ... and 0"]);
});

test("2.x's list has each full block at once, and once; 1.2's has to wait for the write", async () => {
  for (const [form, added] of [
    ["records", ["added 192.0.2.1", "added 192.0.2.2"]],
    ["lines", []],
  ] as const) {
    const { list, begin, written } = setUp([undefined], form);
    await begin();
    list.put(block("192.0.2.1"));
    list.put(block("192.0.2.1", { offences: 2 }));
    list.put(block("192.0.2.2", { soft: true }));
    list.put(block("192.0.2.2"));
    assert.deepEqual(written, added);
  }
});

test("without a file nothing is asked of the list", async () => {
  const { list, begin, tick } = setUp([]);
  list.newestFull = () => assert.fail("nobody reads it");
  list.put(block("192.0.2.1"));
  assert.deepEqual([await begin(), await tick(0)], [[], []]);
});
