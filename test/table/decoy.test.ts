import assert from "node:assert/strict";
import { test } from "node:test";
import type { DecoyPlan } from "../../src/table/decoy.ts";
import { buildRuleset } from "../../src/table/ruleset.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { ordinaryPlan } from "./plan.ts";

const MARK = 0x70727600;
const decoy: DecoyPlan = {
  mark: MARK,
  door: { four: 40_001, six: 40_003 },
  behindNat: false,
};

function rulesOf(plan: RulesetPlan, phase: "on" | "resting" = "on"): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const match of buildRuleset(plan, phase).matchAll(/^add rule inet portreeve (\S+) (.*)$/gm)) {
    const [, chain = "", rule = ""] = match;
    chains.set(chain, [...(chains.get(chain) ?? []), rule]);
  }
  return chains;
}

const at = (rules: readonly string[], part: string) => {
  const index = rules.findIndex((rule) => rule.includes(part));
  assert.ok(index >= 0, `no rule with ${part}`);
  return index;
};

test("without a decoy plan, and with a resting daemon, no rule marks, diverts or untracks anything", () => {
  for (const chains of [rulesOf(ordinaryPlan), rulesOf({ ...ordinaryPlan, decoy }, "resting")]) {
    assert.deepEqual(
      [...chains.values()].flat().filter((rule) => /tproxy|notrack|meta mark/.test(rule)),
      [],
    );
  }
  assert.match(buildRuleset(ordinaryPlan, "on"), /^delete chain inet portreeve decoy$/m);
});

test("every chain that is jumped to has rules, and every chain with rules is reached from a hook", () => {
  for (const behindNat of [false, true]) {
    const chains = rulesOf({ ...ordinaryPlan, decoy: { ...decoy, behindNat } });
    const reached = new Set<string>();
    const walk = (chain: string) => {
      if (reached.has(chain)) return;
      reached.add(chain);
      for (const rule of chains.get(chain) ?? [])
        for (const [, to = ""] of rule.matchAll(/(?:goto|jump) (\S+)/g)) walk(to);
    };
    for (const hook of ["shield", "sensor", "remember", "forward", "decoy", "decoynat", "decoyout", "answered"]) {
      if (chains.has(hook)) walk(hook);
    }
    assert.deepEqual(
      [...reached].filter((chain) => !chains.has(chain)),
      [],
    );
    assert.deepEqual(
      [...chains.keys()].filter((chain) => !reached.has(chain) && chain !== "logged"),
      [],
    );
    // In front of translation only published ports are looked at.
    assert.equal(chains.has("decoynat"), behindNat);
    assert.equal(chains.get("decoy")?.includes("tcp dport != @published return"), behindNat);
    assert.deepEqual(chains.get("decoyout"), [
      behindNat ? `meta mark ${MARK} tcp sport @published notrack` : `meta mark ${MARK} notrack`,
    ]);
  }
});

test("whom the sensor leaves alone the decoy leaves alone, before it looks at anything else", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  const rules = chains.get("decoysyn") ?? [];
  const first = rules.findIndex((rule) => /goto|jump/.test(rule));
  for (const set of ["@ignored4", "@ignored6", "@guard4", "@delegated4", "@known4", "@known6", "@flows4"])
    assert.ok(at(rules, `${set} return`) < first, set);
});

test("no ACK reaches the decoy but of a handshake whose SYN it has got; and what it sends makes nobody one whom we asked", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  const diverting = [...chains.values()].flat().filter((rule) => /(?:goto|jump) divert$/.test(rule));
  assert.deepEqual(diverting, [
    "tcp flags & (fin|syn|rst|ack) == ack ip saddr . tcp sport . tcp dport @diverted4 limit rate 100/second burst 200 packets goto divert",
    "tcp flags & (fin|syn|rst|ack) == ack ip6 saddr . tcp sport . tcp dport @diverted6 limit rate 100/second burst 200 packets goto divert",
    "jump divert",
  ]);
  const remember = chains.get("remember") ?? [];
  assert.ok(at(remember, `meta mark ${MARK} return`) < at(remember, "goto asked"));
});

test("a served port is its service's; one served lately is the kernel's to refuse; then the traps", () => {
  const rules = rulesOf({ ...ordinaryPlan, decoy }).get("decoysyn") ?? [];
  const order = ["socket transparent 0", "socket mark", "@lately", "@tolerated_tcp", "@watched_tcp"].map((part) =>
    at(rules, part),
  );
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  const grace = rulesOf({ ...ordinaryPlan, grace: true, decoy }).get("decoysyn") ?? [];
  assert.ok(!grace.some((rule) => /bait|lure/.test(rule)), "BOOT_GRACE: no port is a trap");
});

test("a handshake counts only where nobody serves: the SYN to a tolerated or a real port is not remembered", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  const remembering = [...chains].filter(([, rules]) => rules.some((rule) => /@lured/.test(rule)));
  assert.deepEqual(
    remembering.map(([chain]) => chain),
    ["bait"],
  );
  const bait = chains.get("bait") ?? [];
  assert.ok(at(bait, "meta mark !=") < at(bait, "@lured4"), "nor one that the decoy has not taken");
  const four = rulesOf({ ...ordinaryPlan, decoy: { ...decoy, door: { four: 40_001, six: undefined } } });
  assert.equal(four.get("divert")?.length, 1, "a kernel without IPv6");
});

test("real, tolerated and closed ports have one listener, and log their SYNs within the same limits", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  const diverting = [...chains].filter(([, rules]) => rules.some((rule) => /tproxy/.test(rule)));
  assert.deepEqual(
    diverting.map(([chain]) => chain),
    ["divert"],
  );
  for (const chain of ["bait", "standin"]) assert.ok(chains.get(chain)?.includes("jump todecoy"));
  const lure = chains.get("lure") ?? [];
  assert.ok(at(lure, "@soft4 goto standin") < at(lure, "jump todecoy"));
  const logs = (chain: string) => (chains.get(chain) ?? []).filter((rule) => /log prefix/.test(rule));
  const alike = (rule: string) => rule.replace(/prefix "\w+"/, "");
  assert.equal(logs("reheld").length, 2);
  assert.deepEqual(logs("standin").map(alike), logs("reheld").map(alike));
  assert.deepEqual(logs("muteheld").map(alike), logs("mute").map(alike));
});

test("the mark comes after tproxy, which ends the rule where no listener is: a dead daemon's ports are the sensor's", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  for (const rule of chains.get("divert") ?? [])
    assert.match(rule, /tproxy ip6? to \S+ meta mark set 1886549504 notrack$/);
  assert.equal(chains.get("bait")?.[1], `meta mark != ${MARK} return`);
  const sensor = chains.get("sensor") ?? [];
  assert.ok(at(sensor, "goto decoyed") < at(sensor, "goto newtcp"));
});

test("a real port is covered only for the held and softly blocked; where closed ports get no answers out, both are mute", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy });
  for (const [chain, mute] of [
    ["standin", "muteheld"],
    ["reheld", "mute"],
  ] as const)
    assert.deepEqual(chains.get(chain)?.slice(0, 2), [
      `ip saddr & 255.255.255.0 != @answered4 goto ${mute}`,
      `ip6 saddr & ffff:ffff:ffff:: != @answered6 goto ${mute}`,
    ]);
  const served = chains.get("served") ?? [];
  assert.equal(served[0], "tcp dport @public_tcp return");
  for (const rule of served.slice(1)) assert.match(rule, /@(held|soft)(4|6|24|16|56|48|40|32|mac) .*goto standin$/);
});

test("behind a translation handshakes are tracked, and so limited", () => {
  const chains = rulesOf({ ...ordinaryPlan, decoy: { ...decoy, behindNat: true } });
  assert.match(chains.get("todecoy")?.[0] ?? "", /ct state new limit rate over/);
  assert.match(buildRuleset({ ...ordinaryPlan, decoy }, "on"), /chain inet portreeve decoynat .*dstnat \+ 10/);
});
