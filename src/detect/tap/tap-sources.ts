// The sources of a tap, by their key, in bounded memory: a full table lets go of the one that has been quiet the longest
// among the next few, and of a scanner only when there is no other.
import type { Prefix } from "../../wire/address.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import { TapSource } from "./tap-source.ts";

/** Places that are looked at for a source to let go, and for one that is no scanner; bounds the time that a newcomer takes. */
const CANDIDATES = 8;
const MOST_CANDIDATES = 64;
/** Small enough that the map keeps it unboxed. */
const KEY_MASK = 0x3fff_ffff;

export class TapSources {
  readonly #capacity: number;
  readonly #seed: HashSeed;
  /** By the hash of the key; sources whose hashes are alike stand one behind the other. */
  readonly #byHash = new Map<number, TapSource>();
  /**
   * All of them, for the hand that goes round when the table is full. The map's own order would do, but for V8, which walks
   * over what was deleted from its front: 100 us for each newcomer.
   */
  readonly #slots: (TapSource | undefined)[] = [];
  readonly #free: number[] = [];
  #hand = 0;
  readonly #dropped: (source: TapSource) => void;
  #last: TapSource | undefined;
  #size = 0;
  /** Ever seen, as far as they were not forgotten in between. */
  seen = 0;
  evictions = 0;
  /** Scanners among the evicted: they are missing in the report. */
  evictedScanners = 0;

  /** `dropped` is called for a source that had to go. */
  constructor(capacity: number, seed: HashSeed, dropped: (source: TapSource) => void) {
    this.#capacity = capacity;
    this.#seed = seed;
    this.#dropped = dropped;
  }

  /** The source of the key, made if there is none. */
  touch(w0: number, w1: number, w2: number, w3: number, bits: number, timeMs: number): TapSource {
    const last = this.#last;
    if (last?.isOf(w0, w1, w2, w3, bits) === true) return last;
    const hash = this.#hashOf(w0, w1, w2, w3, bits);
    let found = this.#byHash.get(hash);
    while (found !== undefined && !found.isOf(w0, w1, w2, w3, bits)) found = found.next;
    found ??= this.#insert(hash, new TapSource(w0, w1, w2, w3, bits, timeMs));
    this.#last = found;
    return found;
  }

  find({ w0, w1, w2, w3, bits }: Prefix): TapSource | undefined {
    let found = this.#byHash.get(this.#hashOf(w0, w1, w2, w3, bits));
    while (found !== undefined && !found.isOf(w0, w1, w2, w3, bits)) found = found.next;
    return found;
  }

  /** Tracked now. */
  get size(): number {
    return this.#size;
  }

  /** Forgets a source: it starts afresh. False if it was not tracked. */
  remove(source: Prefix): boolean {
    const known = this.find(source);
    if (known === undefined) return false;
    this.#drop(known);
    this.#free.push(known.slot);
    return true;
  }

  /** Those that have been found scanning. */
  flagged(): TapSource[] {
    const flagged: TapSource[] = [];
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const source = this.#slots[slot];
      if (source?.isFlagged === true) flagged.push(source);
    }
    return flagged;
  }

  #hashOf(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return hashSource(this.#seed, w0, w1, w2, w3, bits) & KEY_MASK;
  }

  #insert(hash: number, made: TapSource): TapSource {
    const slot = this.#free.pop() ?? (this.#slots.length < this.#capacity ? this.#slots.length : this.#evict());
    made.slot = slot;
    if (slot === this.#slots.length) this.#slots.push(made);
    else this.#slots[slot] = made;
    made.next = this.#byHash.get(hash);
    this.#byHash.set(hash, made);
    this.#size++;
    this.seen++;
    return made;
  }

  /** Lets go of the least wanted of those at hand; the next newcomer looks at others. Answers with its slot. */
  #evict(): number {
    let victim: TapSource | undefined;
    for (let looked = 1; looked <= MOST_CANDIDATES; looked++) {
      const source = this.#slots[this.#hand];
      this.#hand = (this.#hand + 1) % this.#slots.length;
      if (source !== undefined && (victim === undefined || isLessWanted(source, victim))) victim = source;
      if (looked >= CANDIDATES && victim?.isFlagged === false) break;
    }
    // No slot is empty: those that are stand in the list of free ones, which was asked first.
    if (victim === undefined) throw new Error("tap sources: a full table holds nobody");
    this.evictions++;
    if (victim.isFlagged) this.evictedScanners++;
    this.#drop(victim);
    return victim.slot;
  }

  #drop(source: TapSource): void {
    const { w0, w1, w2, w3, bits } = source.source;
    const hash = this.#hashOf(w0, w1, w2, w3, bits);
    let before = this.#byHash.get(hash);
    if (before === source) {
      if (source.next === undefined) this.#byHash.delete(hash);
      else this.#byHash.set(hash, source.next);
    } else {
      while (before !== undefined && before.next !== source) before = before.next;
      if (before !== undefined) before.next = source.next;
    }
    this.#slots[source.slot] = undefined;
    this.#size--;
    this.#last = undefined;
    this.#dropped(source);
  }
}

function isLessWanted(one: TapSource, other: TapSource): boolean {
  if (one.isFlagged !== other.isFlagged) return !one.isFlagged;
  return one.lastMs < other.lastMs;
}
