// Which kernel set holds a blocked source, and under which key. The one place that knows both directions.
import type { Block } from "../judge/block.ts";
import { IPV4_MAPPED_WORD, isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";
import type { Arrival } from "../wire/arrival.ts";

/** Sets whose elements are single keys (fast path) and sets of intervals (wide prefixes, few, blocked by hand). */
export const plainSets = ["blocked4", "blocked6", "soft4", "soft6", "soft24", "soft56", "soft48", "soft40"] as const;
export type PlainSet = (typeof plainSets)[number];
export type IntervalSet = "blockednet4" | "blockednet6";

export type Place =
  | { readonly kind: "plain"; readonly set: PlainSet; readonly key: Uint8Array }
  | { readonly kind: "interval"; readonly set: IntervalSet };

/** An element of a set. */
export interface SetKey {
  readonly set: string;
  readonly key: Uint8Array;
}

/**
 * A single address, or the /64 of an IPv6 source, is one key. `near` tells that a /64 lies on a link of ours, where
 * the rules count by address: such a /64 is an interval, like every other width.
 */
export function placeOf(source: Prefix, soft: boolean, near: boolean): Place {
  const wide = soft ? softSetOf(source) : undefined;
  if (wide !== undefined) return { kind: "plain", set: wide, key: keyBytes(source) };
  if (isIpv4(source)) {
    if (source.bits === 128) return { kind: "plain", set: soft ? "soft4" : "blocked4", key: keyBytes(source) };
    return { kind: "interval", set: "blockednet4" };
  }
  // Beyond our links the rules read a key without a host part as the whole /64 (sourceOfKey says the same).
  const isAddress = source.bits === 128 && (near || source.w2 !== 0 || source.w3 !== 0);
  if (isAddress || (source.bits === 64 && !near)) {
    return { kind: "plain", set: soft ? "soft6" : "blocked6", key: keyBytes(source) };
  }
  return { kind: "interval", set: "blockednet6" };
}

const neighbourSets6: ReadonlyMap<number, PlainSet> = new Map([
  [56, "soft56"],
  [48, "soft48"],
  [40, "soft40"],
]);

/** Neighbours are blocked softly together by the widths of table/neighbours.ts. */
function softSetOf(source: Prefix): PlainSet | undefined {
  if (isIpv4(source)) return source.bits === 120 ? "soft24" : undefined;
  return neighbourSets6.get(source.bits);
}

/** Whether a soft block of it shuts out neighbours together. */
export function isNeighbourNetwork(source: Prefix): boolean {
  return softSetOf(source) !== undefined;
}

/** How wide the elements of a set are; of the others the key tells. */
const bitsOfSet: Readonly<Record<string, number>> = { soft24: 120, soft56: 56, soft48: 48, soft40: 40 };

/** The source that an element of a plain set stands for. */
export function sourceOfElement(set: string, key: Uint8Array): Prefix | undefined {
  const source = sourceOfKey(key);
  const bits = bitsOfSet[set];
  return source === undefined || bits === undefined ? source : { ...source, bits };
}

/** The key in network order: 4 bytes for IPv4, 16 for IPv6. */
export function keyBytes(source: Prefix): Uint8Array {
  const { w0, w1, w2, w3 } = source;
  // Written by the byte: of a million sources a DataView each costs as much as all the rest.
  if (isIpv4(source)) return writeWord(new Uint8Array(4), 0, w3);
  const key = writeWord(writeWord(new Uint8Array(16), 0, w0), 4, w1);
  return writeWord(writeWord(key, 8, w2), 12, w3);
}

function writeWord(key: Uint8Array, at: number, word: number): Uint8Array {
  key[at] = word >>> 24;
  key[at + 1] = (word >>> 16) & 255;
  key[at + 2] = (word >>> 8) & 255;
  key[at + 3] = word & 255;
  return key;
}

/** The source that a key of a plain set stands for: an IPv6 key without a host part is a /64. */
export function sourceOfKey(key: Uint8Array): Prefix | undefined {
  const word = (at: number) =>
    (((key[at] ?? 0) << 24) | ((key[at + 1] ?? 0) << 16) | ((key[at + 2] ?? 0) << 8) | (key[at + 3] ?? 0)) >>> 0;
  if (key.length === 4) return prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128);
  if (key.length !== 16) return undefined;
  const bits = word(8) === 0 && word(12) === 0 ? 64 : 128;
  return prefixOfWords(word(0), word(4), word(8), word(12), bits);
}

/** Set and key of a SYN that came to a closed port of an address of ours, as `lured4` and `lured6` have it. */
export function luredKey(arrival: Arrival): SetKey {
  const { source0, source1, source2, source3, sourcePort, local0, local1, local2, local3, port } = arrival;
  const source = prefixOfWords(source0, source1, source2, source3, 128);
  const local = prefixOfWords(local0, local1, local2, local3, 128);
  const part = (of: number) => [of >>> 8, of & 255, 0, 0];
  const key = [...keyBytes(source), ...part(sourcePort), ...keyBytes(local), ...part(port)];
  return { set: isIpv4(source) ? "lured4" : "lured6", key: Uint8Array.from(key) };
}

/** Key of the `lately` and `everywhere` sets: inet_proto . inet_service, each part padded to four bytes. */
export function latelyKey(protocol: number, port: number): Uint8Array {
  return Uint8Array.of(protocol, 0, 0, 0, port >>> 8, port & 255, 0, 0);
}

/** A served port: at one address of ours (0.0.0.0 or :: stands for some address of its family), or, without it, at each. */
export interface ServedAt {
  readonly protocol: number;
  readonly port: number;
  readonly address?: Prefix | undefined;
}

/** Set and key of a served port in `everywhere`, `lately4` and `lately6`. */
export function servedKey({ protocol, port, address }: ServedAt): SetKey & { readonly set: ServedSet } {
  const key = latelyKey(protocol, port);
  if (address === undefined) return { set: "everywhere", key };
  return { set: isIpv4(address) ? "lately4" : "lately6", key: Uint8Array.of(...keyBytes(address), ...key) };
}

export type ServedSet = "everywhere" | "lately4" | "lately6";

/** What an element of those sets stands for; undefined for an element of another set. */
export function servedOfKey(set: string, key: Uint8Array): ServedAt | undefined {
  const address = { everywhere: 0, lately4: 4, lately6: 16 }[set];
  if (address === undefined || key.length !== address + 8) return undefined;
  const source = sourceOfKey(key.subarray(0, address));
  const of = { protocol: key[address] ?? 0, port: ((key[address + 4] ?? 0) << 8) | (key[address + 5] ?? 0) };
  return source === undefined ? of : { ...of, address: { ...source, bits: 128 } };
}

/** What tells two elements apart. */
export function nameOfKey({ set, key }: SetKey): string {
  return `${set} ${Buffer.from(key).toString("hex")}`;
}

/** The unspecified address of the family. */
export function unspecifiedOf(address: Prefix): Prefix {
  return prefixOfWords(0, 0, isIpv4(address) ? IPV4_MAPPED_WORD : 0, 0, 128);
}

/** How long the element of a block lasts; undefined: for ever. */
export function timeoutOf(block: Pick<Block, "untilMs">, nowMs: number): number | undefined {
  return block.untilMs === undefined ? undefined : Math.max(1, Math.round(block.untilMs - nowMs));
}
