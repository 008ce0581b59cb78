// Every source that probed lately, in bounded memory: a full table drops the source that has been quiet the longest.
// All of it is typed arrays, so that a packet allocates nothing: source-rows.ts has the layout, source-index.ts finds a
// key's row, row-order.ts the stalest row, contact-memory.ts knows what a source has tried.
import type { Prefix } from "../wire/address.ts";
import { ContactMemory } from "./contact-memory.ts";
import { type KnownContact, listContacts } from "./contact-slots.ts";
import type { HashSeed } from "./keyed-hash.ts";
import type { Probe } from "./probe.ts";
import { RowOrder } from "./row-order.ts";
import { MAX_ROWS, NO_ROW, SourceIndex } from "./source-index.ts";
import { SourceRows } from "./source-rows.ts";

export { WEAK_CONTACT } from "./contact-slots.ts";
export { CONTACT_SLOTS, MAX_DIRECT_PROBES } from "./source-rows.ts";

/** The fields of a row, for people. Times are whole seconds; contacts are the last six, the oldest first. */
export interface SourceHistory {
  readonly source: Prefix;
  readonly probes: number;
  readonly directProbes: number;
  readonly contacts: readonly KnownContact[];
  readonly firstMs: number;
  readonly lastMs: number;
  readonly isFlagged: boolean;
  /** Found scanning, and nothing was done about it: in a flood of claims it was not its turn. */
  readonly isWaiting: boolean;
}

/** Row numbers stay valid until the next `touch` or `forget`. */
export class SourceTable {
  readonly capacity: number;
  /** All typed arrays together: resident once every row has been written in all its parts. */
  readonly bytes: number;
  /** The contacts that sources have tried, by row. */
  readonly memory: ContactMemory;
  readonly #rows: SourceRows;
  readonly #index: SourceIndex;
  readonly #order: RowOrder;
  #size = 0;
  #evictions = 0;

  constructor(capacity: number, seed: HashSeed) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_ROWS) {
      throw new RangeError(`source table: capacity ${capacity} is not a whole number from 1 to ${MAX_ROWS}`);
    }
    const own = { k0: seed.k0, k1: seed.k1 };
    this.capacity = capacity;
    this.#rows = new SourceRows(capacity);
    this.#index = new SourceIndex(capacity, this.#rows, own);
    this.#order = new RowOrder(capacity);
    this.memory = new ContactMemory(this.#rows, own);
    this.bytes = this.#rows.bytes + this.#index.bytes + this.#order.bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Sources dropped because the table was full. */
  get evictions(): number {
    return this.#evictions;
  }

  /** The keyed hash of the probe's source, for touch() and for other tables of sources with this seed. */
  hashOf({ source0, source1, source2, source3, sourceBits }: Probe): number {
    return this.#index.hashOf(source0, source1, source2, source3, sourceBits);
  }

  /** The row of the probe's source, made if there is none, counted, and now the newest. `hash`: its hashOf(). */
  touch(probe: Probe, hash: number = this.hashOf(probe)): number {
    const { source0, source1, source2, source3, sourceBits } = probe;
    const rows = this.#rows;
    const home = this.#index.homeOf(hash);
    let row = this.#index.find(home, source0, source1, source2, source3, sourceBits);
    if (row === NO_ROW) {
      row = this.#takeRow();
      rows.write(row, source0, source1, source2, source3, sourceBits);
      this.#order.enter(row);
      this.#size++;
      const lost = this.#index.insert(home, row);
      if (lost !== NO_ROW) this.#drop(lost);
    } else {
      this.#order.use(row);
      if (!rows.hasMore(row)) this.memory.open(row);
      rows.countProbe(row);
    }
    rows.setLastSeen(row, Math.floor(probe.timeMs / 1000));
    return row;
  }

  /** The row of a source key, -1 if it is not tracked. Does not make it newer. */
  find(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const home = this.#index.homeOf(this.#index.hashOf(w0, w1, w2, w3, bits));
    return this.#index.find(home, w0, w1, w2, w3, bits);
  }

  /** The same for the probe's source, by its hashOf(). */
  findBy({ source0, source1, source2, source3, sourceBits }: Probe, hash: number): number {
    return this.#index.find(this.#index.homeOf(hash), source0, source1, source2, source3, sourceBits);
  }

  /** Makes a row the newest, and changes nothing of it. */
  keep(row: number): void {
    this.#order.use(row);
  }

  /** False if the source was not tracked. */
  forget(w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
    const row = this.find(w0, w1, w2, w3, bits);
    if (row === NO_ROW) return false;
    this.#remove(row);
    this.#order.setFree(row);
    return true;
  }

  probes(row: number): number {
    return this.#rows.probes(row);
  }

  firstSeenMs(row: number): number {
    return this.#rows.firstSeen(row) * 1000;
  }

  lastSeenMs(row: number): number {
    return this.#rows.lastSeen(row) * 1000;
  }

  isFlagged(row: number): boolean {
    return this.#rows.isFlagged(row);
  }

  /** A finding has been made, and is dealt with; stays until the source is forgotten. */
  flag(row: number): void {
    this.#rows.flag(row);
  }

  /** A finding has been made, and nothing done about it: the next direct probe is one again. */
  setWaiting(row: number): void {
    this.#rows.setWaiting(row);
  }

  isWaiting(row: number): boolean {
    return this.#rows.isWaiting(row);
  }

  /** Every source may be found again. */
  unflagAll(): void {
    // Rows beyond were never written, and their memory must not be touched.
    for (let row = 0; row < this.#order.opened; row++) if (this.#rows.isFlagged(row)) this.#rows.unflag(row);
  }

  source(row: number): Prefix {
    return this.#rows.source(row);
  }

  describe(row: number): SourceHistory {
    return {
      source: this.source(row),
      probes: this.probes(row),
      directProbes: this.memory.directProbes(row),
      contacts: listContacts(this.#rows, row),
      firstMs: this.firstSeenMs(row),
      lastMs: this.lastSeenMs(row),
      isFlagged: this.isFlagged(row),
      isWaiting: this.isWaiting(row),
    };
  }

  /** A row to write: a forgotten one, a fresh one, or that of the stalest source. */
  #takeRow(): number {
    const row = this.#order.take();
    if (row !== NO_ROW) return row;
    const stalest = this.#order.oldest;
    this.#remove(stalest);
    this.#evictions++;
    return stalest;
  }

  #remove(row: number): void {
    this.#index.remove(row);
    this.#order.leave(row);
    this.#size--;
  }

  /** A row that has lost its place in the index; its source is counted afresh. */
  #drop(row: number): void {
    this.#order.leave(row);
    this.#order.setFree(row);
    this.#size--;
    this.#evictions++;
  }
}
