// The union of networks against a model that looks at every address of a small world, one by one.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addressOfKey,
  coversSpan,
  type Family,
  familyBits,
  familyOf,
  keyOfAddress,
  overlapsSpan,
  pairOverlaps,
  prefixesOf,
  type Span,
  spanOf,
  subtractSpans,
  uniteSpans,
} from "../../src/table/address-span.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

/** 64 addresses at the end of what there is, where the numbers end too. */
const WORLD = 64;
const worlds = { ipv4: "255.255.255.192/26", ipv6: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0/122" } as const;
const STEPS = 100_000;

const families = fc.constantFrom<Family>("ipv4", "ipv6");
/** A network of the world: how many addresses it has, and which of those it is. */
const network = fc
  .record({ hostBits: fc.nat(6), nth: fc.nat(63), untilMs: fc.constantFrom(undefined, 1, 2, 3) })
  .map(({ hostBits, nth, untilMs }) => ({ hostBits, nth: nth >> hostBits, untilMs }));

function toPrefix(family: Family, { hostBits, nth }: { readonly hostBits: number; readonly nth: number }): Prefix {
  const { w0, w1, w2, w3 } = prefix(worlds[family]);
  return { w0, w1, w2, w3: (w3 + (nth << hostBits)) >>> 0, bits: 128 - hostBits };
}

/** Until when each address is covered, by number; absent: not at all. */
function model(spans: readonly Span[], base: bigint): (number | undefined)[] {
  return Array.from({ length: WORLD }, (_, index) => {
    const at = base + BigInt(index);
    const ends = spans.filter(({ first, last }) => first <= at && at <= last).map(({ untilMs }) => untilMs ?? 9);
    return ends.length === 0 ? undefined : Math.max(...ends);
  });
}

const isAscending = (spans: readonly Span[]) =>
  spans.every(({ first, last }, index) => first <= last && (spans[index - 1]?.last ?? -1n) < first);

test(`${STEPS.toLocaleString("en")} networks that come and go: the union is what each address says`, () => {
  const longest = 50;
  fc.assert(
    fc.property(families, fc.array(network, { minLength: longest, maxLength: longest }), (family, steps) => {
      const base = spanOf(prefix(worlds[family]), undefined).first;
      const there = new Map<string, Span>();
      for (const step of steps) {
        const source = toPrefix(family, step);
        const name = formatPrefix(source);
        // One that is there with this end goes; else it comes, or gets another end.
        if (there.get(name)?.untilMs === step.untilMs && there.has(name)) there.delete(name);
        else there.set(name, spanOf(source, step.untilMs));
        const given = [...there.values()];
        const united = uniteSpans(given);
        assert.ok(isAscending(united));
        assert.ok(united.length <= Math.max(0, 2 * given.length - 1));
        assert.deepEqual(model(united, base), model(given, base));
        assert.ok(united.every(({ last, untilMs }, at) => !touches(united[at + 1], last, untilMs)));
      }
    }),
    { numRuns: STEPS / longest },
  );
});

function touches(next: Span | undefined, last: bigint, untilMs: number | undefined): boolean {
  return next !== undefined && next.first === last + 1n && next.untilMs === untilMs;
}

test("what is taken from a union, what two share and what is covered is as each address says", () => {
  const lists = fc.array(network, { maxLength: 8 });
  fc.assert(
    fc.property(families, lists, lists, network, (family, one, other, asked) => {
      const base = spanOf(prefix(worlds[family]), undefined).first;
      const united = (list: typeof one) => uniteSpans(list.map((each) => spanOf(toPrefix(family, each), each.untilMs)));
      const [ours, theirs] = [united(one), united(other)];
      const [mine, yours] = [model(ours, base), model(theirs, base)];
      const left = subtractSpans(ours, theirs);
      assert.ok(isAscending(left));
      assert.deepEqual(
        model(left, base),
        mine.map((until, at) => (yours[at] === undefined ? until : undefined)),
      );
      const pairs = pairOverlaps(ours, theirs);
      const isShared = (at: bigint) => pairs.some((pair) => pair.every(({ first, last }) => first <= at && at <= last));
      assert.deepEqual(
        mine.map((_, at) => isShared(base + BigInt(at))),
        mine.map((until, at) => until !== undefined && yours[at] !== undefined),
      );
      const span = spanOf(toPrefix(family, asked), undefined);
      const inSpan = mine.filter((_, at) => span.first <= base + BigInt(at) && base + BigInt(at) <= span.last);
      assert.equal(
        coversSpan(ours, span),
        inSpan.every((until) => until !== undefined),
      );
      assert.equal(
        overlapsSpan(ours, span),
        inSpan.some((until) => until !== undefined),
      );
    }),
    { numRuns: 2_000 },
  );
});

test("a span is told as networks that hold the same addresses and no others, the fewest", () => {
  fc.assert(
    fc.property(families, fc.nat(63), fc.nat(63), (family, a, b) => {
      const base = spanOf(prefix(worlds[family]), undefined).first;
      const span = { first: base + BigInt(Math.min(a, b)), last: base + BigInt(Math.max(a, b)), untilMs: undefined };
      const networks = prefixesOf(span, family);
      assert.deepEqual(uniteSpans(networks.map((each) => spanOf(each, undefined))), [span]);
      assert.ok(networks.every((each) => familyOf(each) === family));
      assert.ok(networks.length <= 12);
      assert.equal(addressOfKey(keyOfAddress(span.first, family)), span.first);
      assert.equal(keyOfAddress(span.first, family).length, familyBits[family] / 8);
    }),
    { numRuns: 2_000 },
  );
  const all = (family: Family) =>
    prefixesOf({ first: 0n, last: (1n << BigInt(familyBits[family])) - 1n }, family).map(formatPrefix);
  assert.deepEqual([all("ipv4"), all("ipv6")], [["0.0.0.0/0"], ["::/0"]]);
});

test("a /24 that ends later than the /28 in it hides its end, and one that ends sooner does not", () => {
  const told = (outer: number, inner: number) =>
    uniteSpans([spanOf(prefix("203.0.113.0/24"), outer), spanOf(prefix("203.0.113.64/28"), inner)]).flatMap((span) =>
      prefixesOf(span, "ipv4").map((each) => `${formatPrefix(each)} ${span.untilMs}`),
    );
  assert.deepEqual(told(2, 1), ["203.0.113.0/24 2"]);
  assert.deepEqual(told(1, 2), [
    "203.0.113.0/26 1",
    "203.0.113.64/28 2",
    "203.0.113.80/28 1",
    "203.0.113.96/27 1",
    "203.0.113.128/25 1",
  ]);
});
