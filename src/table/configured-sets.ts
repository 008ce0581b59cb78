// What those sets hold that are filled from the plan.
import { formatPrefix, isIpv4, type Prefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";

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
    own4: addresses(plan.own ?? [], true),
    own6: addresses(plan.own ?? [], false),
    inside4: addresses(plan.inside ?? [], true),
    inside6: addresses(plan.inside ?? [], false),
    bridged: plan.bridged ?? [],
    protected4: addresses(plan.protected ?? [], true),
    protected6: addresses(plan.protected ?? [], false),
    settled4: addresses(plan.settled ?? [], true),
    settled6: addresses(plan.settled ?? [], false),
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

/** The sets that the daemon alone fills, and whose elements stay until it says otherwise. */
export function configuredSets(plan: RulesetPlan): readonly string[] {
  return Object.keys(configuredElements(plan));
}
