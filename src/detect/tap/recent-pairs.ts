// Remembers for a short time that one host has sent something to another: by a keyed hash, in a slot that the newer takes.
import { type HashSeed, hashSource } from "../keyed-hash.ts";
import { type ContactKey, HOST3_AT, SOURCE3_AT } from "./contact-key.ts";

const SLOTS = 4_096;

export class RecentPairs {
  /** Pairs whose slot another took while they still meant something. */
  forgotten = 0;
  readonly #seed: HashSeed;
  readonly #memoryMs: number;
  readonly #hashes = new Int32Array(SLOTS);
  readonly #timesMs = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY);

  constructor(seed: HashSeed, memoryMs: number) {
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    this.#memoryMs = memoryMs;
  }

  /** The key's asking host has had to do with its asked host; `detail` tells several such things apart (a port). */
  note(key: ContactKey, detail: number, nowMs: number): void {
    const hash = this.#hash(key, detail);
    const slot = hash & (SLOTS - 1);
    if (this.#hashes[slot] !== hash && this.#isFresh(slot, nowMs)) this.forgotten++;
    this.#hashes[slot] = hash;
    this.#timesMs[slot] = nowMs;
  }

  has(key: ContactKey, detail: number, nowMs: number): boolean {
    const hash = this.#hash(key, detail);
    const slot = hash & (SLOTS - 1);
    return this.#hashes[slot] === hash && this.#isFresh(slot, nowMs);
  }

  #isFresh(slot: number, nowMs: number): boolean {
    return Math.abs(nowMs - (this.#timesMs[slot] ?? 0)) <= this.#memoryMs;
  }

  /** Never 0, which is what an empty slot holds. */
  #hash({ words, isIpv4 }: ContactKey, detail: number): number {
    const source3 = words[SOURCE3_AT] ?? 0;
    const host3 = words[HOST3_AT] ?? 0;
    if (isIpv4) return hashSource(this.#seed, source3, host3, detail, 0, 4) || 1;
    const upper = hashSource(this.#seed, words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0, 6);
    return hashSource(this.#seed, source3 ^ upper, host3, detail, (words[4] ?? 0) ^ (words[5] ?? 0), 6) || 1;
  }
}
