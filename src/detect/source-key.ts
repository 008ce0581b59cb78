// Decides which source a packet is evidence against. A source is one address, or the /64 of an IPv6 address, because a host with
// one address of a /64 has them all; only on links of ours (`near`), where each host has one of them, do IPv6 sources count one by one.
import { isIpv4, isIpv4Words, type Prefix, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";

/** The sender's fields of a packet, a listener's arrival and a contact. */
export interface Sender {
  readonly source0: number;
  readonly source1: number;
  readonly source2: number;
  readonly source3: number;
}

const NETWORK_BITS = 64;

export function countsByAddress(sender: Sender, near: AddressRanges | undefined): boolean {
  const { source0, source1, source2, source3 } = sender;
  return isIpv4Words(source0, source1, source2) || near?.contains(source0, source1, source2, source3) === true;
}

/** The key's fields in a reused record. */
export interface WrittenKey {
  source0: number;
  source1: number;
  source2: number;
  source3: number;
  sourceBits: number;
}

export function writeSourceKey(sender: Sender, byAddress: boolean, out: WrittenKey): void {
  out.source0 = sender.source0;
  out.source1 = sender.source1;
  out.source2 = byAddress ? sender.source2 : 0;
  out.source3 = byAddress ? sender.source3 : 0;
  out.sourceBits = byAddress ? 128 : NETWORK_BITS;
}

/** The key of an address; a block is a key already. */
export function sourceKeyOf(source: Prefix, near: AddressRanges): Prefix {
  const { w0, w1, w2, w3, bits } = source;
  return bits !== 128 || isIpv4(source) || near.contains(w0, w1, w2, w3) ? source : networkOf(source);
}

/** The keys that an address may be counted by, where it is not known which links were ours. */
export function possibleKeys(address: Prefix): Prefix[] {
  return isIpv4(address) ? [address] : [address, networkOf(address)];
}

/** Whether a block is the key of one source. */
export function isSourceKey(source: Prefix): boolean {
  return source.bits === 128 || (!isIpv4(source) && source.bits === NETWORK_BITS);
}

/** The full address of the packet that decided, for a finding whose key is a network. */
export function besideKey(key: Prefix, sender: Sender): { readonly address?: Prefix } {
  const { source0, source1, source2, source3 } = sender;
  return key.bits === 128 ? {} : { address: prefixOfWords(source0, source1, source2, source3, 128) };
}

function networkOf({ w0, w1, w2, w3 }: Prefix): Prefix {
  return prefixOfWords(w0, w1, w2, w3, NETWORK_BITS);
}
