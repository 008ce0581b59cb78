import assert from "node:assert/strict";
import { test } from "node:test";
import { KernelError } from "../../src/kernel/errors.ts";
import { RuleCounters } from "../../src/table/rule-counters.ts";

function kernel(first: Readonly<Record<string, number>>) {
  let answer: () => Map<string, number> = () => new Map(Object.entries(first));
  return {
    readCounters: () => answer(),
    becomes: (now: Readonly<Record<string, number>>) => {
      answer = () => new Map(Object.entries(now));
    },
    fails: (error: Error) => {
      answer = () => {
        throw error;
      };
    },
  };
}

test("what the rules count is told from the daemon's start on", () => {
  const tables = kernel({ softDropped: 7 });
  const rules = new RuleCounters(tables);
  assert.equal(rules.counters.softDropped, 0);
  tables.becomes({ softDropped: 9, forwardHeldDropped: 3, ofAnother: 5 });
  const { counters } = rules;
  assert.deepEqual([counters.softDropped, counters.forwardHeldDropped, counters.blockedDropped], [2, 3, 0]);
  assert.ok(!("ofAnother" in counters));
});

test("a table that another program removed takes no count with it", () => {
  const tables = kernel({ softDropped: 7 });
  const rules = new RuleCounters(tables);
  tables.becomes({ softDropped: 10 });
  assert.equal(rules.counters.softDropped, 3);
  tables.becomes({});
  assert.equal(rules.counters.softDropped, 3);
  tables.becomes({ softDropped: 4 });
  assert.equal(rules.counters.softDropped, 7);
});

test("while the kernel cannot be asked, what was read last stands", () => {
  const tables = kernel({});
  const rules = new RuleCounters(tables);
  tables.becomes({ holdsRefused: 2 });
  assert.equal(rules.counters.holdsRefused, 2);
  tables.fails(new KernelError("nf_tables", "EPERM"));
  assert.equal(rules.counters.holdsRefused, 2);
  tables.fails(new Error("a mistake of ours"));
  assert.throws(() => rules.counters, /a mistake of ours/);
});
