// Addresses as numbers. One shape for both families: four 32-bit words, IPv4 mapped into ::ffff:0:0/96,
// so that tables, ranges and decoders need no second code path. Text exists only at the edges.
import { createRequire } from "node:module";

// By require: importing CommonJS from a module loads a lexer that costs 10 MB resident (docs/decisions/0010).
const ipaddr: typeof import("ipaddr.js") = createRequire(import.meta.url)("ipaddr.js");

/** An address block: the first `bits` of the four words count (an IPv4 /n has 96 + n bits); the rest are 0. */
export interface Prefix {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  /** 0..128, counted over the IPv6 form: a single address of either family has 128. */
  readonly bits: number;
}

/** The third word of every IPv4-mapped address (RFC 4291 section 2.5.5.2). */
export const IPV4_MAPPED_WORD = 0x0000ffff;
/** What an IPv4 prefix length gains in the mapped form. */
export const IPV4_MAPPED_BITS = 96;

export function isIpv4Words(w0: number, w1: number, w2: number): boolean {
  return w0 === 0 && w1 === 0 && w2 === IPV4_MAPPED_WORD;
}

export function isIpv4(prefix: Prefix): boolean {
  return prefix.bits >= IPV4_MAPPED_BITS && isIpv4Words(prefix.w0, prefix.w1, prefix.w2);
}

/** In 127.0.0.0/8, or ::1. */
export function isLoopback({ w0, w1, w2, w3 }: Prefix): boolean {
  return isIpv4Words(w0, w1, w2) ? w3 >>> 24 === 127 : w0 === 0 && w1 === 0 && w2 === 0 && w3 === 1;
}

/** 0.0.0.0 or ::. */
export function isUnspecified({ w0, w1, w2, w3 }: Prefix): boolean {
  return (isIpv4Words(w0, w1, w2) || (w0 === 0 && w1 === 0 && w2 === 0)) && w3 === 0;
}

/** Keeps the first `bits` bits of word number `index` (0..3) of an address. */
export function maskWord(word: number, index: number, bits: number): number {
  const kept = bits - index * 32;
  if (kept >= 32) return word >>> 0;
  if (kept <= 0) return 0;
  return (word & (0xffffffff << (32 - kept))) >>> 0;
}

/** A block with its host bits cleared. */
export function prefixOfWords(w0: number, w1: number, w2: number, w3: number, bits: number): Prefix {
  return {
    w0: maskWord(w0, 0, bits),
    w1: maskWord(w1, 1, bits),
    w2: maskWord(w2, 2, bits),
    w3: maskWord(w3, 3, bits),
    bits,
  };
}

/**
 * Parses "192.0.2.1", "192.0.2.0/24", "2001:db8::1" or "2001:db8::/32"; host bits are cleared.
 * Zone ids, IPv4 in fewer than four decimal parts and leading zeros are refused: they mean different
 * things to different readers. Returns undefined for anything else.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const words = parseWords(addressText);
  if (words === undefined) return undefined;
  const base = addressText.includes(":") ? 0 : IPV4_MAPPED_BITS;
  let bits = 128;
  if (slash >= 0) {
    const lengthText = text.slice(slash + 1);
    if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
    bits = base + Number(lengthText);
    if (bits > 128) return undefined;
  }
  return prefixOfWords(words[0], words[1], words[2], words[3], bits);
}

/** Parses one address, without a prefix length. */
export function parseAddress(text: string): Prefix | undefined {
  return text.includes("/") ? undefined : parsePrefix(text);
}

function parseWords(text: string): readonly [number, number, number, number] | undefined {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  if (!text.includes(":")) {
    const word = parseIpv4Word(text);
    return word === undefined ? undefined : [0, 0, IPV4_MAPPED_WORD, word];
  }
  const hexText = text.includes(".") ? withHexTail(text) : text;
  if (hexText === undefined || !ipaddr.IPv6.isValid(hexText)) return undefined;
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0, p6 = 0, p7 = 0] = ipaddr.IPv6.parse(hexText).parts;
  return [((p0 << 16) | p1) >>> 0, ((p2 << 16) | p3) >>> 0, ((p4 << 16) | p5) >>> 0, ((p6 << 16) | p7) >>> 0];
}

/** Four decimal parts without leading zeros. By itself, and not by ipaddr.js: a start reads 100,000 of them from the store. */
function parseIpv4Word(text: string): number | undefined {
  let word = 0;
  let part = -1;
  let parts = 0;
  for (let at = 0; at <= text.length; at++) {
    const digit = at < text.length ? text.charCodeAt(at) - ZERO : END_OF_PART;
    if (digit >= 0 && digit <= 9) {
      if (part === 0) return undefined;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return undefined;
    } else if (digit === END_OF_PART && part >= 0 && parts < 4) {
      word = (word << 8) | part;
      part = -1;
      parts++;
    } else return undefined;
  }
  return parts === 4 ? word >>> 0 : undefined;
}

const ZERO = 0x30;
/** A point, as far from "0", and what stands for the end of the text. */
const END_OF_PART = 0x2e - ZERO;

/**
 * "64:ff9b::192.0.2.1" as "64:ff9b::c000:201". ipaddr.js would read "::1.2.3.4" as ::ffff:1.2.3.4, where inet_pton
 * and the kernel read ::102:304, and would let leading zeros pass in the dotted part.
 */
function withHexTail(text: string): string | undefined {
  const tailAt = text.lastIndexOf(":") + 1;
  const word = parseIpv4Word(text.slice(tailAt));
  if (word === undefined) return undefined;
  return `${text.slice(0, tailAt)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
}

/** Canonical text of an address (RFC 5952; IPv4 in dotted form). */
export function formatWords(w0: number, w1: number, w2: number, w3: number): string {
  if (isIpv4Words(w0, w1, w2)) return `${w3 >>> 24}.${(w3 >>> 16) & 255}.${(w3 >>> 8) & 255}.${w3 & 255}`;
  const parts = [w0 >>> 16, w0 & 0xffff, w1 >>> 16, w1 & 0xffff, w2 >>> 16, w2 & 0xffff, w3 >>> 16, w3 & 0xffff];
  return new ipaddr.IPv6(parts).toRFC5952String();
}

/** Canonical text of a block; a single address has no "/n". */
export function formatPrefix(prefix: Prefix): string {
  const address = formatWords(prefix.w0, prefix.w1, prefix.w2, prefix.w3);
  if (prefix.bits === 128) return address;
  return `${address}/${isIpv4(prefix) ? prefix.bits - IPV4_MAPPED_BITS : prefix.bits}`;
}

/**
 * True if every address of `inner` is in `outer`. The families are apart: "::/0" means all of IPv6 and holds no IPv4
 * address, though the mapped ones lie in it by number.
 */
export function prefixContains(outer: Prefix, inner: Prefix): boolean {
  return (
    inner.bits >= outer.bits &&
    isIpv4(inner) === isIpv4(outer) &&
    maskWord(inner.w0, 0, outer.bits) === outer.w0 &&
    maskWord(inner.w1, 1, outer.bits) === outer.w1 &&
    maskWord(inner.w2, 2, outer.bits) === outer.w2 &&
    maskWord(inner.w3, 3, outer.bits) === outer.w3
  );
}
