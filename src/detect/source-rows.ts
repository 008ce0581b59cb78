// The memory of each source, in typed arrays that are allocated once; the kernel gives their pages when they are first
// written. A row has three parts: `near` is all that a source of one probe needs, and so all that a flood of forged
// sources writes; `keys` is for sources that are not IPv4; `more` is written from the second probe on.
//
//   near    16 bytes a row, a quarter of a cache line
//     word  0    1      2                              3
//         +----+------+-------+---------+------------+--------------+-------+
//         | w3 | last | port0 | ms      | flags      | kinds 6 x 4  | bits  |
//         +----+------+-------+---------+------------+--------------+-------+
//           key  s      u16     0..9      10..15 of    bits 0..23     24..31
//                                         the same u16
//   keys    12 bytes a row: w0, w1, w2 of the key
//   more    36 bytes a row
//     word  0       1        2        3                4..5          6               7       8
//         +-------+--------+--------+--------+-------+-------------+--------+------+-------+--------+
//         | first | probes | scored | direct | port1 | ports 2..5  | direct | weak | today | before |
//         +-------+--------+--------+--------+-------+-------------+--------+------+-------+--------+
//           s       u32      s        probes                         scores, 4.12    sketches, 32 bits
//
//   Without `more` a row is of one probe: it came at `last`, and so did its contact, if it was one. `ms` belongs to
//   `scored`, or to `last` while there is no `more`. Contacts lie in their order, the oldest in slot 0.
import { IPV4_MAPPED_WORD, isIpv4Words, type Prefix, prefixOfWords } from "../wire/address.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";

/** Contacts that a row remembers exactly. */
export const CONTACT_SLOTS = 6;

const NEAR_WORDS = 4;
const LAST_SEEN = 1;
const KINDS = 3;
const NEAR_HALVES = NEAR_WORDS * 2;
const PORT0_HALF = 4;
const FLAGS_HALF = 5;
const KEY_WORDS = 3;
const MORE_WORDS = 9;
const FIRST_SEEN = 0;
const PROBES = 1;
const SCORED = 2;
const TODAY = 7;
const BEFORE = 8;
const MORE_HALVES = MORE_WORDS * 2;
const DIRECT_PROBES_HALF = 6;
/** Where slot 0 would be, had it not its place in `near`. */
const PORTS_HALF = 6;
const DIRECT_SCORE_HALF = 12;
const WEAK_SCORE_HALF = 13;

const KINDS_MASK = 0xffffff;
const KEY_BITS_AT = 24;
/** In the half FLAGS, above the milliseconds. */
const MILLISECONDS = 0x3ff;
const IPV4 = 1 << 10;
const FLAGGED = 1 << 11;
const MORE = 1 << 12;
const WAITING = 1 << 13;

/** Where the count of direct probes stops. */
export const MAX_DIRECT_PROBES = 0xffff;
const MAX_PROBES = 0xffffffff;

/** Everything about one row; which source has which row is for the index and the table. */
export class SourceRows {
  /** All arrays together: resident once every row has been written in all its parts. */
  readonly bytes: number;
  readonly #near: Uint32Array;
  readonly #nearHalves: Uint16Array;
  readonly #keys: Uint32Array;
  readonly #more: Uint32Array;
  readonly #moreHalves: Uint16Array;

  constructor(capacity: number) {
    this.#near = new Uint32Array(capacity * NEAR_WORDS);
    this.#nearHalves = new Uint16Array(this.#near.buffer);
    this.#keys = new Uint32Array(capacity * KEY_WORDS);
    this.#more = new Uint32Array(capacity * MORE_WORDS);
    this.#moreHalves = new Uint16Array(this.#more.buffer);
    this.bytes = this.#near.byteLength + this.#keys.byteLength + this.#more.byteLength;
  }

  /** A row without contacts, of a source whose first probe has just come. */
  write(row: number, w0: number, w1: number, w2: number, w3: number, bits: number): void {
    const base = row * NEAR_WORDS;
    const isIpv4 = isIpv4Words(w0, w1, w2);
    this.#near[base] = w3;
    this.#near[base + KINDS] = bits << KEY_BITS_AT;
    this.#nearHalves[row * NEAR_HALVES + FLAGS_HALF] = isIpv4 ? IPV4 : 0;
    if (isIpv4) return;
    const key = row * KEY_WORDS;
    this.#keys[key] = w0;
    this.#keys[key + 1] = w1;
    this.#keys[key + 2] = w2;
  }

  hasKey(row: number, w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
    const base = row * NEAR_WORDS;
    if (this.#near[base] !== w3 || (this.#near[base + KINDS] ?? 0) >>> KEY_BITS_AT !== bits) return false;
    if (this.#has(row, IPV4)) return isIpv4Words(w0, w1, w2);
    const key = row * KEY_WORDS;
    return this.#keys[key] === w0 && this.#keys[key + 1] === w1 && this.#keys[key + 2] === w2;
  }

  hashOfKey(row: number, seed: HashSeed): number {
    return hashSource(seed, this.#word(row, 0), this.#word(row, 1), this.#word(row, 2), this.#w3(row), this.#bits(row));
  }

  /** A hash of the source and a number of ours; apart from every hash of a key. */
  hashWith(row: number, number: number, seed: HashSeed): number {
    return hashSource(seed, this.#word(row, 0), this.#word(row, 1), number, this.#w3(row), 0xff);
  }

  source(row: number): Prefix {
    return prefixOfWords(this.#word(row, 0), this.#word(row, 1), this.#word(row, 2), this.#w3(row), this.#bits(row));
  }

  hasMore(row: number): boolean {
    return this.#has(row, MORE);
  }

  /** Begins `more` for a row of one probe; all of it is written. */
  openMore(row: number): void {
    const base = row * MORE_WORDS;
    const lastSeen = this.lastSeen(row);
    for (let at = base; at < base + MORE_WORDS; at++) this.#more[at] = 0;
    this.#more[base + FIRST_SEEN] = lastSeen;
    this.#more[base + PROBES] = 1;
    this.#more[base + SCORED] = lastSeen;
    this.#setFlag(row, MORE);
  }

  isFlagged(row: number): boolean {
    return this.#has(row, FLAGGED);
  }

  flag(row: number): void {
    const at = row * NEAR_HALVES + FLAGS_HALF;
    this.#nearHalves[at] = ((this.#nearHalves[at] ?? 0) & ~WAITING) | FLAGGED;
  }

  unflag(row: number): void {
    const at = row * NEAR_HALVES + FLAGS_HALF;
    this.#nearHalves[at] = (this.#nearHalves[at] ?? 0) & ~(FLAGGED | WAITING);
  }

  isWaiting(row: number): boolean {
    return this.#has(row, WAITING);
  }

  /** Flagged, and waiting. */
  setWaiting(row: number): void {
    this.#setFlag(row, FLAGGED | WAITING);
  }

  lastSeen(row: number): number {
    return this.#near[row * NEAR_WORDS + LAST_SEEN] ?? 0;
  }

  setLastSeen(row: number, seconds: number): void {
    this.#near[row * NEAR_WORDS + LAST_SEEN] = seconds;
  }

  firstSeen(row: number): number {
    return this.hasMore(row) ? (this.#more[row * MORE_WORDS + FIRST_SEEN] ?? 0) : this.lastSeen(row);
  }

  probes(row: number): number {
    return this.hasMore(row) ? (this.#more[row * MORE_WORDS + PROBES] ?? 0) : 1;
  }

  /** For a row that has `more`, as all that follow. */
  countProbe(row: number): void {
    const at = row * MORE_WORDS + PROBES;
    const probes = this.#more[at] ?? 0;
    if (probes < MAX_PROBES) this.#more[at] = probes + 1;
  }

  directProbes(row: number): number {
    return this.#moreHalves[row * MORE_HALVES + DIRECT_PROBES_HALF] ?? 0;
  }

  countDirectProbe(row: number): void {
    const at = row * MORE_HALVES + DIRECT_PROBES_HALF;
    const probes = this.#moreHalves[at] ?? 0;
    if (probes < MAX_DIRECT_PROBES) this.#moreHalves[at] = probes + 1;
  }

  directScore(row: number): number {
    return this.#moreHalves[row * MORE_HALVES + DIRECT_SCORE_HALF] ?? 0;
  }

  weakScore(row: number): number {
    return this.#moreHalves[row * MORE_HALVES + WEAK_SCORE_HALF] ?? 0;
  }

  setScores(row: number, direct: number, weak: number): void {
    const base = row * MORE_HALVES;
    this.#moreHalves[base + DIRECT_SCORE_HALF] = direct;
    this.#moreHalves[base + WEAK_SCORE_HALF] = weak;
  }

  today(row: number): number {
    return this.#more[row * MORE_WORDS + TODAY] ?? 0;
  }

  before(row: number): number {
    return this.#more[row * MORE_WORDS + BEFORE] ?? 0;
  }

  setSketches(row: number, today: number, before: number): void {
    this.#more[row * MORE_WORDS + TODAY] = today;
    this.#more[row * MORE_WORDS + BEFORE] = before;
  }

  /** When a contact last counted, in ms; for a row without `more` too. */
  scoredMs(row: number): number {
    const seconds = this.hasMore(row) ? (this.#more[row * MORE_WORDS + SCORED] ?? 0) : this.lastSeen(row);
    return seconds * 1000 + ((this.#nearHalves[row * NEAR_HALVES + FLAGS_HALF] ?? 0) & MILLISECONDS);
  }

  setScoredMs(row: number, timeMs: number): void {
    const seconds = Math.floor(timeMs / 1000);
    if (this.hasMore(row)) this.#more[row * MORE_WORDS + SCORED] = seconds;
    const at = row * NEAR_HALVES + FLAGS_HALF;
    this.#nearHalves[at] = ((this.#nearHalves[at] ?? 0) & ~MILLISECONDS) | ((timeMs - seconds * 1000) & MILLISECONDS);
  }

  /** Six kinds of four bits, that of slot 0 lowest; the table knows no kind but 0, which is no contact. */
  kinds(row: number): number {
    return (this.#near[row * NEAR_WORDS + KINDS] ?? 0) & KINDS_MASK;
  }

  setKinds(row: number, kinds: number): void {
    const at = row * NEAR_WORDS + KINDS;
    this.#near[at] = ((this.#near[at] ?? 0) & ~KINDS_MASK) | kinds;
  }

  /** Slots above 0 are there with `more` only. */
  port(row: number, slot: number): number {
    if (slot === 0) return this.#nearHalves[row * NEAR_HALVES + PORT0_HALF] ?? 0;
    return this.#moreHalves[row * MORE_HALVES + PORTS_HALF + slot] ?? 0;
  }

  setPort(row: number, slot: number, port: number): void {
    if (slot === 0) this.#nearHalves[row * NEAR_HALVES + PORT0_HALF] = port;
    else this.#moreHalves[row * MORE_HALVES + PORTS_HALF + slot] = port;
  }

  #has(row: number, flag: number): boolean {
    return ((this.#nearHalves[row * NEAR_HALVES + FLAGS_HALF] ?? 0) & flag) !== 0;
  }

  #setFlag(row: number, flag: number): void {
    const at = row * NEAR_HALVES + FLAGS_HALF;
    this.#nearHalves[at] = (this.#nearHalves[at] ?? 0) | flag;
  }

  #w3(row: number): number {
    return this.#near[row * NEAR_WORDS] ?? 0;
  }

  #bits(row: number): number {
    return (this.#near[row * NEAR_WORDS + KINDS] ?? 0) >>> KEY_BITS_AT;
  }

  #word(row: number, word: 0 | 1 | 2): number {
    if (this.#has(row, IPV4)) return word === 2 ? IPV4_MAPPED_WORD : 0;
    return this.#keys[row * KEY_WORDS + word] ?? 0;
  }
}
