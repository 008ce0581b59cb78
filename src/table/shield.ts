// The rules of blocks: the shield in front of everything, and what is left of it when the daemon stops.

import { restingForwardRules } from "./forward.ts";
import { BATCH_GROUP, log, logPrefixes } from "./log-rules.ts";
import { knownDatagramPairs, knownPairs, softRules, unguarded6 } from "./matches.ts";
import { SLASH64 } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";

const dropped = `${counted("blockedDropped")} drop`;

/** The first rule of the shield lets these pass: a blocked neighbour's link must go on working. */
const neighbourDiscovery =
  "{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect, mld-listener-query, mld-listener-report, mld2-listener-report }";

/**
 * Hooks `prerouting`, so that blocked sources reach neither us nor a container behind us. `further`: rules for sources without
 * a full block.
 */
export function shieldRules(plan: RulesetPlan, further: readonly string[] = []): Rules {
  if (!plan.enforce) return { shield: [] };
  return {
    shield: blockRules("goto blocked", further),
    // Only blocked sources pay for it.
    blocked: [
      `tcp flags & (fin|syn|rst|ack) == syn limit name "blocked" ${log(logPrefixes.blocked, BATCH_GROUP)} ${dropped}`,
      `meta l4proto udp limit name "blocked" ${log(logPrefixes.blocked, BATCH_GROUP)} ${dropped}`,
      dropped,
    ],
  };
}

/** The shield of a stopped daemon, which nobody listens to. */
export function restingShieldRules(plan: RulesetPlan): Rules {
  return { shield: plan.enforce ? blockRules(dropped, []) : [] };
}

function blockRules(verdict: string, further: readonly string[]): readonly string[] {
  return [
    "iif lo return",
    `ip saddr @blocked4 ip saddr != @ignored4 ${verdict}`,
    `ip saddr @blockednet4 ip saddr != @ignored4 ${verdict}`,
    ...further,
    // Each packet of a served customer comes through here: none pays for the other family's rules.
    "meta nfproto ipv4 return",
    `icmpv6 type ${neighbourDiscovery} return`,
    `ip6 saddr @blocked6 ip6 saddr != @ignored6 ${verdict}`,
    // A /64 may hold one of ours, our resolver's or our gateway's address, or that of an SSH session: its neighbours' block is not its own.
    `ip6 saddr & ${SLASH64} @blocked6 ip6 saddr != @near6 ${unguarded6} ip6 saddr != @session6 ip6 saddr != @peer6 ip6 saddr != @ignored6 ${verdict}`,
    `ip6 saddr @blockednet6 ip6 saddr != @ignored6 ${verdict}`,
  ];
}

/** What stays when the daemon stops: blocks, hard and soft; no sensor, no hold, no log. */
export function restingRules(plan: RulesetPlan): Rules {
  if (!plan.enforce) return {};
  return {
    ...restingForwardRules(plan),
    resting: [
      "iif lo return",
      "fib daddr type != local return",
      "ip saddr @ignored4 return",
      "ip6 saddr @ignored6 return",
      "ct state established,related return",
      ...knownPairs.map(({ set, pair }) => `${pair} @${set} return`),
      "meta l4proto != { tcp, udp } return",
      "tcp dport @public_tcp return",
      "udp dport @public_udp return",
      ...knownDatagramPairs.map(({ set, pair }) => `${pair} @${set} return`),
      ...softRules(),
    ],
  };
}
