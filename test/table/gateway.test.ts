// The rules for hosts behind this one: which packets pay for them, and in which order a refusal is looked at.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildRuleset } from "../../src/table/ruleset.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { prefix } from "../support/prefix.ts";
import { ordinaryPlan } from "./plan.ts";

const plan: RulesetPlan = { ...ordinaryPlan, protected: ["203.0.113.0/24", "2001:db8:b::/48"].map(prefix) };

function rulesOf(of: RulesetPlan, phase: "on" | "resting" = "on") {
  const text = buildRuleset(of, phase);
  return (chain: string) =>
    [...text.matchAll(/^add rule inet portreeve (\S+) (.*)$/gm)].flatMap(([, name, rule = ""]) =>
      name === chain ? [rule] : [],
    );
}

const on = rulesOf(plan);
const at = (rules: readonly string[], pattern: RegExp) => rules.findIndex((rule) => pattern.test(rule));

test("without PROTECT no rule is added, and with it a segment of an established connection meets two matches as before", () => {
  const before = buildRuleset(ordinaryPlan, "on");
  for (const rule of before.split("\n").filter((line) => line.startsWith("add rule"))) {
    assert.ok(!/behind|@visit|@protected/.test(rule), rule);
  }
  assert.equal(on("forward")[0], "ct state established,related goto passing");
  assert.equal(on("passing")[0], "tcp flags & (fin|syn|rst) == 0 return");
  assert.equal(on("passing")[1], "meta l4proto udp ct status assured return");
});

test("what is translated stays with published ports: protected addresses are asked of last, but for bridges", () => {
  assert.deepEqual(
    on("forward").filter((rule) => /goto (?:inward|tobehind)$/.test(rule)),
    [
      "ct status dnat goto inward",
      "ip daddr @inside4 goto inward",
      "ip6 daddr @inside6 goto inward",
      "ip daddr @protected4 goto tobehind",
      "ip6 daddr @protected6 goto tobehind",
      "ether daddr @bridged goto inward",
    ],
  );
});

test("what protected hosts ask by datagrams is remembered, and they are judged at published ports all the same", () => {
  assert.equal(on("forward")[3], "meta l4proto udp ip saddr @protected4 jump outward");
  assert.ok(on("outward").some((rule) => rule.startsWith("update @flows4")));
  // A packet from outside may have a protected host's address as its source.
  const blind = rulesOf({ ...plan, seesWayBack: false });
  assert.ok(blind("forward").every((rule) => !rule.includes("outward")));
});

test("only what a protected host says to a contact that never got further is looked at", () => {
  assert.deepEqual(
    on("passing").filter((rule) => rule.includes("frombehind")),
    [
      "ct direction reply ct reply ip saddr @protected4 jump frombehind",
      "ct direction reply ct reply ip6 saddr @protected6 jump frombehind",
    ],
  );
  assert.deepEqual(on("frombehind"), ["fib saddr . iif oif missing return", "goto saidbehind"]);
  assert.deepEqual(rulesOf({ ...plan, seesWayBack: false })("frombehind"), ["goto saidbehind"]);
  const rules = on("saidbehind");
  assert.equal(rules[0], "ct status & (assured | expected) != 0 return");
  const refusals = rules.filter((rule) => rule.endsWith("goto refusesbehind"));
  assert.equal(refusals.length, 3);
  assert.ok(
    refusals.some((rule) => rule.includes("icmp code != frag-needed")),
    "a path's MTU is no refusal",
  );
  for (const exempt of ["ignored", "delegated", "protected", "inside"]) {
    const exempts = at(rules, new RegExp(`^ip daddr @${exempt}4 return$`));
    assert.ok(exempts > 0 && exempts < at(rules, /goto/), exempt);
  }
});

test("guard, public ports, customers and ports that served lately come before the trap", () => {
  const rules = on("refusesbehind");
  const order = [/@guard4 return/, /@public_tcp return/, /@visit4 return/, /@behind4 goto excusesbehind/];
  const places = [...order, /@tolerated_tcp goto excusesbehind/, /@watched_tcp counter goto closedbehind/].map((one) =>
    at(rules, one),
  );
  assert.ok(
    places.every((place, index) => place >= 0 && place > (places[index - 1] ?? -1)),
    String(places),
  );
  assert.equal(rules.at(-1), "goto shutback");
  assert.ok(!rulesOf({ ...plan, grace: true })("refusesbehind").some((rule) => rule.includes("closedbehind")));
});

test("the refusal of a trap holds the source that it goes to, and is dropped", () => {
  const rules = on("closedbehind");
  assert.ok(rules.includes("ip daddr @held4 update @held4 { ip daddr } goto againbehind"));
  assert.ok(at(rules, /jump holdbehind/) < at(rules, /log prefix "closed"/));
  assert.equal(rules.at(-1), "drop");
  assert.deepEqual(on("holdbehind").slice(1, 3), [
    "update @held4 { ip daddr } goto near4back",
    "ip6 daddr @near6 update @held6 { ip6 daddr } return",
  ]);
  const all = [...on("near4back"), ...on("far6back"), ...on("shutback")];
  assert.ok(
    all.length > 10 && all.every((rule) => !/saddr|ether/.test(rule)),
    "nothing is asked of the host's own address",
  );
});

test("a held source is still refused, so that each refusal counts, but is not let through to what serves", () => {
  const rules = on("synbehind");
  const [soft, held] = [at(rules, /@soft4 .*goto toldbehind/), at(rules, /@held4 .*goto heldbehind/)];
  assert.ok(at(rules, /@visit4 return/) < soft && soft < held);
  assert.deepEqual(on("heldbehind"), [
    "ip daddr . meta l4proto . th dport @behind4 goto toldbehind",
    "ip6 daddr . meta l4proto . th dport @behind6 goto toldbehind",
  ]);
  assert.deepEqual(on("resetback"), ["reject with tcp reset"]);
  assert.ok(!rules.includes("jump greet"));
  assert.equal(rulesOf({ ...plan, greylist: { earliestMs: 800 } })("synbehind").at(-1), "jump greet");
});

test("where nothing is held, or nothing is ever dropped, a refusal is told and goes on", () => {
  const logOnly = rulesOf({ ...plan, holdTcp: false, holdUdp: false });
  assert.ok(logOnly("refusesbehind").some((rule) => rule.endsWith("@watched_tcp counter goto noticedbehind")));
  assert.ok(logOnly("noticedbehind").some((rule) => rule.includes('log prefix "closed"') && rule.endsWith("return")));
  assert.deepEqual(logOnly("closedbehind"), []);
  const text = buildRuleset({ ...plan, enforce: false, holdTcp: false, holdUdp: false }, "on");
  assert.ok(!/\b(drop|reject)\b/.test(text) && text.includes('log prefix "closed"'));
});

test("INTERFACE names where sources are: a refusal leaves there", () => {
  const named = rulesOf({ ...plan, interfaces: ["eth0"] });
  assert.ok(named("saidbehind").includes('oifname != { "eth0" } return'));
  for (const interfaces of [[], ["ALL"], ["ALL_NLO"]]) {
    assert.ok(
      !rulesOf({ ...plan, interfaces })("saidbehind").some((rule) => rule.includes("oifname")),
      String(interfaces),
    );
  }
});

test("datagrams answered in a thousand forged names take no room from customers by connections", () => {
  const filled = on("answersbehind").flatMap((rule) => /update @(visit\w+)/.exec(rule)?.[1] ?? []);
  assert.deepEqual(new Set(filled), new Set(["visitu4", "visitu6"]));
  for (const [chain, set, other] of [
    ["synbehind", "visit4", "visitu4"],
    ["udpbehind", "visitu4", "visit4"],
  ] as const) {
    assert.ok(
      on(chain).some((rule) => rule.includes(`@${set} return`)),
      chain,
    );
    assert.ok(
      on(chain).every((rule) => !rule.includes(`@${other} `)),
      chain,
    );
  }
});

test("a stopped daemon's soft blocks hold for the hosts behind, and their customers pass", () => {
  const resting = rulesOf(plan, "resting");
  assert.ok(resting("forward").includes("ip daddr @protected4 goto restingbehind"));
  const rules = resting("restingbehind");
  assert.ok(at(rules, /@visit4 return/) < at(rules, /@soft4/));
  assert.deepEqual(rulesOf(ordinaryPlan, "resting")("restingbehind"), []);
});

test("what this host says for one behind it is looked at as an answer of that host", () => {
  const rules = on("saidforbehind");
  assert.deepEqual(rules.slice(0, 2), ["tcp flags & rst == 0 return", "meta l4proto udp return"]);
  assert.equal(rules.filter((rule) => rule.endsWith("jump saidbehind")).length, 2);
  assert.deepEqual(rulesOf(ordinaryPlan)("saidforbehind"), []);
});

test("a datagram to a port from which hosts ask is no evidence, and what protected hosts ask is a peer", () => {
  const rules = on("refusesbehind");
  const late = at(rules, /ct protocol udp ct reply proto-src >= 32768 goto excusesbehind/);
  assert.ok(late > 0 && late < at(rules, /@watched_udp counter goto closedbehind/));
  assert.deepEqual(
    rulesOf({ ...plan, guardSeconds: 60 })("passing").filter((rule) => rule.includes("@peer4")),
    [
      "tcp flags & (fin|syn|rst|ack) == (syn|ack) ct direction reply ip daddr @protected4 update @peer4 { ip saddr timeout 60s }",
      "meta l4proto udp ct direction reply ip daddr @protected4 update @peer4 { ip saddr timeout 60s }",
    ],
  );
});
