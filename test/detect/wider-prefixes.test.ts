import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_WIDER, WiderPrefixes } from "../../src/detect/wider-prefixes.ts";
import { formatPrefix, prefixContains } from "../../src/wire/address.ts";
import { prefix } from "./probes.ts";

const DAY = 86_400_000;

/** What each source's offence has led to, "" for nothing. */
function offences(sources: readonly (string | readonly [string, number])[], wider = new WiderPrefixes()): string[] {
  return sources.map((each) => {
    const [source, timeMs] = typeof each === "string" ? ([each, 0] as const) : each;
    const found = wider.offend(prefix(source), timeMs);
    return found === undefined ? "" : formatPrefix(found);
  });
}

const source = (site: number, block: number, child: number) =>
  `2001:db8:${site.toString(16)}:${((block << 8) | child).toString(16)}::/64`;

test("the third /64 makes its /56 an offender, once; the same /64 again is no other", () => {
  assert.deepEqual(
    offences([source(1, 0, 1), source(1, 0, 1), source(1, 0, 2), source(1, 0, 2), source(1, 0, 3), source(1, 0, 4)]),
    ["", "", "", "", "2001:db8:1::/56", ""],
  );
});

test("the third /56 makes the /48 one; what lies in it is told no more", () => {
  const all = [0, 1, 2, 3].flatMap((block) => [1, 2, 3].map((child) => source(1, block, child)));
  assert.deepEqual(
    offences(all).filter((found) => found !== ""),
    ["2001:db8:1::/56", "2001:db8:1:100::/56", "2001:db8:1::/48"],
  );
});

test("two of every /56 are no way around it: nine /64s make the /48 one", () => {
  const all = [0, 1, 2, 3, 4, 5].flatMap((block) => [1, 2].map((child) => source(1, block, child)));
  const found = offences(all);
  assert.equal(found[8], "2001:db8:1::/48");
  assert.equal(found.filter((each) => each !== "").length, 1);
});

test("other prefixes are not involved", () => {
  assert.deepEqual(offences([source(1, 0, 1), source(2, 0, 1), source(1, 1, 1), source(1, 2, 1)]), ["", "", "", ""]);
});

test("an offence counts for a day", () => {
  const [one, two, three] = [source(1, 0, 1), source(1, 0, 2), source(1, 0, 3)];
  assert.deepEqual(
    offences([
      [one, 0],
      [two, DAY / 2],
      [three, DAY + 1],
    ]),
    ["", "", ""],
  );
  assert.deepEqual(
    offences([
      [one, 0],
      [two, DAY / 2],
      [three, DAY],
    ]),
    ["", "", "2001:db8:1::/56"],
  );
});

test("it is told again when a day after it offends again", () => {
  const children = [source(1, 0, 1), source(1, 0, 2), source(1, 0, 3)];
  const twice = [...children, ...children.map((each) => [each, 2 * DAY] as const)];
  assert.deepEqual(offences(twice), ["", "", "2001:db8:1::/56", "", "", "2001:db8:1::/56"]);
});

test("IPv4 and single hosts of our own links are never widened", () => {
  const ipv4 = Array.from({ length: 50 }, (_, host) => `192.0.2.${host}`);
  const hosts = Array.from({ length: 50 }, (_, host) => `2001:db8:1::${(host + 1).toString(16)}`);
  const wider = new WiderPrefixes();
  assert.ok(offences([...ipv4, ...hosts], wider).every((found) => found === ""));
  assert.equal(wider.size, 0);
});

test("the table stays within its bound, and counts who had to go", () => {
  const wider = new WiderPrefixes({ ...DEFAULT_WIDER, capacity: 30 });
  for (let site = 0; site < 1000; site++) offences([source(site, 0, 1)], wider);
  assert.equal(wider.size, 30);
  assert.ok(wider.evictions > 900);
});

test("a threshold that could never be met is refused", () => {
  for (const wrong of [{ sourcesPer56: 1 }, { blocksPer48: 65 }, { sourcesPer48: 2.5 }, { capacity: 0 }]) {
    assert.throws(() => new WiderPrefixes({ ...DEFAULT_WIDER, ...wrong }), RangeError);
  }
});

test("whatever offends: what is returned holds the source and is never told twice within its day", () => {
  const offence = fc.record({
    site: fc.integer({ min: 0, max: 1 }),
    block: fc.integer({ min: 0, max: 4 }),
    child: fc.integer({ min: 0, max: 5 }),
    waitMs: fc.integer({ min: 0, max: DAY / 4 }),
  });
  fc.assert(
    fc.property(fc.array(offence, { maxLength: 80 }), (all) => {
      const wider = new WiderPrefixes();
      const toldMs = new Map<string, number>();
      let timeMs = 0;
      for (const { site, block, child, waitMs } of all) {
        timeMs += waitMs;
        const offender = prefix(source(site, block, child));
        const found = wider.offend(offender, timeMs);
        if (found === undefined) continue;
        assert.ok(prefixContains(found, offender) && (found.bits === 56 || found.bits === 48));
        const name = formatPrefix(found);
        assert.ok(timeMs - (toldMs.get(name) ?? Number.NEGATIVE_INFINITY) > DAY, `${name} twice`);
        toldMs.set(name, timeMs);
      }
    }),
    { seed: 9, numRuns: 300 },
  );
});
