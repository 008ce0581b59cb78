// A bounded table of things that are remembered for a while: addresses with two numbers (ports, a protocol, a prefix
// length), each until a time of its own. A full bucket forgets what would have ended first. Nothing is allocated per look-up.
import { type HashSeed, hashSource } from "../detect/keyed-hash.ts";

const WAYS = 4;
const KEY_WORDS = 6;

/** What is remembered; a look-up reads it at once, so one may be reused. */
export interface RecentKey {
  word0: number;
  word1: number;
  word2: number;
  word3: number;
  first: number;
  second: number;
}

export class RecentTable {
  /** What made room although its time had not come. */
  evictions = 0;
  readonly #seed: HashSeed;
  readonly #keys: Int32Array;
  readonly #untilMs: Float64Array;
  readonly #bucketMask: number;
  #isUnused = true;

  /** `capacity`: a power of two, at least 8. */
  constructor(capacity: number, seed: HashSeed) {
    this.#seed = seed;
    this.#keys = new Int32Array(capacity * KEY_WORDS);
    this.#untilMs = new Float64Array(capacity);
    this.#bucketMask = capacity / WAYS - 1;
  }

  put(key: RecentKey, untilMs: number, nowMs: number): void {
    this.#isUnused = false;
    const known = this.#find(key);
    if (known >= 0) {
      this.#untilMs[known] = untilMs;
      return;
    }
    const bucket = this.#bucketOf(key);
    let slot = bucket;
    for (let way = bucket + 1; way < bucket + WAYS; way++) {
      if ((this.#untilMs[way] ?? 0) < (this.#untilMs[slot] ?? 0)) slot = way;
    }
    if ((this.#untilMs[slot] ?? 0) > nowMs) this.evictions++;
    this.#keys[slot * KEY_WORDS] = key.word0;
    this.#keys[slot * KEY_WORDS + 1] = key.word1;
    this.#keys[slot * KEY_WORDS + 2] = key.word2;
    this.#keys[slot * KEY_WORDS + 3] = key.word3;
    this.#keys[slot * KEY_WORDS + 4] = key.first;
    this.#keys[slot * KEY_WORDS + 5] = key.second;
    this.#untilMs[slot] = untilMs;
  }

  has(key: RecentKey, nowMs: number): boolean {
    const slot = this.#find(key);
    return slot >= 0 && (this.#untilMs[slot] ?? 0) > nowMs;
  }

  remove(key: RecentKey): void {
    const slot = this.#find(key);
    if (slot >= 0) this.#untilMs[slot] = 0;
  }

  /** The words unsigned, as addresses are. */
  visit(nowMs: number, visit: (key: RecentKey, untilMs: number) => void): void {
    for (let slot = 0; slot < this.#untilMs.length; slot++) {
      const untilMs = this.#untilMs[slot] ?? 0;
      if (untilMs <= nowMs) continue;
      const word = (index: number) => (this.#keys[slot * KEY_WORDS + index] ?? 0) >>> 0;
      const [word0, word1, word2, word3, first, second] = [word(0), word(1), word(2), word(3), word(4), word(5)];
      visit({ word0, word1, word2, word3, first, second }, untilMs);
    }
  }

  #bucketOf({ word0, word1, word2, word3, first, second }: RecentKey): number {
    const address = hashSource(this.#seed, word0, word1, word2, word3, 128);
    return (hashSource(this.#seed, address, first, second, 0, 0) & this.#bucketMask) * WAYS;
  }

  /** The slot, whether its time has passed or not; -1. A slot that was never used has no time. */
  #find(key: RecentKey): number {
    // In a flood most tables have nothing in them, and a hash costs 60 ns.
    if (this.#isUnused) return -1;
    const keys = this.#keys;
    const bucket = this.#bucketOf(key);
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      const at = slot * KEY_WORDS;
      if (
        (this.#untilMs[slot] ?? 0) !== 0 &&
        keys[at + 3] === (key.word3 | 0) &&
        keys[at + 2] === (key.word2 | 0) &&
        keys[at + 1] === (key.word1 | 0) &&
        keys[at] === (key.word0 | 0) &&
        keys[at + 4] === (key.first | 0) &&
        keys[at + 5] === (key.second | 0)
      )
        return slot;
    }
    return -1;
  }
}
