// Pages of the blocked: filter, order, place and counts, over a list of which only a part is kept at a time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPages } from "../../src/answer/blocked-page.ts";
import { wallClock } from "../../src/base/clock.ts";
import type { BlockedPageRequest } from "../../src/control/record-api.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4 } from "../support/prefix.ts";

const COUNT = 20_000;

function setUp(count = COUNT) {
  const list = new BlockList(100_000);
  for (let index = 0; index < count; index++) {
    list.put(
      block(nthIpv4((index * 7_919) % count), {
        sinceMs: 1_000 * ((index * 7_919) % count),
        untilMs: index % 10 === 0 ? undefined : 9e12 - index,
        soft: index % 2 === 0,
        offences: index % 5,
      }),
    );
  }
  let pauses = 0;
  const page = createPages({ blocker: { list }, clock: wallClock }, async () => void pauses++);
  const ask = async (request: BlockedPageRequest) => {
    const reply = await page(request);
    assert.ok("ok" in reply, JSON.stringify(reply));
    return reply.ok;
  };
  return { list, page, ask, pausesOf: () => pauses };
}

test("pages follow each other without a gap, and say how many there are", async () => {
  const { ask, pausesOf } = setUp();
  const seen: string[] = [];
  for (let offset = 0; offset < 1_000; offset += 100) {
    const page = await ask({ sort: "source", order: "up", offset, limit: 100 });
    assert.deepEqual([page.total, page.matching, page.entries.length], [COUNT, COUNT, 100]);
    seen.push(...page.entries.map(({ source }) => source));
  }
  assert.deepEqual(seen.slice(0, 3), ["10.0.0.0", "10.0.0.1", "10.0.0.2"]);
  assert.equal(new Set(seen).size, 1_000);
  assert.equal(seen.at(-1), "10.0.3.231");
  assert.ok(pausesOf() >= 90, "other work gets its turns");
});

test("the newest first unless another order is asked for; for ever ends last", async () => {
  const { ask } = setUp();
  const newest = await ask({ limit: 2 });
  assert.deepEqual(
    newest.entries.map(({ since }) => Date.parse(since)),
    [1_000 * (COUNT - 1), 1_000 * (COUNT - 2)],
  );
  const [first] = (await ask({ sort: "until", limit: 1 })).entries;
  assert.equal(first?.until, null);
  const [last] = (await ask({ sort: "until", order: "up", limit: 1 })).entries;
  assert.ok(last?.until !== null);
  const [often] = (await ask({ sort: "offences", limit: 1 })).entries;
  assert.equal(often?.offences, 4);
});

test("a filter is that of events, and what it means is counted", async () => {
  const { ask, page } = setUp();
  assert.equal((await ask({ filter: "action:soft" })).matching, COUNT / 2);
  assert.deepEqual((await ask({ filter: "10.0.1.0/24" })).matching, 256);
  assert.equal((await ask({ filter: "since:1970-01-02" })).total, COUNT);
  assert.deepEqual(await page({ filter: "grade:nothing" }), {
    refused: { code: "bad-filter", message: "grade:nothing: write one of handshake, silence, direct, manual, fleet" },
  });
});

test("a third page at a time is refused, and made once another is done", async () => {
  const { page, ask } = setUp();
  const both = [page({}), page({})];
  const refused = await page({});
  assert.ok("refused" in refused && refused.refused.code === "busy");
  await Promise.all(both);
  assert.equal((await ask({})).total, COUNT);
});
