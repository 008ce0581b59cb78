// Runs of addresses as numbers, and the union of networks that touch, overlap or lie in one another. Pure. One family at a
// time: IPv4 addresses count from 0 to 2^32 - 1, IPv6 ones to 2^128 - 1. Few and seldom, so BigInt serves.
import { IPV4_MAPPED_BITS, IPV4_MAPPED_WORD, isIpv4, type Prefix } from "../wire/address.ts";

export const families = ["ipv4", "ipv6"] as const;
export type Family = (typeof families)[number];

/** Bits of an address. */
export const familyBits = { ipv4: 32, ipv6: 128 } as const satisfies Record<Family, number>;

/** The addresses from `first` to `last`, both included, and until when (ms, as Block has it); undefined: for ever. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
  readonly untilMs: number | undefined;
}

export function familyOf(prefix: Prefix): Family {
  return isIpv4(prefix) ? "ipv4" : "ipv6";
}

export function spanOf(prefix: Prefix, untilMs: number | undefined): Span {
  const family = familyOf(prefix);
  const { w0, w1, w2, w3, bits } = prefix;
  const words = family === "ipv4" ? [w3] : [w0, w1, w2, w3];
  const first = words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const hostBits = BigInt(128 - bits);
  return { first, last: first + (1n << hostBits) - 1n, untilMs };
}

/** Whether a time ends before another; undefined is for ever. */
export function endsBefore(oneMs: number | undefined, otherMs: number | undefined): boolean {
  return (oneMs ?? Number.POSITIVE_INFINITY) < (otherMs ?? Number.POSITIVE_INFINITY);
}

/**
 * The union of spans of which any two nest or are apart, as those of networks do: ascending, disjoint, each part until the
 * latest end of all that cover it, and parts that touch and end together made one. At most twice as many as were given.
 */
export function uniteSpans(spans: Iterable<Span>): Span[] {
  const sorted = [...spans].sort(compareSpans);
  const united: Span[] = [];
  /** Those that hold the place we are at, the innermost last; each ends no sooner than the ones around it. */
  const open: Span[] = [];
  let at = 0n;
  const closeBefore = (place: bigint | undefined) => {
    for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
      if (place !== undefined && inner.last >= place) return;
      appendSpan(united, { ...inner, first: at });
      at = inner.last + 1n;
      open.pop();
    }
  };
  for (const span of sorted) {
    closeBefore(span.first);
    const around = open.at(-1);
    if (around !== undefined) appendSpan(united, { ...around, first: at, last: span.first - 1n });
    at = span.first;
    const isLonger = around === undefined || endsBefore(around.untilMs, span.untilMs);
    open.push({ first: span.first, last: span.last, untilMs: isLonger ? span.untilMs : around.untilMs });
  }
  closeBefore(undefined);
  return united;
}

/** Puts a span behind others, or makes it one with the last of them, where they touch and end together. */
export function appendSpan(united: Span[], span: Span): void {
  if (span.first > span.last) return;
  const before = united.at(-1);
  if (before !== undefined && before.last + 1n === span.first && before.untilMs === span.untilMs) {
    united[united.length - 1] = { ...before, last: span.last };
  } else united.push(span);
}

/** The part of a span between two addresses, both included, of which it has at least one. */
export function clipSpan({ first, last, untilMs }: Span, from: bigint, to: bigint): Span {
  const isBefore = first < from;
  const isBeyond = last > to;
  return { first: isBefore ? from : first, last: isBeyond ? to : last, untilMs };
}

/**
 * Those of `spans` that are not, with the same addresses and the same end, among `others`; both ascending and disjoint.
 * `isSameEnd`: ends that differ may count as the same.
 */
export function spansNotAmong(spans: readonly Span[], others: readonly Span[], isSameEnd = areEqual): Span[] {
  let at = 0;
  return spans.filter(({ first, last, untilMs }) => {
    while (at < others.length && (others[at]?.first ?? 0n) < first) at++;
    const other = others[at];
    return other === undefined || other.first !== first || other.last !== last || !isSameEnd(other.untilMs, untilMs);
  });
}

function areEqual(oneMs: number | undefined, otherMs: number | undefined): boolean {
  return oneMs === otherMs;
}

/** What of `spans` lies outside `others`; both ascending and disjoint. */
export function subtractSpans(spans: readonly Span[], others: readonly Span[]): Span[] {
  const left: Span[] = [];
  let from = 0;
  for (const span of spans) {
    let at = span.first;
    while (from < others.length && (others[from]?.last ?? 0n) < span.first) from++;
    for (let index = from; index < others.length && at <= span.last; index++) {
      const other = others[index];
      if (other === undefined || other.first > span.last) break;
      if (other.first > at) left.push({ ...span, first: at, last: other.first - 1n });
      if (other.last + 1n > at) at = other.last + 1n;
    }
    if (at <= span.last) left.push({ ...span, first: at });
  }
  return left;
}

/** Each part that a span of one list and a span of the other have in common, as the two of them; both ascending and disjoint. */
export function pairOverlaps(spans: readonly Span[], others: readonly Span[]): (readonly [Span, Span])[] {
  const pairs: (readonly [Span, Span])[] = [];
  let from = 0;
  for (const span of spans) {
    while (from < others.length && (others[from]?.last ?? 0n) < span.first) from++;
    for (let index = from; index < others.length; index++) {
      const other = others[index];
      if (other === undefined || other.first > span.last) break;
      pairs.push([span, other]);
    }
  }
  return pairs;
}

/** Whether every address of `span` is in `spans`, which are ascending and disjoint. */
export function coversSpan(spans: readonly Span[], span: Span): boolean {
  let at = span.first;
  for (let index = indexOfEndFrom(spans, at); at <= span.last; index++) {
    const next = spans[index];
    if (next === undefined || next.first > at) return false;
    at = next.last + 1n;
  }
  return true;
}

/** Whether any address of `span` is in `spans`, which are ascending and disjoint. */
export function overlapsSpan(spans: readonly Span[], span: Span): boolean {
  const next = spans[indexOfEndFrom(spans, span.first)];
  return next !== undefined && next.first <= span.last;
}

/** Which is the first that ends at an address or behind it. */
export function indexOfEndFrom(spans: readonly Span[], address: bigint): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.last ?? 0n) < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The fewest networks that hold the addresses of a span and no others, ascending. */
export function prefixesOf({ first, last }: Pick<Span, "first" | "last">, family: Family): Prefix[] {
  const width = familyBits[family];
  const prefixes: Prefix[] = [];
  for (let at = first; at <= last; ) {
    let hostBits = 0;
    while (hostBits < width && (at & ((1n << BigInt(hostBits + 1)) - 1n)) === 0n) {
      if (at + (1n << BigInt(hostBits + 1)) - 1n > last) break;
      hostBits++;
    }
    prefixes.push(prefixOf(at, width - hostBits, family));
    at += 1n << BigInt(hostBits);
  }
  return prefixes;
}

function prefixOf(address: bigint, bits: number, family: Family): Prefix {
  const word = (shift: number) => Number((address >> BigInt(shift)) & 0xffffffffn);
  if (family === "ipv4") return { w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: word(0), bits: bits + IPV4_MAPPED_BITS };
  return { w0: word(96), w1: word(64), w2: word(32), w3: word(0), bits };
}

/** The order of their first addresses; of those that begin together the wider first. */
export function compareSpans(one: Span, other: Span): number {
  return compare(one.first, other.first) || compare(other.last, one.last);
}

/** An address in network order, as a set's key: 4 bytes or 16. */
export function keyOfAddress(address: bigint, family: Family): Uint8Array {
  const key = new Uint8Array(familyBits[family] / 8);
  for (let index = key.length - 1, rest = address; index >= 0; index--, rest >>= 8n) key[index] = Number(rest & 255n);
  return key;
}

/** Straight-line code: a set may have 16,000 keys. */
export function addressOfKey(key: Uint8Array): bigint {
  const words = new DataView(key.buffer, key.byteOffset, key.length);
  return key.length === 4 ? BigInt(words.getUint32(0)) : (words.getBigUint64(0) << 64n) | words.getBigUint64(8);
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
