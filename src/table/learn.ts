// The rules that learn: peers of this host, whom it asked, and who is a customer of a port.

import { latelyAt, servedHere } from "./lately.ts";
import { flowKeys, heldMatches, knownPairsOf, softMatches } from "./matches.ts";
import { SLASH64 } from "./neighbours.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";
import { ASKED_SECONDS, DEFAULT_GUARD_SECONDS } from "./sets.ts";

/**
 * A peer is the other end of a flow that this host itself began, by its own SYN or its own datagram: `flows` remembers
 * it. That connection tracking calls a packet a reply is not enough: it takes any packet of ours for a beginning when it
 * has forgotten the connection, a window probe to a stranger for instance. A fit to `flows` alone is no proof either:
 * anybody can forge one.
 */
export function learnPeers(plan: RulesetPlan): readonly string[] {
  const seconds = plan.guardSeconds ?? DEFAULT_GUARD_SECONDS;
  const learn = (flow: string, key: string, peer: string, address: string) =>
    `ct direction reply ${key} @${flow} update @${flow} { ${key} } update @${peer} { ${address} timeout ${seconds}s }`;
  return [learn("flows4", flowKeys.in4, "peer4", "ip saddr"), learn("flows6", flowKeys.in6, "peer6", "ip6 saddr")];
}

/**
 * Hooks `output`: remembers the hosts that this host itself speaks to, and the customers of its datagram services. A
 * packet costs one set update when it begins or ends a flow.
 */
export const rememberRules = ({ decoy }: RulesetPlan): readonly string[] => [
  "oif lo return",
  // Not tracked either: what the decoy sends would make its visitors whom we have asked.
  ...(decoy === undefined ? [] : [`meta mark ${decoy.mark} return`]),
  "meta l4proto udp goto datagram",
  "meta l4proto != tcp return",
  // Our own SYN, and nothing that only follows one: a stranger chooses to whom a window probe is sent.
  "tcp flags & (fin|syn|rst|ack) == syn goto asked",
  // Without connection tracking (notrack) nothing else tells a customer's connection from an ACK scan: we have sent in it.
  "ct state untracked tcp flags & (syn|rst|ack) == ack goto asked",
  // The end of a connection counts as well if it is remembered: it may have lasted longer than its beginning is.
  "tcp flags & (fin|rst) != 0 ct direction original goto askedbefore",
];

/** What this host sends by UDP. */
export function datagramRules({ ephemeral, reserved = [] }: RulesetPlan): Rules {
  const ports = reserved.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  const but = ports.length === 0 ? "" : ` udp sport != { ${ports.join(", ")} }`;
  const asks = (family: string, key: string) =>
    `udp sport ${ephemeral?.first}-${ephemeral?.last}${but} ct state new update @flows${family} { ${key} timeout ${ASKED_SECONDS}s } return`;
  const asking = [
    ...(ephemeral === undefined
      ? []
      : [
          // These ports are no traps. For the guard alone they are remembered until an answer has come.
          asks("4", flowKeys.out4),
          asks("6", flowKeys.out6),
        ]),
    "ct state new goto asked",
  ];
  return {
    // A port that is served asks nobody: what leaves it is an answer, however late, and its reader a customer.
    datagram: [`${latelyAt.source} goto latelysent`, ...asking],
    latelysent: [...servedHere("source", "goto answering"), ...asking],
  };
}

/** A customer of a datagram service, in the key that its next datagram has. */
export const answeringRules = (port: string, match = ""): readonly string[] => [
  `${match}update @knownu4 { ip daddr . ${port} }`,
  `${match}ip6 daddr @near6 update @knownu6 { ip6 daddr . ${port} }`,
  `${match}ip6 daddr != @near6 update @knownu6 { ip6 daddr & ${SLASH64} . ${port} }`,
];

export const askedRules = [`update @flows4 { ${flowKeys.out4} }`, `update @flows6 { ${flowKeys.out6} }`];

export const askedBeforeRules = [
  `${flowKeys.out4} @flows4 update @flows4 { ${flowKeys.out4} }`,
  `${flowKeys.out6} @flows6 update @flows6 { ${flowKeys.out6} }`,
];

/**
 * A source that ends its first connection while it is held or softly blocked becomes no customer by it: a scan that
 * connects would make its scanner one, by the first port that it finds open.
 */
export const newCustomerRules = (customer: string): readonly string[] => [
  ...[...heldMatches, ...softMatches].map((match) => `${match} return`),
  `goto ${customer}`,
];

/**
 * A source that has ended a real connection is known to that port, and as a client of this host whom nothing blocks more
 * than softly.
 */
export const customerRules = (port: string, match = ""): readonly string[] => [
  ...knownPairsOf(port).map(({ set, pair, whose }) => `${match}${whose}update @${set} { ${pair} }`),
  "update @client4 { ip saddr }",
  "ip6 saddr @near6 update @client6 { ip6 saddr } return",
  `update @client6 { ip6 saddr & ${SLASH64} }`,
];
