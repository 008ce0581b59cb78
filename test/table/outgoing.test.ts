import assert from "node:assert/strict";
import { test } from "node:test";
import { outgoingRates, outgoingRules } from "../../src/table/outgoing.ts";
import { OutgoingLimits } from "../../src/table/outgoing-limits.ts";
import { LIMITED_SECONDS, outgoingSets } from "../../src/table/outgoing-sets.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { prefix } from "../support/prefix.ts";
import { ordinaryPlan } from "./plan.ts";

const watching = { ...ordinaryPlan, outgoing: { limits: false } };
const limiting = { ...ordinaryPlan, outgoing: { limits: true } };
const asks = (plan: typeof watching) => outgoingRules(plan).outasks ?? assert.fail();
const indexOf = (rules: readonly string[], part: string) => rules.findIndex((rule) => rule.includes(part));

test("without OUTGOING no packet meets a rule", () => {
  assert.deepEqual(outgoingRules(ordinaryPlan), {});
  const text = buildRuleset(ordinaryPlan, "on");
  assert.match(text, /^delete chain inet portreeve outgoing$/m);
  assert.doesNotMatch(buildRuleset(watching, "resting"), /^add rule inet portreeve out(?:going|asks|came|reply) /m);
});

test("what was reached passes before all else, and what is told is limited", () => {
  const rules = asks(watching);
  assert.match(rules[0] ?? "", /@outreached4 update @outreached4 .* return$/);
  assert.equal(rules.filter((rule) => / drop$/.test(rule)).length, 0);
  const told = indexOf(rules, 'log prefix "asks"');
  const limit = indexOf(rules, `limit rate over ${outgoingRates.asks}/second`);
  assert.ok(limit >= 0 && limit < told);
});

test("a limit drops new connections alone, behind those to what was reached, the guard and the allow list", () => {
  const rules = asks(limiting);
  const drops = rules.filter((rule) => rule.endsWith("drop"));
  assert.deepEqual(
    drops.map((rule) => rule.split(" limit ")[0]),
    ["ip saddr @outlimited4", "ip6 saddr @outlimited6", "meta skuid @outlimiteduid"],
  );
  const first = rules.indexOf(drops[0] ?? "");
  for (const set of ["outreached6", "guard6", "ignored6"]) assert.ok(indexOf(rules, `@${set}`) < first, set);
  // What is dropped must not be told: it would be evidence of its own making.
  assert.ok(indexOf(rules, "@outasked4") > first);
  assert.deepEqual(asks({ ...limiting, enforce: false }), asks(watching));
});

test("the set of contacts holds all that are told within its time", () => {
  const { size, seconds } = outgoingSets.outasked;
  assert.ok(outgoingRates.asksBurst + outgoingRates.asks * seconds <= size);
});

test("an origin is limited by its address or its user, each time anew; a refusal is counted", () => {
  const taken: unknown[] = [];
  const limits = new OutgoingLimits({
    replace: (changes) => {
      taken.push(...changes.map(({ key, ...rest }: { key: Uint8Array }) => ({ ...rest, key: [...key] })));
      return taken.length > 2 ? "ENFILE" : "";
    },
  });
  const timeoutMs = 1_000 * LIMITED_SECONDS;
  assert.equal(limits.limitAddress(prefix("10.88.0.2")), "");
  assert.equal(limits.limitUser(1_000), "");
  assert.deepEqual(taken, [
    { set: "outlimited4", key: [10, 88, 0, 2], timeoutMs },
    { set: "outlimiteduid", key: [0xe8, 3, 0, 0], timeoutMs },
  ]);
  assert.equal(limits.limitUser(1), "ENFILE");
  assert.equal(limits.counters.outgoingLimitsRefused, 1);
});
