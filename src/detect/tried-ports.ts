// Which ports a source has tried, each once: what `portreeve why` tells, and nothing else asks for. The scorers stop counting
// where they know enough, and a blocked source's packets are evidence of nothing; a person wants to know what was asked.
import { Bucket, type BucketLimits } from "../base/bucket.ts";
import type { Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { type HashSeed, randomSeed } from "./keyed-hash.ts";
import { NO_ROW, PrefixRows } from "./prefix-rows.ts";
import type { Probe } from "./probe.ts";

/** The source tried the longest ago goes. */
const MAX_SOURCES = 4_096;
const MAX_PORTS_OF_ONE = 4_096;
/** Of all sources together. */
const MAX_PORTS = 131_072;
/** Probes that are looked at: 1 us each. A whole scan of a thousand ports is, of a flood a part. */
const looks = { burst: 8_000, perSecond: 2_000 };
/** New sources among them: a flood of forged ones needs a quarter of a minute to displace a scanner that pauses. */
const newcomers = { burst: 1_000, perSecond: 200 };
/** TCP in front, UDP behind. */
const UDP = 65_536;

/** The ports that a source has tried; `isAll`: since the first of them no probe of any source was passed over. */
export interface TriedOfSource {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  readonly isAll: boolean;
}

interface Tried {
  readonly ports: Set<number>;
  /** What had been passed over when the source came. */
  readonly passedOver: number;
  isFull: boolean;
}

export class TriedPorts {
  /** By row of #keys, the one that was tried the longest ago first. */
  readonly #sources = new Map<number, Tried>();
  readonly #keys: PrefixRows;
  readonly #looks = new Bucket(looks, 0);
  readonly #newcomers = new Bucket(newcomers, 0);
  readonly #told: Bucket;
  #ports = 0;
  #passedOver = 0;
  #evicted = 0;

  /** `told`: of the packets of fully blocked sources, how many the kernel tells at most. */
  constructor(told: BucketLimits, seed: HashSeed = randomSeed()) {
    this.#told = new Bucket(told, 0);
    this.#keys = new PrefixRows(seed, MAX_SOURCES);
  }

  get counters() {
    return { triedPortsPassedOver: this.#passedOver, triedSourcesEvicted: this.#evicted };
  }

  /** A packet that the kernel has dropped for a full block, and told. Beyond the limit there were others. */
  noteShutOut(probe: Probe): void {
    if (!this.#told.take(probe.timeMs, 1)) this.#passedOver++;
    this.note(probe);
  }

  /** Cheap in a flood: what is passed over costs no more than a look at the time. */
  note({ source0, source1, source2, source3, sourceBits, protocol, port, timeMs }: Probe): void {
    if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp) return;
    if (!this.#looks.take(timeMs, 1)) {
      this.#passedOver++;
      return;
    }
    const source = { w0: source0, w1: source1, w2: source2, w3: source3, bits: sourceBits };
    const known = this.#keys.find(source);
    const tried = this.#sources.get(known) ?? this.#admit(timeMs);
    if (tried === undefined) return;
    const row = known === NO_ROW ? this.#keys.add(source) : known;
    // The latest stand last.
    this.#sources.delete(row);
    this.#sources.set(row, tried);
    this.#add(tried, protocol === IpProtocol.Udp ? UDP + port : port);
    while (this.#sources.size > MAX_SOURCES || this.#ports > MAX_PORTS) this.#evict();
  }

  #admit(timeMs: number): Tried | undefined {
    if (this.#newcomers.take(timeMs, 1)) return { ports: new Set(), passedOver: this.#passedOver, isFull: false };
    this.#passedOver++;
    return undefined;
  }

  #add(tried: Tried, port: number): void {
    const { ports } = tried;
    const before = ports.size;
    if (before < MAX_PORTS_OF_ONE) ports.add(port);
    else if (!ports.has(port)) tried.isFull = true;
    this.#ports += ports.size - before;
  }

  #evict(): void {
    for (const row of this.#sources.keys()) {
      this.#remove(row);
      this.#evicted++;
      return;
    }
  }

  #remove(row: number): void {
    this.#ports -= this.#sources.get(row)?.ports.size ?? 0;
    this.#sources.delete(row);
    this.#keys.remove(row);
  }

  /** Undefined where nothing is known. */
  of(source: Prefix): TriedOfSource | undefined {
    const tried = this.#sources.get(this.#keys.find(source));
    if (tried === undefined) return undefined;
    const ports = [...tried.ports];
    return {
      tcp: ports.filter((port) => port < UDP),
      udp: ports.filter((port) => port >= UDP).map((port) => port - UDP),
      isAll: !tried.isFull && tried.passedOver === this.#passedOver,
    };
  }

  forget(source: Prefix): void {
    this.#remove(this.#keys.find(source));
  }
}
