// The sources of a tap, by their key, in bounded memory: a full table lets go of the one that has been quiet the longest
// among the next few, and of scanners only when there is nobody else.
import { type Prefix, prefixOfWords } from "../../wire/address.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import { TapSource } from "./tap-source.ts";

/** Looked at for somebody to let go; bounds the time that a newcomer takes. */
const CANDIDATES = 8;
/** Of 64 hash bits as many as a number holds exactly: among a million sources two share a key once in 18,000 tables. */
const HIGH_SCALE = 2 ** 21;

export class TapSources {
  readonly #capacity: number;
  readonly #seed: HashSeed;
  readonly #other: HashSeed;
  readonly #byKey = new Map<number, TapSource>();
  readonly #dropped: (source: TapSource) => void;
  #lastKey = Number.NaN;
  #last: TapSource | undefined;
  /** Ever seen, as far as they were not forgotten in between. */
  seen = 0;
  evictions = 0;
  /** Scanners among the evicted: they are missing in the report. */
  evictedScanners = 0;

  /** `dropped` is told of a source that had to go. */
  constructor(capacity: number, seed: HashSeed, dropped: (source: TapSource) => void) {
    this.#capacity = capacity;
    this.#seed = seed;
    this.#other = { k0: seed.k1 ^ 0x5bd1e995, k1: seed.k0 ^ 0x2545f491 };
    this.#dropped = dropped;
  }

  /** The source of the key, made if there is none. */
  touch(w0: number, w1: number, w2: number, w3: number, bits: number, timeMs: number): TapSource {
    const key = this.#keyOf(w0, w1, w2, w3, bits);
    if (key === this.#lastKey && this.#last !== undefined) return this.#last;
    let found = this.#byKey.get(key);
    if (found === undefined) {
      if (this.#byKey.size >= this.#capacity) this.#evict();
      found = new TapSource(prefixOfWords(w0, w1, w2, w3, bits), timeMs);
      this.#byKey.set(key, found);
      this.seen++;
    }
    this.#lastKey = key;
    this.#last = found;
    return found;
  }

  find(source: Prefix): TapSource | undefined {
    return this.#byKey.get(this.#keyOf(source.w0, source.w1, source.w2, source.w3, source.bits));
  }

  values(): IterableIterator<TapSource> {
    return this.#byKey.values();
  }

  #keyOf(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const high = hashSource(this.#seed, w0, w1, w2, w3, bits) >>> 0;
    const low = hashSource(this.#other, w0, w1, w2, w3, bits) >>> 11;
    return high * HIGH_SCALE + low;
  }

  #evict(): void {
    let victimKey = Number.NaN;
    let victim: TapSource | undefined;
    let looked = 0;
    for (const [key, source] of this.#byKey) {
      if (victim === undefined || isLessWanted(source, victim)) {
        victimKey = key;
        victim = source;
      }
      if (++looked === CANDIDATES) break;
    }
    if (victim === undefined) return;
    // Those that stay go to the end, so that the next newcomer looks at others.
    let kept = 0;
    for (const [key, source] of this.#byKey) {
      this.#byKey.delete(key);
      if (key !== victimKey) this.#byKey.set(key, source);
      if (++kept === looked) break;
    }
    this.evictions++;
    if (victim.isFlagged) this.evictedScanners++;
    this.#lastKey = Number.NaN;
    this.#dropped(victim);
  }
}

function isLessWanted(one: TapSource, other: TapSource): boolean {
  if (one.isFlagged !== other.isFlagged) return !one.isFlagged;
  return one.lastMs < other.lastMs;
}
