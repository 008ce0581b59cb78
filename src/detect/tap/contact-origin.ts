// Decides by the addresses which side asks: a host of ours is asked, a host of ours asks, or the packet is not for us.
import { IPV4_MAPPED_WORD } from "../../wire/address.ts";
import type { AddressRanges } from "../../wire/address-ranges.ts";
import { type ContactKey, HOST3_AT, SOURCE3_AT } from "./contact-key.ts";

export const Origin = { Asked: 0, Own: 1, Outside: 2 } as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

/** 224.0.0.0/4 and what lies above it: groups (RFC 5771), the reserved rest and the broadcast address. */
const FIRST_IPV4_GROUP = 0xe0000000;
/** ff00::/8 (RFC 4291 section 2.7). */
const IPV6_GROUP_BYTE = 0xff;

/** Without `homes` every host may be asked. */
export function originOf(key: ContactKey, homes: AddressRanges | undefined): Origin {
  return key.isIpv4 ? originOfIpv4(key.words, homes) : originOfIpv6(key.words, homes);
}

function originOfIpv4(words: Int32Array, homes: AddressRanges | undefined): Origin {
  const source = (words[SOURCE3_AT] ?? 0) >>> 0;
  const host = (words[HOST3_AT] ?? 0) >>> 0;
  // Nobody asks in the name of 0.0.0.0: DHCP, address probes (RFC 5227).
  if (source === 0 || host >= FIRST_IPV4_GROUP) return Origin.Outside;
  if (homes === undefined || homes.contains(0, 0, IPV4_MAPPED_WORD, host)) return Origin.Asked;
  return homes.contains(0, 0, IPV4_MAPPED_WORD, source) ? Origin.Own : Origin.Outside;
}

function originOfIpv6(words: Int32Array, homes: AddressRanges | undefined): Origin {
  const source0 = (words[0] ?? 0) >>> 0;
  const source1 = (words[1] ?? 0) >>> 0;
  const source2 = (words[2] ?? 0) >>> 0;
  const source3 = (words[SOURCE3_AT] ?? 0) >>> 0;
  const host0 = (words[3] ?? 0) >>> 0;
  const host1 = (words[4] ?? 0) >>> 0;
  const host2 = (words[5] ?? 0) >>> 0;
  const host3 = (words[HOST3_AT] ?? 0) >>> 0;
  // The unspecified address asks for duplicates of its own (RFC 4862 section 5.4.2).
  if (source3 === 0 && source2 === 0 && source1 === 0 && source0 === 0) return Origin.Outside;
  if (host0 >>> 24 === IPV6_GROUP_BYTE) return Origin.Outside;
  if (homes === undefined || homes.contains(host0, host1, host2, host3)) return Origin.Asked;
  return homes.contains(source0, source1, source2, source3) ? Origin.Own : Origin.Outside;
}
