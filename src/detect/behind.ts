// Probes of hosts behind this one (PROTECT): which host was asked.
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Packet } from "../wire/packet.ts";
import type { Probe } from "./probe.ts";

/** Writes into the probe of this packet whether its target is one of the hosts in `networks`; another address is this host's. */
export function writeHost(packet: Packet, networks: AddressRanges | undefined, out: Probe): void {
  const { destination0, destination1, destination2, destination3 } = packet;
  if (networks?.contains(destination0, destination1, destination2, destination3) === true) out.isBehind = 1;
}

/** For a finding, a line or an event; nothing where this host itself was asked. */
export function hostOf({ isBehind, target0, target1, target2, target3 }: Probe): { readonly host?: Prefix } {
  return isBehind === 0 ? {} : { host: prefixOfWords(target0, target1, target2, target3, 128) };
}
