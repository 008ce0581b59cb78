// How long a block lasts: longer with each offence, and offences are forgotten when a source has kept quiet for long
// enough. Bounded: a full memory drops the source whose record changed the longest ago. Storing it is record/'s work.
import { grown, rowsFor } from "../detect/columns.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import { NO_ROW, PrefixRows } from "../detect/prefix-rows.ts";
import type { Prefix } from "../wire/address.ts";

export interface BlockTimes {
  /** BLOCK_TIME; undefined = for ever. */
  readonly blockTimeMs: number | undefined;
  /** BLOCK_TIME_FACTOR. */
  readonly factor: number;
  /** BLOCK_TIME_MAX. */
  readonly maxMs: number;
}

/** blockTime * factor^(offences - 1), at most maxMs; undefined = for ever. The present offence is counted in. */
export function blockDurationMs(times: BlockTimes, offences: number): number | undefined {
  if (times.blockTimeMs === undefined) return undefined;
  // The power may be Infinity; the cap makes a number of it again.
  const durationMs = times.blockTimeMs * times.factor ** Math.max(0, offences - 1);
  return Math.floor(Math.min(durationMs, times.maxMs));
}

export interface Offences {
  readonly offences: number;
  /** When the last block ends or ended; while that is unknown, when the last offence was recorded. */
  readonly lastEndMs: number;
}

export interface OffenceLimits {
  /** How long after the end of a source's last block its offences count: BLOCK_TIME_MAX. */
  readonly memoryMs: number;
  /** Sources remembered. */
  readonly capacity?: number;
  /**
   * The seed of the hash by which sources are found: random, or an attacker could choose sources that take long to look
   * up.
   */
  readonly seed: HashSeed;
}

export const DEFAULT_OFFENCE_CAPACITY = 262_144;
/** No row: the end of the list by age. */
const NONE = 0;

/** Numbers in typed arrays that grow with what they hold: some 50 bytes a source. */
export class OffenceMemory {
  readonly capacity: number;
  readonly #memoryMs: number;
  readonly #sources: PrefixRows;
  #offences = new Uint32Array(0);
  #endsMs = new Float64Array(0);
  /** Rows in the order in which they changed, by row + 1: which changed just before this one, and which just after it. */
  #older = new Uint32Array(0);
  #newer = new Uint32Array(0);
  #oldest = NONE;
  #newest = NONE;
  #evictions = 0;

  constructor({ memoryMs, seed, capacity = DEFAULT_OFFENCE_CAPACITY }: OffenceLimits) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`offence memory: capacity ${capacity} is not a whole number above 0`);
    }
    this.capacity = capacity;
    this.#memoryMs = memoryMs;
    this.#sources = new PrefixRows(seed, capacity);
  }

  get size(): number {
    return this.#sources.size;
  }

  /** Sources dropped because the memory was full. */
  get evictions(): number {
    return this.#evictions;
  }

  get(source: Prefix, nowMs: number): Offences | undefined {
    const row = this.#sources.find(source);
    return row === NO_ROW || this.#isOld(row, nowMs) ? undefined : this.#read(row);
  }

  /** Counts one more offence; returns how many there are now, the first being 1. */
  record(source: Prefix, nowMs: number): number {
    const offences = (this.get(source, nowMs)?.offences ?? 0) + 1;
    this.#put(source, { offences, lastEndMs: nowMs });
    return offences;
  }

  /** Says when the source's block ends (at the block) or ended (at an early unblock). Unknown sources stay unknown. */
  setEnd(source: Prefix, endMs: number): void {
    const row = this.#sources.find(source);
    if (row !== NO_ROW) this.#put(source, { offences: this.#read(row).offences, lastEndMs: endMs });
  }

  /** A pardon: the next offence is a first one. */
  forget(source: Prefix): void {
    const row = this.#sources.find(source);
    if (row !== NO_ROW) this.#remove(row);
  }

  /** Entries in the order in which they changed, oldest first, as `entries` gives them. */
  restore(entries: Iterable<readonly [Prefix, Offences]>): void {
    for (const [source, known] of entries) this.#put(source, known);
  }

  *entries(): Generator<[Prefix, Offences]> {
    for (let at = this.#oldest; at !== NONE; at = this.#newer[at - 1] ?? NONE) {
      yield [this.#sources.prefix(at - 1), this.#read(at - 1)];
    }
  }

  #read(row: number): Offences {
    return { offences: this.#offences[row] ?? 0, lastEndMs: this.#endsMs[row] ?? 0 };
  }

  #isOld(row: number, nowMs: number): boolean {
    return nowMs - (this.#endsMs[row] ?? 0) > this.#memoryMs;
  }

  #put(source: Prefix, { offences, lastEndMs }: Offences): void {
    const known = this.#sources.find(source);
    if (known !== NO_ROW) this.#unlink(known);
    else if (this.size >= this.capacity && this.#oldest !== NONE) {
      this.#remove(this.#oldest - 1);
      this.#evictions++;
    }
    const row = this.#sources.add(source);
    this.#reach(row);
    this.#offences[row] = Math.min(0xffffffff, offences);
    this.#endsMs[row] = lastEndMs;
    this.#older[row] = this.#newest;
    this.#newer[row] = NONE;
    if (this.#newest === NONE) this.#oldest = row + 1;
    else this.#newer[this.#newest - 1] = row + 1;
    this.#newest = row + 1;
  }

  #remove(row: number): void {
    this.#unlink(row);
    this.#sources.remove(row);
  }

  #unlink(row: number): void {
    const older = this.#older[row] ?? NONE;
    const newer = this.#newer[row] ?? NONE;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older - 1] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer - 1] = older;
  }

  #reach(row: number): void {
    if (row < this.#offences.length) return;
    const rows = rowsFor(row);
    this.#offences = grown(this.#offences, rows, Uint32Array);
    this.#endsMs = grown(this.#endsMs, rows, Float64Array);
    this.#older = grown(this.#older, rows, Uint32Array);
    this.#newer = grown(this.#newer, rows, Uint32Array);
  }
}
