// Which networks lie on links of this host.
import { parsePrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { HostFacts } from "./host.ts";

const everywhere = ["fe80::/10", "::1"].map(parsePrefix).filter((prefix) => prefix !== undefined);

/** Of IPv6, where each host has one address and not a /64. */
export function nearRanges(host: HostFacts): AddressRanges {
  return new AddressRanges([...host.near, ...everywhere]);
}

/** Networks on links of ours, of both families. */
export function nearLinks(host: HostFacts): AddressRanges {
  return new AddressRanges([...nearRanges(host).prefixes(), ...(host.nearIpv4 ?? [])]);
}
