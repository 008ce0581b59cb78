// Every source that probed lately, in bounded memory: a full table drops the source that has been quiet the longest.
// All of it is typed arrays, allocated once, so that a packet allocates nothing; the kernel gives their pages when they
// are first written. What the counts mean is for scorers.ts to say. A row has two parts: what an IPv4 source with one
// or two contacts needs, which is all that a flood of forged sources writes, and what others need besides.
//
//   index   Uint32, open addressing, two thirds full at most: 0 = empty, else row + 1 in the lower 24 bits and above
//           them how far the entry lies from its key's home. Entries of a run lie in the order of their homes ("Robin
//           Hood"), so a search ends where an entry is nearer to its home than the key would be
//   links   Int32, two a row: the next newer and the next older row, or the next free row
//   near    32 bytes a row, half a cache line:
//
//     word  0    1       2      3        4          5              6                     7
//         +----+-------+------+--------+----------+-------+-------+--------------+------+--------+-------+-------------+
//         | w3 | first | last | probes | window   | port0 | port1 | kinds 6 x 4  | bits | direct | flags | window ms   |
//         +----+-------+------+--------+----------+-------+-------+--------------+------+--------+-------+-------------+
//           key  s       s      u32      s, start   u16     u16     bits 0..23     24..31  0..15   16,17    18..27
//   far     20 bytes a row: w0, w1, w2 unless the source is IPv4; ports of contacts 2..5
//
//   A contact's kind: 0 = no contact, else the protocol's number in CONTACT_PROTOCOLS + 1; 8 is added when it is weak.
import { IPV4_MAPPED_WORD, isIpv4Words, type Prefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import type { Probe } from "./probe.ts";

const NEAR_WORDS = 8;
const FIRST_SEEN = 1;
const LAST_SEEN = 2;
const PROBES = 3;
const WINDOW = 4;
const PORTS = 5;
const KINDS = 6;
const COUNTS = 7;
const NEAR_PORTS = 2;
const FAR_WORDS = 5;
const FAR_PORTS = 3;

/** In word KINDS: six kinds of four bits, then the key's bits. */
const ALL_KINDS = 0xffffff;
const KIND_BITS = 4;
const ANY_KIND = 0xf;
const KIND_WEAK = 8;
const KEY_BITS_AT = 24;
/** In word COUNTS, above the count of direct probes. */
const FLAGGED = 1 << 16;
const IPV4 = 1 << 17;
const WINDOW_MS_AT = 18;
const WINDOW_MS_MASK = 0x3ff << WINDOW_MS_AT;

/** Those with ports. Any other protocol is the last entry: it has no port, and its number is kept in the port's place. */
const CONTACT_PROTOCOLS: readonly number[] = [
  IpProtocol.Tcp,
  IpProtocol.Udp,
  IpProtocol.Sctp,
  IpProtocol.Dccp,
  IpProtocol.UdpLite,
];
const KIND_WITHOUT_PORT = CONTACT_PROTOCOLS.length + 1;
const kindByProtocol = Uint8Array.from({ length: 256 }, (_, protocol) => {
  const at = CONTACT_PROTOCOLS.indexOf(protocol);
  return at < 0 ? KIND_WITHOUT_PORT : at + 1;
});

/** Contacts that a row remembers; a score policy cannot ask for more. */
export const CONTACT_SLOTS = 6;
/** Set in a contact that is weak evidence: `protocol << 16 | port`, and this bit. */
export const WEAK_CONTACT = 1 << 24;
/** Where the count of direct probes stops. */
export const MAX_DIRECT_PROBES = 0xffff;
const MAX_PROBES = 0xffffffff;

const INDEX_LOAD = 2 / 3;
const ENTRY_ROW_MASK = 0xffffff;
const ENTRY_DISTANCE = 1 << 24;
const MAX_DISTANCE = 255;
const MAX_CAPACITY = ENTRY_ROW_MASK;

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
  /** All typed arrays together: resident once every row has been written in both its parts. */
  readonly bytes: number;
  readonly #seed: HashSeed;
  readonly #slots: number;
  readonly #index: Uint32Array;
  readonly #links: Int32Array;
  readonly #near: Uint32Array;
  readonly #far: Uint32Array;
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
    this.capacity = capacity;
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    this.#slots = Math.ceil(capacity / INDEX_LOAD) + 1;
    this.#index = new Uint32Array(this.#slots);
    this.#links = new Int32Array(capacity * 2);
    this.#near = new Uint32Array(capacity * NEAR_WORDS);
    this.#far = new Uint32Array(capacity * FAR_WORDS);
    this.bytes = this.#near.byteLength + this.#far.byteLength + this.#index.byteLength + this.#links.byteLength;
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
    const home = this.#homeOf(source0, source1, source2, source3, sourceBits);
    let row = this.#findFrom(home, source0, source1, source2, source3, sourceBits);
    const seconds = Math.floor(probe.timeMs / 1000);
    if (row === NONE) {
      row = this.#takeRow();
      this.#write(row, probe, seconds);
      this.#linkNewest(row);
      this.#size++;
      this.#insert(home, row);
    } else if (row !== this.#newest) {
      this.#unlink(row);
      this.#linkNewest(row);
    }
    const base = row * NEAR_WORDS;
    const probes = this.#near[base + PROBES] ?? 0;
    if (probes < MAX_PROBES) this.#near[base + PROBES] = probes + 1;
    this.#near[base + LAST_SEEN] = seconds;
    return row;
  }

  /** The row of a source key, -1 if it is not tracked. Does not make it newer. */
  find(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    return this.#findFrom(this.#homeOf(w0, w1, w2, w3, bits), w0, w1, w2, w3, bits);
  }

  /** False if the source was not tracked. */
  forget(w0: number, w1: number, w2: number, w3: number, bits: number): boolean {
    const row = this.find(w0, w1, w2, w3, bits);
    if (row === NONE) return false;
    this.#remove(row);
    this.#setFree(row);
    return true;
  }

  probes(row: number): number {
    return this.#near[row * NEAR_WORDS + PROBES] ?? 0;
  }

  firstSeenMs(row: number): number {
    return (this.#near[row * NEAR_WORDS + FIRST_SEEN] ?? 0) * 1000;
  }

  lastSeenMs(row: number): number {
    return (this.#near[row * NEAR_WORDS + LAST_SEEN] ?? 0) * 1000;
  }

  isFlagged(row: number): boolean {
    return ((this.#near[row * NEAR_WORDS + COUNTS] ?? 0) & FLAGGED) !== 0;
  }

  /** A finding has been made; stays until the source is forgotten. */
  flag(row: number): void {
    const at = row * NEAR_WORDS + COUNTS;
    this.#near[at] = (this.#near[at] ?? 0) | FLAGGED;
  }

  /** Every source may be found again. */
  unflagAll(): void {
    const end = this.#opened * NEAR_WORDS;
    for (let at = COUNTS; at < end; at += NEAR_WORDS) {
      const counts = this.#near[at] ?? 0;
      if ((counts & FLAGGED) !== 0) this.#near[at] = counts & ~FLAGGED;
    }
  }

  directProbes(row: number): number {
    return (this.#near[row * NEAR_WORDS + COUNTS] ?? 0) & MAX_DIRECT_PROBES;
  }

  countDirectProbe(row: number): void {
    const at = row * NEAR_WORDS + COUNTS;
    const counts = this.#near[at] ?? 0;
    if ((counts & MAX_DIRECT_PROBES) < MAX_DIRECT_PROBES) this.#near[at] = counts + 1;
  }

  /**
   * Remembers a contact (`protocol << 16 | port`, WEAK_CONTACT added when it is weak) in the source's window, which
   * starts with its first contact; one that comes after the window starts the next. Past the slots, contacts are not
   * kept, except that a direct one takes the place of a weak one: a scanner must not hide behind tolerated ports.
   * Protocols without ports are told apart by their number alone.
   */
  noteContact(row: number, contact: number, timeMs: number, windowMs: number): void {
    const kindsAt = row * NEAR_WORDS + KINDS;
    let kinds = this.#near[kindsAt] ?? 0;
    // Both ways: packets of two log groups may overtake one another, and a clock may be set back.
    const age = Math.abs(timeMs - this.#windowStartMs(row));
    if ((kinds & ANY_KIND) === 0 || !(age <= windowMs)) {
      kinds &= ~ALL_KINDS;
      this.#startWindow(row, timeMs);
    }
    const protocol = (contact >>> 16) & 0xff;
    const kind = kindByProtocol[protocol] ?? KIND_WITHOUT_PORT;
    const port = kind === KIND_WITHOUT_PORT ? protocol : contact & 0xffff;
    const weak = (contact & WEAK_CONTACT) !== 0 ? KIND_WEAK : 0;
    let weakSlot = NONE;
    let slot = 0;
    for (; slot < CONTACT_SLOTS; slot++) {
      const known = (kinds >>> (slot * KIND_BITS)) & ANY_KIND;
      if (known === 0) break;
      if ((known & ~KIND_WEAK) === kind && this.#port(row, slot) === port) {
        // Direct once, direct for good.
        if (weak === 0) kinds &= ~(KIND_WEAK << (slot * KIND_BITS));
        this.#near[kindsAt] = kinds;
        return;
      }
      if ((known & KIND_WEAK) !== 0) weakSlot = slot;
    }
    if (slot === CONTACT_SLOTS && weak === 0) slot = weakSlot === NONE ? CONTACT_SLOTS : weakSlot;
    if (slot === CONTACT_SLOTS) return;
    this.#setPort(row, slot, port);
    const shift = slot * KIND_BITS;
    this.#near[kindsAt] = (kinds & ~(ANY_KIND << shift)) | ((kind | weak) << shift);
  }

  /** Distinct contacts in the window of the latest one, at most CONTACT_SLOTS. */
  contactCount(row: number): number {
    const kinds = this.#near[row * NEAR_WORDS + KINDS] ?? 0;
    let count = 0;
    while (count < CONTACT_SLOTS && ((kinds >>> (count * KIND_BITS)) & ANY_KIND) !== 0) count++;
    return count;
  }

  hasDirectContact(row: number): boolean {
    const kinds = this.#near[row * NEAR_WORDS + KINDS] ?? 0;
    for (let slot = 0; slot < CONTACT_SLOTS; slot++) {
      const kind = (kinds >>> (slot * KIND_BITS)) & ANY_KIND;
      if (kind !== 0 && (kind & KIND_WEAK) === 0) return true;
    }
    return false;
  }

  source(row: number): Prefix {
    const { w0, w1, w2, w3, bits } = this.#key(row);
    return prefixOfWords(w0, w1, w2, w3, bits);
  }

  describe(row: number): SourceHistory {
    return {
      source: this.source(row),
      probes: this.probes(row),
      directProbes: this.directProbes(row),
      contacts: Array.from({ length: this.contactCount(row) }, (_, slot) => this.#contact(row, slot)),
      firstMs: this.firstSeenMs(row),
      lastMs: this.lastSeenMs(row),
      isFlagged: this.isFlagged(row),
    };
  }

  #contact(row: number, slot: number) {
    const known = ((this.#near[row * NEAR_WORDS + KINDS] ?? 0) >>> (slot * KIND_BITS)) & ANY_KIND;
    const protocol = CONTACT_PROTOCOLS[(known & ~KIND_WEAK) - 1];
    const port = this.#port(row, slot);
    const isWeak = (known & KIND_WEAK) !== 0;
    return protocol === undefined ? { protocol: port, port: 0, isWeak } : { protocol, port, isWeak };
  }

  #port(row: number, slot: number): number {
    const pair = slot < NEAR_PORTS ? this.#near[row * NEAR_WORDS + PORTS] : this.#far[farPortsAt(row, slot)];
    return (slot & 1) === 0 ? (pair ?? 0) & 0xffff : (pair ?? 0) >>> 16;
  }

  #setPort(row: number, slot: number, port: number): void {
    const words = slot < NEAR_PORTS ? this.#near : this.#far;
    const at = slot < NEAR_PORTS ? row * NEAR_WORDS + PORTS : farPortsAt(row, slot);
    const pair = words[at] ?? 0;
    words[at] = (slot & 1) === 0 ? (pair & ~0xffff) | port : (pair & 0xffff) | (port << 16);
  }

  #windowStartMs(row: number): number {
    const base = row * NEAR_WORDS;
    const milliseconds = ((this.#near[base + COUNTS] ?? 0) & WINDOW_MS_MASK) >>> WINDOW_MS_AT;
    return (this.#near[base + WINDOW] ?? 0) * 1000 + milliseconds;
  }

  #startWindow(row: number, timeMs: number): void {
    const base = row * NEAR_WORDS;
    const seconds = Math.floor(timeMs / 1000);
    const milliseconds = Math.floor(timeMs - seconds * 1000);
    this.#near[base + WINDOW] = seconds;
    this.#near[base + COUNTS] = ((this.#near[base + COUNTS] ?? 0) & ~WINDOW_MS_MASK) | (milliseconds << WINDOW_MS_AT);
  }

  #key(row: number): Prefix {
    const base = row * NEAR_WORDS;
    const far = row * FAR_WORDS;
    const isIpv4 = ((this.#near[base + COUNTS] ?? 0) & IPV4) !== 0;
    return {
      w0: isIpv4 ? 0 : (this.#far[far] ?? 0),
      w1: isIpv4 ? 0 : (this.#far[far + 1] ?? 0),
      w2: isIpv4 ? IPV4_MAPPED_WORD : (this.#far[far + 2] ?? 0),
      w3: this.#near[base] ?? 0,
      bits: (this.#near[base + KINDS] ?? 0) >>> KEY_BITS_AT,
    };
  }

  #homeOf(w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const hash = hashSource(this.#seed, w0, w1, w2, w3, bits) >>> 0;
    return Math.floor((hash * this.#slots) / 0x1_0000_0000);
  }

  /** Walks the index from the key's home to the row that has the key, or to where its entry would have been. */
  #findFrom(home: number, w0: number, w1: number, w2: number, w3: number, bits: number): number {
    const slots = this.#slots;
    const near = this.#near;
    const ipv4 = isIpv4Words(w0, w1, w2) ? IPV4 : 0;
    for (let slot = home, distance = 0; ; distance++) {
      const entry = this.#index[slot] ?? 0;
      const entryDistance = entry >>> 24;
      if (entry === 0 || entryDistance < distance) return NONE;
      if (entryDistance === distance) {
        const row = (entry & ENTRY_ROW_MASK) - 1;
        const base = row * NEAR_WORDS;
        if (
          near[base] === w3 &&
          (near[base + KINDS] ?? 0) >>> KEY_BITS_AT === bits &&
          ((near[base + COUNTS] ?? 0) & IPV4) === ipv4 &&
          (ipv4 !== 0 || this.#hasFarKey(row, w0, w1, w2))
        ) {
          return row;
        }
      }
      if (++slot === slots) slot = 0;
    }
  }

  #hasFarKey(row: number, w0: number, w1: number, w2: number): boolean {
    const far = row * FAR_WORDS;
    return this.#far[far] === w0 && this.#far[far + 1] === w1 && this.#far[far + 2] === w2;
  }

  /** Puts a row into the index: whoever is farther from home than the one that has the slot takes its place. */
  #insert(home: number, row: number): void {
    const index = this.#index;
    let carried = row + 1;
    for (let slot = home; ; ) {
      const entry = index[slot] ?? 0;
      if (entry === 0) {
        index[slot] = carried;
        return;
      }
      if (entry >>> 24 < carried >>> 24) {
        index[slot] = carried;
        carried = entry;
      } else if (carried >>> 24 === MAX_DISTANCE) {
        // With a keyed hash it takes some 10^20 tables to see this; the other source is counted afresh.
        index[slot] = carried;
        this.#drop((entry & ENTRY_ROW_MASK) - 1);
        return;
      }
      carried += ENTRY_DISTANCE;
      if (++slot === this.#slots) slot = 0;
    }
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

  #setFree(row: number): void {
    this.#links[row * 2 + 1] = this.#free;
    this.#free = row;
  }

  /** A row that has lost its place in the index. */
  #drop(row: number): void {
    this.#unlink(row);
    this.#setFree(row);
    this.#size--;
    this.#evictions++;
  }

  #write(row: number, probe: Probe, seconds: number): void {
    const { source0, source1, source2 } = probe;
    const base = row * NEAR_WORDS;
    const near = this.#near;
    const isIpv4 = isIpv4Words(source0, source1, source2);
    near[base] = probe.source3;
    near[base + FIRST_SEEN] = seconds;
    near[base + PROBES] = 0;
    near[base + WINDOW] = 0;
    near[base + KINDS] = probe.sourceBits << KEY_BITS_AT;
    near[base + COUNTS] = isIpv4 ? IPV4 : 0;
    if (isIpv4) return;
    const far = row * FAR_WORDS;
    this.#far[far] = source0;
    this.#far[far + 1] = source1;
    this.#far[far + 2] = source2;
  }

  /** Takes a row out of index and links. The entries behind it that are not at home move up: no tombstones pile up. */
  #remove(row: number): void {
    const index = this.#index;
    const slots = this.#slots;
    const { w0, w1, w2, w3, bits } = this.#key(row);
    let hole = this.#homeOf(w0, w1, w2, w3, bits);
    while (((index[hole] ?? 0) & ENTRY_ROW_MASK) !== row + 1) if (++hole === slots) hole = 0;
    for (;;) {
      const next = hole + 1 === slots ? 0 : hole + 1;
      const entry = index[next] ?? 0;
      if (entry < ENTRY_DISTANCE) break;
      index[hole] = entry - ENTRY_DISTANCE;
      hole = next;
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

function farPortsAt(row: number, slot: number): number {
  return row * FAR_WORDS + FAR_PORTS + ((slot - NEAR_PORTS) >>> 1);
}
