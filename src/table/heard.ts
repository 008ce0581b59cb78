// Where probes are looked for (INTERFACE), and the two kinds of packets that are told without anything being done to them: those
// that this host sends to itself, and those of ignored sources.
import { log, logPrefixes, PROMPT_GROUP, rates } from "./log-rules.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";

const LOOPBACK = "lo";

/** The first rules of the sensor. */
export function heardRules(plan: RulesetPlan): readonly string[] {
  return leadingRules(plan, "goto loopback");
}

/** The first rules of what looks at others' packets only: the decoy, which never answers this host itself, and published ports. */
export function interfaceRules(plan: RulesetPlan): readonly string[] {
  return leadingRules(plan, "return");
}

/** The same of answers, which leave by the interface that the question came in by. */
export function answeredOn({ interfaces = [] }: RulesetPlan): readonly string[] {
  const names = interfaces.filter((name) => name !== "ALL_NLO");
  return names.length === 0 || names.includes("ALL") ? [] : [`oifname != ${listOf(names)} return`];
}

/** The table is built of parsed values: names of interfaces have no letter that means something to nft. */
function leadingRules({ interfaces = [] }: RulesetPlan, ofLoopback: string): readonly string[] {
  if (interfaces.includes("ALL")) return [`iif ${LOOPBACK} ${ofLoopback}`];
  const names = interfaces.filter((name) => name !== "ALL_NLO");
  if (names.length === 0) return [`iif ${LOOPBACK} return`];
  const others = `iifname != ${listOf(names)} return`;
  return names.includes(LOOPBACK) ? [others, `iif ${LOOPBACK} ${ofLoopback}`] : [others];
}

function listOf(names: readonly string[]): string {
  return `{ ${names.map((name) => `"${name}"`).join(", ")} }`;
}

/** The way of ignored sources. */
export function ignoredRules({ tellsIgnored }: RulesetPlan): readonly string[] {
  const verdict = tellsIgnored === true ? "goto ignored" : "return";
  return [`ip saddr @ignored4 ${verdict}`, `ip6 saddr @ignored6 ${verdict}`];
}

export function toldChains(plan: RulesetPlan): Rules {
  const hearsLoopback = heardRules(plan).some((rule) => rule.endsWith("goto loopback"));
  return {
    ...(hearsLoopback ? { loopback: toldRules(plan, logPrefixes.local) } : {}),
    ...(plan.tellsIgnored === true ? { ignored: toldRules(plan, logPrefixes.ignored) } : {}),
  };
}

/** Probes of watched ports and no more: nothing is learned of these packets, and none is dropped. */
function toldRules({ countsServed }: RulesetPlan, prefix: string): readonly string[] {
  const told = `limit rate ${rates.other}/second ${log(prefix, PROMPT_GROUP)}`;
  const served = (packets: string) => (countsServed === true ? [] : [`${packets} socket transparent { 0, 1 } return`]);
  return [
    "tcp dport @listened_tcp return",
    "udp dport @listened_udp return",
    ...served("tcp flags & (fin|syn|rst|ack) == syn"),
    "tcp flags & (ack|rst) != 0 return",
    `tcp dport @watched_tcp ${told}`,
    "meta l4proto udp ct state established,related return",
    ...served("meta l4proto udp"),
    `udp dport @watched_udp ${told}`,
  ];
}
