// The sources of a tap, by their key, in bounded memory: a full table lets go of the one that has been quiet the longest
// among the next few, and of scanners only when there is nobody else.
import { type Prefix, prefixOfWords } from "../../wire/address.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import { TapSource } from "./tap-source.ts";

/** Looked at for somebody to let go, and for somebody who is no scanner; bounds the time that a newcomer takes. */
const CANDIDATES = 8;
const MOST_CANDIDATES = 64;
/** Small enough that the map keeps it unboxed. */
const KEY_MASK = 0x3fff_ffff;

export class TapSources {
  readonly #capacity: number;
  readonly #seed: HashSeed;
  /** By the hash of the key; sources whose hashes are alike stand one behind the other. */
  readonly #byHash = new Map<number, TapSource>();
  readonly #dropped: (source: TapSource) => void;
  #last: TapSource | undefined;
  #size = 0;
  /** Ever seen, as far as they were not forgotten in between. */
  seen = 0;
  evictions = 0;
  /** Scanners among the evicted: they are missing in the report. */
  evictedScanners = 0;

  /** `dropped` is told of a source that had to go. */
  constructor(capacity: number, seed: HashSeed, dropped: (source: TapSource) => void) {
    this.#capacity = capacity;
    this.#seed = seed;
    this.#dropped = dropped;
  }

  /** The source of the key, made if there is none. */
  touch(w0: number, w1: number, w2: number, w3: number, bits: number, timeMs: number): TapSource {
    const last = this.#last;
    if (last !== undefined && isOf(last, w0, w1, w2, w3, bits)) return last;
    const hash = this.#hashOf(w0, w1, w2, w3, bits);
    let found = this.#byHash.get(hash);
    while (found !== undefined && !isOf(found, w0, w1, w2, w3, bits)) found = found.next;
    found ??= this.#make(hash, prefixOfWords(w0, w1, w2, w3, bits), timeMs);
    this.#last = found;
    return found;
  }

  find({ w0, w1, w2, w3, bits }: Prefix): TapSource | undefined {
    let found = this.#byHash.get(this.#hashOf(w0, w1, w2, w3, bits));
    while (found !== undefined && !isOf(found, w0, w1, w2, w3, bits)) found = found.next;
    return found;
  }

  *values(): Generator<TapSource> {
    for (const first of this.#byHash.values()) {
      for (let source: TapSource | undefined = first; source !== undefined; source = source.next) yield source;
    }
  }

  #hashOf(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return hashSource(this.#seed, w0, w1, w2, w3, bits) & KEY_MASK;
  }

  #make(hash: number, key: Prefix, timeMs: number): TapSource {
    // Whoever has the same hash may go, too.
    if (this.#size >= this.#capacity) this.#evict();
    const made = new TapSource(key, timeMs);
    made.next = this.#byHash.get(hash);
    this.#byHash.set(hash, made);
    this.#size++;
    this.seen++;
    return made;
  }

  /** Lets go of one hash's sources, which is one source but for once in a table or two. */
  #evict(): void {
    let victimHash = -1;
    let victim: TapSource | undefined;
    let looked = 0;
    for (const [hash, source] of this.#byHash) {
      if (victim === undefined || isLessWanted(source, victim)) {
        victimHash = hash;
        victim = source;
      }
      looked++;
      if (looked >= MOST_CANDIDATES || (looked >= CANDIDATES && victim?.isFlagged === false)) break;
    }
    // Those that stay go to the end, so that the next newcomer looks at others.
    for (const [hash, source] of this.#byHash) {
      this.#byHash.delete(hash);
      if (hash !== victimHash) this.#byHash.set(hash, source);
      if (--looked === 0) break;
    }
    for (; victim !== undefined; victim = victim.next) {
      this.#size--;
      this.evictions++;
      if (victim.isFlagged) this.evictedScanners++;
      this.#dropped(victim);
    }
    this.#last = undefined;
  }
}

function isOf({ source }: TapSource, w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
  return source.w3 === w3 && source.w1 === w1 && source.w0 === w0 && source.w2 === w2 && source.bits === bits;
}

function isLessWanted(one: TapSource, other: TapSource): boolean {
  if (one.isFlagged !== other.isFlagged) return !one.isFlagged;
  return one.lastMs < other.lastMs;
}
