// The networks in the kernel, with sets in memory in its place: what is held, until when, and what a refusal leaves. The
// kernel's own behaviour is for test/lab/networks.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ElementVisitor, IntervalChange } from "../../src/kernel/nf-tables.ts";
import { NetworkBlocks } from "../../src/table/network-blocks.ts";
import { prefix } from "../support/prefix.ts";

const HOUR = 3_600_000;
const NOW_MS = 1_700_000_000_000;

/** Two sets that keep what they are given, at a time that stands still. */
class Sets {
  readonly held = new Map<string, readonly IntervalChange[]>();
  /** What the kernel answers to the next changes. */
  readonly codes: string[] = [];

  replaceIntervals(sets: readonly (readonly [set: string, intervals: readonly IntervalChange[]])[]): string {
    const code = this.codes.shift() ?? "";
    if (code === "") for (const [set, intervals] of sets) this.held.set(set, intervals);
    return code;
  }

  visitElements(set: string, visit: ElementVisitor): void {
    for (const { first, end, timeoutMs } of this.held.get(set) ?? []) {
      visit(Buffer.from(first), timeoutMs, false);
      if (end !== undefined) visit(Buffer.from(end), undefined, true);
    }
  }
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
  sets.codes.push("ENOSPC");
  assert.match(networks.put([inside, six], NOW_MS)[0] ?? "", /^ENOSPC/);
  assert.equal(networks.size, 1);
  assert.ok(networks.holds(wide, NOW_MS) && !networks.holds(six, NOW_MS));
  sets.codes.push("EPERM");
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
