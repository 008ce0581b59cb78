// Which prefixes lie around an address and which lie in a network: a crit-bit tree over the rows of a PrefixRows, 9 bytes a
// row. A prefix of n bits is read as a text in which each bit is announced ("one more", the bit, ..., "no more"), so that no
// text begins another: every prefix is a leaf, and those around it hang off its own way down. In the order of the
// leaves, addresses ascend and the wider of two that begin together comes first. At most 256 steps deep, whatever the addresses.
//
//   position 2i: does the prefix go on after i bits?    position 2i + 1: what is bit i?
import { maskWord, type Prefix, prefixContains } from "../wire/address.ts";
import { grown, rowsFor } from "./columns.ts";
import type { PrefixRows } from "./prefix-rows.ts";

const SAME = -1;
/** As a leaf, of no row. */
const NO_LEAF = 0xffffffff;

export class PrefixTree {
  readonly #keys: Pick<PrefixRows, "word" | "bits" | "prefix">;
  /** A child is a node (its number doubled) or a leaf (its row doubled, and one more). */
  #zeros = new Uint32Array(0);
  #ones = new Uint32Array(0);
  #positions = new Uint8Array(0);
  #root = 0;
  #size = 0;
  /** Nodes below this have been given out at least once; those that are not used now are chained by #zeros (number + 1). */
  #opened = 0;
  #freed = 0;

  /** Rows of `keys` are added when they have got their prefix, and removed before they lose it. */
  constructor(keys: Pick<PrefixRows, "word" | "bits" | "prefix">) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#size;
  }

  /** The row must not be in the tree, nor another with the same prefix. */
  add(row: number): void {
    const leaf = row * 2 + 1;
    if (this.#size++ === 0) {
      this.#root = leaf;
      return;
    }
    const position = this.#firstDifference(row, this.#nearest(row));
    const node = this.#takeNode();
    let parent = -1;
    let child = this.#root;
    while (!isLeaf(child) && (this.#positions[child >>> 1] ?? 0) < position) {
      parent = child >>> 1;
      child = this.#step(parent, row);
    }
    const isOne = this.#isOne(row, position);
    this.#positions[node] = position;
    this.#zeros[node] = isOne ? child : leaf;
    this.#ones[node] = isOne ? leaf : child;
    this.#replace(parent, child, node * 2);
  }

  /** The row must be in the tree. */
  remove(row: number): void {
    const leaf = row * 2 + 1;
    let above = -1;
    let parent = -1;
    let child = this.#size === 0 ? NO_LEAF : this.#root;
    while (!isLeaf(child)) {
      above = parent;
      parent = child >>> 1;
      child = this.#step(parent, row);
    }
    if (child !== leaf) throw new Error(`row ${row} is not in the tree`);
    this.#size--;
    if (parent < 0) return;
    const zero = this.#zeros[parent] ?? 0;
    this.#replace(above, parent * 2, zero === leaf ? (this.#ones[parent] ?? 0) : zero);
    this.#zeros[parent] = this.#freed;
    this.#freed = parent + 1;
  }

  /** The rows whose prefixes hold all of this one, its own included; the widest first. */
  containing(inner: Prefix): number[] {
    const found: number[] = [];
    if (this.#size === 0) return found;
    let child = this.#root;
    while (!isLeaf(child)) {
      const node = child >>> 1;
      const position = this.#positions[node] ?? 0;
      const bits = position >>> 1;
      if (inner.bits < bits) return found;
      if ((position & 1) === 1) {
        if (inner.bits === bits) return found;
        child = (bitOf(inner, bits) ? this.#ones[node] : this.#zeros[node]) ?? 0;
        continue;
      }
      // The one prefix of so many bits; all others below begin with the same.
      const row = (this.#zeros[node] ?? 0) >>> 1;
      if (!this.#begins(row, inner)) return found;
      if (prefixContains(this.#keys.prefix(row), inner)) found.push(row);
      if (inner.bits === bits) return found;
      child = this.#ones[node] ?? 0;
    }
    if (prefixContains(this.#keys.prefix(child >>> 1), inner)) found.push(child >>> 1);
    return found;
  }

  /** The rows whose prefixes lie in this one, its own included, in the order of their addresses. */
  inside(outer: Prefix): number[] {
    if (this.#size === 0) return [];
    let child = this.#root;
    while (!isLeaf(child)) {
      const node = child >>> 1;
      const position = this.#positions[node] ?? 0;
      if (position >>> 1 >= outer.bits) break;
      const isOne = (position & 1) === 0 || bitOf(outer, position >>> 1);
      child = (isOne ? this.#ones[node] : this.#zeros[node]) ?? 0;
    }
    // All below have so many bits in common: either all of them lie in it or none, but for the other family.
    const rows = this.#leaves(child);
    const [first] = rows;
    if (first === undefined || !this.#lies(first, outer)) return [];
    return rows.filter((row) => prefixContains(outer, this.#keys.prefix(row)));
  }

  /** All rows in the order of their addresses: IPv4 among IPv6, where its mapped addresses are. */
  rows(): number[] {
    return this.#size === 0 ? [] : this.#leaves(this.#root);
  }

  #leaves(from: number): number[] {
    const rows: number[] = [];
    const open = [from];
    for (let child = open.pop(); child !== undefined; child = open.pop()) {
      if (isLeaf(child)) rows.push(child >>> 1);
      else open.push(this.#ones[child >>> 1] ?? 0, this.#zeros[child >>> 1] ?? 0);
    }
    return rows;
  }

  /** A row whose prefix differs from that of this one as late as any does. */
  #nearest(row: number): number {
    let child = this.#root;
    while (!isLeaf(child)) child = this.#step(child >>> 1, row);
    return child >>> 1;
  }

  #step(node: number, row: number): number {
    return (this.#isOne(row, this.#positions[node] ?? 0) ? this.#ones[node] : this.#zeros[node]) ?? 0;
  }

  /** Behind the end of a prefix stands 0. */
  #isOne(row: number, position: number): boolean {
    const bit = position >>> 1;
    if (this.#keys.bits(row) <= bit) return false;
    return (position & 1) === 0 || ((this.#keys.word(row, bit >>> 5) >>> (31 - (bit & 31))) & 1) === 1;
  }

  #firstDifference(one: number, other: number): number {
    const keys = this.#keys;
    const shorter = Math.min(keys.bits(one), keys.bits(other));
    for (let word = 0; word * 32 < shorter; word++) {
      const differing = (keys.word(one, word) ^ keys.word(other, word)) >>> 0;
      if (differing === 0) continue;
      const bit = word * 32 + Math.clz32(differing);
      return bit < shorter ? bit * 2 + 1 : shorter * 2;
    }
    return keys.bits(one) === keys.bits(other) ? SAME : shorter * 2;
  }

  /** Whether the bits of a row's prefix are the first ones of another: of either family. */
  #begins(row: number, inner: Prefix): boolean {
    return sameBits(this.#keys.prefix(row), inner, this.#keys.bits(row));
  }

  #lies(row: number, outer: Prefix): boolean {
    return this.#keys.bits(row) >= outer.bits && sameBits(outer, this.#keys.prefix(row), outer.bits);
  }

  /** `parent`: -1 for the root. */
  #replace(parent: number, child: number, by: number): void {
    if (parent < 0) this.#root = by;
    else if (this.#zeros[parent] === child) this.#zeros[parent] = by;
    else this.#ones[parent] = by;
  }

  #takeNode(): number {
    if (this.#freed > 0) {
      const node = this.#freed - 1;
      this.#freed = this.#zeros[node] ?? 0;
      return node;
    }
    const node = this.#opened++;
    if (node < this.#positions.length) return node;
    const nodes = rowsFor(node);
    this.#zeros = grown(this.#zeros, nodes, Uint32Array);
    this.#ones = grown(this.#ones, nodes, Uint32Array);
    this.#positions = grown(this.#positions, nodes, Uint8Array);
    return node;
  }
}

function isLeaf(child: number): boolean {
  return (child & 1) === 1;
}

function bitOf({ w0, w1, w2, w3 }: Prefix, bit: number): boolean {
  const word = bit < 64 ? (bit < 32 ? w0 : w1) : bit < 96 ? w2 : w3;
  return ((word >>> (31 - (bit & 31))) & 1) === 1;
}

/** Whether the first bits of two prefixes are the same. */
function sameBits(one: Prefix, other: Prefix, bits: number): boolean {
  return (
    maskWord(one.w0 ^ other.w0, 0, bits) === 0 &&
    maskWord(one.w1 ^ other.w1, 1, bits) === 0 &&
    maskWord(one.w2 ^ other.w2, 2, bits) === 0 &&
    maskWord(one.w3 ^ other.w3, 3, bits) === 0
  );
}
