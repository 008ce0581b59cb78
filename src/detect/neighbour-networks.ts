// Which networks a source lies in, by what key a table knows each of them, and which bits of its sketches are a probe's.
import { IPV4_MAPPED_BITS, IPV4_MAPPED_WORD, isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";
import type { Probe } from "./probe.ts";

/** Which network a row is: the bits of its IPv6 prefix, or 24. */
export const NetworkKind = { Ipv4: 24, Provider: 32, Organisation: 40, Site: 48, Block: 56, Link: 64 } as const;
export type NetworkKind = (typeof NetworkKind)[keyof typeof NetworkKind];

export interface NetworkKey {
  readonly kind: NetworkKind;
  readonly key0: number;
  readonly key1: number;
}

/** Sketches of sources have 256 bits, those of ports 64, that of the /56s of a /48 32. */
export const SOURCE_WORDS = 8;
export const PORT_WORDS = 2;
export const SOURCE_BIT_MASK = SOURCE_WORDS * 32 - 1;
export const PORT_BIT_MASK = PORT_WORDS * 32 - 1;
export const BLOCK_BIT_MASK = 31;
/** Where a word has the bits of one probe; below them it has the kind, above them a flag. */
export const KIND_MASK = 0xff;
export const SOURCE_AT = 8;
export const PORT_AT = 16;
export const BLOCK_AT = 22;

/** The networks that an address, or a /64, lies in, or the network itself; the narrowest first. */
export function networksOf(source: Prefix, isNear: boolean): Prefix[] {
  const { w0, w1, w2, w3, bits } = source;
  if (isIpv4(source)) return bits < IPV4_MAPPED_BITS + 24 ? [] : [prefixOfWords(w0, w1, w2, w3, IPV4_MAPPED_BITS + 24)];
  const { Link, Block, Site, Organisation, Provider } = NetworkKind;
  const widths = isNear ? [Link] : [Block, Site, Organisation, Provider];
  return widths.filter((width) => bits >= width).map((width) => prefixOfWords(w0, w1, w2, w3, width));
}

/** Undefined: no table has networks of this width. */
export function keyOfNetwork(network: Prefix, isNear: boolean): NetworkKey | undefined {
  const { w0, w1, w3, bits } = network;
  if (isIpv4(network))
    return bits === IPV4_MAPPED_BITS + 24 ? { kind: NetworkKind.Ipv4, key0: 0, key1: w3 >>> 8 } : undefined;
  switch (bits) {
    case NetworkKind.Link:
      return isNear ? { kind: bits, key0: w0, key1: w1 } : undefined;
    case NetworkKind.Block:
    case NetworkKind.Site:
    case NetworkKind.Organisation:
      return { kind: bits, key0: w0, key1: w1 >>> (64 - bits) };
    case NetworkKind.Provider:
      return { kind: bits, key0: w0, key1: 0 };
    default:
      return undefined;
  }
}

export function networkOfKey({ kind, key0, key1 }: NetworkKey): Prefix {
  if (kind === NetworkKind.Ipv4) return prefixOfWords(0, 0, IPV4_MAPPED_WORD, (key1 << 8) >>> 0, IPV4_MAPPED_BITS + 24);
  return prefixOfWords(key0, (key1 << (64 - kind)) >>> 0, 0, 0, kind);
}

/** Which bits of the sketches are a probe's, in the places of one word. */
export function bitsOf(kind: NetworkKind, { source1, source3, protocol, port }: Probe, hash: number): number {
  const member = kind === NetworkKind.Ipv4 ? source3 : kind === NetworkKind.Block ? source1 : hash >>> 8;
  // Ports need no key: an attacker who makes his own fall together makes his scan look smaller. The /56s of a /48 need none either.
  const place = Math.imul((protocol << 16) | port, 0x9e3779b1) >>> 26;
  const block = kind === NetworkKind.Site ? Math.imul(source1 >>> 8, 0x9e3779b1) >>> 27 : 0;
  return ((member & SOURCE_BIT_MASK) << SOURCE_AT) | (place << PORT_AT) | (block << BLOCK_AT);
}
