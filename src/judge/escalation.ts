// How long a block lasts: longer with each offence, and offences are forgotten when a source has kept quiet for long
// enough. Bounded: a full memory drops the source whose record changed the longest ago. Storing it is record/'s work.

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
}

export const DEFAULT_OFFENCE_CAPACITY = 262_144;

export class OffenceMemory {
  readonly capacity: number;
  readonly #memoryMs: number;
  /** By canonical text of the source; the entry that changed the longest ago comes first. */
  readonly #offences = new Map<string, Offences>();
  #evictions = 0;

  constructor(limits: OffenceLimits) {
    const capacity = limits.capacity ?? DEFAULT_OFFENCE_CAPACITY;
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`offence memory: capacity ${capacity} is not a whole number above 0`);
    }
    this.capacity = capacity;
    this.#memoryMs = limits.memoryMs;
  }

  get size(): number {
    return this.#offences.size;
  }

  /** Sources dropped because the memory was full. */
  get evictions(): number {
    return this.#evictions;
  }

  get(source: string, nowMs: number): Offences | undefined {
    const known = this.#offences.get(source);
    return known !== undefined && !this.#isOld(known, nowMs) ? known : undefined;
  }

  /** Counts one more offence; returns how many there are now, the first being 1. */
  record(source: string, nowMs: number): number {
    const offences = (this.get(source, nowMs)?.offences ?? 0) + 1;
    this.#put(source, { offences, lastEndMs: nowMs });
    return offences;
  }

  /** Says when the source's block ends (at the block) or ended (at an early unblock). Unknown sources stay unknown. */
  setEnd(source: string, endMs: number): void {
    const known = this.#offences.get(source);
    if (known !== undefined) this.#put(source, { offences: known.offences, lastEndMs: endMs });
  }

  /** A pardon: the next offence is a first one. */
  forget(source: string): void {
    this.#offences.delete(source);
  }

  /** Drops what is too old to count; returns how many. Walks all: for a timer, not for a packet. */
  prune(nowMs: number): number {
    const before = this.#offences.size;
    for (const [source, known] of this.#offences) if (this.#isOld(known, nowMs)) this.#offences.delete(source);
    return before - this.#offences.size;
  }

  /** Entries in the order in which they changed, oldest first, as `entries` gives them. */
  restore(entries: Iterable<readonly [string, Offences]>): void {
    for (const [source, known] of entries) this.#put(source, known);
  }

  entries(): IterableIterator<[string, Offences]> {
    return this.#offences.entries();
  }

  #isOld(known: Offences, nowMs: number): boolean {
    return nowMs - known.lastEndMs > this.#memoryMs;
  }

  #put(source: string, known: Offences): void {
    this.#offences.delete(source);
    if (this.#offences.size >= this.capacity) {
      const [oldest] = this.#offences.keys();
      if (oldest !== undefined) this.#offences.delete(oldest);
      this.#evictions++;
    }
    this.#offences.set(source, known);
  }
}
