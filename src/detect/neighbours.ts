// Many addresses that are near each other are one attacker: counts, for each network, how many different sources of it have
// tried closed ports lately, and makes one finding of the network when they are too many. Bounded, typed arrays: a probe
// allocates nothing. docs/detection.md has the formulas and where the thresholds come from.
//
//   IPv4                      sources: addresses     network: the /24
//   IPv6 beyond our links     sources: /64 networks  networks: the /56, and the /48 when they lie in several /56s
//   IPv6 on a link of ours    sources: addresses     network: the link's /64
import {
  IPV4_MAPPED_BITS,
  IPV4_MAPPED_WORD,
  isIpv4,
  isIpv4Words,
  type Prefix,
  prefixOfWords,
} from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { countBits } from "./count-bits.ts";
import type { Finding } from "./finding.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import type { Probe } from "./probe.ts";

export interface NeighbourPolicy {
  /** Different sources of one network within FAST_WINDOW_MS to twice that; 0: no network is ever found. */
  readonly neighbours: number;
  /** The same within slowScoreWindowMs to twice that; 0: not looked for. */
  readonly slowNeighbours: number;
  /** In whole seconds; 0: nobody is found slowly. */
  readonly slowScoreWindowMs: number;
}

/** What is known of a network. Counts are never too high; those of a /24 and a /56 are exact. */
export interface NeighbourEvidence {
  readonly network: Prefix;
  /** In this slow window and the one before. */
  readonly sources: number;
  readonly ports: number;
  readonly lastMs: number;
  readonly isFound: boolean;
}

/** What a probe is to its network. */
export const Neighbourhood = { Quiet: 0, Found: 1, Known: 2 } as const;
export type Neighbourhood = (typeof Neighbourhood)[keyof typeof Neighbourhood];

/** The kernel's rules count new sources by the minute too. */
export const FAST_WINDOW_MS = 60_000;
/** Where nobody is found slowly, networks are still forgotten after one to two such times. */
const NO_SLOW_WINDOW_MS = 86_400_000;
/** A /48 is one attacker only when its sources lie in so many /56s; otherwise the /56 is. */
const MIN_BLOCKS = 3;
/** Sketches of ports have 64 bits: more than half of them cannot be asked for. */
const MAX_PORTS_ASKED = 32;
const WAYS = 4;

/** Networks told of: in a burst, and a second. A flood forged in whole networks makes no more findings than that. */
const TELL_BURST = 16;
const TELL_PER_SECOND = 1;

/** Which network a row is: the bits of its IPv6 prefix, or 24. */
const IPV4_NETWORK = 24;
const BLOCK = 56;
const SITE = 48;
const LINK = 64;

/**
 *   words of a row: key0, key1, kind | turns, times | sketches, four each: fast, fast before, slow, slow before
 *     sources 4 x 8    ports 4 x 2    blocks 4 x 1 (the /56s of a /48)
 */
const KEY0 = 0;
const KEY1 = 1;
const KIND = 2;
const FAST_TURN = 3;
const SLOW_TURN = 4;
const LAST_SECOND = 5;
const FIRST_SECOND = 6;
/** The slow turn in which it was found, and one more; 0: it was not. */
const FOUND_TURN = 7;
/** New sources of this slow window and the one before, or more. */
const ADDED = 8;
const SOURCES = 9;
const SOURCE_WORDS = 8;
const PORTS = SOURCES + 4 * SOURCE_WORDS;
const PORT_WORDS = 2;
const BLOCKS = PORTS + 4 * PORT_WORDS;
const ROW_WORDS = BLOCKS + 4;
/** Of the four sketches of a kind. */
const FAST = 0;
const SLOW = 2;

const SOURCE_BIT_MASK = SOURCE_WORDS * 32 - 1;
const PORT_BIT_MASK = PORT_WORDS * 32 - 1;
/** No address has so many bits: keeps hashes of ports and of sources apart from those of networks. */
const NETWORK_HASH = 200;
const MEMBER_HASH = 201;

export class Neighbours {
  readonly counters = {
    neighbourFindings: 0,
    /** Networks that had to make room for others before they were forgotten. */
    neighboursEvicted: 0,
    /** Probes of networks that would have been found, had not so many others been just then. */
    neighboursUntold: 0,
  };
  readonly #rows: Uint32Array;
  readonly #sets: number;
  readonly #seed: HashSeed;
  #policy: NeighbourPolicy;
  #near: AddressRanges;
  /** Of the network last found. */
  #row = 0;
  #isSlow = false;
  #tokens = TELL_BURST;
  #tokensMs = Number.NaN;

  /** `near`: networks on links of ours. `capacity`: networks, rounded down to a multiple of four. */
  constructor(parts: {
    readonly policy: NeighbourPolicy;
    readonly near: AddressRanges;
    readonly seed: HashSeed;
    readonly capacity?: number;
  }) {
    const { policy, near, seed, capacity = 16_384 } = parts;
    this.#policy = policy;
    this.#near = near;
    this.#seed = { k0: seed.k0 ^ 0x6e656967, k1: seed.k1 };
    this.#sets = Math.floor(capacity / WAYS);
    if (this.#sets < 1) throw new RangeError(`neighbours: capacity ${capacity} is less than ${WAYS}`);
    this.#rows = new Uint32Array(this.#sets * WAYS * ROW_WORDS);
  }

  setPolicy(policy: NeighbourPolicy): void {
    this.#policy = policy;
  }

  setNear(near: AddressRanges): void {
    this.#near = near;
  }

  /**
   * Takes in a direct probe. Found: it makes its network a finding, once in a slow window or until it is forgotten; ask
   * findingOf() for it at once. Known: its network has been found.
   */
  note(probe: Probe): Neighbourhood {
    const { source0, source1, source2, source3, sourceBits } = probe;
    if (this.#policy.neighbours === 0) return Neighbourhood.Quiet;
    if (isIpv4Words(source0, source1, source2)) return this.#noteIn(IPV4_NETWORK, 0, source3 >>> 8, probe);
    // Forms that no host sends (::ffff:0:0/96 and the like).
    if (source0 === 0 && source1 === 0) return Neighbourhood.Quiet;
    if (sourceBits === 128) return this.#noteIn(LINK, source0, source1, probe);
    const inSite = this.#noteIn(SITE, source0, source1 >>> 16, probe);
    if (inSite !== Neighbourhood.Quiet) return inSite;
    return this.#noteIn(BLOCK, source0, source1 >>> 8, probe);
  }

  /** The finding that note() has just told of. */
  findingOf(probe: Probe): Finding {
    const row = this.#row;
    const windowMs = this.#isSlow ? this.#slowWindowMs : FAST_WINDOW_MS;
    const window = this.#isSlow ? SLOW : FAST;
    const turn = this.#rows[row + (this.#isSlow ? SLOW_TURN : FAST_TURN)] ?? 0;
    const sources = this.#count(row, SOURCES, SOURCE_WORDS, window);
    const network = this.#networkOf(row);
    return {
      source: network,
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: sources,
      contacts: this.#count(row, PORTS, PORT_WORDS, window),
      firstMs: Math.min(probe.timeMs, Math.max((this.#rows[row + FIRST_SECOND] ?? 0) * 1000, (turn - 1) * windowMs)),
      timeMs: probe.timeMs,
      policy: "neighbours",
      members: sources,
      ...(this.#isNear(network) && { isOnLink: true }),
    };
  }

  /** When a source of the network last sent a direct probe, to the second; undefined if it is not known. */
  lastSeenMs(network: Prefix): number | undefined {
    const row = this.#find(network);
    return row < 0 ? undefined : (this.#rows[row + LAST_SECOND] ?? 0) * 1000;
  }

  /** Forgets a network, so that it can be found again. False if it was not known. */
  forget(network: Prefix): boolean {
    const row = this.#find(network);
    if (row < 0) return false;
    this.#rows.fill(0, row, row + ROW_WORDS);
    return true;
  }

  /** Lets every network be found again. */
  unflagAll(): void {
    for (let row = 0; row < this.#rows.length; row += ROW_WORDS) {
      // Rows that were never written have no memory yet.
      if (this.#rows[row + FOUND_TURN] !== 0) this.#rows[row + FOUND_TURN] = 0;
    }
  }

  /** The networks that an address, or a /64, lies in, or the network itself; the narrowest first. */
  evidenceOn(source: Prefix): NeighbourEvidence[] {
    return this.#networksOf(source).flatMap((network): NeighbourEvidence[] => {
      const row = this.#find(network);
      if (row < 0) return [];
      return [
        {
          network,
          sources: this.#count(row, SOURCES, SOURCE_WORDS, SLOW),
          ports: this.#count(row, PORTS, PORT_WORDS, SLOW),
          lastMs: (this.#rows[row + LAST_SECOND] ?? 0) * 1000,
          isFound: this.#isFound(row),
        },
      ];
    });
  }

  get #slowWindowMs(): number {
    return this.#policy.slowScoreWindowMs === 0 ? NO_SLOW_WINDOW_MS : this.#policy.slowScoreWindowMs;
  }

  #noteIn(kind: number, key0: number, key1: number, probe: Probe): Neighbourhood {
    const rows = this.#rows;
    const { timeMs } = probe;
    const row = this.#rowOf(kind, key0, key1, timeMs);
    rows[row + LAST_SECOND] = Math.floor(timeMs / 1000);
    this.#turn(row, timeMs);
    const isNew = this.#remember(row, kind, probe);
    if (this.#isFound(row)) return Neighbourhood.Known;
    if (!isNew || !this.#counts(row, kind)) return Neighbourhood.Quiet;
    if (!this.#mayTell(timeMs)) {
      this.counters.neighboursUntold++;
      return Neighbourhood.Quiet;
    }
    rows[row + FOUND_TURN] = ((rows[row + SLOW_TURN] ?? 0) + 1) >>> 0;
    this.counters.neighbourFindings++;
    this.#row = row;
    return Neighbourhood.Found;
  }

  /** True if the source, the port or the /56 is new in one of the two windows. */
  #remember(row: number, kind: number, { source0, source1, source2, source3, protocol, port }: Probe): boolean {
    let member: number;
    if (kind === IPV4_NETWORK) member = source3 & 0xff;
    else if (kind === BLOCK) member = source1 & 0xff;
    else if (kind === SITE) member = hashSource(this.#seed, source0, source1, 0, 0, MEMBER_HASH);
    else member = hashSource(this.#seed, source0, source1, source2, source3, MEMBER_HASH);
    const isNewSource = this.#set(row + SOURCES, SOURCE_WORDS, member & SOURCE_BIT_MASK);
    const isNewBlock = kind === SITE && this.#set(row + BLOCKS, 1, Math.imul(source1 >>> 8, 0x9e3779b1) >>> 27);
    // Ports need no key: who makes his fall together makes himself smaller.
    const place = Math.imul((protocol << 16) | port, 0x9e3779b1) >>> 16;
    const isNewPort = this.#set(row + PORTS, PORT_WORDS, place & PORT_BIT_MASK);
    if (isNewSource) this.#rows[row + ADDED] = (this.#rows[row + ADDED] ?? 0) + 1;
    return isNewSource || isNewPort || isNewBlock;
  }

  /** In the sketches of this fast and this slow window. */
  #set(at: number, words: number, bit: number): boolean {
    const rows = this.#rows;
    const mask = (1 << (bit & 31)) >>> 0;
    const fast = at + (bit >>> 5);
    const slow = fast + SLOW * words;
    const isNew = ((rows[fast] ?? 0) & (rows[slow] ?? 0) & mask) === 0;
    if (!isNew) return false;
    rows[fast] = (rows[fast] ?? 0) | mask;
    rows[slow] = (rows[slow] ?? 0) | mask;
    return true;
  }

  #counts(row: number, kind: number): boolean {
    const { neighbours, slowNeighbours, slowScoreWindowMs } = this.#policy;
    const needed = slowNeighbours === 0 || slowScoreWindowMs === 0 ? neighbours : Math.min(neighbours, slowNeighbours);
    if ((this.#rows[row + ADDED] ?? 0) < needed) return false;
    this.#isSlow = false;
    if (this.#isMany(row, kind, FAST, neighbours)) return true;
    this.#isSlow = true;
    return slowNeighbours > 0 && slowScoreWindowMs > 0 && this.#isMany(row, kind, SLOW, slowNeighbours);
  }

  /** So many sources, and half as many ports: clients of a service that has moved all try the same. */
  #isMany(row: number, kind: number, window: number, needed: number): boolean {
    if (this.#count(row, SOURCES, SOURCE_WORDS, window) < needed) return false;
    if (this.#count(row, PORTS, PORT_WORDS, window) < Math.min(MAX_PORTS_ASKED, Math.ceil(needed / 2))) return false;
    return kind !== SITE || this.#count(row, BLOCKS, 1, window) >= MIN_BLOCKS;
  }

  /** Bits of a window's sketch and that of the one before. */
  #count(row: number, what: number, words: number, window: number): number {
    const rows = this.#rows;
    const now = row + what + window * words;
    let bits = 0;
    for (let at = now; at < now + words; at++) bits += countBits((rows[at] ?? 0) | (rows[at + words] ?? 0));
    return bits;
  }

  #isFound(row: number): boolean {
    const found = this.#rows[row + FOUND_TURN] ?? 0;
    return found !== 0 && found === ((this.#rows[row + SLOW_TURN] ?? 0) + 1) >>> 0;
  }

  /** Begins new windows where the time has come. */
  #turn(row: number, timeMs: number): void {
    const rows = this.#rows;
    const fastTurn = Math.floor(timeMs / FAST_WINDOW_MS) >>> 0;
    const slowTurn = Math.floor(timeMs / this.#slowWindowMs) >>> 0;
    const fastTurns = fastTurn - (rows[row + FAST_TURN] ?? 0);
    const slowTurns = slowTurn - (rows[row + SLOW_TURN] ?? 0);
    // -1: a clock that was set back a little, or packets of two log groups.
    if (fastTurns !== 0 && fastTurns !== -1) {
      this.#shift(row, FAST, fastTurns === 1);
      rows[row + FAST_TURN] = fastTurn;
    }
    if (slowTurns === 0 || slowTurns === -1) return;
    this.#shift(row, SLOW, slowTurns === 1);
    rows[row + SLOW_TURN] = slowTurn;
    rows[row + ADDED] = this.#count(row, SOURCES, SOURCE_WORDS, SLOW);
    if (slowTurns !== 1) rows[row + FIRST_SECOND] = Math.floor(timeMs / 1000);
  }

  #shift(row: number, window: number, isNext: boolean): void {
    this.#shiftSketch(row + SOURCES + window * SOURCE_WORDS, SOURCE_WORDS, isNext);
    this.#shiftSketch(row + PORTS + window * PORT_WORDS, PORT_WORDS, isNext);
    this.#shiftSketch(row + BLOCKS + window, 1, isNext);
  }

  #shiftSketch(now: number, words: number, isNext: boolean): void {
    const rows = this.#rows;
    for (let at = now; at < now + words; at++) {
      rows[at + words] = isNext ? (rows[at] ?? 0) : 0;
      rows[at] = 0;
    }
  }

  /** The row of a network, begun if there is none: in place of one that is over, or of that with the fewest sources. */
  #rowOf(kind: number, key0: number, key1: number, timeMs: number): number {
    const rows = this.#rows;
    const first = this.#setOf(kind, key0, key1);
    let least = first;
    for (let row = first; row < first + WAYS * ROW_WORDS; row += ROW_WORDS) {
      if (rows[row + KEY1] === key1 && rows[row + KEY0] === key0 && rows[row + KIND] === kind) return row;
      if (this.#isLess(row, least)) least = row;
    }
    if (rows[least + KIND] !== 0) {
      if (!this.#isOver(least, timeMs)) this.counters.neighboursEvicted++;
      rows.fill(0, least, least + ROW_WORDS);
    }
    rows[least + KEY0] = key0;
    rows[least + KEY1] = key1;
    rows[least + KIND] = kind;
    rows[least + FAST_TURN] = Math.floor(timeMs / FAST_WINDOW_MS) >>> 0;
    rows[least + SLOW_TURN] = Math.floor(timeMs / this.#slowWindowMs) >>> 0;
    rows[least + FIRST_SECOND] = Math.floor(timeMs / 1000);
    return least;
  }

  #setOf(kind: number, key0: number, key1: number): number {
    const hash = hashSource(this.#seed, key0, key1, kind, 0, NETWORK_HASH) >>> 0;
    return Math.floor((hash * this.#sets) / 0x1_0000_0000) * WAYS * ROW_WORDS;
  }

  /** Empty, then of an earlier slow window, then fewer sources, then longer quiet. */
  #isLess(row: number, other: number): boolean {
    const rows = this.#rows;
    if ((rows[row + KIND] === 0) !== (rows[other + KIND] === 0)) return rows[row + KIND] === 0;
    const [turn = 0, otherTurn = 0] = [rows[row + SLOW_TURN], rows[other + SLOW_TURN]];
    if (turn !== otherTurn) return turn < otherTurn;
    const [added = 0, otherAdded = 0] = [rows[row + ADDED], rows[other + ADDED]];
    if (added !== otherAdded) return added < otherAdded;
    return (rows[row + LAST_SECOND] ?? 0) < (rows[other + LAST_SECOND] ?? 0);
  }

  #isOver(row: number, timeMs: number): boolean {
    return Math.floor(timeMs / this.#slowWindowMs) - (this.#rows[row + SLOW_TURN] ?? 0) > 1;
  }

  #mayTell(timeMs: number): boolean {
    const passedMs = Number.isNaN(this.#tokensMs) ? 0 : Math.max(0, timeMs - this.#tokensMs);
    this.#tokens = Math.min(TELL_BURST, this.#tokens + (passedMs / 1000) * TELL_PER_SECOND);
    this.#tokensMs = timeMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #networksOf(source: Prefix): Prefix[] {
    const { w0, w1, w2, w3, bits } = source;
    if (isIpv4(source))
      return bits < IPV4_MAPPED_BITS + 24 ? [] : [prefixOfWords(w0, w1, w2, w3, IPV4_MAPPED_BITS + 24)];
    const widths = this.#isNear(source) ? [LINK] : [BLOCK, SITE];
    return widths.filter((width) => bits >= width).map((width) => prefixOfWords(w0, w1, w2, w3, width));
  }

  #isNear({ w0, w1, w2, w3 }: Prefix): boolean {
    return this.#near.contains(w0, w1, w2, w3);
  }

  /** The row of a network, or -1. */
  #find(network: Prefix): number {
    const { w0, w1, w3, bits } = network;
    if (isIpv4(network)) return bits === IPV4_MAPPED_BITS + 24 ? this.#search(IPV4_NETWORK, 0, w3 >>> 8) : -1;
    if (bits === LINK && this.#isNear(network)) return this.#search(LINK, w0, w1);
    if (bits === BLOCK) return this.#search(BLOCK, w0, w1 >>> 8);
    return bits === SITE ? this.#search(SITE, w0, w1 >>> 16) : -1;
  }

  #search(kind: number, key0: number, key1: number): number {
    const rows = this.#rows;
    const first = this.#setOf(kind, key0, key1);
    for (let row = first; row < first + WAYS * ROW_WORDS; row += ROW_WORDS) {
      if (rows[row + KEY1] === key1 && rows[row + KEY0] === key0 && rows[row + KIND] === kind) return row;
    }
    return -1;
  }

  #networkOf(row: number): Prefix {
    const [key0 = 0, key1 = 0, kind = 0] = [this.#rows[row], this.#rows[row + 1], this.#rows[row + 2]];
    if (kind === IPV4_NETWORK) return prefixOfWords(0, 0, IPV4_MAPPED_WORD, (key1 << 8) >>> 0, IPV4_MAPPED_BITS + 24);
    const shift = LINK - kind;
    return prefixOfWords(key0, (key1 << shift) >>> 0, 0, 0, kind);
  }
}
