// Many addresses that are near each other are one attacker: counts, for each network, how many different sources of it have
// tried closed ports lately, and makes one finding of the network when they are too many. Bounded, typed arrays: a probe
// allocates nothing. docs/reference/detection.md has the formulas and where the thresholds come from.
//
//   IPv4                      sources: addresses     network: the /24
//   IPv6 beyond our links     sources: /64 networks  networks: the /56, and the /48 when they lie in several /56s
//                             sources: /48 networks  networks: the /40, and the /32, which is only reported
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
  /** In whole seconds; 0: no network is found slowly. */
  readonly slowScoreWindowMs: number;
}

/** The evidence about a network. Counts are never too high; those of a /24 and a /56 are exact. */
export interface NeighbourEvidence {
  readonly network: Prefix;
  /** The count in this slow window and the one before. */
  readonly sources: number;
  readonly ports: number;
  readonly lastMs: number;
  readonly isFound: boolean;
}

/**
 * The effect of a probe on its network. Found: it makes the network a finding. Known: the network has been found by its fast memory;
 * one that was found slowly may be found quickly all the same.
 */
export const Neighbourhood = { Quiet: 0, Found: 1, Known: 2 } as const;
export type Neighbourhood = (typeof Neighbourhood)[keyof typeof Neighbourhood];

/** The kernel's rules count new sources by the minute too. */
export const FAST_WINDOW_MS = 60_000;
/** Without a slow window, networks are still forgotten after one to two such times. */
const NO_SLOW_WINDOW_MS = 86_400_000;
/** A /48 is one attacker only when its sources lie in so many /56s; otherwise the /56 is. */
const MIN_BLOCKS = 3;
/** Sketches of ports have 64 bits: more than half of them cannot be asked for. */
const MAX_PORTS_ASKED = 32;
const WAYS = 4;

/** Networks that are reported: in a burst, and a second. A flood forged in whole networks makes no more findings than that. */
const TELL_BURST = 16;
const TELL_PER_SECOND = 1;

/** A network goes on scanning when as many sources again have come, which is looked at no more often than this. */
const GOES_ON_SECONDS = 15;

/** Which network a row is: the bits of its IPv6 prefix, or 24. */
const IPV4_NETWORK = 24;
const BLOCK = 56;
const SITE = 48;
const LINK = 64;
const ORGANISATION = 40;
const PROVIDER = 32;
/** How many times NEIGHBOURS a wider network needs, in /48s; and never more bits than tell such a number. */
const TIMES_NEEDED: ReadonlyMap<number, number> = new Map([
  [ORGANISATION, 3],
  [PROVIDER, 8],
]);
const MAX_NEEDED = 192;

/**
 *   A network is a head, and from its second probe on a body as well: a flood of forged sources writes heads only, and the
 *   four heads of a set are a line of the cache.
 *
 *   head   4 words
 *     +------+------+------+---------------------------------------------------------------------+
 *     | key0 | key1 | last | kind 0..7 | source 8..15 | port 16..21 | block 22..26 | has body 31 |
 *     +------+------+------+---------------------------------------------------------------------+
 *              s              0: empty    the bits of the one source of a head without a body
 *   body   words: turns, times, found, scan | sketches, four each: fast, fast before, slow, slow before
 *     sources 4 x 8    ports 4 x 2    blocks 4 x 1 (the /56s of a /48)
 */
const HEAD_WORDS = 4;
const KEY0 = 0;
const KEY1 = 1;
const LAST_SECOND = 2;
const ABOUT = 3;
const KIND_MASK = 0xff;
const SOURCE_AT = 8;
const PORT_AT = 16;
const BLOCK_AT = 22;
const HAS_BODY = 0x8000_0000;
const FAST_TURN = 0;
const SLOW_TURN = 1;
const FIRST_SECOND = 2;
/** The slow turn in which it was found by the fast memory, and by the slow one, and one more; 0: it was not. */
const FOUND_TURN = 3;
const SLOWLY_FOUND_TURN = 4;
/** New sources of this slow window and the one before, or more. */
const ADDED = 5;
/** When so many sources last counted as a scan: at the finding, and each time as many more have come. */
const SCAN_SECOND = 6;
const SOURCES = 7;
const SOURCE_WORDS = 8;
const PORTS = SOURCES + 4 * SOURCE_WORDS;
const PORT_WORDS = 2;
const BLOCKS = PORTS + 4 * PORT_WORDS;
const BODY_WORDS = BLOCKS + 4;
/** The places of the four sketches of a kind. */
const FAST = 0;
const SLOW = 2;

const SOURCE_BIT_MASK = SOURCE_WORDS * 32 - 1;
const PORT_BIT_MASK = PORT_WORDS * 32 - 1;
/** No address has so many bits: keeps the hashes of networks apart from those of sources. */
const NETWORK_HASH = 200;

export class Neighbours {
  readonly counters = {
    neighbourFindings: 0,
    /** Networks that had to make room for others before they were forgotten. */
    neighboursEvicted: 0,
    /** Probes of networks that would have been found, had not so many others been just then. */
    neighboursUntold: 0,
  };
  readonly #heads: Uint32Array;
  readonly #bodies: Uint32Array;
  readonly #sets: number;
  readonly #seed: HashSeed;
  #policy: NeighbourPolicy;
  #near: AddressRanges;
  /** The evidence about the network last found. */
  #row = 0;
  #isSlow = false;
  /** Whether the probe last noted began a row. */
  #isFirst = false;
  readonly #findings = new Tokens();
  /** A budget of their own: networks that go on must not use up the budget of new findings. */
  readonly #renewals = new Tokens();

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
    this.#heads = new Uint32Array(this.#sets * WAYS * HEAD_WORDS);
    this.#bodies = new Uint32Array(this.#sets * WAYS * BODY_WORDS);
  }

  setPolicy(policy: NeighbourPolicy): void {
    this.#policy = policy;
  }

  setNear(near: AddressRanges): void {
    this.#near = near;
  }

  /**
   * Takes in a direct probe; `hash` is the keyed one of its source. Found: ask findingOf() at once; once in a slow window, or until the network is forgotten.
   */
  note(probe: Probe, hash: number): Neighbourhood {
    const { source0, source1, source2, source3, sourceBits } = probe;
    if (this.#policy.neighbours === 0) return Neighbourhood.Quiet;
    if (isIpv4Words(source0, source1, source2)) return this.#noteIn(IPV4_NETWORK, 0, source3 >>> 8, probe, hash);
    // Forms that no host sends (::ffff:0:0/96 and the like).
    if (source0 === 0 && source1 === 0) return Neighbourhood.Quiet;
    if (sourceBits === 128) return this.#noteIn(LINK, source0, source1, probe, hash);
    const inSite = this.#noteIn(SITE, source0, source1 >>> 16, probe, hash);
    if (inSite !== Neighbourhood.Quiet) return inSite;
    // Most /48s send only one probe: their /56s count from the second on.
    const inBlock = this.#isFirst ? inSite : this.#noteIn(BLOCK, source0, source1 >>> 8, probe, hash);
    return inBlock === Neighbourhood.Quiet ? this.#noteWide(probe) : inBlock;
  }

  /** Counts in the networks that may have many /48s. A source whose own network is found has no part in them. */
  #noteWide(probe: Probe): Neighbourhood {
    const { source0, source1 } = probe;
    const site = hashSource(this.#seed, source0, source1 >>> 16, SITE, 0, NETWORK_HASH);
    const row = this.#rowFor(ORGANISATION, source0, source1 >>> 24);
    const isKnown = row >= 0 && this.#hasBody(row) && this.#isFound(row * BODY_WORDS);
    if (isKnown) return this.#noteIn(ORGANISATION, source0, source1 >>> 24, probe, site);
    const inProvider = this.#noteIn(PROVIDER, source0, 0, probe, site);
    // A flood of forged sources has one row for each provider, and none for each organisation.
    if (inProvider === Neighbourhood.Found || this.#isFirst) return inProvider;
    const inOrganisation = this.#noteIn(ORGANISATION, source0, source1 >>> 24, probe, site);
    return inOrganisation === Neighbourhood.Quiet ? inProvider : inOrganisation;
  }

  /** The finding that note() has just announced. */
  findingOf(probe: Probe): Finding {
    const row = this.#row;
    const body = row * BODY_WORDS;
    const windowMs = this.#isSlow ? this.#slowWindowMs : FAST_WINDOW_MS;
    const window = this.#isSlow ? SLOW : FAST;
    const turn = this.#bodies[body + (this.#isSlow ? SLOW_TURN : FAST_TURN)] ?? 0;
    const sources = this.#count(body, SOURCES, SOURCE_WORDS, window);
    const firstMs = Math.max((this.#bodies[body + FIRST_SECOND] ?? 0) * 1000, (turn - 1) * windowMs);
    const network = this.#networkOf(row);
    return {
      source: network,
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: sources,
      contacts: this.#count(body, PORTS, PORT_WORDS, window),
      firstMs: Math.min(probe.timeMs, firstMs),
      timeMs: probe.timeMs,
      policy: "neighbours",
      members: sources,
      ...(this.#isSlow && { slowSinceMs: firstMs }),
      ...(this.#isNear(network) && { isOnLink: true }),
    };
  }

  /**
   * When the network last did what makes it a finding, to the second: single probes, which one forged packet a minute would be, do
   * not count. Undefined if it is not known.
   */
  lastScanMs(network: Prefix): number | undefined {
    const row = this.#find(network);
    if (row < 0 || !this.#hasBody(row)) return undefined;
    const second = this.#bodies[row * BODY_WORDS + SCAN_SECOND] ?? 0;
    return second === 0 ? undefined : second * 1000;
  }

  /** Forgets a network, so that it can be found again. False if it was not known. */
  forget(network: Prefix): boolean {
    const row = this.#find(network);
    if (row < 0) return false;
    this.#heads[row * HEAD_WORDS + ABOUT] = 0;
    return true;
  }

  /** Lets every network be found again. */
  unflagAll(): void {
    for (let row = 0; row < this.#sets * WAYS; row++) {
      // Bodies that were never written have no memory yet.
      if (!this.#hasBody(row)) continue;
      this.#bodies[row * BODY_WORDS + FOUND_TURN] = 0;
      this.#bodies[row * BODY_WORDS + SLOWLY_FOUND_TURN] = 0;
    }
  }

  /** The networks that an address, or a /64, lies in, or the network itself; the narrowest first. */
  evidenceOn(source: Prefix): NeighbourEvidence[] {
    return this.#networksOf(source).flatMap((network): NeighbourEvidence[] => {
      const row = this.#find(network);
      if (row < 0) return [];
      const body = row * BODY_WORDS;
      const hasBody = this.#hasBody(row);
      return [
        {
          network,
          sources: hasBody ? this.#count(body, SOURCES, SOURCE_WORDS, SLOW) : 1,
          ports: hasBody ? this.#count(body, PORTS, PORT_WORDS, SLOW) : 1,
          lastMs: this.#lastSecond(row) * 1000,
          isFound: hasBody && (this.#isFound(body) || this.#isFound(body, SLOWLY_FOUND_TURN)),
        },
      ];
    });
  }

  get #slowWindowMs(): number {
    return this.#policy.slowScoreWindowMs === 0 ? NO_SLOW_WINDOW_MS : this.#policy.slowScoreWindowMs;
  }

  #noteIn(kind: number, key0: number, key1: number, probe: Probe, hash: number): Neighbourhood {
    const second = Math.floor(probe.timeMs / 1000);
    const bits = bitsOf(kind, probe, hash);
    const row = this.#rowOf(kind, key0, key1, second);
    const head = row * HEAD_WORDS;
    this.#isFirst = this.#heads[head + ABOUT] === 0;
    if (this.#isFirst) {
      this.#heads[head + KEY0] = key0;
      this.#heads[head + KEY1] = key1;
      this.#heads[head + LAST_SECOND] = second;
      this.#heads[head + ABOUT] = kind | bits;
      return Neighbourhood.Quiet;
    }
    if (!this.#hasBody(row)) this.#openBody(row);
    const isNewSecond = this.#heads[head + LAST_SECOND] !== second;
    this.#heads[head + LAST_SECOND] = second;
    const neighbourhood = this.#noteInBody(row, kind, bits, probe.timeMs);
    if (neighbourhood === Neighbourhood.Known && isNewSecond) this.#goOn(row * BODY_WORDS, kind, probe.timeMs);
    return neighbourhood;
  }

  #noteInBody(row: number, kind: number, bits: number, timeMs: number): Neighbourhood {
    const body = row * BODY_WORDS;
    this.#turn(body, timeMs);
    const isNew = this.#remember(body, kind, bits);
    if (this.#isFound(body)) return Neighbourhood.Known;
    if (!isNew || !this.#counts(body, kind)) return Neighbourhood.Quiet;
    if (!this.#findings.take(timeMs)) {
      this.counters.neighboursUntold++;
      return Neighbourhood.Quiet;
    }
    const turn = ((this.#bodies[body + SLOW_TURN] ?? 0) + 1) >>> 0;
    this.#bodies[body + (this.#isSlow ? SLOWLY_FOUND_TURN : FOUND_TURN)] = turn;
    this.#bodies[body + SCAN_SECOND] = Math.floor(timeMs / 1000);
    this.counters.neighbourFindings++;
    this.#row = row;
    return Neighbourhood.Found;
  }

  /** A network that was found needs as many sources again to count as a scan once more, and its turn in the budget of reports. */
  #goOn(body: number, kind: number, timeMs: number): void {
    // These are not blocked.
    if (kind === LINK || kind === PROVIDER) return;
    const second = Math.floor(timeMs / 1000);
    if (second - (this.#bodies[body + SCAN_SECOND] ?? 0) < GOES_ON_SECONDS) return;
    if (!this.#isMany(body, kind, FAST, this.#neededIn(kind))) return;
    if (!this.#renewals.take(timeMs)) {
      this.counters.neighboursUntold++;
      return;
    }
    this.#bodies[body + SCAN_SECOND] = second;
    this.#shift(body, FAST, false);
  }

  #neededIn(kind: number): number {
    return Math.min(MAX_NEEDED, this.#policy.neighbours * (TIMES_NEEDED.get(kind) ?? 1));
  }

  /** At the second probe the fields of the first one in the head take the form that can go on. */
  #openBody(row: number): void {
    const body = row * BODY_WORDS;
    const about = this.#heads[row * HEAD_WORDS + ABOUT] ?? 0;
    const lastMs = this.#lastSecond(row) * 1000;
    this.#bodies.fill(0, body, body + BODY_WORDS);
    this.#bodies[body + FAST_TURN] = Math.floor(lastMs / FAST_WINDOW_MS) >>> 0;
    this.#bodies[body + SLOW_TURN] = Math.floor(lastMs / this.#slowWindowMs) >>> 0;
    this.#bodies[body + FIRST_SECOND] = lastMs / 1000;
    this.#heads[row * HEAD_WORDS + ABOUT] = (about | HAS_BODY) >>> 0;
    this.#remember(body, about & KIND_MASK, about);
  }

  /** True if the source, the port or the /56 is new in one of the two windows. */
  #remember(body: number, kind: number, bits: number): boolean {
    const isNewSource = this.#set(body + SOURCES, SOURCE_WORDS, (bits >>> SOURCE_AT) & SOURCE_BIT_MASK);
    const isNewBlock = kind === SITE && this.#set(body + BLOCKS, 1, (bits >>> BLOCK_AT) & 31);
    const isNewPort = this.#set(body + PORTS, PORT_WORDS, (bits >>> PORT_AT) & PORT_BIT_MASK);
    if (isNewSource) this.#bodies[body + ADDED] = (this.#bodies[body + ADDED] ?? 0) + 1;
    return isNewSource || isNewPort || isNewBlock;
  }

  /** In the sketches of this fast and this slow window. */
  #set(at: number, words: number, bit: number): boolean {
    const bodies = this.#bodies;
    const mask = (1 << (bit & 31)) >>> 0;
    const fast = at + (bit >>> 5);
    const slow = fast + SLOW * words;
    const isNew = ((bodies[fast] ?? 0) & (bodies[slow] ?? 0) & mask) === 0;
    if (!isNew) return false;
    bodies[fast] = (bodies[fast] ?? 0) | mask;
    bodies[slow] = (bodies[slow] ?? 0) | mask;
    return true;
  }

  #counts(body: number, kind: number): boolean {
    const { slowNeighbours, slowScoreWindowMs } = this.#policy;
    const isSlowToo = slowNeighbours > 0 && slowScoreWindowMs > 0;
    const needed = this.#neededIn(kind);
    if ((this.#bodies[body + ADDED] ?? 0) < Math.min(needed, isSlowToo ? slowNeighbours : needed)) return false;
    this.#isSlow = false;
    if (this.#isMany(body, kind, FAST, needed)) return true;
    this.#isSlow = true;
    // As many customers of one provider err in a day.
    if (!isSlowToo || TIMES_NEEDED.has(kind) || this.#isFound(body, SLOWLY_FOUND_TURN)) return false;
    return this.#isMany(body, kind, SLOW, slowNeighbours);
  }

  /** So many sources, and half as many ports: clients of a service that has moved all try the same. */
  #isMany(body: number, kind: number, window: number, needed: number): boolean {
    if (this.#count(body, SOURCES, SOURCE_WORDS, window) < needed) return false;
    if (this.#count(body, PORTS, PORT_WORDS, window) < Math.min(MAX_PORTS_ASKED, Math.ceil(needed / 2))) return false;
    return kind !== SITE || this.#count(body, BLOCKS, 1, window) >= MIN_BLOCKS;
  }

  /** Bits of a window's sketch and that of the one before. */
  #count(body: number, what: number, words: number, window: number): number {
    const bodies = this.#bodies;
    const now = body + what + window * words;
    let bits = 0;
    for (let at = now; at < now + words; at++) bits += countBits((bodies[at] ?? 0) | (bodies[at + words] ?? 0));
    return bits;
  }

  #isFound(body: number, turn = FOUND_TURN): boolean {
    const found = this.#bodies[body + turn] ?? 0;
    return found !== 0 && found === ((this.#bodies[body + SLOW_TURN] ?? 0) + 1) >>> 0;
  }

  /** Begins new windows where the time has come. */
  #turn(body: number, timeMs: number): void {
    const bodies = this.#bodies;
    const fastTurn = Math.floor(timeMs / FAST_WINDOW_MS) >>> 0;
    const slowTurn = Math.floor(timeMs / this.#slowWindowMs) >>> 0;
    const fastTurns = fastTurn - (bodies[body + FAST_TURN] ?? 0);
    const slowTurns = slowTurn - (bodies[body + SLOW_TURN] ?? 0);
    // -1: a clock that was set back a little, or packets of two log groups.
    if (fastTurns !== 0 && fastTurns !== -1) {
      this.#shift(body, FAST, fastTurns === 1);
      bodies[body + FAST_TURN] = fastTurn;
    }
    if (slowTurns === 0 || slowTurns === -1) return;
    this.#shift(body, SLOW, slowTurns === 1);
    bodies[body + SLOW_TURN] = slowTurn;
    bodies[body + ADDED] = this.#count(body, SOURCES, SOURCE_WORDS, SLOW);
    if (slowTurns !== 1) bodies[body + FIRST_SECOND] = Math.floor(timeMs / 1000);
  }

  #shift(body: number, window: number, isNext: boolean): void {
    this.#shiftSketch(body + SOURCES + window * SOURCE_WORDS, SOURCE_WORDS, isNext);
    this.#shiftSketch(body + PORTS + window * PORT_WORDS, PORT_WORDS, isNext);
    this.#shiftSketch(body + BLOCKS + window, 1, isNext);
  }

  #shiftSketch(now: number, words: number, isNext: boolean): void {
    const bodies = this.#bodies;
    for (let at = now; at < now + words; at++) {
      bodies[at + words] = isNext ? (bodies[at] ?? 0) : 0;
      bodies[at] = 0;
    }
  }

  /** The row of a network; an empty one if there is none: in place of one that is over, or of that with the fewest sources. */
  #rowOf(kind: number, key0: number, key1: number, second: number): number {
    const first = this.#setOf(kind, key0, key1);
    const known = this.#search(first, kind, key0, key1);
    if (known >= 0) return known;
    let least = first;
    for (let row = first + 1; row < first + WAYS; row++) if (this.#isLess(row, least, second)) least = row;
    const about = this.#heads[least * HEAD_WORDS + ABOUT];
    if (about !== 0) {
      if (!this.#isOver(least, second)) this.counters.neighboursEvicted++;
      this.#heads[least * HEAD_WORDS + ABOUT] = 0;
    }
    return least;
  }

  /** The first of the rows that a network may have. */
  #setOf(kind: number, key0: number, key1: number): number {
    const hash = hashSource(this.#seed, key0, key1, kind, 0, NETWORK_HASH) >>> 0;
    return Math.floor((hash * this.#sets) / 0x1_0000_0000) * WAYS;
  }

  /** The row of a network, or -1. */
  #search(first: number, kind: number, key0: number, key1: number): number {
    const heads = this.#heads;
    for (let row = first; row < first + WAYS; row++) {
      const head = row * HEAD_WORDS;
      if (heads[head + KEY1] !== key1 || heads[head + KEY0] !== key0) continue;
      if (((heads[head + ABOUT] ?? 0) & KIND_MASK) === kind) return row;
    }
    return -1;
  }

  /** Empty, then over, then fewer sources, then longer quiet. */
  #isLess(row: number, other: number, second: number): boolean {
    const isEmpty = this.#heads[row * HEAD_WORDS + ABOUT] === 0;
    if (isEmpty || this.#heads[other * HEAD_WORDS + ABOUT] === 0) return isEmpty;
    const isOver = this.#isOver(row, second);
    if (isOver !== this.#isOver(other, second)) return isOver;
    const [added, otherAdded] = [this.#added(row), this.#added(other)];
    if (added !== otherAdded) return added < otherAdded;
    return this.#lastSecond(row) < this.#lastSecond(other);
  }

  #isOver(row: number, second: number): boolean {
    return (second - this.#lastSecond(row)) * 1000 > 2 * this.#slowWindowMs;
  }

  #added(row: number): number {
    return this.#hasBody(row) ? (this.#bodies[row * BODY_WORDS + ADDED] ?? 0) : 1;
  }

  #hasBody(row: number): boolean {
    return ((this.#heads[row * HEAD_WORDS + ABOUT] ?? 0) & HAS_BODY) !== 0;
  }

  #lastSecond(row: number): number {
    return this.#heads[row * HEAD_WORDS + LAST_SECOND] ?? 0;
  }

  #networksOf(source: Prefix): Prefix[] {
    const { w0, w1, w2, w3, bits } = source;
    if (isIpv4(source))
      return bits < IPV4_MAPPED_BITS + 24 ? [] : [prefixOfWords(w0, w1, w2, w3, IPV4_MAPPED_BITS + 24)];
    const widths = this.#isNear(source) ? [LINK] : [BLOCK, SITE, ORGANISATION, PROVIDER];
    return widths.filter((width) => bits >= width).map((width) => prefixOfWords(w0, w1, w2, w3, width));
  }

  #isNear({ w0, w1, w2, w3 }: Prefix): boolean {
    return this.#near.contains(w0, w1, w2, w3);
  }

  /** The row of a network, or -1. */
  #find(network: Prefix): number {
    const { w0, w1, w3, bits } = network;
    if (isIpv4(network)) return bits === IPV4_MAPPED_BITS + 24 ? this.#rowFor(IPV4_NETWORK, 0, w3 >>> 8) : -1;
    if (bits === LINK && this.#isNear(network)) return this.#rowFor(LINK, w0, w1);
    if (bits === BLOCK) return this.#rowFor(BLOCK, w0, w1 >>> 8);
    if (bits === SITE) return this.#rowFor(SITE, w0, w1 >>> 16);
    if (bits === ORGANISATION) return this.#rowFor(ORGANISATION, w0, w1 >>> 24);
    return bits === PROVIDER ? this.#rowFor(PROVIDER, w0, 0) : -1;
  }

  #rowFor(kind: number, key0: number, key1: number): number {
    return this.#search(this.#setOf(kind, key0, key1), kind, key0, key1);
  }

  #networkOf(row: number): Prefix {
    const head = row * HEAD_WORDS;
    const [key0 = 0, key1 = 0] = [this.#heads[head + KEY0], this.#heads[head + KEY1]];
    const kind = (this.#heads[head + ABOUT] ?? 0) & KIND_MASK;
    if (kind === IPV4_NETWORK) return prefixOfWords(0, 0, IPV4_MAPPED_WORD, (key1 << 8) >>> 0, IPV4_MAPPED_BITS + 24);
    return prefixOfWords(key0, (key1 << (LINK - kind)) >>> 0, 0, 0, kind);
  }
}

/** The budget of reports: a burst, and so many a second. */
class Tokens {
  #left = TELL_BURST;
  #atMs = Number.NaN;

  take(timeMs: number): boolean {
    const passedMs = Number.isNaN(this.#atMs) ? 0 : Math.max(0, timeMs - this.#atMs);
    this.#left = Math.min(TELL_BURST, this.#left + (passedMs / 1000) * TELL_PER_SECOND);
    this.#atMs = timeMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** Which bits of the sketches are a probe's, as a head has them. */
function bitsOf(kind: number, { source1, source3, protocol, port }: Probe, hash: number): number {
  const member = kind === IPV4_NETWORK ? source3 : kind === BLOCK ? source1 : hash >>> 8;
  // Ports need no key: an attacker who makes his own fall together makes his scan look smaller. The /56s of a /48 need none either.
  const place = Math.imul((protocol << 16) | port, 0x9e3779b1) >>> 26;
  const block = kind === SITE ? Math.imul(source1 >>> 8, 0x9e3779b1) >>> 27 : 0;
  return ((member & SOURCE_BIT_MASK) << SOURCE_AT) | (place << PORT_AT) | (block << BLOCK_AT);
}
