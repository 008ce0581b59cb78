import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_WIDER } from "../../src/detect/wider-prefixes.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import { WiderBlocks } from "../../src/enforce/wider-blocks.ts";
import type { Block } from "../../src/judge/block.ts";
import type { SparedBecause } from "../../src/judge/judge.ts";
import type { Grade } from "../../src/judge/verdict.ts";
import { keyBytes } from "../../src/table/set-key.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const START_MS = 1_700_000_000_000;
const source = (block: number, child: number) => `2001:db8:1:${((block << 8) | child).toString(16)}::/64`;

function setUp() {
  const clock = { ms: START_MS };
  const list = new BlockList(1_000);
  const made: string[] = [];
  const warned: string[] = [];
  const facts = {
    spared: undefined as SparedBecause | undefined,
    known: [] as string[],
    peers: [] as string[],
    refusal: "",
    looks: 0,
  };
  const blockOf = (text: string, more: Partial<Block> = {}): Block => ({
    source: prefix(text),
    sinceMs: clock.ms,
    untilMs: undefined,
    grade: "direct",
    soft: false,
    reason: "",
    offences: 1,
    backend: "nftables",
    enforced: true,
    ...more,
  });
  const blocker = {
    list,
    blockWider: (blocked: Prefix, grade: Grade, reason: string) => {
      if (facts.refusal !== "") return facts.refusal;
      list.put(blockOf(formatPrefix(blocked), { grade }));
      made.push(`${formatPrefix(blocked)} ${grade}: ${reason}`);
      return "";
    },
  };
  const wider = new WiderBlocks({
    policy: DEFAULT_WIDER,
    judge: { sparesWithin: () => facts.spared },
    learned: {
      visit: async (visit, pause) => {
        facts.looks++;
        for (const text of facts.known) visit("known6", Uint8Array.from([...keyBytes(prefix(text)), 0, 80, 0, 0]), 0);
        await pause();
      },
      peers: () => facts.peers.map((text) => ({ source: prefix(text), untilMs: 0 })),
    },
    warn: (message) => warned.push(message),
    nowMs: () => clock.ms,
    pause: () => Promise.resolve(),
  });
  const block = (text: string, more: Partial<Block> = {}) => {
    const one = blockOf(text, more);
    list.put(one);
    wider.blocked(one);
    return one;
  };
  /** Lets the next look take place. */
  const look = async () => {
    clock.ms += 10_000;
    await wider.tick(blocker);
    return made.splice(0);
  };
  return { clock, list, blocker, wider, facts, warned, block, look };
}

test("three /64s of a /56 that are blocked in full: the /56 is blocked, as strongly as the weakest of them", async () => {
  const { block, look } = setUp();
  block(source(0, 1), { grade: "silence" });
  block(source(0, 2), { grade: "handshake" });
  assert.deepEqual(await look(), []);
  block(source(0, 3), { grade: "silence" });
  assert.deepEqual(await look(), ["2001:db8:1::/56 silence: 3 /64 networks of one /56 were blocked as scanners"]);
  for (const child of [1, 2, 3]) block(source(1, child), { grade: child === 2 ? "direct" : "silence" });
  assert.deepEqual(await look(), ["2001:db8:1:100::/56 direct: 3 /64 networks of one /56 were blocked as scanners"]);
});

test("a soft block of the network around them is no reason against a full one", async () => {
  const { block, look } = setUp();
  block("2001:db8:1::/48", { soft: true });
  for (const child of [1, 2, 3]) block(source(0, child));
  assert.equal((await look()).length, 1);
});

test("soft blocks, blocks by hand, IPv4 and single addresses count for nothing", async () => {
  const { block, look, facts } = setUp();
  for (const child of [1, 2, 3]) block(source(0, child), { soft: true });
  for (const child of [1, 2, 3]) block(source(1, child), { grade: "manual" });
  for (const child of [1, 2, 3]) block(`2001:db8:1:${child}::1`);
  for (const child of [1, 2, 3]) block(`192.0.2.${child}`);
  assert.deepEqual(await look(), []);
  assert.equal(facts.looks, 0);
});

test("never wider than a /48, whatever is blocked", async () => {
  const { block, look } = setUp();
  const made: string[] = [];
  for (let site = 0; site < 8; site++)
    for (let child = 0; child < 12; child++) block(`2001:db8:${site}:${child.toString(16)}::/64`);
  for (let round = 0; round < 3; round++) made.push(...(await look()));
  assert.ok(made.length >= 8);
  for (const one of made) assert.match(one, /^[0-9a-f:]+\/(48|56) /);
});

for (const [what, fact, said] of [
  ["an address of ours", { spared: "own" }, "it holds an address of this host"],
  ["an ignored address", { spared: "ignored" }, "an address in it is on the allow list (IGNORE_FILE)"],
  ["a guarded address", { spared: "guarded" }, "this host depends on an address in it (portreeve guard)"],
  ["a known client", { known: ["2001:db8:1:77::5"] }, "a known client is in it"],
  ["a peer", { peers: ["2001:db8:1:77::5"] }, "a known client is in it"],
] as const) {
  test(`${what} in it: it is not blocked, and that is said once`, async () => {
    const { block, look, facts, warned, wider } = setUp();
    Object.assign(facts, fact);
    for (const child of [1, 2, 3]) block(source(0, child));
    assert.deepEqual(await look(), []);
    block(source(0, 4));
    assert.deepEqual(await look(), []);
    const text = `3 /64 networks of one /56 were blocked as scanners; 2001:db8:1::/56 is not blocked as a whole: ${said}`;
    assert.deepEqual(warned, [text]);
    assert.equal(wider.counters.widerSpared, 1);
  });
}

test("a known client elsewhere is no reason, nor is one of the same address in IPv4", async () => {
  const { block, look, facts } = setUp();
  facts.known = ["2001:db8:1:177::5"];
  for (const child of [1, 2, 3]) block(source(0, child));
  assert.equal((await look()).length, 1);
});

test("those who were let go before the look count for nothing", async () => {
  const { block, look, list } = setUp();
  for (const child of [1, 2, 3]) list.remove(block(source(0, child)).source);
  assert.deepEqual(await look(), []);
});

test("a block that has ended: one more offence by time, all over again by hand", async () => {
  const { block, look, list, wider } = setUp();
  for (const child of [1, 2, 3]) block(source(0, child));
  assert.equal((await look()).length, 1);
  const end = (isByHand: boolean) => {
    const ended = list.remove(prefix("2001:db8:1::/56")) ?? assert.fail("it was blocked");
    wider.lifted(ended, isByHand);
  };
  end(false);
  block(source(0, 4));
  assert.deepEqual(await look(), ["2001:db8:1::/56 direct: 4 /64 networks of one /56 were blocked as scanners"]);
  end(true);
  block(source(0, 5));
  block(source(0, 6));
  assert.deepEqual(await look(), []);
  block(source(0, 7));
  assert.equal((await look()).length, 1);
});

test("one look in ten seconds, however many prefixes ask; more than 64 are not waited for", async () => {
  const { block, look, facts, wider, blocker, clock } = setUp();
  for (let site = 0; site < 100; site++)
    for (const child of [1, 2, 3]) block(`2001:db8:${site.toString(16)}:${child}::/64`);
  assert.equal(wider.counters.widerDropped, 36);
  assert.equal((await look()).length, 64);
  assert.equal(facts.looks, 1);
  for (const child of [1, 2, 3]) block(`2001:db8:ffff:${child}::/64`);
  clock.ms += 9_000;
  await wider.tick(blocker);
  assert.equal(facts.looks, 1);
  clock.ms += 1_000;
  await wider.tick(blocker);
  assert.equal(facts.looks, 2);
});

test("what was not waited for is not forgotten: one more offence asks again", async () => {
  const { block, look, wider } = setUp();
  for (let site = 0; site < 65; site++)
    for (const child of [1, 2, 3]) block(`2001:db8:${site.toString(16)}:${child}::/64`);
  assert.equal(wider.counters.widerDropped, 1);
  await look();
  block("2001:db8:40:4::/64");
  assert.deepEqual(await look(), ["2001:db8:40::/56 direct: 4 /64 networks of one /56 were blocked as scanners"]);
});

test("a reload of the same thresholds goes on counting, one of others begins again", async () => {
  const { block, look, wider } = setUp();
  for (const child of [1, 2]) block(source(0, child));
  wider.setPolicy({ ...DEFAULT_WIDER });
  block(source(0, 3));
  assert.equal((await look()).length, 1);
  for (const child of [1, 2]) block(source(1, child));
  wider.setPolicy({ ...DEFAULT_WIDER, sourcesPer56: 2 });
  block(source(1, 3));
  assert.deepEqual(await look(), []);
  block(source(1, 4));
  assert.equal((await look()).length, 1);
});

test("blocks by hand and soft ones inside do not decide how strong the whole is, nor that there is an offender left", async () => {
  const { block, look, list } = setUp();
  for (const child of [1, 2, 3]) block(source(0, child), { grade: "silence" });
  block(source(0, 4), { grade: "direct", soft: true });
  block("2001:db8:1::77", { grade: "direct" });
  assert.deepEqual(await look(), ["2001:db8:1::/56 silence: 3 /64 networks of one /56 were blocked as scanners"]);
  for (const child of [1, 2, 3]) list.remove(block(source(1, child)).source);
  block(source(1, 4), { grade: "manual" });
  block(source(1, 5), { soft: true });
  assert.deepEqual(await look(), []);
});
