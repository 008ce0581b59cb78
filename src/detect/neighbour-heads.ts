// The heads of the networks that have sent probes: which networks there are, and which one makes room for another.
//
//   4 words; the four heads of a set are a line of the cache
//     +------+------+------+---------------------------------------------------------------------+
//     | key0 | key1 | last | kind 0..7 | source 8..15 | port 16..21 | block 22..26 | has body 31 |
//     +------+------+------+---------------------------------------------------------------------+
//              s              0: empty    the bits of the one source of a head without a body
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import type { NeighbourBodies } from "./neighbour-bodies.ts";
import { KIND_MASK, type NetworkKey, type NetworkKind } from "./neighbour-networks.ts";

const WAYS = 4;
const HEAD_WORDS = 4;
const KEY0 = 0;
const KEY1 = 1;
const LAST_SECOND = 2;
const ABOUT = 3;
const HAS_BODY = 0x8000_0000;
/** No address has so many bits: keeps the hashes of networks apart from those of sources. */
const NETWORK_HASH = 200;

export class NeighbourHeads {
  readonly rows: number;
  readonly #heads: Uint32Array;
  readonly #sets: number;
  readonly #seed: HashSeed;
  readonly #bodies: NeighbourBodies;
  readonly #evicted: () => void;

  /** `capacity`: networks, rounded down to a multiple of four. `evicted`: one has to make room before it is over. */
  constructor(capacity: number, seed: HashSeed, bodies: NeighbourBodies, evicted: () => void) {
    this.#sets = Math.floor(capacity / WAYS);
    if (this.#sets < 1) throw new RangeError(`neighbours: capacity ${capacity} is less than ${WAYS}`);
    this.rows = this.#sets * WAYS;
    this.#seed = { k0: seed.k0 ^ 0x6e656967, k1: seed.k1 };
    this.#bodies = bodies;
    this.#evicted = evicted;
    this.#heads = new Uint32Array(this.rows * HEAD_WORDS);
  }

  hash(kind: NetworkKind, key0: number, key1: number): number {
    return hashSource(this.#seed, key0, key1, kind, 0, NETWORK_HASH);
  }

  /** The row of a network, or -1. */
  find(kind: NetworkKind, key0: number, key1: number): number {
    const heads = this.#heads;
    const first = this.#setOf(kind, key0, key1);
    for (let row = first; row < first + WAYS; row++) {
      const head = row * HEAD_WORDS;
      if (heads[head + KEY1] !== key1 || heads[head + KEY0] !== key0) continue;
      if (((heads[head + ABOUT] ?? 0) & KIND_MASK) === kind) return row;
    }
    return -1;
  }

  /** The row of a network; an empty one if there is none: in place of one that is over, or of that with the fewest sources. */
  rowOf(kind: NetworkKind, key0: number, key1: number, second: number, slowWindowMs: number): number {
    const known = this.find(kind, key0, key1);
    if (known >= 0) return known;
    // What was last heard of before is forgotten.
    const overSecond = second - (2 * slowWindowMs) / 1000;
    const first = this.#setOf(kind, key0, key1);
    let least = first;
    for (let row = first + 1; row < first + WAYS; row++) if (this.#isLess(row, least, overSecond)) least = row;
    if (!this.isEmpty(least) && this.lastSecond(least) >= overSecond) this.#evicted();
    this.empty(least);
    return least;
  }

  /** Empty, then over, then fewer sources, then longer quiet. */
  #isLess(row: number, other: number, overSecond: number): boolean {
    const isEmpty = this.isEmpty(row);
    if (isEmpty || this.isEmpty(other)) return isEmpty;
    const isOver = this.lastSecond(row) < overSecond;
    if (isOver !== this.lastSecond(other) < overSecond) return isOver;
    const [added, otherAdded] = [this.#added(row), this.#added(other)];
    if (added !== otherAdded) return added < otherAdded;
    return this.lastSecond(row) < this.lastSecond(other);
  }

  #added(row: number): number {
    return this.hasBody(row) ? this.#bodies.added(row) : 1;
  }

  /** The first of the rows that a network may have. */
  #setOf(kind: NetworkKind, key0: number, key1: number): number {
    return Math.floor(((this.hash(kind, key0, key1) >>> 0) * this.#sets) / 0x1_0000_0000) * WAYS;
  }

  begin(row: number, kind: NetworkKind, key0: number, key1: number, second: number, bits: number): void {
    const head = row * HEAD_WORDS;
    this.#heads[head + KEY0] = key0;
    this.#heads[head + KEY1] = key1;
    this.#heads[head + LAST_SECOND] = second;
    this.#heads[head + ABOUT] = kind | bits;
  }

  empty(row: number): void {
    this.#heads[row * HEAD_WORDS + ABOUT] = 0;
  }

  isEmpty(row: number): boolean {
    return this.#heads[row * HEAD_WORDS + ABOUT] === 0;
  }

  /** The kind and the bits of the first probe, as bitsOf() has them. */
  about(row: number): number {
    return this.#heads[row * HEAD_WORDS + ABOUT] ?? 0;
  }

  keyOf(row: number): NetworkKey {
    const head = row * HEAD_WORDS;
    const [key0 = 0, key1 = 0, , about = 0] = this.#heads.subarray(head, head + HEAD_WORDS);
    return { kind: (about & KIND_MASK) as NetworkKind, key0, key1 };
  }

  hasBody(row: number): boolean {
    return (this.about(row) & HAS_BODY) !== 0;
  }

  flagBody(row: number): void {
    this.#heads[row * HEAD_WORDS + ABOUT] = (this.about(row) | HAS_BODY) >>> 0;
  }

  lastSecond(row: number): number {
    return this.#heads[row * HEAD_WORDS + LAST_SECOND] ?? 0;
  }

  /** True if it was another second before. */
  touch(row: number, second: number): boolean {
    const isNewSecond = this.lastSecond(row) !== second;
    this.#heads[row * HEAD_WORDS + LAST_SECOND] = second;
    return isNewSecond;
  }
}
