// Every contact that was seen lately, in bounded memory: typed arrays, allocated once. A key has two buckets of eight
// rows; it takes the second only when the first is full, and when both are, the stalest of the sixteen goes. So the
// table need not be quite full before the first is dropped, and a packet costs few cache lines: one of the index for a
// key that is not there, one more for the row of one that is.
//
//   index  64 bytes a bucket: eight tags (a key's hash, 0 = empty), then eight ticks (when each was last touched)
//   near   32 bytes a row:
//
//     word  0    1    2      3       4        5     6     7
//         +----+----+------+-------+--------+------+-----------+
//         | s3 | h3 | what | state | probes | held | first, ms |
//         +----+----+------+-------+--------+------+-----------+
//   far    32 bytes a row: s0..2, h0..2 unless it is IPv4; the identifiers of ICMP questions
import type { HashSeed } from "../keyed-hash.ts";
import { type ContactKey, HOST3_AT, hashKey, SOURCE3_AT, WHAT_AT } from "./contact-key.ts";

const WAY_BITS = 3;
const WAYS = 1 << WAY_BITS;
const MIN_CAPACITY = WAYS * 2;
const MAX_CAPACITY = 1 << 24;
const BUCKET_WORDS = WAYS * 2;
const ROW_WORDS = 8;
const WHAT = 2;
const STATE = 3;
const PROBES = 4;
const HELD = 5;
const ROW_DOUBLES = ROW_WORDS / 2;
const FIRST = 3;
const FAR_KEY_WORDS = 6;
const DETAIL = 6;
const SECOND_BUCKET = 0x9e3779b1;
/** A large allocation begins 16 bytes behind the start of a page (glibc), so buckets and rows fit cache lines from here. */
const ALIGN_BYTES = 48;

/** Set in a row's state if its key is of IPv4; the other bits are the owner's. */
export const IPV4_STATE = 1 << 30;

export const NONE = -1;

export class ContactRows {
  readonly capacity: number;
  /** All typed arrays together: resident once every row has been written. */
  readonly bytes: number;
  readonly #seed: HashSeed;
  readonly #shift: number;
  readonly #index: Int32Array;
  readonly #near: Int32Array;
  readonly #first: Float64Array;
  readonly #far: Int32Array;
  #tick = 0;
  #size = 0;

  /** The capacity is rounded up to a power of two. */
  constructor(capacity: number, seed: HashSeed) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) {
      throw new RangeError(`contact table: capacity ${capacity} is not a whole number from 1 to ${MAX_CAPACITY}`);
    }
    this.capacity = Math.max(MIN_CAPACITY, 2 ** Math.ceil(Math.log2(capacity)));
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    this.#shift = 32 - Math.log2(this.capacity / WAYS);
    const index = new ArrayBuffer(ALIGN_BYTES + this.capacity * 2 * 4);
    const near = new ArrayBuffer(ALIGN_BYTES + this.capacity * ROW_WORDS * 4);
    this.#index = new Int32Array(index, ALIGN_BYTES);
    this.#near = new Int32Array(near, ALIGN_BYTES);
    this.#first = new Float64Array(near, ALIGN_BYTES);
    this.#far = new Int32Array(this.capacity * ROW_WORDS);
    this.bytes = index.byteLength + near.byteLength + this.#far.byteLength;
  }

  get size(): number {
    return this.#size;
  }

  /** The row of a key, -1 if there is none. Leaves the key's hash in it, for `place`. */
  find(key: ContactKey): number {
    const hash = hashKey(this.#seed, key);
    key.hash = hash;
    const tag = hash === 0 ? 1 : hash;
    const first = this.#firstBucket(hash);
    const row = this.#findIn(first, tag, key);
    // Rows are never freed: where there is room in the first bucket, the second was not needed.
    if (row !== NONE || this.#index[first * BUCKET_WORDS + WAYS - 1] === 0) return row;
    return this.#findIn(this.#secondBucket(hash), tag, key);
  }

  /** The row that a key, which was just looked up in vain, is to be written to. Whoever has it now, see `isUsed`, goes. */
  place(key: ContactKey): number {
    const one = this.#firstBucket(key.hash);
    const inOne = this.#fill(one);
    if (inOne < WAYS) return one * WAYS + inOne;
    const other = this.#secondBucket(key.hash);
    const inOther = this.#fill(other);
    if (inOther < WAYS) return other * WAYS + inOther;
    const staleInOne = this.#stalest(one);
    const staleInOther = this.#stalest(other);
    return this.#age(staleInOne) >= this.#age(staleInOther) ? staleInOne : staleInOther;
  }

  isUsed(row: number): boolean {
    return this.#index[tagAt(row)] !== 0;
  }

  write(row: number, key: ContactKey, state: number, timeMs: number): void {
    const at = tagAt(row);
    if (this.#index[at] === 0) this.#size++;
    this.#index[at] = key.hash === 0 ? 1 : key.hash;
    this.#index[at + WAYS] = this.#tick;
    const words = key.words;
    const near = this.#near;
    const base = row * ROW_WORDS;
    near[base] = words[SOURCE3_AT] ?? 0;
    near[base + 1] = words[HOST3_AT] ?? 0;
    near[base + WHAT] = words[WHAT_AT] ?? 0;
    near[base + STATE] = key.isIpv4 ? state | IPV4_STATE : state;
    near[base + PROBES] = 1;
    this.#first[row * ROW_DOUBLES + FIRST] = timeMs;
    if (key.isIpv4) return;
    for (let word = 0; word < FAR_KEY_WORDS; word++) this.#far[base + word] = words[word] ?? 0;
  }

  /** A further packet has come: ages are counted in packets, so that no clock, however wrong, makes a row stale. */
  advance(): void {
    this.#tick = (this.#tick + 1) | 0;
  }

  touch(row: number): void {
    this.#index[tagAt(row) + WAYS] = this.#tick;
  }

  state(row: number): number {
    return this.#near[row * ROW_WORDS + STATE] ?? 0;
  }

  /** Whatever it is set to, the family stays. */
  setState(row: number, state: number): void {
    const at = row * ROW_WORDS + STATE;
    this.#near[at] = ((this.#near[at] ?? 0) & IPV4_STATE) | (state & ~IPV4_STATE);
  }

  firstMs(row: number): number {
    return this.#first[row * ROW_DOUBLES + FIRST] ?? 0;
  }

  setFirstMs(row: number, timeMs: number): void {
    this.#first[row * ROW_DOUBLES + FIRST] = timeMs;
  }

  probes(row: number): number {
    return (this.#near[row * ROW_WORDS + PROBES] ?? 0) >>> 0;
  }

  setProbes(row: number, probes: number): void {
    this.#near[row * ROW_WORDS + PROBES] = Math.min(probes, 0xffffffff);
  }

  what(row: number): number {
    return this.#near[row * ROW_WORDS + WHAT] ?? 0;
  }

  /** Word 0..3 of who asked. */
  sourceWord(row: number, word: number): number {
    const base = row * ROW_WORDS;
    if (word === 3) return (this.#near[base] ?? 0) >>> 0;
    if ((this.state(row) & IPV4_STATE) !== 0) return word === 2 ? 0xffff : 0;
    return (this.#far[base + word] ?? 0) >>> 0;
  }

  /** Word 0..3 of who was asked. */
  hostWord(row: number, word: number): number {
    const base = row * ROW_WORDS;
    if (word === 3) return (this.#near[base + 1] ?? 0) >>> 0;
    if ((this.state(row) & IPV4_STATE) !== 0) return word === 2 ? 0xffff : 0;
    return (this.#far[base + 3 + word] ?? 0) >>> 0;
  }

  detail(row: number): number {
    return this.#far[row * ROW_WORDS + DETAIL] ?? 0;
  }

  setDetail(row: number, detail: number): void {
    this.#far[row * ROW_WORDS + DETAIL] = detail;
  }

  held(row: number): number {
    return this.#near[row * ROW_WORDS + HELD] ?? 0;
  }

  setHeld(row: number, slot: number): void {
    this.#near[row * ROW_WORDS + HELD] = slot;
  }

  #firstBucket(hash: number): number {
    return hash >>> this.#shift;
  }

  #secondBucket(hash: number): number {
    return Math.imul(hash, SECOND_BUCKET) >>> this.#shift;
  }

  #findIn(bucket: number, tag: number, key: ContactKey): number {
    const base = bucket * BUCKET_WORDS;
    for (let way = 0; way < WAYS; way++) {
      const other = this.#index[base + way];
      // Given out in order: nothing stands behind an empty one.
      if (other === 0) return NONE;
      if (other === tag && this.#hasKey(bucket * WAYS + way, key)) return bucket * WAYS + way;
    }
    return NONE;
  }

  #hasKey(row: number, key: ContactKey): boolean {
    const words = key.words;
    const near = this.#near;
    const base = row * ROW_WORDS;
    if (near[base + 1] !== words[HOST3_AT] || near[base] !== words[SOURCE3_AT]) return false;
    if (near[base + WHAT] !== words[WHAT_AT]) return false;
    if ((((near[base + STATE] ?? 0) & IPV4_STATE) !== 0) !== key.isIpv4) return false;
    if (key.isIpv4) return true;
    for (let word = 0; word < FAR_KEY_WORDS; word++) if (this.#far[base + word] !== words[word]) return false;
    return true;
  }

  #fill(bucket: number): number {
    const base = bucket * BUCKET_WORDS;
    let used = 0;
    while (used < WAYS && this.#index[base + used] !== 0) used++;
    return used;
  }

  #stalest(bucket: number): number {
    const first = bucket * WAYS;
    let stalest = first;
    for (let row = first + 1; row < first + WAYS; row++) if (this.#age(row) > this.#age(stalest)) stalest = row;
    return stalest;
  }

  #age(row: number): number {
    return (this.#tick - (this.#index[tagAt(row) + WAYS] ?? 0)) >>> 0;
  }
}

/** Where in the index a row's tag stands; its tick stands WAYS words behind. */
function tagAt(row: number): number {
  return ((row >>> WAY_BITS) << (WAY_BITS + 1)) | (row & (WAYS - 1));
}
