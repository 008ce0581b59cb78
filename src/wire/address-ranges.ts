// A fixed set of address blocks, merged once and then asked per packet: a binary search over typed arrays, nothing
// allocated. The families are apart: "::/0" means all of IPv6, not the mapped IPv4 addresses that lie in it by number.
import { isIpv4, isIpv4Words, maskWord, type Prefix, prefixContains, prefixOfWords } from "./address.ts";

const WORDS = 4;

export class AddressRanges {
  /** How many blocks are left after merging, both families together. */
  readonly rangeCount: number;
  /** First and last address of each IPv4 block, ascending and disjoint. */
  readonly #first4: Uint32Array;
  readonly #last4: Uint32Array;
  /** The same for IPv6, four words a block. */
  readonly #first6: Uint32Array;
  readonly #last6: Uint32Array;
  /** The blocks that the arrays hold, in their order: IPv4, then IPv6. */
  readonly #blocks: readonly Prefix[];

  constructor(prefixes: Iterable<Prefix>) {
    const all = [...prefixes];
    const ipv4 = mergeBlocks(all.filter(isIpv4));
    const ipv6 = mergeBlocks(all.filter((prefix) => !isIpv4(prefix)));
    this.#blocks = [...ipv4, ...ipv6];
    this.rangeCount = this.#blocks.length;
    this.#first4 = Uint32Array.from(ipv4, (prefix) => prefix.w3);
    this.#last4 = Uint32Array.from(ipv4, (prefix) => lastAddress(prefix).w3);
    this.#first6 = Uint32Array.from(ipv6.flatMap(wordsOf));
    this.#last6 = Uint32Array.from(ipv6.flatMap((prefix) => wordsOf(lastAddress(prefix))));
  }

  contains(w0: number, w1: number, w2: number, w3: number): boolean {
    if (isIpv4Words(w0, w1, w2)) {
      const index = this.#find4(w3);
      return index >= 0 && w3 <= (this.#last4[index] ?? 0);
    }
    const index = this.#find6(w0, w1, w2, w3);
    if (index < 0) return false;
    const last = this.#last6;
    const at = index * WORDS;
    const beyond =
      w0 - (last[at] ?? 0) || w1 - (last[at + 1] ?? 0) || w2 - (last[at + 2] ?? 0) || w3 - (last[at + 3] ?? 0);
    return beyond <= 0;
  }

  /** True if every address of the block is in the set: it lies in one merged block then, these being minimal. */
  containsPrefix(prefix: Prefix): boolean {
    const block = this.#blocks[this.#blockIndex(prefix)];
    return block !== undefined && prefixContains(block, prefix);
  }

  /** True if any address of the block is in the set. */
  overlaps(prefix: Prefix): boolean {
    if (this.contains(prefix.w0, prefix.w1, prefix.w2, prefix.w3)) return true;
    const next = this.#blocks[this.#blockIndex(prefix) + 1];
    return next !== undefined && prefixContains(prefix, next);
  }

  /** The smallest list of blocks that holds the same addresses: ascending, IPv4 before IPv6. */
  prefixes(): Prefix[] {
    return [...this.#blocks];
  }

  /** Where in #blocks the last block of the prefix's family stands that does not begin behind it; else one less. */
  #blockIndex(prefix: Prefix): number {
    if (isIpv4(prefix)) return this.#find4(prefix.w3);
    return this.#first4.length + this.#find6(prefix.w0, prefix.w1, prefix.w2, prefix.w3);
  }

  /** Index of the last IPv4 block that does not begin behind the address, -1 if there is none. */
  #find4(word: number): number {
    const first = this.#first4;
    let low = 0;
    let high = first.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((first[middle] ?? 0) <= word) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The same for IPv6. */
  #find6(w0: number, w1: number, w2: number, w3: number): number {
    const first = this.#first6;
    let low = 0;
    let high = first.length / WORDS;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = middle * WORDS;
      const behind =
        (first[at] ?? 0) - w0 || (first[at + 1] ?? 0) - w1 || (first[at + 2] ?? 0) - w2 || (first[at + 3] ?? 0) - w3;
      if (behind <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function wordsOf(prefix: Prefix): number[] {
  return [prefix.w0, prefix.w1, prefix.w2, prefix.w3];
}

function lastAddress(prefix: Prefix): Prefix {
  const lastWord = (word: number, index: number) => (word | ~maskWord(0xffffffff, index, prefix.bits)) >>> 0;
  return {
    w0: lastWord(prefix.w0, 0),
    w1: lastWord(prefix.w1, 1),
    w2: lastWord(prefix.w2, 2),
    w3: lastWord(prefix.w3, 3),
    bits: 128,
  };
}

/** Two blocks nest or are apart, so in ascending order each can only lie in, or complete, the one before it. */
function mergeBlocks(prefixes: Prefix[]): Prefix[] {
  const merged: Prefix[] = [];
  for (const prefix of prefixes.sort(compareBlocks)) {
    const before = merged.at(-1);
    if (before !== undefined && prefixContains(before, prefix)) continue;
    merged.push(prefix);
    joinHalves(merged);
  }
  return merged;
}

/** As long as the last two blocks are the halves of one, puts that one in their place. */
function joinHalves(merged: Prefix[]): void {
  for (;;) {
    const lower = merged.at(-2);
    const upper = merged.at(-1);
    if (lower === undefined || upper === undefined || lower.bits !== upper.bits) return;
    const whole = prefixOfWords(lower.w0, lower.w1, lower.w2, lower.w3, lower.bits - 1);
    if (!prefixContains(whole, upper)) return;
    merged.splice(-2, 2, whole);
  }
}

function compareBlocks(a: Prefix, b: Prefix): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3 || a.bits - b.bits;
}
