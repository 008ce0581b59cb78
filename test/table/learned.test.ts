import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { ElementChange } from "../../src/kernel/nf-elements.ts";
import { keyLength } from "../../src/table/kernel-sets.ts";
import { Learned } from "../../src/table/learned.ts";
import { decodeLearned, LearnedBytes } from "../../src/table/learned-file.ts";
import { type LearnedElement, type LearnedSet, LearnedSets, learnedSetNames } from "../../src/table/learned-sets.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { prefix } from "../support/prefix.ts";
import { FakeTables as Tables } from "./fake-tables.ts";

const element = fc.constantFrom(...learnedSetNames).chain((set) =>
  fc.record({
    set: fc.constant(set),
    key: fc.uint8Array({ minLength: keyLength(set), maxLength: keyLength(set) }),
    untilMs: fc.integer({ min: 0, max: 0xffffffff }).map((seconds) => seconds * 1000),
  }),
);

const own = new AddressRanges(["192.0.2.1", "2001:db8::1"].map(prefix));
/** TCP port 80 in the key of a set. */
const HTTP = "0600000000500000";

function encode(elements: readonly LearnedElement[]): Buffer {
  const bytes = new LearnedBytes();
  for (const { set, key, untilMs } of elements) bytes.add(set, key, untilMs);
  return bytes.finish();
}

const plain = (elements: Iterable<LearnedElement> | undefined) =>
  [...(elements ?? [])].map(({ set, key, untilMs }) => ({ set, key: [...key], untilMs }));

test("what is written is what is read; cut off anywhere or with more behind it, it is refused", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 30 }), (elements) => {
      const bytes = encode(elements);
      assert.deepEqual(plain(decodeLearned(bytes)), plain(elements));
      for (let length = 0; length < bytes.length; length++)
        assert.equal(decodeLearned(bytes.subarray(0, length)), undefined);
      assert.equal(decodeLearned(Buffer.concat([bytes, Buffer.of(0)])), undefined);
    }),
    { numRuns: 50 },
  );
});

test("any bytes are read without a throw", () => {
  const head = encode([]).subarray(0, 20);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      plain(decodeLearned(Buffer.concat([head, tail])));
    }),
  );
});

test("a file larger than the first buffer; a key of another length is left out", () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    set: "known6" as const,
    key: new Uint8Array(20).fill(index & 255),
    untilMs: index * 1000,
  }));
  const bytes = new LearnedBytes();
  for (const { set, key, untilMs } of many) bytes.add(set, key, untilMs);
  bytes.add("known6", new Uint8Array(8), 1000);
  assert.deepEqual(plain(decodeLearned(bytes.finish())), plain(many));
});

class FakeTables {
  readonly inserted: ElementChange[] = [];
  refusal = "";
  insert(changes: readonly ElementChange[]): string {
    if (this.refusal === "") this.inserted.push(...changes);
    return this.refusal;
  }
  lookup(set: string) {
    return set === "peer4" ? ({ present: true, expiresInMs: 5 } as const) : ({ present: false } as const);
  }
  visitElements(set: string, visit: (key: Buffer, expiresInMs: number | undefined) => void): void {
    if (set === "peer4") visit(Buffer.of(203, 0, 113, 9), 60_000);
    else visit(Buffer.from("20010db8000b00000000000000000000", "hex"), 1_000);
  }
}

test("what is over is not put back, the rest gets what is left of its time; a refusal is counted", () => {
  const tables = new FakeTables();
  const sets = new LearnedSets(tables, () => 10_000);
  const at = (untilMs: number): LearnedElement => ({
    set: "known4",
    key: Uint8Array.of(192, 0, 2, 1, 0, 80, 0, 0),
    untilMs,
  });
  assert.equal(sets.restore([at(9_000), at(10_000), at(12_500)], own), 1);
  assert.deepEqual(
    tables.inserted.map(({ set, timeoutMs }) => [set, timeoutMs]),
    [["known4", 2_500]],
  );
  tables.refusal = "ENFILE";
  assert.equal(sets.restore([at(20_000), at(20_000)], own), 0);
  assert.equal(sets.refused, 2);
});

test("served ports come back until their latest end, and at every address if theirs is none of this host any more", () => {
  const tables = new FakeTables();
  const sets = new LearnedSets(tables, () => 10_000);
  const at = (set: LearnedSet, address: string, untilMs: number): LearnedElement => ({
    ...{ set, untilMs },
    key: Uint8Array.from(Buffer.from(`${address}${HTTP}`, "hex")),
  });
  const [here, gone, some4, some6] = ["c0000201", "c0000209", "00000000", "0".repeat(32)];
  const here6 = "20010db8000000000000000000000001";
  const inserted = () =>
    tables.inserted
      .splice(0)
      .map(({ set, key, timeoutMs }) => `${set} ${Buffer.from(key).toString("hex")} ${timeoutMs}`)
      .sort();
  const elements = [at("lately4", here, 20_000), at("lately4", some4, 20_000), at("lately6", here6, 30_000)];
  elements.push(at("lately6", some6, 30_000), at("everywhere", "", 10_000));
  assert.equal(sets.restore(elements, own), 5);
  assert.deepEqual(inserted(), [
    `lately ${HTTP} 20000`,
    `lately4 ${some4}${HTTP} 10000`,
    `lately4 ${here}${HTTP} 10000`,
    `lately6 ${some6}${HTTP} 20000`,
    `lately6 ${here6}${HTTP} 20000`,
  ]);
  sets.restore([at("lately4", gone, 20_000), at("everywhere", "", 15_000)], own);
  assert.deepEqual(inserted(), [`everywhere ${HTTP} 10000`, `lately ${HTTP} 10000`]);
});

test("peers of both families are single addresses, even where the host part is zero", () => {
  const sets = new LearnedSets(new FakeTables(), () => 1_000);
  assert.deepEqual(sets.peers(), [
    { source: prefix("203.0.113.9"), untilMs: 61_000 },
    { source: prefix("2001:db8:b::"), untilMs: 2_000 },
  ]);
  assert.equal(sets.isPeer(prefix("203.0.113.9")), true);
  assert.equal(sets.isPeer(prefix("2001:db8::1")), false);
});

test("a client is known by its address, over IPv6 also by its /64; nobody is by a wider prefix", () => {
  const present = new Set([
    "client4 cb007109",
    "client6 20010db8000b00010000000000000000",
    "client6 20010db8000c0000000000000000beef",
  ]);
  const asked: string[] = [];
  const tables = {
    insert: () => "",
    lookup: (set: string, key: Uint8Array) => {
      const text = `${set} ${Buffer.from(key).toString("hex")}`;
      asked.push(text);
      return present.has(text) ? ({ present: true, expiresInMs: 5 } as const) : ({ present: false } as const);
    },
    visitElements: () => undefined,
  };
  const sets = new LearnedSets(tables, () => 1_000);
  const isClient = (text: string) => sets.clients.isClient(prefix(text));
  assert.equal(isClient("203.0.113.9"), true);
  assert.equal(isClient("203.0.113.10"), false);
  assert.equal(isClient("2001:db8:b:1::/64"), true);
  assert.equal(isClient("2001:db8:b:1::77"), true, "its /64 is known");
  assert.equal(isClient("2001:db8:b:2::77"), false);
  assert.equal(isClient("2001:db8:c::beef"), true, "on our link: known by itself");
  assert.equal(isClient("2001:db8:c::bee0"), false);
  asked.length = 0;
  assert.equal(isClient("203.0.113.0/24"), false);
  assert.equal(isClient("2001:db8:b::/48"), false);
  assert.deepEqual(asked, []);
});

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-learned-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const said: string[] = [];
  const kernel: LearnedElement[] = [];
  let failure = "";
  let visits = 0;
  const sets = {
    async visit(visit: (set: LearnedElement["set"], key: Uint8Array, untilMs: number) => void): Promise<void> {
      visits++;
      await Promise.resolve();
      if (failure !== "") throw new Error(failure);
      for (const { set, key, untilMs } of kernel) visit(set, key, untilMs);
    },
    restore(elements: Iterable<LearnedElement>): number {
      const given = [...elements];
      kernel.push(...given);
      return given.length;
    },
  };
  const path = join(folder, "learned");
  const learned = new Learned({ sets, path, say: (message) => said.push(message), pause: () => Promise.resolve() });
  return {
    learned,
    path,
    said,
    kernel,
    fail: (why: string) => {
      failure = why;
    },
    visits: () => visits,
  };
}

test("saved and loaded; none is no trouble, a damaged file is said and stays out of the way", async (t) => {
  const { learned, path, said, kernel } = setUp(t);
  assert.equal(learned.load(own), 0);
  assert.deepEqual(said, []);
  const one: LearnedElement = { set: "known4", key: Uint8Array.of(192, 0, 2, 1, 0, 80, 0, 0), untilMs: 5_000 };
  kernel.push(one);
  await learned.save();
  kernel.length = 0;
  assert.equal(learned.load(own), 1);
  assert.deepEqual(plain(kernel), plain([one]));
  writeFileSync(path, "rubbish");
  assert.equal(learned.load(own), 0);
  assert.match(said.join(), /damaged/);
  await learned.save();
  assert.equal(learned.load(own), 1);
});

test("a save that fails is said once, keeps the old file, and is said when it works again", async (t) => {
  const { learned, path, said, fail, visits } = setUp(t);
  await learned.save();
  const before = readFileSync(path);
  fail("ENOENT");
  await Promise.all([learned.save(), learned.save()]);
  assert.equal(visits(), 2, "two at a time are one");
  await learned.save();
  assert.deepEqual(readFileSync(path), before);
  assert.equal(said.length, 1);
  fail("");
  await learned.save();
  assert.match(said[1] ?? "", /can be written again/);
});

test("the other ends of older connections are guarded once each, and their answers known by the flow", () => {
  const tables = new FakeTables();
  const sets = new LearnedSets(tables, () => 1_000);
  const flow = (destination: string, sourcePort: number, destinationPort: number) => ({
    ...{ destination: prefix(destination), protocol: 6, sourcePort, destinationPort },
  });
  const flows = [flow("203.0.113.9", 0x9c40, 443), flow("203.0.113.9", 0x9c41, 443), flow("2001:db8::9", 0x9c42, 53)];
  assert.equal(sets.addPeers(flows, 7_000), 5);
  const written = tables.inserted.map(({ set, key, timeoutMs }) => [set, Buffer.from(key).toString("hex"), timeoutMs]);
  const six = "20010db8000000000000000000000009";
  assert.deepEqual(written.slice(0, 2), [
    ["peer4", "cb007109", 7_000],
    ["peer6", six, 7_000],
  ]);
  // Address, protocol, their port, our port.
  const keys = written.slice(2).map(([set, key]) => `${set} ${key}`);
  const [tcp, https, names] = ["06000000", "01bb0000", "00350000"];
  assert.deepEqual(keys, [
    `flows4 cb007109${tcp}${https}9c400000`,
    `flows4 cb007109${tcp}${https}9c410000`,
    `flows6 ${six}${tcp}${names}9c420000`,
  ]);
  tables.refusal = "ENFILE";
  assert.equal(sets.addPeers(flows, 7_000), 0);
  assert.equal(sets.refused, 5);
});

test("many elements go back in parts that the kernel takes, and none is lost", () => {
  const tables = new FakeTables();
  const calls: number[] = [];
  const insert = tables.insert.bind(tables);
  tables.insert = (changes) => {
    calls.push(changes.length);
    return insert(changes);
  };
  const sets = new LearnedSets(tables, () => 0);
  const many = Array.from({ length: 9_001 }, (_, index) => ({
    ...{ set: "known4" as const, key: Uint8Array.of(10, 0, index >> 8, index & 255, 0, 80, 0, 0), untilMs: 5_000 },
  }));
  assert.equal(sets.restore(many, own), many.length);
  assert.ok(calls.length > 2 && Math.max(...calls) <= 4_000, `${calls}`);
  assert.equal(new Set(tables.inserted.map(({ key }) => Buffer.from(key).toString("hex"))).size, many.length);
});

test("everything that is to survive a restart is visited with its end, and what has none is left out", async () => {
  const tables = new Tables();
  tables.elements("known4").set("c000020100160000", 5_000);
  tables.elements("everywhere").set(HTTP, 7_000);
  // Made anew from the other sets.
  tables.elements("lately").set(HTTP, 7_000);
  tables.elements("client6").set("20010db8000b00010000000000000000", undefined);
  tables.elements("blocked4").set("c0000209", 9_000);
  const seen: string[] = [];
  const sets = new LearnedSets(tables, () => 1_000, tables.dump);
  await sets.visit(
    (set, key, untilMs) => seen.push(`${set} ${Buffer.from(key).toString("hex")} ${untilMs}`),
    () => Promise.resolve(),
  );
  assert.deepEqual(seen, ["known4 c000020100160000 6000", `everywhere ${HTTP} 8000`]);
});
