// Where probes are looked for (INTERFACE), and who is told without anything being done to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { heardRules, ignoredRules, interfaceRules, toldChains } from "../../src/table/heard.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import { ordinaryPlan } from "./plan.ts";

const heard = (...interfaces: string[]) => heardRules({ ...ordinaryPlan, interfaces });

test("INTERFACE as rules: all but the loopback, all, some, and some with the loopback", () => {
  assert.deepEqual(heardRules(ordinaryPlan), ["iif lo return"]);
  assert.deepEqual(heard("ALL_NLO"), ["iif lo return"]);
  assert.deepEqual(heard("ALL"), ["iif lo goto loopback"]);
  assert.deepEqual(heard("eth0", "wg-1"), ['iifname != { "eth0", "wg-1" } return']);
  assert.deepEqual(heard("lo", "eth0"), ['iifname != { "lo", "eth0" } return', "iif lo goto loopback"]);
});

test("the decoy stands on the same interfaces, but never on the loopback", () => {
  const decoyed = (...interfaces: string[]) => interfaceRules({ ...ordinaryPlan, interfaces });
  assert.deepEqual(decoyed(), ["iif lo return"]);
  assert.deepEqual(decoyed("ALL"), ["iif lo return"]);
  assert.deepEqual(decoyed("lo", "eth0"), ['iifname != { "lo", "eth0" } return', "iif lo return"]);
  const decoy = { mark: 7, door: { four: 1, six: 2 }, behindNat: false };
  const rules = buildRuleset({ ...ordinaryPlan, interfaces: ["eth0"], decoy }, "on");
  assert.match(rules, /^add rule inet portreeve decoy iifname != \{ "eth0" \} return$/m);
});

test("ignored sources go their way unseen, but where their probes are to be told", () => {
  assert.deepEqual(ignoredRules(ordinaryPlan), ["ip saddr @ignored4 return", "ip6 saddr @ignored6 return"]);
  const told = ignoredRules({ ...ordinaryPlan, tellsIgnored: true });
  assert.deepEqual(told, ["ip saddr @ignored4 goto ignored", "ip6 saddr @ignored6 goto ignored"]);
});

test("the chains that tell drop, hold and learn nothing, and stand only where a rule leads to them", () => {
  assert.deepEqual(toldChains(ordinaryPlan), {});
  const chains = toldChains({ ...ordinaryPlan, interfaces: ["ALL"], tellsIgnored: true });
  assert.deepEqual(Object.keys(chains), ["loopback", "ignored"]);
  for (const rule of Object.values(chains).flat()) {
    assert.doesNotMatch(rule, /drop|add @|update @|jump|goto/);
    assert.match(
      rule,
      /return$|^(tcp|udp) dport @watched_(tcp|udp) limit rate \d+\/second log prefix "(local|ignored)" /,
    );
  }
});

test("with -S what a program serves is told too", () => {
  const rules = (countsServed: boolean) =>
    toldChains({ ...ordinaryPlan, interfaces: ["ALL"], countsServed }).loopback?.filter((rule) =>
      rule.includes("socket"),
    );
  assert.deepEqual([rules(false)?.length, rules(true)?.length], [2, 0]);
});
