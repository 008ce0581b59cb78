// Which row has which key: open addressing, two thirds full at most. An entry is 0 when empty, else row + 1 in the lower
// 24 bits and above them how far it lies from its key's home. Entries of a run lie in the order of their homes ("Robin
// Hood"), so a search ends where an entry is nearer to its home than the key would be. Keys are kept in the rows.
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import type { SourceRows } from "./source-rows.ts";

const INDEX_LOAD = 2 / 3;
const ENTRY_ROW_MASK = 0xffffff;
const ENTRY_DISTANCE = 1 << 24;
const MAX_DISTANCE = 255;

/** Rows that an entry can name. */
export const MAX_ROWS = ENTRY_ROW_MASK;
export const NO_ROW = -1;

export class SourceIndex {
  readonly bytes: number;
  readonly #rows: SourceRows;
  readonly #seed: HashSeed;
  readonly #slots: number;
  readonly #entries: Uint32Array;

  constructor(capacity: number, rows: SourceRows, seed: HashSeed) {
    this.#rows = rows;
    this.#seed = seed;
    this.#slots = Math.ceil(capacity / INDEX_LOAD) + 1;
    this.#entries = new Uint32Array(this.#slots);
    this.bytes = this.#entries.byteLength;
  }

  /** The keyed hash of a key: 32 bits, signed. */
  hashOf(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return hashSource(this.#seed, w0, w1, w2, w3, bits);
  }

  homeOf(hash: number): number {
    return Math.floor(((hash >>> 0) * this.#slots) / 0x1_0000_0000);
  }

  /** Walks from the key's home to the row that has the key, or to where its entry would have been: NO_ROW. */
  find(home: number, w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const slots = this.#slots;
    for (let slot = home, distance = 0; ; distance++) {
      const entry = this.#entries[slot] ?? 0;
      const entryDistance = entry >>> 24;
      if (entry === 0 || entryDistance < distance) return NO_ROW;
      if (entryDistance === distance) {
        const row = (entry & ENTRY_ROW_MASK) - 1;
        if (this.#rows.hasKey(row, w0, w1, w2, w3, bits)) return row;
      }
      if (++slot === slots) slot = 0;
    }
  }

  /** An entry that is farther from home than the one in the slot takes its place. A row that lost its entry, or NO_ROW. */
  insert(home: number, row: number): number {
    const entries = this.#entries;
    let carried = row + 1;
    for (let slot = home; ; ) {
      const entry = entries[slot] ?? 0;
      if (entry === 0) {
        entries[slot] = carried;
        return NO_ROW;
      }
      if (entry >>> 24 < carried >>> 24) {
        entries[slot] = carried;
        carried = entry;
      } else if (carried >>> 24 === MAX_DISTANCE) {
        // With a keyed hash it takes some 10^20 tables to see this.
        entries[slot] = carried;
        return (entry & ENTRY_ROW_MASK) - 1;
      }
      carried += ENTRY_DISTANCE;
      if (++slot === this.#slots) slot = 0;
    }
  }

  /** The entries behind it that are not at home move up: no tombstones pile up. */
  remove(row: number): void {
    const entries = this.#entries;
    const slots = this.#slots;
    let hole = this.homeOf(this.#rows.hashOfKey(row, this.#seed));
    while (((entries[hole] ?? 0) & ENTRY_ROW_MASK) !== row + 1) if (++hole === slots) hole = 0;
    for (;;) {
      const next = hole + 1 === slots ? 0 : hole + 1;
      const entry = entries[next] ?? 0;
      if (entry < ENTRY_DISTANCE) break;
      entries[hole] = entry - ENTRY_DISTANCE;
      hole = next;
    }
    entries[hole] = 0;
  }
}
