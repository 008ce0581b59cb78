import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Kind } from "../../src/detect/kinds.ts";
import { scorerNames } from "../../src/detect/tap/tap-source.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import { type Block, backends } from "../../src/judge/block.ts";
import type { FindingReason } from "../../src/judge/reason.ts";
import { grades } from "../../src/judge/verdict.ts";
import { formatPrefix, prefixContains } from "../../src/wire/address.ts";
import { ARP_PROTOCOL } from "../../src/wire/packet.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const sources = [
  "192.0.2.1",
  "192.0.2.2",
  "192.0.2.0/24",
  "192.0.0.0/16",
  "2001:db8::1",
  "2001:db8::/64",
  "2001:db8::/32",
];
const LIMIT = 4;
const sorted = (blocks: Iterable<Block>) =>
  [...blocks].sort((a, b) => (formatPrefix(a.source) < formatPrefix(b.source) ? -1 : 1));
const plain = { noNullPrototype: true };
const port = fc.nat(65_535);
const numbers = {
  policy: fc.constantFrom(...scorerNames),
  kind: fc.constantFrom(...Object.values(Kind)),
  protocol: fc.constantFrom(6, 17, 1, ARP_PROTOCOL),
  port,
  probes: fc.nat(),
  contacts: fc.nat(65_536),
  spanMs: fc.nat(86_400_000 * 90),
  isSlow: fc.boolean(),
};
const proof = {
  answeredPorts: port,
  answeredRepeated: port,
  silentPorts: port,
  silentRepeated: port,
  bits: fc.nat(99),
};
const found: fc.Arbitrary<FindingReason> = fc.record(
  {
    ...numbers,
    hosts: fc.nat(1_000_000),
    tool: fc.constantFrom("nmap", "masscan"),
    evidence: fc.constantFrom("it completed a connection", ""),
    proof: fc.record(proof, plain),
  },
  {
    noNullPrototype: true,
    requiredKeys: ["policy", "kind", "protocol", "port", "probes", "contacts", "spanMs", "isSlow"],
  },
);
/** On a host the tool is no part of the reason. */
const foundBehind: fc.Arbitrary<FindingReason> = fc
  .tuple(fc.record(numbers, { noNullPrototype: true }), fc.constantFrom("198.51.100.7", "2001:db8::7"))
  .map(([reason, host]) => ({ ...reason, host: prefix(host) }));
const time = fc.nat({ max: 2 ** 43 });
const until = fc.option(fc.nat(100), { nil: undefined });
const more: fc.Arbitrary<Partial<Block>> = fc.record(
  {
    untilMs: until,
    sinceMs: time,
    grade: fc.constantFrom(...grades),
    soft: fc.boolean(),
    backend: fc.constantFrom(...backends),
    offences: fc.nat(),
    enforced: fc.boolean(),
    reason: fc.oneof(fc.constantFrom("by hand", "", "a test"), found, foundBehind),
    trigger: fc.record({ protocol: fc.constantFrom(6, 17, ARP_PROTOCOL), port }, plain),
    afterTrial: fc.record({ untilMs: fc.option(time, { nil: undefined }) }, plain),
    madeBy: fc.constantFrom("", '["route add -host $TARGET$ reject",null,null,null]', "another"),
    knownPairs: fc.nat(65_534),
    liveConnections: fc.nat(65_534),
  },
  { noNullPrototype: true, requiredKeys: [] },
);

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ put: fc.constantFrom(...sources), more }),
  },
  { weight: 1, arbitrary: fc.record({ remove: fc.constantFrom(...sources) }) },
  { weight: 2, arbitrary: fc.record({ expireAt: fc.nat(100) }) },
);

/** Takes from the list and from the model what is over; both must agree, in order of time. */
function expireBoth(list: BlockList, model: Map<string, Block>, nowMs: number): void {
  let lastMs = -1;
  for (let taken = list.takeExpired(nowMs); taken !== undefined; taken = list.takeExpired(nowMs)) {
    const key = formatPrefix(taken.source);
    assert.deepEqual(taken, model.get(key));
    assert.ok(taken.untilMs !== undefined && taken.untilMs <= nowMs && taken.untilMs >= lastMs);
    lastMs = taken.untilMs;
    model.delete(key);
  }
  for (const { untilMs } of model.values()) assert.ok(untilMs === undefined || untilMs > nowMs);
}

test("as a naive map: puts, removals, expiry in order and never early, the newest time counts, the bound holds", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const list = new BlockList(LIMIT);
      const model = new Map<string, Block>();
      let refused = 0;
      for (const step of actions) {
        if ("put" in step) {
          const each = block(step.put, step.more);
          const fits = model.has(step.put) || model.size < LIMIT;
          assert.equal(list.put(each), fits);
          if (fits) model.set(step.put, each);
          else refused++;
        } else if ("remove" in step) {
          assert.deepEqual(list.remove(prefix(step.remove)), model.get(step.remove));
          model.delete(step.remove);
        } else expireBoth(list, model, step.expireAt);
        assert.equal(list.size, model.size);
        assert.equal(list.refused, refused);
        assert.deepEqual(sorted(list.values()), sorted(model.values()));
        assert.equal(list.softCount, [...model.values()].filter(({ soft }) => soft).length);
        assert.equal(list.provenCount, [...model.values()].filter(({ grade }) => grade !== "direct").length);
        for (const source of sources) assertSameView(list, model, source);
      }
    }),
  );
});

function assertSameView(list: BlockList, model: ReadonlyMap<string, Block>, source: string): void {
  const asked = prefix(source);
  assert.deepEqual(list.get(asked), model.get(source));
  for (const each of model.values()) assert.ok(list.has(each));
  const around = [...model.values()].filter((each) => prefixContains(each.source, asked));
  const narrowestFirst = [...around].sort((one, other) => other.source.bits - one.source.bits);
  assert.deepEqual(list.containing(asked), narrowestFirst);
  const inside = [...model.values()].filter((each) => prefixContains(asked, each.source));
  assert.deepEqual(sorted(list.inside(asked)), sorted(inside));
  assert.equal(
    list.isFullyBlocked(asked),
    around.some(({ soft }) => !soft),
    source,
  );
  assert.deepEqual(list.covering(asked), narrowestFirst[0], source);
}

test("a block that has been let go, or made anew or longer, is not the one that was read", () => {
  const list = new BlockList(10);
  const first = block("192.0.2.1", { sinceMs: 1, untilMs: 100 });
  list.put(first);
  assert.ok(list.has(first));
  for (const other of [{ sinceMs: 2 }, { untilMs: 101 }, { untilMs: undefined }, { soft: true }]) {
    assert.ok(!list.has({ ...first, ...other }), JSON.stringify(other));
  }
  list.remove(first.source);
  assert.ok(!list.has(first));
});

test("numbers that are too large for their column stay at its largest", () => {
  const list = new BlockList(10);
  list.put(block("192.0.2.1", { knownPairs: 1e6, liveConnections: 70_000, offences: 2 ** 40 }));
  const { knownPairs, liveConnections, offences } = list.get(prefix("192.0.2.1")) ?? assert.fail();
  assert.deepEqual([knownPairs, liveConnections, offences], [65_534, 65_534, 2 ** 32 - 1]);
});

test("texts are kept once, go with their last block, and are bounded", () => {
  const list = new BlockList(20_000);
  for (let index = 0; index < 10_000; index++)
    list.put({ ...block("::"), source: nthIpv4(index), reason: `no. ${index}` });
  assert.ok(list.reasonsNotKept > 0);
  assert.equal(list.get(nthIpv4(0))?.reason, "no. 0");
  assert.equal(list.get(nthIpv4(9_999))?.reason, "(no room was left to keep the reason)");
  for (let index = 0; index < 10_000; index++) list.remove(nthIpv4(index));
  list.put(block("192.0.2.1", { reason: "room again" }));
  assert.equal(list.get(prefix("192.0.2.1"))?.reason, "room again");
});

test("what made a block is kept once for all blocks; of more than 200 different ones the list does not know it", () => {
  const list = new BlockList(1_000);
  const madeBy = (index: number) => list.get(nthIpv4(index))?.madeBy;
  for (let index = 0; index < 202; index++) list.put(block(nthIpv4(index), { madeBy: `command ${index}` }));
  assert.deepEqual(
    [madeBy(0), madeBy(199), madeBy(200), madeBy(201)],
    ["command 0", "command 199", undefined, undefined],
  );
  assert.equal(list.makersNotKept, 2);
  list.remove(nthIpv4(0));
  list.put(block(nthIpv4(500), { madeBy: "another" }));
  assert.equal(madeBy(500), "another");
});

test("with room made before, or for fewer than come, the list is as without", () => {
  const list = new BlockList(3_000);
  list.put(block("192.0.2.1", { untilMs: 7 }));
  list.reserve(100);
  list.reserve(1_000_000);
  for (let index = 0; index < 2_999; index++) list.put(block(nthIpv4(index), { untilMs: index + 10 }));
  assert.equal(list.put(block("203.0.113.1")), false);
  assert.deepEqual([list.size, list.get(nthIpv4(2_998))?.untilMs, list.takeExpired(8)?.untilMs], [3_000, 3_008, 7]);
});

test("softCount counts soft blocks only", () => {
  const list = new BlockList(10);
  list.put(block("192.0.2.1", { soft: true }));
  list.put(block("192.0.2.2"));
  assert.equal(list.softCount, 1);
});

test("a block that is put again many times keeps the memory in bounds and its last time", () => {
  const list = new BlockList(10);
  for (let untilMs = 1; untilMs <= 100_000; untilMs++) list.put(block("192.0.2.1", { untilMs }));
  assert.equal(list.takeExpired(99_999), undefined);
  assert.equal(list.takeExpired(100_000)?.untilMs, 100_000);
  assert.equal(list.size, 0);
});

test("100,000 blocks end in the order of their times", () => {
  const list = new BlockList(100_000);
  for (let index = 0; index < 100_000; index++) {
    list.put({ ...block("192.0.2.1"), source: nthIpv4(index), untilMs: (index * 7_919) % 100_003 });
  }
  let lastMs = -1;
  for (let taken = list.takeExpired(1e6); taken !== undefined; taken = list.takeExpired(1e6)) {
    assert.ok((taken.untilMs ?? -1) >= lastMs);
    lastMs = taken.untilMs ?? lastMs;
  }
  assert.equal(list.size, 0);
});

test("the newest full blocks are told the oldest first, in whatever order they came", () => {
  const list = new BlockList(100);
  const times = [5, 1, 9, 3, 7, 2, 8, 4, 6];
  for (const sinceMs of times) list.put(block(`192.0.2.${sinceMs}`, { sinceMs }));
  list.put(block("192.0.2.99", { sinceMs: 99, soft: true }));
  const since = (limit: number) => [...list.newestFull(limit)].map(({ sinceMs }) => sinceMs);
  assert.deepEqual(since(100), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(since(3), [7, 8, 9]);
  for (const last of [7, 8]) list.put(block(`192.0.2.${100 + last}`, { sinceMs: last }));
  assert.deepEqual(since(4), [7, 8, 8, 9].slice(-4));
});

test("blocks of the administrator's own are told from the table's, whatever else they are", () => {
  const list = new BlockList(100);
  for (const [index, backend] of backends.entries())
    for (const [other, grade] of grades.entries())
      list.put(block(`192.0.${index}.${other}`, { backend, grade, soft: other % 2 === 1, offences: other + 1 }));
  const found = [...list.delegated()].map(({ backend, grade }) => `${backend} ${grade}`);
  const wanted = backends.slice(1).flatMap((backend) => grades.map((grade) => `${backend} ${grade}`));
  assert.deepEqual(found.sort(), wanted.sort());
});
