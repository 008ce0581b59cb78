// The sets of the table: their types, bounds and times, and what those hold that are filled from the plan.

import { formatPrefix, isIpv4, type Prefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import { ANSWERED_MINUTES, DIVERTED_SECONDS, decoySets, LURED_SECONDS } from "./decoy.ts";
import { neighbourSetDefinitions, neighbourSets } from "./neighbours.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";
import { THROUGH_SECONDS, throughSets } from "./through.ts";

/** Bounds of the kernel's sets, in elements. A full set takes no more: the packet is still logged and dropped. */
export const setSizes = {
  blocked: 1_048_576,
  soft: 262_144,
  delegated: 262_144,
  held: 262_144,
  known: 262_144,
  client: 262_144,
  lately: 8_192,
  peer: 65_536,
  flows: 262_144,
  knownu: 262_144,
  ...neighbourSets,
} as const;

const HOLD_SECONDS = 5;

export const KNOWN_DAYS = 7;

export const DEFAULT_GUARD_SECONDS = 3_600;

/** Connection tracking forgets an unanswered datagram after 30 s, a connection that was reset after 10 s. */
const FLOW_MINUTES = 10;

/** A datagram's answer is waited for so long. */
export const ASKED_SECONDS = 30;

/** A pair of a datagram service is forgotten sooner: a forger can make one. */
const KNOWN_UDP_DAYS = 1;

/** Name -> definition. Those in `configured` are flushed and filled from the plan; the others keep what they hold. */
export function setDefinitions(): Readonly<Record<string, string>> {
  const both = (name: string, definition: (family: string) => string): Record<string, string> => ({
    [`${name}4`]: definition("ipv4_addr"),
    [`${name}6`]: definition("ipv6_addr"),
  });
  const interval = (family: string) => `type ${family}; flags interval; auto-merge;`;
  const timed = (size: number) => (family: string) => `type ${family}; flags timeout; size ${size};`;
  const service = "type inet_service; flags interval; auto-merge;";
  return {
    ...both("ignored", interval),
    ...both("guard", interval),
    session6: interval("ipv6_addr"),
    near6: interval("ipv6_addr"),
    near4: interval("ipv4_addr"),
    watched_tcp: service,
    watched_udp: service,
    tolerated_tcp: service,
    tolerated_udp: service,
    public_tcp: service,
    public_udp: service,
    listened_tcp: service,
    listened_udp: service,
    ...both("blocked", timed(setSizes.blocked)),
    ...both("blockednet", (family) => `type ${family}; flags interval, timeout;`),
    ...both("soft", timed(setSizes.soft)),
    ...both("delegated", timed(setSizes.delegated)),
    ...both(
      "held",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.held}; timeout ${HOLD_SECONDS}s;`,
    ),
    ...both(
      "known",
      (family) =>
        `type ${family} . inet_service; flags dynamic, timeout; size ${setSizes.known}; timeout ${KNOWN_DAYS}d;`,
    ),
    ...both(
      "client",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.client}; timeout ${KNOWN_DAYS}d;`,
    ),
    ...both(
      "knownu",
      (family) =>
        `type ${family} . inet_service; flags dynamic, timeout; size ${setSizes.knownu}; timeout ${KNOWN_UDP_DAYS}d;`,
    ),
    ...neighbourSetDefinitions(HOLD_SECONDS),
    ...both(
      "flows",
      (family) =>
        `type ${family} . inet_proto . inet_service . inet_service; flags dynamic, timeout; size ${setSizes.flows}; timeout ${FLOW_MINUTES}m;`,
    ),
    ...both(
      "peer",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.peer}; timeout ${DEFAULT_GUARD_SECONDS}s;`,
    ),
    ...both(
      "answered",
      (family) => `type ${family}; flags dynamic, timeout; size ${decoySets.answered}; timeout ${ANSWERED_MINUTES}m;`,
    ),
    ...both(
      "through",
      (family) => `type ${family}; flags dynamic, timeout; size ${throughSets.through}; timeout ${THROUGH_SECONDS}s;`,
    ),
    ...both(
      "diverted",
      (family) =>
        `type ${family} . inet_service . inet_service; flags dynamic, timeout; size ${decoySets.diverted}; timeout ${DIVERTED_SECONDS}s;`,
    ),
    ...both(
      "lured",
      (family) =>
        `type ${family} . inet_service . ${family} . inet_service; flags dynamic, timeout; size ${decoySets.lured}; timeout ${LURED_SECONDS}s;`,
    ),
    lately: `type inet_proto . inet_service; flags dynamic, timeout; size ${setSizes.lately}; timeout 1h;`,
  };
}

export function configuredElements(plan: RulesetPlan): Readonly<Record<string, readonly string[]>> {
  const addresses = (prefixes: readonly Prefix[], four: boolean) =>
    prefixes.filter((prefix) => isIpv4(prefix) === four).map(formatPrefix);
  const ports = (ranges: readonly PortRange[]) =>
    ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return {
    ignored4: addresses(plan.ignored, true),
    ignored6: addresses(plan.ignored, false),
    guard4: addresses(plan.guarded, true),
    guard6: addresses(plan.guarded, false),
    session6: addresses(plan.sessions ?? [], false),
    near6: ["fe80::/10", ...addresses(plan.near, false)],
    near4: addresses(plan.nearIpv4, true),
    watched_tcp: ports(plan.watchedTcp),
    watched_udp: ports(plan.watchedUdp),
    tolerated_tcp: ports(plan.toleratedTcp),
    tolerated_udp: ports(plan.toleratedUdp),
    public_tcp: ports(plan.publicTcp),
    public_udp: ports(plan.publicUdp),
    listened_tcp: ports(plan.listenedTcp ?? []),
    listened_udp: ports(plan.listenedUdp ?? []),
  };
}

/** The sets that blocks are in. */
export const blockSets: readonly string[] = Object.keys(setDefinitions()).filter((name) => isBlockSet(name));

export function isBlockSet(name: string): boolean {
  return /^(?:blocked|blockednet|soft)\d+$/.test(name);
}

/** The sets that the daemon alone fills, and whose elements stay until it says otherwise. */
export function configuredSets(plan: RulesetPlan): readonly string[] {
  return Object.keys(configuredElements(plan));
}
