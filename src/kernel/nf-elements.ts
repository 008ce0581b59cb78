// Elements of nf_tables sets as netlink messages carry them: what changes them, what a dump tells. (linux/netfilter/nf_tables.h)
import * as K from "./constants.ts";
import { remedyFor } from "./errors.ts";
import type { NetlinkMessage, NetlinkWriter } from "./netlink.ts";

/** A key of a set: 4 bytes for ipv4_addr, 16 for ipv6_addr, in network order. */
export type ElementKey = Uint8Array;

export interface ElementChange {
  readonly set: string;
  readonly key: ElementKey;
  /** How long the kernel keeps it; undefined = until it is removed. Ignored for removals. */
  readonly timeoutMs?: number | undefined;
}

/** An interval of a set: from `first` up to, and without, `end`; without `end`: to the last address there is. */
export interface IntervalChange {
  readonly first: ElementKey;
  readonly end: ElementKey | undefined;
  readonly timeoutMs: number | undefined;
}

/** A set of intervals, and how it is to change. */
export interface IntervalsOfSet {
  readonly set: string;
  readonly gone: readonly IntervalChange[];
  readonly added: readonly IntervalChange[];
}

/** The answer of a look-up: absent, or present with what is left of its time (undefined: it does not expire). */
export type ElementState =
  | { readonly present: false }
  | { readonly present: true; readonly expiresInMs: number | undefined };

/** An interval that the kernel holds, by its first key, with what is left of its time (undefined: it does not end). */
export interface IntervalState {
  readonly first: ElementKey;
  readonly expiresInMs: number | undefined;
}

export interface WrittenElement {
  readonly key: ElementKey;
  readonly timeoutMs?: number | undefined;
  readonly flags?: number;
}

export function writeElement(writer: NetlinkWriter, { key, timeoutMs, flags }: WrittenElement): void {
  const element = writer.beginNested(K.NFTA_LIST_ELEM);
  const keyAt = writer.beginNested(K.NFTA_SET_ELEM_KEY);
  writer.attribute(K.NFTA_DATA_VALUE, key).endNested(keyAt);
  if (flags !== undefined) writer.u32be(K.NFTA_SET_ELEM_FLAGS, flags);
  if (timeoutMs !== undefined) writer.u64be(K.NFTA_SET_ELEM_TIMEOUT, Math.max(1, timeoutMs));
  writer.endNested(element);
}

export function groupBySet<T extends Pick<ElementChange, "set">>(changes: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const change of changes) {
    const group = groups.get(change.set);
    if (group === undefined) groups.set(change.set, [change]);
    else group.push(change);
  }
  return groups;
}

/** The key is valid during the visit only. `isEnd`: in a set of intervals, the first key behind one. */
export type ElementVisitor = (key: Buffer, expiresInMs: number | undefined, isEnd?: boolean) => void;

/** Walks one NEWSETELEM message. Straight-line code: a dump may hold a million elements. */
export function readElements(answer: NetlinkMessage, visit: ElementVisitor): void {
  const { bytes, end } = answer;
  const list = findAttribute(bytes, answer.at + K.NFGENMSG_BYTES, end, K.NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list < 0) return;
  const listEnd = list + bytes.readUInt16LE(list);
  for (let element = list + K.NLA_HEADER_BYTES; element + K.NLA_HEADER_BYTES <= listEnd; ) {
    const length = bytes.readUInt16LE(element);
    if (length < K.NLA_HEADER_BYTES || element + length > listEnd) return;
    const from = element + K.NLA_HEADER_BYTES;
    const key = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_KEY);
    const left = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_EXPIRATION);
    const flags = findAttribute(bytes, from, element + length, K.NFTA_SET_ELEM_FLAGS);
    if (key >= 0) {
      // key attribute > data value attribute > the key itself
      const valueAt = key + 2 * K.NLA_HEADER_BYTES;
      const expiresInMs = left < 0 ? undefined : bytes.readUInt32BE(left + 4) * 2 ** 32 + bytes.readUInt32BE(left + 8);
      visit(
        bytes.subarray(valueAt, key + K.NLA_HEADER_BYTES + bytes.readUInt16LE(key + K.NLA_HEADER_BYTES)),
        expiresInMs,
        flags >= 0 && (bytes.readUInt32BE(flags + K.NLA_HEADER_BYTES) & K.NFT_SET_ELEM_INTERVAL_END) !== 0,
      );
    }
    element += (length + 3) & ~3;
  }
}

/** How many keys there are, and a sum of them in whatever order they are told. */
export class KeySum {
  #count = 0;
  #sum = 0;

  /** FNV-1a. */
  add(key: Uint8Array): void {
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ (key[at] ?? 0), 0x01000193);
    this.#sum = (this.#sum + hash) >>> 0;
    this.#count = this.#count + 1;
  }

  get text(): string {
    return `${this.#count}:${this.#sum}`;
  }
}

/** Where the attribute of that type begins, or -1. */
function findAttribute(bytes: Buffer, at: number, end: number, wanted: number): number {
  let cursor = at;
  while (cursor + K.NLA_HEADER_BYTES <= end) {
    const length = bytes.readUInt16LE(cursor);
    if (length < K.NLA_HEADER_BYTES || cursor + length > end) return -1;
    if ((bytes.readUInt16LE(cursor + 2) & K.NLA_TYPE_MASK) === wanted) return cursor;
    cursor += (length + 3) & ~3;
  }
  return -1;
}

/** Why the kernel refused an element, for a person. */
export function elementRemedy(code: string): string {
  switch (code) {
    case "ENFILE":
    case "ENOSPC":
      return "the kernel's set is full";
    case "ENOENT":
      return "the table is gone: another program removed it";
    default:
      return remedyFor(code);
  }
}
