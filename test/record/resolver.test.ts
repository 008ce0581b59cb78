import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlainName, LOOKUP_MS, Resolver } from "../../src/record/resolver.ts";

interface Query {
  readonly address: string;
  answer(...names: string[]): void;
  fail(): void;
}

/** A DNS whose answers the test gives, and a clock that it turns. */
function setUp() {
  const queries: Query[] = [];
  const timers = new Set<{ atMs: number; task: () => void }>();
  const clock = { ms: 0 };
  const resolver = new Resolver({
    reverse: (address) =>
      new Promise((resolve, reject) => {
        queries.push({ address, answer: (...names) => resolve(names), fail: () => reject(new Error("ENOTFOUND")) });
      }),
    nowMs: () => clock.ms,
    later: (ms, task) => {
      const timer = { atMs: clock.ms + ms, task };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  const advance = (ms: number) => {
    clock.ms += ms;
    for (const timer of [...timers]) {
      if (timer.atMs > clock.ms || !timers.delete(timer)) continue;
      timer.task();
    }
  };
  /** Lets what was settled run on. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { queries, timers, resolver, advance, settle };
}

test("a name, no name, and what a stranger wrote in place of one", async () => {
  const { queries, timers, resolver } = setUp();
  const found = [1, 2, 3, 4].map((last) => resolver.lookup(`192.0.2.${last}`));
  queries[0]?.answer("scanner.example.net", "other.example.net");
  queries[1]?.fail();
  queries[2]?.answer("a\nattackalert: Host 1.1.1.1");
  queries[3]?.answer();
  assert.deepEqual(await Promise.all(found), ["scanner.example.net", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
  assert.deepEqual(resolver.counters, {
    namesFound: 1,
    namesMissing: 2,
    namesRefused: 1,
    namesTimedOut: 0,
    lookupsDropped: 0,
  });
  assert.equal(timers.size, 0);
});

test("plain names", () => {
  for (const name of ["a", "a.b.", "x-1.example", "_dmarc.example.net", `${"a".repeat(253)}`])
    assert.ok(isPlainName(name), name);
  const refused = ["", "10.0.0.1", "host.10", "a b", "a/b", "ä.example", "a\u0000", "::1", "x]", "a".repeat(254), "."];
  for (const name of refused) assert.ok(!isPlainName(name), name);
});

test("who asks for an address that is asked for waits for the same answer; then the cache answers, for 10 minutes", async () => {
  const { queries, resolver, advance } = setUp();
  const both = [resolver.lookup("192.0.2.1"), resolver.lookup("192.0.2.1")];
  assert.equal(queries.length, 1);
  queries[0]?.answer("one.example");
  assert.deepEqual(await Promise.all(both), ["one.example", "one.example"]);
  advance(10 * 60_000 - 1);
  assert.equal(await resolver.lookup("192.0.2.1"), "one.example");
  assert.equal(queries.length, 1);
  advance(1);
  void resolver.lookup("192.0.2.1");
  assert.equal(queries.length, 2);
});

test("that there is no name is remembered too", async () => {
  const { queries, resolver } = setUp();
  const first = resolver.lookup("192.0.2.1");
  queries[0]?.fail();
  assert.equal(await first, "192.0.2.1");
  assert.equal(await resolver.lookup("192.0.2.1"), "192.0.2.1");
  assert.equal(queries.length, 1);
});

test("nobody waits longer than 2 s, also behind a full line of queries; a late answer serves the next", async () => {
  const { queries, resolver, advance, settle } = setUp();
  const asked = Array.from({ length: 20 }, (_, index) => resolver.lookup(`10.0.0.${index}`));
  assert.equal(queries.length, 16);
  advance(LOOKUP_MS);
  assert.deepEqual(
    await Promise.all(asked),
    asked.map((_, index) => `10.0.0.${index}`),
  );
  assert.equal(resolver.counters.namesTimedOut, 20);
  queries[0]?.answer("late.example");
  await settle();
  assert.equal(await resolver.lookup("10.0.0.0"), "late.example");
  // The four that waited are asked for by nobody any more.
  assert.equal(queries.length, 16);
});

test("16 in flight, 256 waiting; more are answered at once with the address", async () => {
  const { queries, resolver, settle } = setUp();
  for (let i = 0; i < 16 + 256; i++) void resolver.lookup(`10.0.${i >> 8}.${i & 255}`);
  assert.equal(queries.length, 16);
  assert.equal(await resolver.lookup("192.0.2.9"), "192.0.2.9");
  assert.equal(resolver.counters.lookupsDropped, 1);
  queries[3]?.answer("x.example");
  await settle();
  assert.equal(queries.length, 17);
});

test("1,024 names are kept, those asked for lately the longest", async () => {
  const { queries, resolver } = setUp();
  const learn = async (address: string) => {
    const answer = resolver.lookup(address);
    queries.at(-1)?.answer(`n${queries.length}.example`);
    return await answer;
  };
  const first = await learn("192.0.2.1");
  await learn("192.0.2.2");
  for (let i = 0; i < 1022; i++) await learn(`10.0.${i >> 8}.${i & 255}`);
  assert.equal(await resolver.lookup("192.0.2.1"), first);
  await learn("198.51.100.1");
  assert.equal(await resolver.lookup("192.0.2.1"), first);
  const before = queries.length;
  void resolver.lookup("192.0.2.2");
  assert.equal(queries.length, before + 1);
});
