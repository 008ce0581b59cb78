// Asymmetric routing behind a router: what tells it, what does not, and that it is said once and taken back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTroubles } from "../../src/base/troubles.ts";
import { OneWayWatch } from "../../src/table/one-way.ts";
import { type RuleCounter, ruleCounters } from "../../src/table/rule-counters.ts";

function setUp() {
  const counts = Object.fromEntries(ruleCounters.map((name) => [name, 0])) as Record<RuleCounter, number>;
  const troubles = createTroubles();
  const warnings: string[] = [];
  const watch = new OneWayWatch({ read: () => ({ ...counts }), troubles, warn: (message) => warnings.push(message) });
  const look = (more: Partial<Record<RuleCounter, number>> = {}) => {
    for (const name of ruleCounters) counts[name] += more[name] ?? 0;
    watch.look();
    return troubles.current();
  };
  return { look, warnings };
}

test("contacts of which none is answered are said once, and taken back when answers come", () => {
  const { look, warnings } = setUp();
  assert.deepEqual(look({ behindAsked: 60 }), [], "too few");
  assert.match(look({ behindAsked: 60 })[0] ?? "", /^PROTECT: of 120 contacts none was answered through this host: /);
  assert.equal(look({ behindAsked: 200 }).length, 1);
  assert.equal(warnings.length, 1);
  assert.equal(look().length, 1, "nothing new is no answer");
  assert.deepEqual(look({ behindAsked: 1, behindAnswered: 1 }), []);
});

test("answers to what did not come through here are said; a few are those of old connections", () => {
  const { look, warnings } = setUp();
  assert.deepEqual(look({ behindOneSided: 9, behindAsked: 50, behindAnswered: 50 }), []);
  assert.match(look({ behindOneSided: 10, behindAnswered: 5 })[0] ?? "", /have answered 10 contacts that did not come/);
  assert.deepEqual(look({ behindAnswered: 5 }), []);
  assert.equal(warnings.length, 1);
});

test("a router whose hosts answer is told nothing, however much is asked", () => {
  const { look } = setUp();
  for (let minute = 0; minute < 5; minute++) assert.deepEqual(look({ behindAsked: 10_000, behindAnswered: 1 }), []);
});
