import assert from "node:assert/strict";
import { test } from "node:test";
import { buildRuleset } from "../../src/table/ruleset.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { ordinaryPlan, planVariants } from "./plan.ts";

function rulesOf(plan: RulesetPlan, phase: "on" | "resting" = "on") {
  const text = buildRuleset(plan, phase);
  return (chain: string) =>
    [...text.matchAll(/^add rule inet portreeve (\S+) (.*)$/gm)].flatMap(([, of, rule = ""]) =>
      of === chain ? [rule] : [],
    );
}

const ordinary = rulesOf(ordinaryPlan);

test("forwarded packets of what stands meet two matches, and only what goes to containers is looked at further", () => {
  const forward = ordinary("forward");
  assert.equal(forward[0], "ct state established,related goto passing");
  assert.equal(ordinary("passing")[0], "tcp flags & (fin|rst) == 0 return");
  assert.deepEqual(forward.slice(-4), [
    "ct status dnat goto inward",
    "ip daddr @inside4 goto inward",
    "ip6 daddr @inside6 goto inward",
    "ether daddr @bridged goto inward",
  ]);
  assert.ok(forward.slice(0, -4).every((rule) => !rule.includes("inward")));
});

test("containers, the allow list, public ports and known pairs pass before anything is shut", () => {
  const inward = ordinary("inward");
  assert.deepEqual(inward.slice(0, 2), ["ip saddr @ignored4 return", "ip6 saddr @ignored6 return"]);
  assert.deepEqual(ordinary("forward").slice(1, 3), [
    "ip saddr @inside4 goto outward",
    "ip6 saddr @inside6 goto outward",
  ]);
  for (const [chain, portSet, pairSet] of [
    ["newinward", "@public_tcp", "@known4"],
    ["newinwardudp", "@public_udp", "@knownu4"],
  ] as const) {
    const rules = ordinary(chain);
    const shut = rules.findIndex((rule) => /goto shutinward|jump unheard/.test(rule));
    for (const set of [portSet, pairSet]) {
      const at = rules.findIndex((rule) => rule.includes(`${set} return`));
      assert.ok(at >= 0 && at < shut, `${chain} ${set}`);
    }
  }
  const shut = ordinary("shutinward");
  assert.ok(
    shut.length > 10 && shut.every((rule) => /@guard[46] counter name "forward(Held|Soft)Dropped" drop$/.test(rule)),
  );
});

test("what containers ask by datagrams is remembered, but to each other and from ports that are no traps", () => {
  const asked = [
    "update @flows4 { ip daddr . meta l4proto . th dport . th sport }",
    "update @flows6 { ip6 daddr . meta l4proto . th dport . th sport }",
  ];
  const among = ["ip daddr @inside4 return", "ip6 daddr @inside6 return"];
  assert.deepEqual(ordinary("outward"), [
    "meta l4proto != udp return",
    "udp sport 32768-60999 return",
    ...among,
    "fib saddr . iif oif missing return",
    ...asked,
  ]);
  // A reserved port is one like any other.
  const reserved = rulesOf({ ...ordinaryPlan, reserved: [{ first: 40_000, last: 40_000 }] });
  assert.deepEqual(reserved("outward"), [
    "meta l4proto != udp return",
    ...among,
    "fib saddr . iif oif missing return",
    ...asked,
  ]);
  // Where the kernel does not say from where a packet has come, nothing is remembered.
  const blind = rulesOf(planVariants["no look-up of the way back in the hook forward"] ?? assert.fail());
  assert.deepEqual(blind("outward"), []);
  assert.deepEqual(blind("forward").slice(1, 3), ["ip saddr @inside4 return", "ip6 saddr @inside6 return"]);
});

test("a port that the source asked for is what counts, and never one that others' traffic is led to", () => {
  for (const chain of ["newinward", "newinwardudp"]) {
    const remembering = ordinary(chain).filter((rule) => rule.includes("update @"));
    assert.ok(remembering.length >= 4, chain);
    for (const rule of remembering) {
      assert.match(rule, /ct status dnat ct original ip6? daddr @own[46] /);
      assert.match(rule, /ct original proto-dst/);
    }
  }
  // No trap is here: a published port is never a closed one.
  for (const chain of ["forward", "inward", "newinward", "newinwardudp", "unheard", "published"])
    assert.ok(
      ordinary(chain).every((rule) => !/watched|goto probe|jump hold|log /.test(rule)),
      chain,
    );
});

test("in front of the translation a published port is judged like a served one, and by the decoy where there is one", () => {
  const last = (plan: RulesetPlan) => rulesOf(plan)("published").filter((rule) => rule.startsWith("jump"));
  assert.deepEqual(last(ordinaryPlan), ["jump shut"]);
  assert.deepEqual(last({ ...ordinaryPlan, greylist: { earliestMs: 800 } }), ["jump shut", "jump greet"]);
  const decoy = { mark: 7, door: { four: 40_001, six: undefined }, behindNat: true };
  const screened = rulesOf({ ...ordinaryPlan, decoy });
  assert.deepEqual(screened("published"), []);
  assert.ok(screened("shield").every((rule) => !rule.includes("published")));
  assert.equal(screened("screen").at(-1), "goto served");
});

test("the first SYN to a port that is not known to be published is silent as well, with the sets that its repetition meets", () => {
  const without = ordinary("unheard");
  assert.deepEqual(without, [
    "meta l4proto tcp update @published { ct original proto-dst timeout 3600s }",
    "jump shutinward",
  ]);
  const greylisted = rulesOf({ ...ordinaryPlan, greylist: { earliestMs: 900 } })("unheard");
  assert.deepEqual(greylisted.slice(0, 2), without);
  const met = greylisted.filter((rule) => rule.includes("add @met"));
  assert.equal(met.length, 6);
  const [bare, whole] = [met.filter((rule) => rule.includes("doff")), met.filter((rule) => !rule.includes("doff"))];
  for (const rule of bare)
    assert.match(rule, /add @early[46] \{ .* timeout 2500ms \} counter name "forwardFirstDropped" drop$/);
  for (const rule of whole)
    assert.match(rule, /add @early[46] \{ .* timeout 900ms \} counter name "forwardFirstDropped" drop$/);
});

test("without a firewall nothing is dropped, and customers and served ports are learned all the same", () => {
  const rules = rulesOf(planVariants["no firewall"] ?? assert.fail());
  for (const chain of ["unheard", "shutinward", "published"]) assert.deepEqual(rules(chain), [], chain);
  assert.ok(
    rules("newinward").length > 0 &&
      rules("newinward").every((rule) => /update @lately .* update @everywhere/.test(rule)),
  );
  assert.ok(rules("visitor").some((rule) => rule.includes("update @known4 { ip saddr . ct original proto-dst }")));
});
