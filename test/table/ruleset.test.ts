import assert from "node:assert/strict";
import { test } from "node:test";
import { logPrefixes } from "../../src/table/log-rules.ts";
import { buildFrames } from "../../src/table/outgoing-frames.ts";
import { buildHostSets, buildRuleset } from "../../src/table/ruleset.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { prefix } from "../support/prefix.ts";
import { ordinaryPlan, planVariants } from "./plan.ts";

/** Rules by chain, as the text adds them. */
function rulesOf(text: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const match of text.matchAll(/^add rule inet portreeve (\S+) (.*)$/gm)) {
    const [, chain = "", rule = ""] = match;
    chains.set(chain, [...(chains.get(chain) ?? []), rule]);
  }
  return chains;
}

const on = (plan: RulesetPlan) => rulesOf(buildRuleset(plan, "on"));
const ordinary = on(ordinaryPlan);

/** Chains that packets can reach from a hook. */
function reachable(chains: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const seen = new Set<string>();
  const walk = (chain: string) => {
    if (seen.has(chain)) return;
    seen.add(chain);
    for (const rule of chains.get(chain) ?? [])
      for (const [, to = ""] of rule.matchAll(/(?:goto|jump) (\S+)/g)) walk(to);
  };
  for (const hook of ["shield", "sensor", "resting", "remember", "forward"]) walk(hook);
  return seen;
}

function allRules(chains: ReadonlyMap<string, readonly string[]>): string[] {
  return [...chains.values()].flat();
}

test("the shield drops what is blocked, lets neighbour discovery and the allow list pass", () => {
  assert.deepEqual(
    ordinary.get("shield")?.map((rule) => rule.replace(/\{.*\}/, "{...}")),
    [
      "iif lo return",
      "ip saddr @blocked4 ip saddr != @ignored4 goto blocked",
      "ip saddr @blockednet4 ip saddr != @ignored4 goto blocked",
      "tcp flags & (fin|syn|rst|ack) == syn tcp dport @published jump published",
      "meta nfproto ipv4 return",
      "icmpv6 type {...} return",
      "ip6 saddr @blocked6 ip6 saddr != @ignored6 goto blocked",
      "ip6 saddr & ffff:ffff:ffff:ffff:: @blocked6 ip6 saddr != @near6 ip6 saddr != @guard6 ip6 saddr != @session6 ip6 saddr != @peer6 ip6 saddr != @ignored6 goto blocked",
      "ip6 saddr @blockednet6 ip6 saddr != @ignored6 goto blocked",
    ],
  );
  assert.deepEqual(ordinary.get("blocked"), [
    'tcp flags & (fin|syn|rst|ack) == syn limit name "blocked" log prefix "blocked" group 28787 snaplen 128 counter name "blockedDropped" drop',
    'meta l4proto udp limit name "blocked" log prefix "blocked" group 28787 snaplen 128 counter name "blockedDropped" drop',
    'counter name "blockedDropped" drop',
  ]);
});

test("a SYN to a closed port is a trap only after everybody who may knock has been let go", () => {
  const letGo = [
    "tcp flags & (fin|syn|rst|ack) == syn ip saddr . tcp dport @known4 tcp dport != @listened_tcp return",
    "tcp flags & (fin|syn|rst|ack) == syn ip6 saddr . tcp dport @known6 tcp dport != @listened_tcp return",
    "tcp flags & (fin|syn|rst|ack) == syn ip6 saddr & ffff:ffff:ffff:ffff:: . tcp dport @known6 tcp dport != @listened_tcp return",
    "tcp dport @public_tcp tcp dport != @listened_tcp socket transparent { 0, 1 } goto remembered",
    "jump shut",
    "socket transparent { 0, 1 } goto open",
    "ip saddr . meta l4proto . th sport . th dport @flows4 counter return",
    "ip6 saddr . meta l4proto . th sport . th dport @flows6 counter return",
    "meta l4proto . th dport @lately goto latelytcp",
    "tcp dport @tolerated_tcp goto quiet",
  ];
  const newtcp = ordinary.get("newtcp") ?? [];
  const sensor = ordinary.get("sensor") ?? [];
  const before = sensor.slice(0, sensor.indexOf("tcp flags & (fin|syn|rst|ack) == syn goto newtcp"));
  assert.deepEqual(
    [...before, ...newtcp].filter((rule) => letGo.includes(rule)),
    letGo,
  );
  assert.deepEqual(newtcp.slice(-2), ["tcp dport @watched_tcp counter goto probe", "goto out"]);
  const probe = ordinary.get("probe") ?? [];
  assert.deepEqual(probe.slice(0, 2), ["ip saddr @guard4 goto guarded", "ip6 saddr @guard6 goto guarded"]);
  assert.ok(probe.slice(2, 5).every((rule) => rule.endsWith("goto again")));
  assert.equal(probe[5], "jump hold");
  assert.equal(ordinary.get("probe")?.at(-1), "drop");
});

test("a known customer's first and last packet pass few rules: it stays known, and is none of our own listeners' ports", () => {
  const sensor = ordinary.get("sensor") ?? [];
  const known = sensor.filter((rule) => rule.includes("@known"));
  assert.deepEqual(sensor.slice(2, 8), known);
  const [, , , ...ends] = known;
  for (const [index, rule] of ends.entries()) {
    const set = index === 0 ? "@known4" : "@known6";
    assert.match(rule, /^tcp flags & \(fin\|rst\) != 0 ct state established ct direction original ct status assured /);
    const address = ["ip saddr", "ip6 saddr", "ip6 saddr & ffff:ffff:ffff:ffff::"][index];
    const pair = `${address} . tcp dport`;
    assert.ok(rule.endsWith(`${pair} ${set} tcp dport != @listened_tcp goto customer`), rule);
  }
  const newcustomer = ordinary.get("newcustomer") ?? [];
  const sets = newcustomer.slice(0, -1).map((rule) => /@((?:held|soft)\w+) .*return$/.exec(rule)?.[1]);
  const blocked = ["24", "56", "48", "40"];
  assert.deepEqual(
    new Set(sets),
    new Set([
      ...["4", "6", ...blocked, "16", "32", "mac"].map((name) => `held${name}`),
      ...["4", "6", ...blocked].map((name) => `soft${name}`),
    ]),
  );
  assert.equal(newcustomer.at(-1), "goto customer");
  assert.deepEqual(ordinary.get("customer"), [
    "update @known4 { ip saddr . tcp dport }",
    "ip6 saddr @near6 update @known6 { ip6 saddr . tcp dport }",
    "ip6 saddr != @near6 update @known6 { ip6 saddr & ffff:ffff:ffff:ffff:: . tcp dport }",
    "update @client4 { ip saddr }",
    "ip6 saddr @near6 update @client6 { ip6 saddr } return",
    "update @client6 { ip6 saddr & ffff:ffff:ffff:ffff:: }",
  ]);
  const decoyed = on({
    ...ordinaryPlan,
    decoy: { mark: 7, door: { four: 1, six: 2 }, behindNat: false },
  });
  const left = (decoyed.get("sensor") ?? []).filter((rule) => rule.includes("@known"));
  assert.ok(
    left.length === 6 && left.every((rule) => rule.includes("meta mark != 7")),
    "the decoy's handshakes are others'",
  );
});

test("who is held already has a prompt limit of its own, which new sources cannot use up", () => {
  const held = (ordinary.get("probe") ?? []).filter((rule) => /@held[46].* goto again$/.test(rule));
  assert.equal(held.length, 3);
  const [prompt, batch, ...rest] = ordinary.get("again") ?? [];
  assert.match(prompt ?? "", /^limit rate 500\/second burst 2000 .* group 28786 .* drop$/);
  assert.match(batch ?? "", /^limit rate .* group 28787 .* drop$/);
  assert.equal(rest.at(-1), "drop");
});

test("every chain that is jumped to has rules, and every chain with rules is jumped to", () => {
  for (const [name, plan] of Object.entries(planVariants)) {
    for (const phase of ["on", "resting"] as const) {
      const chains = rulesOf(buildRuleset(plan, phase));
      const unknown = [...reachable(chains)].filter((chain) => !chains.has(chain));
      assert.deepEqual(
        unknown.filter((chain) => !["shield", "sensor", "resting", "remember", "forward", "out"].includes(chain)),
        [],
        `${name}, ${phase}`,
      );
    }
  }
  assert.deepEqual(
    [...ordinary.keys()].sort(),
    [...reachable(ordinary), "logged"].filter((c) => ordinary.has(c)).sort(),
  );
});

test("log only: no probe is dropped and nobody is put in the hold; blocks by hand are in force", () => {
  const chains = on({ ...ordinaryPlan, holdTcp: false, holdUdp: false });
  const logged = chains.get("logged") ?? [];
  assert.equal(logged.filter((rule) => rule.includes("log ")).length, 2);
  assert.ok(logged.every((rule) => !/\bdrop\b/.test(rule)));
  assert.ok(!chains.has("probe") && !chains.has("hold"));
  assert.deepEqual(
    allRules(chains).filter((rule) => rule.includes("update @held")),
    [],
  );
  assert.equal(chains.get("newtcp")?.at(-2), "tcp dport @watched_tcp counter goto logged");
  assert.equal(chains.get("sensor")?.at(-2), "tcp dport @watched_tcp counter goto logged");
  assert.equal(chains.get("newudp")?.at(-2), "udp dport @watched_udp counter goto logged");
  assert.ok((chains.get("shield") ?? []).some((rule) => rule.includes("@blocked4")));
});

test("one protocol held, the other logged", () => {
  const chains = on({ ...ordinaryPlan, holdUdp: false });
  assert.equal(chains.get("newtcp")?.at(-2), "tcp dport @watched_tcp counter goto probe");
  assert.equal(chains.get("newudp")?.at(-2), "udp dport @watched_udp counter goto logged");
});

test("without a firewall no rule drops anything, running or resting", () => {
  const plan = planVariants["no firewall"] ?? assert.fail();
  for (const phase of ["on", "resting"] as const) {
    const rules = allRules(rulesOf(buildRuleset(plan, phase)));
    assert.deepEqual(
      rules.filter((rule) => /\b(drop|reject)\b/.test(rule)),
      [],
      phase,
    );
  }
  assert.ok(allRules(on(plan)).some((rule) => rule.includes('log prefix "probe"')));
});

test("in the grace after boot no closed port is a trap", () => {
  const chains = on({ ...ordinaryPlan, grace: true });
  assert.ok(![...reachable(chains)].some((chain) => ["probe", "logged", "hold"].includes(chain)));
  assert.equal(chains.get("newtcp")?.at(-2), "tcp dport @watched_tcp counter goto quiet");
});

test("resting: the blocks stay; no sensor, no hold, no log", () => {
  const text = buildRuleset(ordinaryPlan, "resting");
  const chains = rulesOf(text);
  assert.deepEqual([...chains.keys()].sort(), ["forward", "inward", "resting", "shield"]);
  const full = ordinary.get("shield")?.filter((rule) => !rule.includes("@published"));
  assert.deepEqual(
    chains.get("shield"),
    full?.map((rule) => rule.replace("goto blocked", 'counter name "blockedDropped" drop')),
  );
  assert.ok(chains.get("inward")?.includes('ip saddr @soft4 ip saddr != @guard4 counter name "softDropped" drop'));
  assert.ok(chains.get("resting")?.includes('ip saddr @soft4 ip saddr != @guard4 counter name "softDropped" drop'));
  assert.ok(allRules(chains).every((rule) => !/\blog\b|@held|update/.test(rule)));
  assert.match(text, /^delete chain inet portreeve sensor$/m);
});

test("the first letters of the log prefixes are apart: they are what the capture reads", () => {
  const letters = Object.values(logPrefixes).map((prefix) => prefix[0]);
  assert.equal(new Set(letters).size, letters.length);
  const all = {
    ...ordinaryPlan,
    delegates: true,
    interfaces: ["ALL"],
    tellsIgnored: true,
    greylist: { earliestMs: 800 },
    protected: [prefix("203.0.113.0/24")],
    outgoing: { limits: true },
  };
  const used = [
    ...`${buildRuleset(all, "on")}${buildFrames([{ name: "link0", index: 2 }])}`.matchAll(/log prefix "(\w+)"/g),
  ].map((match) => match[1]);
  assert.deepEqual(new Set(used), new Set(Object.values(logPrefixes)));
});

test("the lists of the plan become the sets' elements, each family its own, an empty list none", () => {
  const text = buildRuleset(ordinaryPlan, "on");
  const elements = (set: string, from = text) =>
    new RegExp(`^add set inet portreeve ${set} \\{ .* elements = \\{ (.*) \\}; \\}$`, "m").exec(from)?.[1];
  assert.equal(elements("ignored4"), "192.0.2.0/24");
  assert.equal(elements("ignored6"), "2001:db8:1::/48");
  assert.equal(elements("guard4"), "198.51.100.254");
  assert.equal(elements("near6"), "fe80::/10, 2001:db8:a::/64");
  assert.equal(elements("watched_udp"), "1-32767, 61000");
  assert.equal(elements("tolerated_tcp"), "80, 443");
  const empty = buildRuleset(planVariants["nothing listed"] ?? assert.fail(), "on");
  assert.equal(elements("ignored4", empty), undefined);
  assert.equal(elements("near6", empty), "fe80::/10");
  assert.match(empty, /^flush set inet portreeve ignored4$/m);
});

test("the host's sets are emptied and filled in one text, which touches no block and no rule", () => {
  const lines = buildHostSets({ ...ordinaryPlan, guarded: [] })
    .trim()
    .split("\n");
  for (const set of ["guard4", "guard6", "session6", "near6", "settled4", "settled6"])
    assert.ok(lines.includes(`flush set inet portreeve ${set}`), set);
  const near6 = "type ipv6_addr; flags interval; auto-merge; elements = { fe80::/10, 2001:db8:a::/64 };";
  assert.ok(lines.includes(`add set inet portreeve near6 { ${near6} }`));
  const others = lines.filter(
    (line) =>
      !/^(flush set|add set) inet portreeve (guard|session|near|settled|own|inside|bridged|listened|ignored)/.test(
        line,
      ),
  );
  assert.deepEqual(others, []);
});

test("what we ask from a port that may be a trap is remembered, in the key that its answer is looked up by", () => {
  assert.deepEqual(ordinary.get("remember"), [
    "oif lo return",
    "meta l4proto udp goto datagram",
    "meta l4proto != tcp return",
    "tcp flags & (fin|syn|rst|ack) == syn goto asked",
    "ct state untracked tcp flags & (syn|rst|ack) == ack goto asked",
    "tcp flags & (fin|rst) != 0 ct direction original goto askedbefore",
  ]);
  // What a window probe or the end of a connection does: it makes nobody known who was not.
  for (const rule of ordinary.get("askedbefore") ?? []) {
    const [, key = "", set = ""] = /^(.*?) @(flows\d) /.exec(rule) ?? [];
    assert.equal(rule, `${key} @${set} update @${set} { ${key} }`);
  }
  const asked = ordinary.get("asked") ?? [];
  for (const chain of ["newtcp", "newudp", "stray"]) {
    const late = (ordinary.get(chain) ?? []).filter((rule) => rule.includes("@flows"));
    assert.equal(late.length, 2, chain);
    for (const [index, rule] of late.entries()) {
      const [, key = "", set = ""] = /^(.*) @(flows\d) counter return$/.exec(rule) ?? [];
      const turned = key.replace(/saddr|sport|dport/g, (word) => ({ saddr: "daddr", sport: "dport" })[word] ?? "sport");
      assert.equal(asked[index], `update @${set} { ${turned} }`);
    }
  }
});

test("a late answer passes before its sender's hold and before any log", () => {
  for (const chain of ["newudp", "stray"]) {
    const rules = ordinary.get(chain) ?? [];
    const at = rules.findLastIndex((rule) => rule.includes("@flows"));
    const first = rules.findIndex((rule) => /\bout$|\blog\b|goto (quiet|probe)/.test(rule));
    assert.ok(at >= 0 && at < first, `${chain}: ${at} ${first}`);
  }
});

const closedAt = (end: "daddr" | "saddr", verdict: string) => {
  const port = `meta l4proto . th ${end === "daddr" ? "dport" : "sport"}`;
  return [
    `${port} @everywhere goto ${verdict}`,
    `ip ${end} . ${port} @lately4 goto ${verdict}`,
    `ip ${end} != @settled4 goto ${verdict}`,
    `ip ${end} & 0.0.0.0 . ${port} != @lately4 goto ${verdict}`,
    `ip6 ${end} . ${port} @lately6 goto ${verdict}`,
    `ip6 ${end} != @settled6 goto ${verdict}`,
    `ip6 ${end} & :: . ${port} != @lately6 goto ${verdict}`,
  ];
};

test("a port that was served at another address alone is as closed as any other, where the address is no new one", () => {
  const greylist = on({ ...ordinaryPlan, greylist: { earliestMs: 800 } });
  for (const [rules, quiet] of [
    [ordinary, "quiet"],
    [greylist, "quietly"],
  ] as const) {
    const chain = (name: string) => rules.get(name) ?? [];
    for (const [asked, name, end, verdict] of [
      ["newtcp", "latelytcp", "daddr", quiet],
      ["newudp", "latelyudp", "daddr", "quiet"],
      ["found", "latelyfound", "daddr", "foundserved"],
      ["datagram", "latelysent", "saddr", "answering"],
    ] as const) {
      const rest = chain(asked).slice(chain(asked).findIndex((rule) => rule.endsWith(`@lately goto ${name}`)) + 1);
      assert.ok(rest.length > 0 && rest.length < chain(asked).length, asked);
      assert.deepEqual(chain(name), [...closedAt(end, verdict), ...rest]);
    }
  }
});

test("a packet to a socket notes its port at its own address where listeners are known to be bound, else at every one", () => {
  assert.deepEqual(ordinary.get("serves"), ["th dport < 1024 goto serveslow", "goto serveshigh"]);
  for (const [chain, seconds] of [
    ["serveslow", 3_600],
    ["serveshigh", 86_400],
  ] as const) {
    const port = "meta l4proto . th dport";
    const lasting = `${port} timeout ${seconds}s`;
    assert.deepEqual(ordinary.get(chain), [
      `update @lately { ${lasting} }`,
      `ip daddr & 0.0.0.0 . ${port} @lately4 update @lately4 { ip daddr . ${lasting} } update @lately4 { ip daddr & 0.0.0.0 . ${lasting} } return`,
      `ip6 daddr & :: . ${port} @lately6 update @lately6 { ip6 daddr . ${lasting} } update @lately6 { ip6 daddr & :: . ${lasting} } return`,
      `update @everywhere { ${lasting} }`,
    ]);
  }
});

test("a datagram that begins a flow is remembered, from an ephemeral port shortly; from a served port it is an answer", () => {
  const { ephemeral: _, ...unknown } = ordinaryPlan;
  const served = "meta l4proto . th sport @lately goto latelysent";
  assert.deepEqual(on(unknown).get("datagram"), [served, "ct state new goto asked"]);
  const [first, ...others] = on({ ...ordinaryPlan, ephemeral: { first: 20_000, last: 20_999 } }).get("datagram") ?? [];
  assert.equal(first, served);
  assert.equal(others.length, 3);
  for (const rule of others.slice(0, 2))
    assert.match(rule, /^udp sport 20000-20999 ct state new update @flows\d \{ .* timeout 30s \} return$/);
  const reserved = [
    { first: 20_100, last: 20_100 },
    { first: 20_200, last: 20_300 },
  ];
  const withReserved =
    on({ ...ordinaryPlan, ephemeral: { first: 20_000, last: 20_999 }, reserved }).get("datagram") ?? [];
  assert.match(
    withReserved[1] ?? "",
    /^udp sport 20000-20999 udp sport != \{ 20100, 20200-20300 \} ct state new update/,
  );
  const answering = ordinary.get("answering") ?? [];
  assert.ok(answering.length > 0 && answering.every((rule) => rule.includes("update @knownu")));
});

test("the guard is asked before whatever holds or drops on a claim, and never before a full block", () => {
  const drops = [...(ordinary.get("out") ?? []), ...(ordinary.get("resting") ?? [])];
  const dropping = [...drops.filter((rule) => rule.includes("drop")), ...(ordinary.get("shut") ?? []).slice(1)];
  dropping.push(...(ordinary.get("shut6") ?? []));
  assert.ok(dropping.length >= 36, String(dropping.length));
  for (const rule of dropping) {
    const family = rule.startsWith("ip6") ? "ip6 saddr != @guard6" : "ip saddr != @guard4";
    assert.ok(rule.includes(family), rule);
  }
  const full = (ordinary.get("shield") ?? []).filter((rule) => /@blocked[46] /.test(rule) && !rule.includes("ffff"));
  assert.equal(full.length, 2);
  assert.ok(full.every((rule) => !/@guard|@peer/.test(rule)));
});

test("peers are learned from answers of both protocols, for as long as GUARD_TIME says", () => {
  const chains = on({ ...ordinaryPlan, guardSeconds: 42 });
  const learned = ["ip", "ip6"].map((family, index) => {
    const [key, set] = [`${family} saddr . meta l4proto . th sport . th dport`, index === 0 ? "4" : "6"];
    return `ct direction reply ${key} @flows${set} update @flows${set} { ${key} } update @peer${set} { ${family} saddr timeout 42s }`;
  });
  assert.deepEqual(chains.get("oldtcp")?.slice(0, 2), learned);
  assert.deepEqual(chains.get("oldudp"), learned);
  assert.deepEqual(
    ordinary.get("oldudp"),
    learned.map((rule) => rule.replace("42s", "3600s")),
  );
});
