// The networks in the kernel, with sets in memory in its place: what is held, until when, and what a refusal leaves. The
// kernel's own behaviour is for test/lab/networks.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";

import { KernelError } from "../../src/kernel/errors.ts";
import type { ElementVisitor, IntervalChange, IntervalsOfSet } from "../../src/kernel/nf-elements.ts";
import { MAX_NETWORKS, NetworkBlocks } from "../../src/table/network-blocks.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;
const NOW_MS = 1_700_000_000_000;

/** Two sets that keep what they are given, at a time that stands still. */
class Sets {
  readonly held = new Map<string, readonly IntervalChange[]>();
  /** What the kernel answers to the next changes. */
  readonly codes: string[] = [];
  /** What has been changed in part. */
  readonly changes: IntervalsOfSet[] = [];
  /** How often all of a set was written. */
  rewritten = 0;

  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    this.rewritten++;
    const code = this.codes.shift() ?? "";
    if (code === "") for (const [set, intervals] of sets) this.held.set(set, intervals);
    return code;
  }

  changeIntervals(sets: readonly IntervalsOfSet[]): string {
    this.changes.push(...sets);
    const code = this.codes.shift() ?? "";
    if (code !== "") return code;
    for (const { set, gone, added } of sets) {
      const isGone = new Set(gone.map(nameOf));
      const left = (this.held.get(set) ?? []).filter((interval) => !isGone.has(nameOf(interval)));
      this.held.set(set, [...left, ...added]);
    }
    return "";
  }

  visitElements(set: string, visit: ElementVisitor): void {
    for (const { first, end, timeoutMs } of this.held.get(set) ?? []) {
      visit(Buffer.from(first), timeoutMs, false);
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
  assert.deepEqual(
    [networks.covers(inside.source, NOW_MS), networks.covers(prefix("198.51.0.0/16"), NOW_MS)],
    [true, false],
  );
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
  sets.codes.push("EPERM", "EPERM");
  assert.match(networks.remove([wide], NOW_MS), /^EPERM/);
  assert.deepEqual([networks.size, networks.holds(wide, NOW_MS)], [1, true]);
  assert.equal(networks.remove([wide], NOW_MS), "");
  assert.deepEqual([networks.size, networks.covers(wide.source, NOW_MS)], [0, false]);
});

test("what is taken out of a wider network leaves the wider one whole", () => {
  const { networks } = setUp();
  networks.put([wide, inside], NOW_MS);
  assert.equal(networks.remove([inside], NOW_MS), "");
  assert.ok(networks.covers(wide.source, NOW_MS) && networks.holds(wide, NOW_MS));
  networks.clear();
  assert.equal(networks.size, 0);
});

test("beside thousands of networks only the intervals that change are written", () => {
  const { sets, networks } = setUp();
  const untilMs = NOW_MS + HOUR;
  const many = Array.from({ length: MAX_NETWORKS - 2 }, (_, index) => ({
    source: prefix(`10.${index >> 8}.${index & 255}.0/24`),
    untilMs,
  }));
  assert.ok(networks.put([...many, wide], NOW_MS).every((refusal) => refusal === ""));
  assert.equal(sets.rewritten, 1, "the first time it is not known what the set holds");
  assert.deepEqual(networks.put([inside], NOW_MS), [""]);
  assert.equal(networks.remove([many[7] ?? wide], NOW_MS), "");
  const counts = sets.changes.map(({ gone, added }) => [gone.length, added.length]);
  // The wide one in three parts; one of the many, which touch and end together, in two.
  assert.deepEqual(counts, [
    [1, 3],
    [1, 2],
  ]);
  assert.equal(sets.rewritten, 1);
});

test("a set that another program has changed is written whole with the next change", () => {
  const { sets, networks } = setUp();
  const other = { ...wide, source: prefix("203.0.113.0/24") };
  networks.put([wide, other], NOW_MS);
  sets.held.set("blockednet4", []);
  assert.deepEqual(networks.put([inside], NOW_MS), [""]);
  assert.equal(sets.rewritten, 2);
  assert.ok(networks.holds(other, NOW_MS) && networks.holds(inside, NOW_MS));
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
    ({ source, untilMs }) => `${formatPrefix(source)}${untilMs === undefined ? "" : ` ${untilMs - NOW_MS}`}`,
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
    `192.0.2.0/24 ${2 * HOUR}`,
    `198.51.100.0/26 ${HOUR}`,
    `198.51.100.128/25 ${HOUR}`,
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
  const { networks } = setUp();
  const untilMs = NOW_MS + HOUR;
  const many = Array.from({ length: MAX_NETWORKS }, (_, index) => ({
    source: prefix(`10.${index >> 8}.${index & 255}.0/25`),
    untilMs: undefined,
  }));
  networks.put(many, NOW_MS);
  const [refused, renewed] = networks.put([wide, { source: prefix("10.0.0.0/25"), untilMs }], NOW_MS);
  assert.match(refused ?? "", /no more can be/);
  assert.deepEqual([renewed, networks.refused, networks.size], ["", 1, MAX_NETWORKS]);
  assert.deepEqual(networks.put([wide], untilMs + 1), [""], "the one that has ended makes room");
});
