// Every contact that was seen lately, in bounded memory: typed arrays, allocated once, whose pages the kernel gives when
// they are first written. Rows are given out in order, so that those of one time lie together; when all are given out,
// a hand goes round and takes the first one that nobody has touched since it last came by (CLOCK): the stalest, about.
//
//   index  4 bytes a slot, open addressing, half full at most: 8 bits of a key's hash, and its row + 1 (0: empty)
//   near   32 bytes a row:
//
//     word  0    1    2      3       4        5      6     7
//         +----+----+------+-------+--------+------+-----------+
//         | s3 | h3 | what | state | probes | hash | first, ms |
//         +----+----+------+-------+--------+------+-----------+
//   far    32 bytes a row: s0..2, h0..2 unless it is IPv4; identifiers of ICMP questions; where the held packet lies
//   lately 4 bytes for each of 4,096 conversations: the row that the last packet of such a key had. Packets come in trains
//          (Jain and Routhier, IEEE JSAC 1986), and of most this saves the hash and the index.
import type { HashSeed } from "../keyed-hash.ts";
import { type ContactKey, HOST3_AT, hashKey, SOURCE3_AT, WHAT_AT } from "./contact-key.ts";

/** In a slot of the index; the bits above are of the hash, of those that do not choose the slot. */
const SLOT_ROW = 0xffffff;
const MAX_CAPACITY = SLOT_ROW;
const SLOTS_A_ROW = 2;
const ROW_WORDS = 8;
const WHAT = 2;
const STATE = 3;
const PROBES = 4;
const HASH = 5;
const ROW_DOUBLES = ROW_WORDS / 2;
const FIRST = 3;
const FAR_KEY_WORDS = 6;
const DETAIL = 6;
const HELD = 7;
/** So many rows the hand passes for one packet; the last of them goes, touched or not. */
const MAX_PASSED = 64;
/** A large allocation begins 16 bytes behind the start of a page (glibc), so rows fit cache lines from here. */
const ALIGN_BYTES = 48;

/** In a row's state, the other bits are the owner's: its key is of IPv4; it was touched since the hand came by. */
const IPV4 = 1 << 30;
const TOUCHED = 1 << 29;
const ROW_BITS = IPV4 | TOUCHED;

/** Slots of `lately`; no keyed hash chooses them: an attacker who makes keys collide there only causes the look-up in the index. */
const LATELY_BITS = 12;

export const NONE = -1;

export class ContactRows {
  readonly capacity: number;
  readonly #seed: HashSeed;
  readonly #shift: number;
  readonly #slotMask: number;
  readonly #index: Int32Array;
  readonly #near: Int32Array;
  readonly #first: Float64Array;
  readonly #far: Int32Array;
  readonly #lately = new Int32Array(1 << LATELY_BITS);
  #size = 0;
  #hand = 0;

  constructor(capacity: number, seed: HashSeed) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) {
      throw new RangeError(`contact table: capacity ${capacity} is not a whole number from 1 to ${MAX_CAPACITY}`);
    }
    this.capacity = capacity;
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    const slotBits = Math.ceil(Math.log2(capacity * SLOTS_A_ROW));
    this.#shift = 32 - slotBits;
    this.#slotMask = 2 ** slotBits - 1;
    const near = new ArrayBuffer(ALIGN_BYTES + capacity * ROW_WORDS * 4);
    this.#index = new Int32Array(2 ** slotBits);
    this.#near = new Int32Array(near, ALIGN_BYTES);
    this.#first = new Float64Array(near, ALIGN_BYTES);
    this.#far = new Int32Array(capacity * ROW_WORDS);
  }

  get size(): number {
    return this.#size;
  }

  /** The row of a key, -1 if there is none. Leaves the key's hash in it, for `write`. */
  find(key: ContactKey): number {
    const words = key.words;
    const mixed = Math.imul((words[SOURCE3_AT] ?? 0) ^ (words[HOST3_AT] ?? 0), 0x9e3779b1) + (words[WHAT_AT] ?? 0);
    const place = Math.imul(mixed, 0x85ebca6b) >>> (32 - LATELY_BITS);
    const lately = this.#lately[place] ?? 0;
    if (lately < this.#size && this.#hasKey(lately, key)) {
      key.hash = this.#near[lately * ROW_WORDS + HASH] ?? 0;
      return lately;
    }
    const row = this.#search(key);
    if (row !== NONE) this.#lately[place] = row;
    return row;
  }

  #search(key: ContactKey): number {
    const hash = hashKey(this.#seed, key);
    key.hash = hash;
    const index = this.#index;
    for (let slot = hash >>> this.#shift; ; slot = (slot + 1) & this.#slotMask) {
      const entry = index[slot] ?? 0;
      if (entry === 0) return NONE;
      if (((entry ^ (hash << 24)) & ~SLOT_ROW) !== 0) continue;
      const row = (entry & SLOT_ROW) - 1;
      if (this.#hasKey(row, key)) return row;
    }
  }

  /** The row that the next key is to be written to. A contact that has it now (`isUsed`) goes. */
  place(): number {
    if (this.#size < this.capacity) return this.#size;
    for (let passed = 1; ; passed++) {
      const row = this.#hand;
      this.#hand = row + 1 === this.capacity ? 0 : row + 1;
      const at = row * ROW_WORDS + STATE;
      const state = this.#near[at] ?? 0;
      if ((state & TOUCHED) === 0 || passed === MAX_PASSED) return row;
      this.#near[at] = state & ~TOUCHED;
    }
  }

  isUsed(row: number): boolean {
    return row < this.#size;
  }

  /** For a key that was just looked up in vain, and a row of `place`. */
  write(row: number, key: ContactKey, state: number, timeMs: number): void {
    const words = key.words;
    const near = this.#near;
    const base = row * ROW_WORDS;
    if (row < this.#size) this.#removeFromIndex(near[base + HASH] ?? 0, row);
    else this.#size++;
    near[base] = words[SOURCE3_AT] ?? 0;
    near[base + 1] = words[HOST3_AT] ?? 0;
    near[base + WHAT] = words[WHAT_AT] ?? 0;
    near[base + STATE] = key.isIpv4 ? state | IPV4 : state;
    near[base + PROBES] = 1;
    near[base + HASH] = key.hash;
    this.#first[row * ROW_DOUBLES + FIRST] = timeMs;
    if (!key.isIpv4) for (let word = 0; word < FAR_KEY_WORDS; word++) this.#far[base + word] = words[word] ?? 0;
    this.#addToIndex(key.hash, row);
  }

  touch(row: number): void {
    const at = row * ROW_WORDS + STATE;
    this.#near[at] = (this.#near[at] ?? 0) | TOUCHED;
  }

  state(row: number): number {
    return this.#near[row * ROW_WORDS + STATE] ?? 0;
  }

  /** The two bits of this file stay as they are. */
  setState(row: number, state: number): void {
    const at = row * ROW_WORDS + STATE;
    this.#near[at] = ((this.#near[at] ?? 0) & ROW_BITS) | (state & ~ROW_BITS);
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

  /** Word 0..3 of the asking host. */
  sourceWord(row: number, word: number): number {
    const base = row * ROW_WORDS;
    if (word === 3) return (this.#near[base] ?? 0) >>> 0;
    if ((this.state(row) & IPV4) !== 0) return word === 2 ? 0xffff : 0;
    return (this.#far[base + word] ?? 0) >>> 0;
  }

  /** Word 0..3 of the asked host. */
  hostWord(row: number, word: number): number {
    const base = row * ROW_WORDS;
    if (word === 3) return (this.#near[base + 1] ?? 0) >>> 0;
    if ((this.state(row) & IPV4) !== 0) return word === 2 ? 0xffff : 0;
    return (this.#far[base + 3 + word] ?? 0) >>> 0;
  }

  /** The row that the same two hosts have for something else; NONE if there is none. `key` is the caller's, written over. */
  findSibling(row: number, what: number, key: ContactKey): number {
    const words = key.words;
    const base = row * ROW_WORDS;
    key.isIpv4 = (this.state(row) & IPV4) !== 0;
    key.setEnds(this.#near[base] ?? 0, this.#near[base + 1] ?? 0, what);
    if (!key.isIpv4) for (let word = 0; word < FAR_KEY_WORDS; word++) words[word] = this.#far[base + word] ?? 0;
    return this.find(key);
  }

  detail(row: number): number {
    return this.#far[row * ROW_WORDS + DETAIL] ?? 0;
  }

  setDetail(row: number, detail: number): void {
    this.#far[row * ROW_WORDS + DETAIL] = detail;
  }

  held(row: number): number {
    return this.#far[row * ROW_WORDS + HELD] ?? 0;
  }

  setHeld(row: number, slot: number): void {
    this.#far[row * ROW_WORDS + HELD] = slot;
  }

  #addToIndex(hash: number, row: number): void {
    const index = this.#index;
    let slot = hash >>> this.#shift;
    while (index[slot] !== 0) slot = (slot + 1) & this.#slotMask;
    index[slot] = (hash << 24) | (row + 1);
  }

  /** Entries behind it that are not at home move up (Knuth, 6.4 algorithm R): no tombstones pile up. */
  #removeFromIndex(hash: number, row: number): void {
    const index = this.#index;
    const mask = this.#slotMask;
    let hole = hash >>> this.#shift;
    while (((index[hole] ?? 0) & SLOT_ROW) !== row + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; index[slot] !== 0; slot = (slot + 1) & mask) {
      const entry = index[slot] ?? 0;
      const home = (this.#near[((entry & SLOT_ROW) - 1) * ROW_WORDS + HASH] ?? 0) >>> this.#shift;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      index[hole] = entry;
      hole = slot;
    }
    index[hole] = 0;
  }

  #hasKey(row: number, key: ContactKey): boolean {
    const words = key.words;
    const near = this.#near;
    const base = row * ROW_WORDS;
    if (near[base + 1] !== words[HOST3_AT] || near[base] !== words[SOURCE3_AT]) return false;
    if (near[base + WHAT] !== words[WHAT_AT]) return false;
    if ((((near[base + STATE] ?? 0) & IPV4) !== 0) !== key.isIpv4) return false;
    if (key.isIpv4) return true;
    for (let word = 0; word < FAR_KEY_WORDS; word++) if (this.#far[base + word] !== words[word]) return false;
    return true;
  }
}
