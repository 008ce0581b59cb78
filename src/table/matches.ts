// Which sources and flows the rules tell apart, as matches of nft: guarded, held, softly blocked, known, asked by us.

import { SLASH64, wideMatches } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";

/**
 * The guard, in front of whatever would punish: what the host depends on, told by the daemon. The peers of this host's own
 * connections are not in it: a hold and a soft block cut no answer of theirs, so they need no exemption that a stranger
 * could try to win (docs/security/exemptions.md).
 */
const unguarded4 = "ip saddr != @guard4";

export const unguarded6 = "ip6 saddr != @guard6";

export const guardRules: readonly string[] = ["ip saddr @guard4 goto guarded", "ip6 saddr @guard6 goto guarded"];

/** Which sources are held, and which softly blocked: themselves, their /64, or with their neighbours. */
function sourcesIn(what: "held" | "soft"): readonly string[] {
  return [
    `ip saddr @${what}4`,
    `ip6 saddr @${what}6`,
    `ip6 saddr & ${SLASH64} @${what}6 ip6 saddr != @near6`,
    ...wideMatches(what),
  ].map((match) => `${match} ${match.startsWith("ip6 ") ? unguarded6 : unguarded4}`);
}

export const heldMatches = sourcesIn("held");

export const softMatches = sourcesIn("soft");

export function softRules(): readonly string[] {
  return softMatches.map((match) => `${match} ${counted("softDropped")} drop`);
}

/** By no link on which its source could be reached: somebody else has written that source. For the hook `forward`. */
export const CAME_OTHERWISE = "fib saddr . iif oif missing";

/** The keys of `flows4` and `flows6`, by a packet that comes in and by one that goes out. */
export const flowKeys = {
  in4: "ip saddr . meta l4proto . th sport . th dport",
  in6: "ip6 saddr . meta l4proto . th sport . th dport",
  out4: "ip daddr . meta l4proto . th dport . th sport",
  out6: "ip6 daddr . meta l4proto . th dport . th sport",
} as const;

/** A flow that this host began, as a packet of its answer has it, in the key of `flows4` and `flows6`. */
export const answered = { four: `${flowKeys.in4} @flows4`, six: `${flowKeys.in6} @flows6` } as const;

/**
 * An answer that comes when connection tracking has forgotten the question. Only the same two ports count: a server
 * that we asked gets no leave to try others.
 */
export const lateAnswers = [`${answered.four} counter return`, `${answered.six} counter return`];

/** Customers by address, or by the /64 of an IPv6 address beyond our links: the next one is as likely another of it. */
export const knownPairsOf = (port: string) =>
  [
    { set: "known4", pair: `ip saddr . ${port}`, whose: "" },
    { set: "known6", pair: `ip6 saddr . ${port}`, whose: "ip6 saddr @near6 " },
    { set: "known6", pair: `ip6 saddr & ${SLASH64} . ${port}`, whose: "ip6 saddr != @near6 " },
  ] as const;
export const knownPairs = knownPairsOf("tcp dport");

export const knownDatagramPairsOf = (port: string) =>
  [
    { set: "knownu4", pair: `ip saddr . ${port}` },
    { set: "knownu6", pair: `ip6 saddr . ${port}` },
    { set: "knownu6", pair: `ip6 saddr & ${SLASH64} . ${port}` },
  ] as const;
export const knownDatagramPairs = knownDatagramPairsOf("udp dport");

/** The allow list, and sources that a command of the administrator's shuts out: nothing is done to their packets. */
export const leftAlone: readonly string[] = [
  "ip saddr @ignored4 return",
  "ip6 saddr @ignored6 return",
  "ip saddr @delegated4 return",
  "ip6 saddr @delegated6 return",
  `ip6 saddr & ${SLASH64} @delegated6 ip6 saddr != @near6 return`,
];
