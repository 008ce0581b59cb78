// The filter language: what each word holds of, and what is said where a word is wrong.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Facts, filterKeys, MAX_FILTER_CHARS, parseFilter } from "../../src/record/filter-text.ts";
import { formatPrefix } from "../../src/wire/address.ts";

const nowMs = Date.UTC(2026, 10, 22, 12);
const probe: Facts = {
  ...{ time: "2026-11-22T11:00:00.000Z", type: "probe", source: "203.0.113.9", protocol: "tcp", port: 22 },
  ...{ kind: "syn", tool: "masscan", action: "held" },
};
const block: Facts = {
  ...{ time: "2026-11-20T00:00:00.000Z", type: "block", source: "2001:db8:1:2::/64", grade: "silence" },
  ...{ action: "full", message: "12 different Ports in 2 s" },
};
const all = { probe, block };

function passing(text: string): string {
  const read = parseFilter(text, nowMs);
  if ("error" in read) return read.error;
  return Object.entries(all)
    .filter(([, facts]) => read.ok.condition(facts))
    .map(([name]) => name)
    .join(" ");
}

describe("words and what they hold of", () => {
  for (const [text, wanted] of [
    ["", "probe block"],
    ["source:203.0.113.0/24", "probe"],
    ["203.0.113.9", "probe"],
    ["2001:db8:1:2::77", "block"],
    ["2001:db8::/32", "block"],
    ["source:203.0.113.9,2001:db8::/32", "probe block"],
    ["kind:syn port:22 tool:masscan", "probe"],
    ["kind:xmas,syn", "probe"],
    ["port:1-21", ""],
    ["port:tcp/20-30", "probe"],
    ["port:udp/22", ""],
    ["proto:TCP", "probe"],
    ["grade:silence,handshake", "block"],
    ["!grade:silence", "probe"],
    ["-port:22", "block"],
    ["type:block", "block"],
    ["action:full", "block"],
    ['text:"different ports"', "block"],
    ["different", "block"],
    ['"in 2 s"', "block"],
    ["since:24h", "probe"],
    ["until:24h", "block"],
    ["since:2026-11-19 until:2026-11-21", "block"],
    ["known:shodan", ""],
  ] as const) {
    test(`"${text}"`, () => assert.equal(passing(text), wanted));
  }
});

describe("errors name the word and the remedy", () => {
  for (const [text, wanted] of [
    ["kind:sin", /^kind:sin: write one of syn, connect, /],
    ["port:70000", /^port:70000: write a port from 0 to 65535/],
    ["port:30-20", /^port:30-20: write a port/],
    ["source:example.com", /^source:example\.com: write an address or a network/],
    ["ports:22", /^"ports:" is no key of a filter: write one of source, kind, port, /],
    ["kind:", /^"kind:" has no value: write it as kind:syn,xmas/],
    ["since:never", /^since:never: write a time like /],
    ['text:"open', /a quote is not closed/],
    ["kind:\u202esyn", /^kind:\\u202e/],
    ["x".repeat(MAX_FILTER_CHARS + 1), /longer than 500 characters/],
    ["22 ".repeat(21), /more than 20 words/],
    [`port:${"22,".repeat(21)}23`, /"port:" has more than 20 values/],
  ] as const) {
    test(`${text.slice(0, 30)}`, () => assert.match(passing(text), wanted));
  }
});

test("each key's example can be read", () => {
  for (const { example } of Object.values(filterKeys))
    for (const each of example.split(" or ")) assert.ok("ok" in parseFilter(each, nowMs), each);
});

test("what an index can find is told beside the condition", () => {
  const read = parseFilter("source:203.0.113.0/24 since:1h", nowMs);
  assert.ok("ok" in read && read.ok.within !== undefined);
  assert.deepEqual([formatPrefix(read.ok.within), read.ok.sinceMs], ["203.0.113.0/24", nowMs - 3_600_000]);
  const denied = parseFilter("-source:203.0.113.0/24 source:192.0.2.1,192.0.2.2", nowMs);
  assert.ok("ok" in denied && denied.ok.within === undefined);
});
