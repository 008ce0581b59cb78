// Row numbers by prefix: what a table of typed arrays is addressed by. Open addressing with a keyed hash, because a blocked
// attacker chooses his address; a row that is removed is used again. Holds the keys and nothing else: 17 bytes a row, and
// 6 to 12 of the index, which is made for as many as there may be: to make it anew takes half a second of a million rows.
import { maskWord, type Prefix, prefixContains } from "../wire/address.ts";
import { grown, rowsFor } from "./columns.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";

export const NO_ROW = -1;

const FIRST_SLOTS = 2_048;
/** How full the index may be before it is made twice as large. */
const INDEX_LOAD = 2 / 3;
/** In the bits of a row: it holds no prefix. */
const FREE = 255;

export class PrefixRows {
  readonly #seed: HashSeed;
  #w0 = new Uint32Array(0);
  #w1 = new Uint32Array(0);
  #w2 = new Uint32Array(0);
  #w3 = new Uint32Array(0);
  #bits = new Uint8Array(0);
  /** Row + 1, or 0 for an empty slot. As many as a power of two. */
  #slots: Uint32Array;
  #size = 0;
  #span = 0;
  /** The first of the removed rows, which are chained by their first word (row + 1). */
  #freed = 0;

  /** `expected`: rows that there will be at most; with more it still works. Memory that is not written is not resident. */
  constructor(seed: HashSeed, expected = 0) {
    this.#seed = seed;
    let slots = FIRST_SLOTS;
    while (slots * INDEX_LOAD < expected) slots *= 2;
    this.#slots = new Uint32Array(slots);
  }

  /** Rows that hold a prefix. */
  get size(): number {
    return this.#size;
  }

  /** Every row that holds a prefix has a number below this. */
  get span(): number {
    return this.#span;
  }

  /** Makes room for so many rows at once: columns that grow stand in memory twice, and leave holes there. */
  reserve(rows: number): void {
    this.#w0 = grown(this.#w0, rows, Uint32Array);
    this.#w1 = grown(this.#w1, rows, Uint32Array);
    this.#w2 = grown(this.#w2, rows, Uint32Array);
    this.#w3 = grown(this.#w3, rows, Uint32Array);
    this.#bits = grown(this.#bits, rows, Uint8Array);
  }

  /** NO_ROW when the prefix has none. */
  find({ w0, w1, w2, w3, bits }: Prefix): number {
    if (this.#size === 0) return NO_ROW;
    const mask = this.#slots.length - 1;
    for (let slot = this.#home(w0, w1, w2, w3, bits); ; slot = (slot + 1) & mask) {
      const row = (this.#slots[slot] ?? 0) - 1;
      if (row === NO_ROW) return NO_ROW;
      if (
        this.#w3[row] === w3 &&
        this.#w2[row] === w2 &&
        this.#w1[row] === w1 &&
        this.#w0[row] === w0 &&
        this.#bits[row] === bits
      )
        return row;
    }
  }

  /** The row of a prefix, a new one if it has none. */
  add(prefix: Prefix): number {
    const found = this.find(prefix);
    if (found !== NO_ROW) return found;
    if (this.#size + 1 > this.#slots.length * INDEX_LOAD) this.#widenIndex();
    const row = this.#takeRow();
    const { w0, w1, w2, w3, bits } = prefix;
    this.#w0[row] = w0;
    this.#w1[row] = w1;
    this.#w2[row] = w2;
    this.#w3[row] = w3;
    this.#bits[row] = bits;
    this.#size++;
    this.#enter(row);
    return row;
  }

  remove(row: number): void {
    if (!this.has(row)) return;
    this.#leave(row);
    this.#bits[row] = FREE;
    this.#w0[row] = this.#freed;
    this.#freed = row + 1;
    this.#size--;
  }

  has(row: number): boolean {
    return row >= 0 && row < this.#span && this.#bits[row] !== FREE;
  }

  bits(row: number): number {
    return this.#bits[row] ?? 0;
  }

  /** One of the four words of a row's prefix. */
  word(row: number, index: number): number {
    const words = index < 2 ? (index === 0 ? this.#w0 : this.#w1) : index === 2 ? this.#w2 : this.#w3;
    return words[row] ?? 0;
  }

  prefix(row: number): Prefix {
    return {
      w0: this.#w0[row] ?? 0,
      w1: this.#w1[row] ?? 0,
      w2: this.#w2[row] ?? 0,
      w3: this.#w3[row] ?? 0,
      bits: this.#bits[row] ?? 0,
    };
  }

  /** The rows whose prefixes lie in this one, its own included. */
  *inside(outer: Prefix): Generator<number> {
    const masks = [0, 1, 2, 3].map((index) => maskWord(0xffffffff, index, outer.bits));
    const [m0 = 0, m1 = 0, m2 = 0, m3 = 0] = masks;
    for (let row = 0; row < this.#span; row++) {
      // By its words, before anything is made of it: a million rows take some milliseconds. The last word tells most of IPv4 apart.
      if (((this.#w3[row] ?? 0) & m3) >>> 0 !== outer.w3 || ((this.#w0[row] ?? 0) & m0) >>> 0 !== outer.w0) continue;
      if (((this.#w2[row] ?? 0) & m2) >>> 0 !== outer.w2 || ((this.#w1[row] ?? 0) & m1) >>> 0 !== outer.w1) continue;
      const bits = this.#bits[row] ?? FREE;
      if (bits !== FREE && bits >= outer.bits && prefixContains(outer, this.prefix(row))) yield row;
    }
  }

  /** In the order of their numbers; what is added meanwhile may be among them, what is removed is not. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.#span; row++) if (this.#bits[row] !== FREE) yield row;
  }

  #takeRow(): number {
    if (this.#freed > 0) {
      const row = this.#freed - 1;
      this.#freed = this.#w0[row] ?? 0;
      return row;
    }
    const row = this.#span++;
    if (row < this.#bits.length) return row;
    this.reserve(rowsFor(row));
    return row;
  }

  #home(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return hashSource(this.#seed, w0, w1, w2, w3, bits) & (this.#slots.length - 1);
  }

  #homeOf(row: number): number {
    const { w0, w1, w2, w3, bits } = this.prefix(row);
    return this.#home(w0, w1, w2, w3, bits);
  }

  #enter(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = this.#homeOf(row);
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = row + 1;
  }

  /** Entries behind it that may lie nearer to their home move up: no tombstones pile up. */
  #leave(row: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#homeOf(row);
    while (slots[hole] !== row + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] ?? 0;
      if (entry === 0) break;
      const isFartherThanHole = ((slot - this.#homeOf(entry - 1)) & mask) >= ((slot - hole) & mask);
      if (!isFartherThanHole) continue;
      slots[hole] = entry;
      hole = slot;
    }
    slots[hole] = 0;
  }

  #widenIndex(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < this.#span; row++) if (this.#bits[row] !== FREE) this.#enter(row);
  }
}
