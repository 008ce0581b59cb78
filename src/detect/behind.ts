// Probes of hosts behind this one (PROTECT): which host was asked.
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Packet } from "../wire/packet.ts";
import type { Probe } from "./probe.ts";

/** Writes into the probe of this packet which of the hosts in `networks` it has asked; another address is this host's. */
export function writeHost(packet: Packet, networks: AddressRanges | undefined, out: Probe): void {
  const { destination0, destination1, destination2, destination3 } = packet;
  if (networks?.contains(destination0, destination1, destination2, destination3) !== true) return;
  out.isBehind = 1;
  out.host0 = destination0;
  out.host1 = destination1;
  out.host2 = destination2;
  out.host3 = destination3;
}

/** For a finding, a line or an event; nothing where this host itself was asked. */
export function hostOf({ isBehind, host0, host1, host2, host3 }: Probe): { readonly host?: Prefix } {
  return isBehind === 0 ? {} : { host: prefixOfWords(host0, host1, host2, host3, 128) };
}
