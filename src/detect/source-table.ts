// Every source that probed lately, in bounded memory: a full table drops the source that has been quiet the longest.
// Rows and index are typed arrays, allocated once (the kernel gives their pages when they are first written), so that
// a packet allocates nothing. What the counts mean is for scorers.ts to say.
//
//   index   Int32, open addressing, at most half full: 0 = empty, else row + 1 in the lower 24 bits, and above them
//           the lowest 8 bits of the slot where the key's search begins (its home): most rows need not be read then
//   links   Int32, two a row: the next newer and the next older row, or the next free row
//   rows    64 bytes each, one cache line:
//
//     word  0    1    2    3     4                       5      6     7       8..9         10..15
//         +----+----+----+----+------+-------+--------+-------+------+--------+-----------+----------+
//         | w0 | w1 | w2 | w3 | bits | flags | direct | first | last | probes | window ms | contacts |
//         +----+----+----+----+------+-------+--------+-------+------+--------+-----------+----------+
//           the source's key     u8     u8      u16     s       s               f64         6, 0 = none
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import type { Probe } from "./probe.ts";

const ROW_WORDS = 16;
const FIRST_SEEN = 5;
const LAST_SEEN = 6;
const PROBES = 7;
const CONTACTS = 10;
/** In units of the 16-, 8- and 64-bit views over the same rows. */
const ROW_HALVES = 32;
const DIRECT_HALF = 9;
const ROW_BYTES = 64;
const BITS_BYTE = 16;
const FLAGS_BYTE = 17;
const ROW_DOUBLES = 8;
const WINDOW_DOUBLE = 4;

/** Contacts that a row remembers; a score policy cannot ask for more. */
export const CONTACT_SLOTS = 6;
/** Set in a contact that is weak evidence: `protocol << 16 | port`, and this bit. */
export const WEAK_CONTACT = 1 << 24;
/** Where the count of direct probes stops. */
export const MAX_DIRECT_PROBES = 0xffff;
const MAX_PROBES = 0xffffffff;
const ENTRY_ROW_BITS = 24;
const ENTRY_ROW_MASK = 0xffffff;
const MAX_CAPACITY = ENTRY_ROW_MASK;

const FLAGGED = 1;
const NONE = -1;

/** What a row says, for people. Times are whole seconds; contacts are those of the window in force. */
export interface SourceHistory {
  readonly source: Prefix;
  readonly probes: number;
  readonly directProbes: number;
  readonly contacts: readonly { readonly protocol: number; readonly port: number; readonly isWeak: boolean }[];
  readonly firstMs: number;
  readonly lastMs: number;
  readonly isFlagged: boolean;
}

/** Row numbers stay valid until the next `touch` or `forget`. */
export class SourceTable {
  readonly capacity: number;
  /** All typed arrays together, resident once the table has been full. */
  readonly bytes: number;
  readonly #seed: HashSeed;
  readonly #mask: number;
  readonly #index: Int32Array;
  readonly #links: Int32Array;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #octets: Uint8Array;
  readonly #doubles: Float64Array;
  #newest = NONE;
  #oldest = NONE;
  #free = NONE;
  /** Rows below this have been given out at least once. */
  #opened = 0;
  #size = 0;
  #evictions = 0;

  constructor(capacity: number, seed: HashSeed) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY) {
      throw new RangeError(`source table: capacity ${capacity} is not a whole number from 1 to ${MAX_CAPACITY}`);
    }
    const slots = 2 ** Math.ceil(Math.log2(capacity * 2));
    const rows = new ArrayBuffer(capacity * ROW_BYTES);
    this.capacity = capacity;
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    this.#mask = slots - 1;
    this.#index = new Int32Array(slots);
    this.#links = new Int32Array(capacity * 2);
    this.#words = new Uint32Array(rows);
    this.#halves = new Uint16Array(rows);
    this.#octets = new Uint8Array(rows);
    this.#doubles = new Float64Array(rows);
    this.bytes = rows.byteLength + this.#index.byteLength + this.#links.byteLength;
  }

  get size(): number {
    return this.#size;
  }

  /** Sources dropped because the table was full. */
  get evictions(): number {
    return this.#evictions;
  }

  /** The row of the probe's source, made if there is none, counted, and now the newest. */
  touch(probe: Probe): number {
    const { source0, source1, source2, source3, sourceBits } = probe;
    const hash = hashSource(this.#seed, source0, source1, source2, source3, sourceBits);
    let row = this.#findFrom(hash & this.#mask, source0, source1, source2, source3, sourceBits);
    const seconds = Math.floor(probe.timeMs / 1000);
    if (row === NONE) {
      row = this.#takeRow();
      this.#insert(hash & this.#mask, row);
      this.#write(row, probe, seconds);
      this.#linkNewest(row);
    } else if (row !== this.#newest) {
      this.#unlink(row);
      this.#linkNewest(row);
    }
    const base = row * ROW_WORDS;
    const probes = this.#words[base + PROBES] ?? 0;
    if (probes < MAX_PROBES) this.#words[base + PROBES] = probes + 1;
    this.#words[base + LAST_SEEN] = seconds;
    return row;
  }

  /** The row of a source key, -1 if it is not tracked. Does not make it newer. */
  find(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return this.#findFrom(hashSource(this.#seed, w0, w1, w2, w3, bits) & this.#mask, w0, w1, w2, w3, bits);
  }

  /** False if the source was not tracked. */
  forget(w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
    const row = this.find(w0, w1, w2, w3, bits);
    if (row === NONE) return false;
    this.#remove(row);
    this.#links[row * 2 + 1] = this.#free;
    this.#free = row;
    return true;
  }

  probes(row: number): number {
    return this.#words[row * ROW_WORDS + PROBES] ?? 0;
  }

  firstSeenMs(row: number): number {
    return (this.#words[row * ROW_WORDS + FIRST_SEEN] ?? 0) * 1000;
  }

  isFlagged(row: number): boolean {
    return ((this.#octets[row * ROW_BYTES + FLAGS_BYTE] ?? 0) & FLAGGED) !== 0;
  }

  /** A finding has been made; stays until the source is forgotten. */
  flag(row: number): void {
    this.#octets[row * ROW_BYTES + FLAGS_BYTE] = FLAGGED;
  }

  /** Every source may be found again. */
  unflagAll(): void {
    for (let at = FLAGS_BYTE; at < this.#octets.length; at += ROW_BYTES) {
      const octet = this.#octets[at] ?? 0;
      if ((octet & FLAGGED) !== 0) this.#octets[at] = octet & ~FLAGGED;
    }
  }

  lastSeenMs(row: number): number {
    return (this.#words[row * ROW_WORDS + LAST_SEEN] ?? 0) * 1000;
  }

  directProbes(row: number): number {
    return this.#halves[row * ROW_HALVES + DIRECT_HALF] ?? 0;
  }

  countDirectProbe(row: number): void {
    const at = row * ROW_HALVES + DIRECT_HALF;
    const count = this.#halves[at] ?? 0;
    if (count < MAX_DIRECT_PROBES) this.#halves[at] = count + 1;
  }

  /**
   * Remembers a contact (`protocol << 16 | port`, WEAK_CONTACT added when it is weak) in the source's window, which
   * starts with its first contact; one that comes after the window starts the next. Past the slots, contacts are not
   * kept, except that a direct one takes the place of a weak one: a scanner must not hide behind tolerated ports.
   */
  noteContact(row: number, contact: number, timeMs: number, windowMs: number): void {
    const base = row * ROW_WORDS + CONTACTS;
    const windowAt = row * ROW_DOUBLES + WINDOW_DOUBLE;
    // Both ways: packets of two log groups may overtake one another, and a clock may be set back.
    const age = Math.abs(timeMs - (this.#doubles[windowAt] ?? 0));
    if (this.#words[base] === 0 || !(age <= windowMs)) {
      this.#doubles[windowAt] = timeMs;
      this.#words.fill(0, base, base + CONTACT_SLOTS);
    }
    let weakAt = NONE;
    for (let at = base; at < base + CONTACT_SLOTS; at++) {
      const known = this.#words[at] ?? 0;
      if (known === 0) {
        this.#words[at] = contact;
        return;
      }
      if ((known & ~WEAK_CONTACT) === (contact & ~WEAK_CONTACT)) {
        // Direct once, direct for good.
        this.#words[at] = known & contact;
        return;
      }
      if ((known & WEAK_CONTACT) !== 0) weakAt = at;
    }
    if (weakAt !== NONE && (contact & WEAK_CONTACT) === 0) this.#words[weakAt] = contact;
  }

  /** Distinct contacts in the window of the latest one, at most CONTACT_SLOTS. */
  contactCount(row: number): number {
    const base = row * ROW_WORDS + CONTACTS;
    let count = 0;
    while (count < CONTACT_SLOTS && this.#words[base + count] !== 0) count++;
    return count;
  }

  hasDirectContact(row: number): boolean {
    const base = row * ROW_WORDS + CONTACTS;
    for (let at = base; at < base + CONTACT_SLOTS; at++) {
      const contact = this.#words[at] ?? 0;
      if (contact !== 0 && (contact & WEAK_CONTACT) === 0) return true;
    }
    return false;
  }

  source(row: number): Prefix {
    const base = row * ROW_WORDS;
    const words = this.#words;
    const bits = this.#octets[row * ROW_BYTES + BITS_BYTE] ?? 0;
    return prefixOfWords(words[base] ?? 0, words[base + 1] ?? 0, words[base + 2] ?? 0, words[base + 3] ?? 0, bits);
  }

  describe(row: number): SourceHistory {
    const base = row * ROW_WORDS;
    const contacts = Array.from(
      this.#words.subarray(base + CONTACTS, base + CONTACTS + this.contactCount(row)),
      (contact) => ({
        protocol: (contact >>> 16) & 0xff,
        port: contact & 0xffff,
        isWeak: (contact & WEAK_CONTACT) !== 0,
      }),
    );
    return {
      source: this.source(row),
      probes: this.probes(row),
      directProbes: this.directProbes(row),
      contacts,
      firstMs: this.firstSeenMs(row),
      lastMs: (this.#words[base + LAST_SEEN] ?? 0) * 1000,
      isFlagged: this.isFlagged(row),
    };
  }

  /** Walks the index from the key's home slot to the row that has the key, or to an empty slot. */
  #findFrom(home: number, w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const words = this.#words;
    for (let slot = home; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#index[slot] ?? 0;
      if (entry === 0) return NONE;
      if (((entry >>> ENTRY_ROW_BITS) ^ home) & 0xff) continue;
      const row = (entry & ENTRY_ROW_MASK) - 1;
      const base = row * ROW_WORDS;
      if (
        words[base + 3] === w3 &&
        words[base + 2] === w2 &&
        words[base + 1] === w1 &&
        words[base] === w0 &&
        this.#octets[row * ROW_BYTES + BITS_BYTE] === bits
      ) {
        return row;
      }
    }
  }

  #insert(home: number, row: number): void {
    let slot = home;
    while (this.#index[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#index[slot] = (home << ENTRY_ROW_BITS) | (row + 1);
    this.#size++;
  }

  /** A row to write: a forgotten one, a fresh one, or that of the stalest source. */
  #takeRow(): number {
    if (this.#free !== NONE) {
      const row = this.#free;
      this.#free = this.#links[row * 2 + 1] ?? NONE;
      return row;
    }
    if (this.#opened < this.capacity) return this.#opened++;
    const row = this.#oldest;
    this.#remove(row);
    this.#evictions++;
    return row;
  }

  #write(row: number, probe: Probe, seconds: number): void {
    const base = row * ROW_WORDS;
    this.#words.fill(0, base, base + ROW_WORDS);
    this.#words[base] = probe.source0;
    this.#words[base + 1] = probe.source1;
    this.#words[base + 2] = probe.source2;
    this.#words[base + 3] = probe.source3;
    this.#octets[row * ROW_BYTES + BITS_BYTE] = probe.sourceBits;
    this.#words[base + FIRST_SEEN] = seconds;
  }

  #homeOf(row: number): number {
    const base = row * ROW_WORDS;
    const words = this.#words;
    const bits = this.#octets[row * ROW_BYTES + BITS_BYTE] ?? 0;
    const hash = hashSource(
      this.#seed,
      words[base] ?? 0,
      words[base + 1] ?? 0,
      words[base + 2] ?? 0,
      words[base + 3] ?? 0,
      bits,
    );
    return hash & this.#mask;
  }

  /**
   * Takes a row out of index and links. Later entries of its run move up, so that no tombstones pile up. How far each is
   * from home shows in its 8 bits: exact below 256 slots. A half full index with a keyed hash has a longer run once in
   * 10^14 tables or so, and all that could follow is that a source is counted afresh.
   */
  #remove(row: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let hole = this.#homeOf(row);
    const removed = (hole << ENTRY_ROW_BITS) | (row + 1);
    while (index[hole] !== removed) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = index[slot] ?? 0;
      if (entry === 0) break;
      const fromHome = (slot - (entry >>> ENTRY_ROW_BITS)) & mask & 0xff;
      // It may move only if the hole does not lie before its home.
      if (fromHome >= ((slot - hole) & mask)) {
        index[hole] = entry;
        hole = slot;
      }
    }
    index[hole] = 0;
    this.#size--;
    this.#unlink(row);
  }

  #linkNewest(row: number): void {
    this.#links[row * 2] = NONE;
    this.#links[row * 2 + 1] = this.#newest;
    if (this.#newest === NONE) this.#oldest = row;
    else this.#links[this.#newest * 2] = row;
    this.#newest = row;
  }

  #unlink(row: number): void {
    const newer = this.#links[row * 2] ?? NONE;
    const older = this.#links[row * 2 + 1] ?? NONE;
    if (newer === NONE) this.#newest = older;
    else this.#links[newer * 2 + 1] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#links[older * 2] = newer;
  }
}
