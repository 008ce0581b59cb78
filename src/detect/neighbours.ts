// Many addresses that are near each other are one attacker: counts, for each network, how many different sources of it have
// tried closed ports lately, and makes one finding of the network when they are too many. Bounded, typed arrays: a probe
// allocates nothing. docs/reference/detection.md has the formulas and where the thresholds come from.
//
//   IPv4                      sources: addresses     network: the /24
//   IPv6 beyond our links     sources: /64 networks  networks: the /56, and the /48 when they lie in several /56s
//                             sources: /48 networks  networks: the /40, and the /32, which is only reported
//   IPv6 on a link of ours    sources: addresses     network: the link's /64
//
// A network is a head (neighbour-heads.ts), and from its second probe on a body as well (neighbour-bodies.ts): a flood of
// forged sources writes heads only.
import { Bucket } from "../base/bucket.ts";
import { isIpv4Words, type Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Finding } from "./finding.ts";
import type { HashSeed } from "./keyed-hash.ts";
import { Memory, NeighbourBodies } from "./neighbour-bodies.ts";
import { NeighbourHeads } from "./neighbour-heads.ts";
import { bitsOf, keyOfNetwork, NetworkKind, networkOfKey, networksOf } from "./neighbour-networks.ts";
import { isMany, memoryOfMany, type NeighbourPolicy, neededIn } from "./neighbour-thresholds.ts";
import type { Probe } from "./probe.ts";

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

/** Without a slow window, networks are still forgotten after one to two such times. */
const NO_SLOW_WINDOW_MS = 86_400_000;
/** A network goes on scanning when as many sources again have come, which is looked at no more often than this. */
const GOES_ON_SECONDS = 15;
/** How many networks are reported, and go on, at most: a flood forged in whole networks makes no more findings than that. */
const told = { burst: 16, perSecond: 1 };

export class Neighbours {
  readonly counters = {
    neighbourFindings: 0,
    /** Networks that had to make room for others before they were forgotten. */
    neighboursEvicted: 0,
    /** Probes of networks that would have been found, had not so many others been just then. */
    neighboursUntold: 0,
  };
  readonly #heads: NeighbourHeads;
  readonly #bodies: NeighbourBodies;
  #policy: NeighbourPolicy;
  #near: AddressRanges;
  /** The evidence about the network last found. */
  #row = 0;
  #memory: Memory = Memory.Fast;
  /** Whether the probe last noted began a row. */
  #isFirst = false;
  readonly #findings = new Bucket(told, 0);
  /** A budget of their own: networks that go on must not use up the budget of new findings. */
  readonly #renewals = new Bucket(told, 0);

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
    this.#bodies = new NeighbourBodies(capacity);
    this.#heads = new NeighbourHeads(capacity, seed, this.#bodies, () => this.counters.neighboursEvicted++);
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
    const { Ipv4, Link, Site, Block } = NetworkKind;
    if (this.#policy.neighbours === 0) return Neighbourhood.Quiet;
    if (isIpv4Words(source0, source1, source2)) return this.#noteIn(Ipv4, 0, source3 >>> 8, probe, hash);
    // Forms that no host sends (::ffff:0:0/96 and the like).
    if (source0 === 0 && source1 === 0) return Neighbourhood.Quiet;
    if (sourceBits === 128) return this.#noteIn(Link, source0, source1, probe, hash);
    const inSite = this.#noteIn(Site, source0, source1 >>> 16, probe, hash);
    if (inSite !== Neighbourhood.Quiet) return inSite;
    // Most /48s send only one probe: their /56s count from the second on.
    const inBlock = this.#isFirst ? inSite : this.#noteIn(Block, source0, source1 >>> 8, probe, hash);
    return inBlock === Neighbourhood.Quiet ? this.#noteWide(probe) : inBlock;
  }

  /** Counts in the networks that may have many /48s. A source whose own network is found has no part in them. */
  #noteWide(probe: Probe): Neighbourhood {
    const { source0, source1 } = probe;
    const { Site, Organisation, Provider } = NetworkKind;
    const site = this.#heads.hash(Site, source0, source1 >>> 16);
    const row = this.#heads.find(Organisation, source0, source1 >>> 24);
    const isKnown = row >= 0 && this.#heads.hasBody(row) && this.#bodies.isFound(row, Memory.Fast);
    if (isKnown) return this.#noteIn(Organisation, source0, source1 >>> 24, probe, site);
    const inProvider = this.#noteIn(Provider, source0, 0, probe, site);
    // A flood of forged sources has one row for each provider, and none for each organisation.
    if (inProvider === Neighbourhood.Found || this.#isFirst) return inProvider;
    const inOrganisation = this.#noteIn(Organisation, source0, source1 >>> 24, probe, site);
    return inOrganisation === Neighbourhood.Quiet ? inProvider : inOrganisation;
  }

  /** The finding that note() has just announced. */
  findingOf(probe: Probe): Finding {
    const [row, memory] = [this.#row, this.#memory];
    const sources = this.#bodies.sources(row, memory);
    const firstMs = this.#bodies.sinceMs(row, memory, this.#slowWindowMs);
    const network = networkOfKey(this.#heads.keyOf(row));
    return {
      source: network,
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: sources,
      contacts: this.#bodies.ports(row, memory),
      firstMs: Math.min(probe.timeMs, firstMs),
      timeMs: probe.timeMs,
      policy: "neighbours",
      members: sources,
      ...(memory === Memory.Slow && { slowSinceMs: firstMs }),
      ...(this.#isNear(network) && { isOnLink: true }),
    };
  }

  /**
   * When the network last did what makes it a finding, to the second: single probes, which one forged packet a minute would be, do
   * not count. Undefined if it is not known.
   */
  lastScanMs(network: Prefix): number | undefined {
    const row = this.#find(network);
    if (row < 0 || !this.#heads.hasBody(row)) return undefined;
    const second = this.#bodies.scanSecond(row);
    return second === 0 ? undefined : second * 1000;
  }

  /** Forgets a network, so that it can be found again. False if it was not known. */
  forget(network: Prefix): boolean {
    const row = this.#find(network);
    if (row < 0) return false;
    this.#heads.empty(row);
    return true;
  }

  /** Lets every network be found again. */
  unflagAll(): void {
    // Bodies that were never written have no memory yet.
    for (let row = 0; row < this.#heads.rows; row++) if (this.#heads.hasBody(row)) this.#bodies.unflag(row);
  }

  /** The networks that an address, or a /64, lies in, or the network itself; the narrowest first. */
  evidenceOn(source: Prefix): NeighbourEvidence[] {
    return networksOf(source, this.#isNear(source)).flatMap((network): NeighbourEvidence[] => {
      const row = this.#find(network);
      if (row < 0) return [];
      const [hasBody, bodies] = [this.#heads.hasBody(row), this.#bodies];
      return [
        {
          network,
          sources: hasBody ? bodies.sources(row, Memory.Slow) : 1,
          ports: hasBody ? bodies.ports(row, Memory.Slow) : 1,
          lastMs: this.#heads.lastSecond(row) * 1000,
          isFound: hasBody && (bodies.isFound(row, Memory.Fast) || bodies.isFound(row, Memory.Slow)),
        },
      ];
    });
  }

  get #slowWindowMs(): number {
    return this.#policy.slowScoreWindowMs === 0 ? NO_SLOW_WINDOW_MS : this.#policy.slowScoreWindowMs;
  }

  #noteIn(kind: NetworkKind, key0: number, key1: number, probe: Probe, hash: number): Neighbourhood {
    const second = Math.floor(probe.timeMs / 1000);
    const bits = bitsOf(kind, probe, hash);
    const row = this.#heads.rowOf(kind, key0, key1, second, this.#slowWindowMs);
    this.#isFirst = this.#heads.isEmpty(row);
    if (this.#isFirst) {
      this.#heads.begin(row, kind, key0, key1, second, bits);
      return Neighbourhood.Quiet;
    }
    // At the second probe the fields of the first one in the head take the form that can go on.
    if (!this.#heads.hasBody(row)) {
      this.#bodies.open(row, this.#heads.about(row), this.#heads.lastSecond(row), this.#slowWindowMs);
      this.#heads.flagBody(row);
    }
    const isNewSecond = this.#heads.touch(row, second);
    const neighbourhood = this.#noteInBody(row, kind, bits, probe.timeMs);
    if (neighbourhood === Neighbourhood.Known && isNewSecond) this.#goOn(row, kind, probe.timeMs);
    return neighbourhood;
  }

  #noteInBody(row: number, kind: NetworkKind, bits: number, timeMs: number): Neighbourhood {
    this.#bodies.turn(row, timeMs, this.#slowWindowMs);
    const isNew = this.#bodies.remember(row, kind, bits);
    if (this.#bodies.isFound(row, Memory.Fast)) return Neighbourhood.Known;
    const memory = isNew ? memoryOfMany(this.#bodies, row, kind, this.#policy) : undefined;
    if (memory === undefined) return Neighbourhood.Quiet;
    if (!this.#findings.take(timeMs, 1)) {
      this.counters.neighboursUntold++;
      return Neighbourhood.Quiet;
    }
    this.#memory = memory;
    this.#bodies.flagFound(row, memory);
    this.#bodies.noteScan(row, Math.floor(timeMs / 1000));
    this.counters.neighbourFindings++;
    this.#row = row;
    return Neighbourhood.Found;
  }

  /** A network that was found needs as many sources again to count as a scan once more, and its turn in the budget of reports. */
  #goOn(row: number, kind: NetworkKind, timeMs: number): void {
    // These are not blocked.
    if (kind === NetworkKind.Link || kind === NetworkKind.Provider) return;
    const second = Math.floor(timeMs / 1000);
    if (second - this.#bodies.scanSecond(row) < GOES_ON_SECONDS) return;
    if (!isMany(this.#bodies, row, kind, Memory.Fast, neededIn(kind, this.#policy))) return;
    if (!this.#renewals.take(timeMs, 1)) {
      this.counters.neighboursUntold++;
      return;
    }
    this.#bodies.noteScan(row, second);
    this.#bodies.shift(row, Memory.Fast, false);
  }

  #isNear({ w0, w1, w2, w3 }: Prefix): boolean {
    return this.#near.contains(w0, w1, w2, w3);
  }

  /** The row of a network, or -1. */
  #find(network: Prefix): number {
    const key = keyOfNetwork(network, this.#isNear(network));
    return key === undefined ? -1 : this.#heads.find(key.kind, key.key0, key.key1);
  }
}
