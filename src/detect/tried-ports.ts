// Which ports a source has tried, each once: what `portreeve why` tells, and nothing else asks for. The scorers stop counting
// where they know enough, and a blocked source's packets are evidence of nothing; a person wants to know what was asked.
import { Bucket, type BucketLimits } from "../base/bucket.ts";
import type { Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
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
  readonly #sources = new Map<string, Tried>();
  readonly #looks = new Bucket(looks, 0);
  readonly #newcomers = new Bucket(newcomers, 0);
  readonly #told: Bucket;
  #ports = 0;
  #passedOver = 0;
  #evicted = 0;

  /** `told`: of the packets of fully blocked sources, how many the kernel tells at most. */
  constructor(told: BucketLimits) {
    this.#told = new Bucket(told, 0);
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
    const name = nameOf(source0, source1, source2, source3, sourceBits);
    const tried = this.#sources.get(name) ?? this.#admit(timeMs);
    if (tried === undefined) return;
    // The latest stand last.
    this.#sources.delete(name);
    this.#sources.set(name, tried);
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
    for (const [name, { ports }] of this.#sources) {
      this.#sources.delete(name);
      this.#ports -= ports.size;
      this.#evicted++;
      return;
    }
  }

  /** Undefined where nothing is known. */
  of({ w0, w1, w2, w3, bits }: Prefix): TriedOfSource | undefined {
    const tried = this.#sources.get(nameOf(w0, w1, w2, w3, bits));
    if (tried === undefined) return undefined;
    const ports = [...tried.ports];
    return {
      tcp: ports.filter((port) => port < UDP),
      udp: ports.filter((port) => port >= UDP).map((port) => port - UDP),
      isAll: !tried.isFull && tried.passedOver === this.#passedOver,
    };
  }

  forget({ w0, w1, w2, w3, bits }: Prefix): void {
    const name = nameOf(w0, w1, w2, w3, bits);
    this.#ports -= this.#sources.get(name)?.ports.size ?? 0;
    this.#sources.delete(name);
  }
}

function nameOf(w0: number, w1: number, w2: number, w3: number, bits: number): string {
  return `${w0} ${w1} ${w2} ${w3} ${bits}`;
}
