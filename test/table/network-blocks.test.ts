// The networks in the kernel, with sets in memory in its place: what is held, until when, and what a refusal leaves. The
// kernel's own behaviour is for test/lab/networks.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import type { dumpElements } from "../../src/kernel/element-dump.ts";
import { KernelError } from "../../src/kernel/errors.ts";
import type { ElementVisitor, IntervalChange, IntervalState, IntervalsOfSet } from "../../src/kernel/nf-elements.ts";
import { NetworkBlocks } from "../../src/table/network-blocks.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../../src/wire/address.ts";
import { nthIpv4, prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;
const NOW_MS = 1_700_000_000_000;

/** Two sets that keep what they are given; what a test puts there itself stands still. */
class Sets {
  readonly held = new Map<string, readonly IntervalChange[]>();
  /** What the kernel answers to the next changes. */
  readonly codes: string[] = [];
  /** What has been changed in part. */
  readonly changes: IntervalsOfSet[] = [];
  readonly #writtenMs = new WeakMap<IntervalChange, number>();
  /** How often all of a set was written. */
  rewritten = 0;
  /** How often a set was read whole, and how often it was asked about one address. */
  read = 0;
  asked = 0;

  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    this.rewritten++;
    const code = this.codes.shift() ?? "";
    if (code === "") for (const [set, intervals] of sets) this.held.set(set, this.#noted(intervals));
    return code;
  }

  changeIntervals(sets: readonly IntervalsOfSet[]): string {
    this.changes.push(...sets);
    const code = this.codes.shift() ?? "";
    if (code !== "") return code;
    for (const { set, gone, added } of sets) {
      const isGone = new Set(gone.map(nameOf));
      const left = (this.held.get(set) ?? []).filter((interval) => !isGone.has(nameOf(interval)));
      this.held.set(set, [...left, ...this.#noted(added)]);
    }
    return "";
  }

  #noted(intervals: readonly IntervalChange[]): readonly IntervalChange[] {
    const nowMs = performance.now();
    for (const interval of intervals) this.#writtenMs.set(interval, nowMs);
    return intervals;
  }

  #expiresInMs(interval: IntervalChange): number | undefined {
    const nowMs = performance.now();
    const { timeoutMs } = interval;
    return timeoutMs === undefined ? undefined : timeoutMs - nowMs + (this.#writtenMs.get(interval) ?? nowMs);
  }

  empty(set: string): string {
    this.held.set(set, []);
    return this.codes.shift() ?? "";
  }

  intervalAt(set: string, key: Uint8Array): IntervalState | undefined {
    const isAround = ({ first, end }: IntervalChange) =>
      Buffer.compare(first, key) <= 0 && (end === undefined || Buffer.compare(key, end) < 0);
    this.asked++;
    const around = (this.held.get(set) ?? []).find(isAround);
    return around === undefined ? undefined : { first: around.first, expiresInMs: this.#expiresInMs(around) };
  }

  visitElements(set: string, visit: ElementVisitor): void {
    this.read++;
    for (const interval of this.held.get(set) ?? []) {
      const { first, end } = interval;
      visit(Buffer.from(first), this.#expiresInMs(interval), false);
      if (end !== undefined) visit(Buffer.from(end), undefined, true);
    }
  }
}

function nameOf({ first, end }: IntervalChange): string {
  return `${Buffer.from(first).toString("hex")}-${Buffer.from(end ?? []).toString("hex")}`;
}

function setUp() {
  const sets = new Sets();
  return { sets, networks: new NetworkBlocks(sets) };
}

const wide = { source: prefix("198.51.100.0/24"), untilMs: NOW_MS + HOUR };
const inside = { source: prefix("198.51.100.64/26"), untilMs: NOW_MS + 2 * HOUR };
const six = { source: prefix("2001:db8::/48"), untilMs: undefined };

test("a network is held when every address of it is, until its own end or that of those around it", () => {
  const { networks } = setUp();
  assert.deepEqual(networks.put([wide, inside, six], NOW_MS), ["", "", ""]);
  for (const network of [wide, inside, six]) assert.ok(networks.holds(network, NOW_MS));
  assert.ok(!networks.holds({ ...wide, source: prefix("198.51.100.0/23") }, NOW_MS), "half of it is not held");
  assert.ok(!networks.holds({ ...wide, source: prefix("203.0.113.0/24") }, NOW_MS), "nothing of it is held");
  assert.ok(!networks.holds({ ...wide, untilMs: NOW_MS + 3 * HOUR }, NOW_MS), "it ends sooner");
  assert.deepEqual([networks.covers(inside.source), networks.covers(prefix("198.51.0.0/16"))], [true, false]);
});

test("what another program has emptied is not held until it is written again", () => {
  const { sets, networks } = setUp();
  networks.put([wide, six], NOW_MS);
  sets.held.set("blockednet6", []);
  assert.ok(!networks.holds(six, NOW_MS));
  assert.ok(networks.holds(wide, NOW_MS));
  assert.equal(networks.rewrite(NOW_MS), "");
  assert.ok(networks.holds(six, NOW_MS));
});

test("what the kernel refuses is not wanted any more, and the networks before it stand", () => {
  const { sets, networks } = setUp();
  networks.put([wide], NOW_MS);
  // What is refused as a change is tried once more as the whole set.
  sets.codes.push("ENOSPC", "ENOSPC");
  assert.match(networks.put([inside, six], NOW_MS)[0] ?? "", /^ENOSPC/);
  assert.equal(networks.size, 1);
  assert.ok(networks.holds(wide, NOW_MS) && !networks.holds(six, NOW_MS));
  // What the sets hold is not known since, so that all of it is written.
  sets.codes.push("EPERM");
  assert.match(networks.remove([wide], NOW_MS), /^EPERM/);
  assert.deepEqual([networks.size, networks.holds(wide, NOW_MS)], [1, true]);
  assert.equal(networks.remove([wide], NOW_MS), "");
  assert.deepEqual([networks.size, networks.covers(wide.source)], [0, false]);
});

test("what is taken out of a wider network leaves the wider one whole", () => {
  const { networks } = setUp();
  networks.put([wide, inside], NOW_MS);
  assert.equal(networks.remove([inside], NOW_MS), "");
  assert.ok(networks.covers(wide.source) && networks.holds(wide, NOW_MS));
  networks.clear();
  assert.equal(networks.size, 0);
});

/** The sets' time goes on while thousands are written. */
function clockFrom(startMs: number): () => number {
  const beganMs = performance.now();
  return () => startMs + performance.now() - beganMs;
}

/** A /25 of 10.0.0.0/8; no two that touch end together. */
const nthNetwork = (index: number) => ({
  source: { ...nthIpv4(index * 128), bits: 121 },
  untilMs: NOW_MS + HOUR + (index % 2) * HOUR,
});

test("beside 20,000 networks only the intervals that change are written, and asked for", () => {
  const { sets, networks } = setUp();
  const nowMs = clockFrom(NOW_MS);
  const many = Array.from({ length: 20_000 }, (_, index) => nthNetwork(index));
  assert.ok(networks.put([...many, wide], nowMs()).every((refusal) => refusal === ""));
  assert.equal(sets.rewritten, 0, "so many are compared with what the set holds");
  const { read } = sets;
  sets.changes.length = 0;
  assert.deepEqual(networks.put([inside], nowMs()), [""]);
  assert.equal(networks.remove([many[7] ?? wide], nowMs()), "");
  const counts = sets.changes.map(({ gone, added }) => [gone.length, added.length]);
  // The wide one in three parts.
  assert.deepEqual(counts, [
    [1, 3],
    [1, 0],
  ]);
  assert.ok(networks.holds(inside, nowMs()) && networks.covers(wide.source));
  assert.deepEqual([sets.rewritten, sets.read], [0, read]);
  assert.ok(sets.asked <= 40, `${sets.asked} places were asked`);
  assert.ok(!networks.covers(many[7]?.source ?? wide.source));
  assert.equal(sets.read, read, "what is not held is asked for at one place");
});

test("a long set that holds the networks already is left as it is, but for what differs", () => {
  const { sets, networks } = setUp();
  const nowMs = clockFrom(NOW_MS);
  const many = Array.from({ length: 30_000 }, (_, index) => nthNetwork(index));
  networks.put(many, nowMs());
  assert.deepEqual(
    sets.changes.map(({ added }) => added.length),
    [20_000, 10_000],
  );
  const [first, ...others] = sets.held.get("blockednet4") ?? [];
  sets.held.set("blockednet4", [...others, intervalOf("203.0.113.0/24", HOUR)]);
  sets.changes.length = 0;
  // As after a start: what is wanted is put anew.
  const again = new NetworkBlocks(sets);
  assert.ok(again.put(many, nowMs()).every((refusal) => refusal === ""));
  assert.deepEqual(
    sets.changes.map(({ gone, added }) => [gone.length, added.map(({ first: key }) => key)]),
    [[1, [first?.first]]],
  );
});

test("where the kernel refuses a part of a long set, all of it is made from nothing", () => {
  const { sets, networks } = setUp();
  const nowMs = clockFrom(NOW_MS);
  const many = Array.from({ length: 10_000 }, (_, index) => nthNetwork(index));
  networks.put(many, nowMs());
  sets.held.set("blockednet4", [intervalOf("203.0.113.0/24", HOUR)]);
  // The other family's set is short, and written first.
  sets.codes.push("", "EEXIST");
  assert.equal(networks.rewrite(nowMs()), "");
  assert.equal(sets.held.get("blockednet4")?.length, 10_000);
  sets.codes.push("", "EEXIST", "EPERM");
  sets.held.set("blockednet4", []);
  assert.match(networks.rewrite(nowMs()), /^EPERM; needs root/);
});

test("whatever comes and goes among thousands, the set holds what the networks come to", () => {
  const far = Array.from({ length: 3_000 }, (_, index) => nthNetwork(index));
  const step = fc.record({
    source: fc
      .record({ w3: fc.integer({ min: 0, max: 255 }), bits: fc.integer({ min: 120, max: 128 }) })
      .map(({ w3, bits }) => prefixOfWords(0, 0, 0xffff, (prefix("198.51.100.0").w3 | w3) >>> 0, bits)),
    hours: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    comes: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { sets, networks } = setUp();
      const nowMs = clockFrom(NOW_MS);
      networks.put(far, nowMs());
      const known = new Map<string, { readonly source: Prefix; readonly untilMs: number | undefined }>();
      for (const { source, hours, comes } of steps) {
        const network = { source, untilMs: hours === undefined ? undefined : NOW_MS + hours * HOUR };
        if (comes) {
          assert.deepEqual(networks.put([network], nowMs()), [""]);
          known.set(formatPrefix(source), network);
        } else {
          assert.equal(networks.remove([network], nowMs()), "");
          known.delete(formatPrefix(source));
        }
      }
      const expected = setUp();
      expected.networks.put([...far, ...known.values()], nowMs());
      const told = (of: Sets) => (of.held.get("blockednet4") ?? []).map(toldOf).sort();
      assert.deepEqual(told(sets), told(expected.sets));
    }),
    { numRuns: 10 },
  );
});

test("many that come and go together change the set where they are, and it is not read whole for them", () => {
  const far = Array.from({ length: 3_000 }, (_, index) => nthNetwork(index));
  const network = fc.record({
    source: fc
      .record({ w3: fc.integer({ min: 0, max: 1023 }), bits: fc.integer({ min: 116, max: 128 }) })
      .map(({ w3, bits }) => prefixOfWords(0, 0, 0xffff, (prefix("198.51.100.0").w3 | w3) >>> 0, bits)),
    untilMs: fc.option(
      fc.integer({ min: 1, max: 4 }).map((hours) => NOW_MS + hours * HOUR),
      { nil: undefined },
    ),
  });
  const step = fc.record({ among: fc.array(network, { minLength: 5, maxLength: 60 }), comes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      const { sets, networks } = setUp();
      const nowMs = clockFrom(NOW_MS);
      networks.put(far, nowMs());
      const { read } = sets;
      const known = new Map<string, { readonly source: Prefix; readonly untilMs: number | undefined }>();
      for (const { among, comes } of steps) {
        if (comes) assert.ok(networks.put(among, nowMs()).every((refusal) => refusal === ""));
        else assert.equal(networks.remove(among, nowMs()), "");
        for (const one of among)
          if (comes) known.set(formatPrefix(one.source), one);
          else known.delete(formatPrefix(one.source));
      }
      assert.equal(sets.read, read);
      const expected = setUp();
      expected.networks.put([...far, ...known.values()], nowMs());
      const told = (of: Sets) => (of.held.get("blockednet4") ?? []).map(toldOf).sort();
      assert.deepEqual(told(sets), told(expected.sets));
    }),
    { numRuns: 20 },
  );
});

function toldOf(interval: IntervalChange): string {
  return `${nameOf(interval)} ${Math.round((interval.timeoutMs ?? 0) / HOUR)}`;
}

test("a set that another program has changed is written whole with the next change", () => {
  const { sets, networks } = setUp();
  const other = { ...wide, source: prefix("203.0.113.0/24") };
  networks.put([wide, other], NOW_MS);
  sets.held.set("blockednet4", []);
  assert.deepEqual(networks.put([inside], NOW_MS), [""]);
  assert.equal(sets.rewritten, 2);
  assert.ok(networks.holds(other, NOW_MS) && networks.holds(inside, NOW_MS));
});

test("whether a source may lie in a network that nobody asked for is told by a look-up or two", () => {
  const { sets, networks } = setUp();
  networks.put([wide, six], NOW_MS);
  const { read } = sets;
  sets.held.set("blockednet4", [...(sets.held.get("blockednet4") ?? []), intervalOf("203.0.113.0/24", HOUR)]);
  const may = (text: string) => networks.mayBeForeignAt(prefix(text));
  assert.deepEqual(["203.0.113.7", "203.0.113.0/25"].map(may), [true, true]);
  assert.deepEqual(["198.51.100.7", "192.0.2.1", "2001:db8::1", "2001:db9::/48"].map(may), [
    false,
    false,
    false,
    false,
  ]);
  assert.ok(networks.covers(prefix("203.0.113.7")) && !networks.covers(prefix("192.0.2.1")));
  assert.equal(sets.read, read);
});

test("a long set that was just read to hold all that is wanted is not read again", () => {
  const { sets, networks } = setUp();
  const nowMs = clockFrom(NOW_MS);
  const many = Array.from({ length: 10_000 }, (_, index) => nthNetwork(index));
  networks.put(many, nowMs());
  const again = new NetworkBlocks(sets);
  const held = again.readAll(nowMs());
  const { read, asked } = sets;
  assert.ok(again.put(many, nowMs(), held).every((refusal) => refusal === ""));
  assert.deepEqual([sets.read - read, sets.asked - asked, sets.changes.length], [0, 0, 1]);
  assert.equal(again.remove([many[3] ?? wide], nowMs()), "", "it is known what the set holds");
  assert.equal(sets.read - read, 0);
});

test("a long set is compared a part at a time; one that is changed, before or meanwhile, is not as wanted", async () => {
  const sets = new Sets();
  let [pauses, between] = [0, () => {}];
  const dump: typeof dumpElements = async ({ set }, visit, pause) => {
    const elements: Parameters<ElementVisitor>[] = [];
    sets.visitElements(set, (key, expiresInMs, isEnd) => elements.push([key, expiresInMs, isEnd]));
    const half = Math.floor(elements.length / 2);
    for (const [index, element] of elements.entries()) {
      if (index === half) await pause();
      visit(...element);
    }
    await pause();
  };
  const networks = new NetworkBlocks(sets, 100_000, dump);
  const nowMs = clockFrom(NOW_MS);
  const are = () =>
    networks.areAsWantedInParts(async () => {
      pauses++;
      between();
    }, nowMs());
  networks.put([wide], nowMs());
  assert.equal(are(), false, "a short one is read at once");
  networks.put(
    Array.from({ length: 3_000 }, (_, index) => nthNetwork(index)),
    nowMs(),
  );
  assert.deepEqual([await are(), pauses], [true, 3], "the other family has nothing to tell");
  between = () => void networks.put([inside], nowMs());
  assert.equal(await are(), false);
  between = () => {};
  assert.equal(await are(), true);
  sets.held.set("blockednet4", [...(sets.held.get("blockednet4") ?? []), intervalOf("203.0.113.0/24", HOUR)]);
  assert.equal(await are(), false);
});

test("what has ended in the kernel is neither taken out nor missed", () => {
  const { sets, networks } = setUp();
  networks.put([wide, inside], NOW_MS);
  const laterMs = NOW_MS + HOUR + 1;
  sets.held.set(
    "blockednet4",
    (sets.held.get("blockednet4") ?? []).slice(1, 2).map((left) => ({ ...left, timeoutMs: HOUR - 1 })),
  );
  assert.deepEqual(networks.put([{ ...wide, source: prefix("203.0.113.0/24"), untilMs: laterMs + HOUR }], laterMs), [
    "",
  ]);
  assert.deepEqual(
    sets.changes.map(({ gone }) => gone.length),
    [0],
  );
  assert.deepEqual([sets.rewritten, networks.size], [1, 2]);
});

const textOf = (networks: readonly { readonly source: Prefix; readonly untilMs?: number | undefined }[]) =>
  networks.map(
    ({ source, untilMs }) =>
      `${formatPrefix(source)}${untilMs === undefined ? "" : ` ${Math.round((untilMs - NOW_MS) / HOUR)}`}`,
  );

/** An interval as another program would write it. */
const intervalOf = (text: string, timeoutMs?: number): IntervalChange => {
  const other = setUp();
  other.networks.put(
    [{ source: prefix(text), untilMs: timeoutMs === undefined ? undefined : NOW_MS + timeoutMs }],
    NOW_MS,
  );
  return [...other.sets.held.values()].flat()[0] ?? assert.fail("nothing was written");
};

test("an audit of sets that nobody has changed finds nothing", () => {
  const { networks } = setUp();
  const nothing = { gone: [], torn: [], foreign: [], untimely: false };
  assert.deepEqual(networks.audit(NOW_MS), nothing);
  networks.put([wide, inside, six], NOW_MS);
  assert.deepEqual(networks.audit(NOW_MS), nothing);
});

test("an audit names networks that are gone, those of which a part is, and what somebody has added", () => {
  const { sets, networks } = setUp();
  const other = { source: prefix("203.0.113.0/24"), untilMs: NOW_MS + HOUR };
  networks.put([wide, other, six], NOW_MS);
  sets.held.set("blockednet6", []);
  sets.held.set("blockednet4", [
    intervalOf("198.51.100.0/25", HOUR),
    intervalOf("192.0.2.0/25"),
    intervalOf("192.0.2.128/25"),
  ]);
  const audit = networks.audit(NOW_MS);
  assert.deepEqual(
    [audit.gone.map(formatPrefix).sort(), audit.torn.map(formatPrefix)],
    [["2001:db8::/48", "203.0.113.0/24"], ["198.51.100.0/24"]],
  );
  assert.deepEqual(textOf(audit.foreign), ["192.0.2.0/24"], "two halves that end together are one network");
  assert.equal(audit.untimely, false);
  assert.equal(networks.rewrite(NOW_MS), "");
  assert.deepEqual(networks.audit(NOW_MS), { gone: [], torn: [], foreign: [], untimely: false });
});

test("an audit says so when a network ends at another time, and misses none that is about to end", () => {
  const { sets, networks } = setUp();
  networks.put([wide], NOW_MS);
  sets.held.set("blockednet4", [intervalOf("198.51.100.0/24", HOUR / 2)]);
  assert.deepEqual(networks.audit(NOW_MS), { gone: [], torn: [], foreign: [], untimely: true });
  sets.held.set("blockednet4", [intervalOf("203.0.113.0/24", 1_000)]);
  const atTheEnd = NOW_MS + HOUR - 1_000;
  assert.deepEqual(networks.audit(atTheEnd), { gone: [], torn: [], foreign: [], untimely: false });
});

test("what the sets hold beyond the blocks is told whole, with its end", () => {
  const { sets, networks } = setUp();
  networks.put([inside], NOW_MS);
  // The wide one has been cut by what lies in it.
  const held = [
    intervalOf("198.51.100.0/26", HOUR),
    intervalOf("198.51.100.64/26", HOUR),
    intervalOf("198.51.100.128/25", HOUR),
  ];
  sets.held.set("blockednet4", [...held, intervalOf("192.0.2.0/24", 2 * HOUR), intervalOf("203.0.113.0/24", 1_000)]);
  sets.held.set("blockednet6", [intervalOf("2001:db8::/48")]);
  assert.deepEqual(textOf(networks.beyond(networks.readAll(NOW_MS), NOW_MS)), [
    "192.0.2.0/24 2",
    "198.51.100.0/26 1",
    "198.51.100.128/25 1",
    "2001:db8::/48",
  ]);
});

test("of a table that is gone networks are taken out all the same; what is no kernel error is thrown", () => {
  const { sets, networks } = setUp();
  networks.put([wide], NOW_MS);
  sets.codes.push("ENOENT", "ENOENT");
  assert.match(networks.remove([wide], NOW_MS), /^ENOENT/);
  assert.equal(networks.size, 0);
  assert.equal(networks.remove([], NOW_MS), "");
  const unread = (error: Error) => {
    sets.visitElements = () => {
      throw error;
    };
    return networks.put([wide], NOW_MS)[0] ?? "";
  };
  assert.match(unread(new KernelError("visit", "ENOBUFS")), /ENOBUFS/);
  assert.equal(networks.size, 0);
  assert.throws(() => unread(new TypeError("a defect")), /a defect/);
});

test("more networks than fit are refused and counted; a new end for one that is there is not", () => {
  const limit = 10;
  const networks = new NetworkBlocks(new Sets(), limit);
  const untilMs = NOW_MS + HOUR;
  const many = Array.from({ length: limit }, (_, index) => ({ source: nthNetwork(index).source, untilMs: undefined }));
  networks.put(many, NOW_MS);
  const [refused, renewed] = networks.put([wide, { source: nthNetwork(0).source, untilMs }], NOW_MS);
  assert.match(refused ?? "", /^10 networks are blocked, and no more can be/);
  assert.deepEqual([renewed, networks.refused, networks.size], ["", 1, limit]);
  assert.deepEqual(networks.put([wide], untilMs + 1), [""], "the one that has ended makes room");
});
