// Recognises a probe that comes again: what gets no answer, because its source is held, is sent again by the kernel of any client,
// and so the hold would make evidence of its own. The same addresses, ports and sequence number are the same segment; a datagram
// has its length in place of the number. Bounded, typed arrays: a packet allocates nothing.
import { Bucket } from "../base/bucket.ts";
import type { Prefix } from "../wire/address.ts";
import { IpProtocol, type Packet } from "../wire/packet.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";

/** A kernel waits for at most 120 s before it sends again. */
const REPEAT_MS = 130_000;
const PROBES = 65_536;
/** Probes that are looked at. In a flood of more the memory would be written anew within seconds: further ones count as new. */
const looks = { burst: 65_536, perSecond: 10_000 };
const WAYS = 4;
/** Sources that were let go lately, of which nothing that came before counts as the same. */
const SOURCES = 4_096;

export class RepeatedProbes {
  readonly counters = {
    /** Probes whose place another took before they could not come again any more: should they, they count. */
    probesForgotten: 0,
    /** Probes that were not looked at in a flood. */
    probesNotCompared: 0,
  };
  readonly #seed: HashSeed;
  readonly #sets: number;
  /** Two words a place: the hash of the source, and that of the probe. */
  readonly #hashes: Uint32Array;
  /** When the probe of a place last came. */
  readonly #cameMs: Float64Array;
  readonly #looks = new Bucket(looks, 0);
  readonly #letGo = new Uint32Array(SOURCES);
  readonly #letGoMs = new Float64Array(SOURCES);

  /** `seed`: that by which sources are hashed. */
  constructor(seed: HashSeed, capacity = PROBES) {
    this.#seed = { k0: seed.k0, k1: seed.k1 };
    this.#sets = capacity / WAYS;
    this.#hashes = new Uint32Array(2 * capacity);
    this.#cameMs = new Float64Array(capacity);
  }

  /** Takes in a probe; true when the same one has come lately. `hash`: the keyed one of its source. */
  note(packet: Packet, hash: number, timeMs: number): boolean {
    const { protocol } = packet;
    if (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp) return false;
    if (!this.#looks.take(timeMs, 1)) {
      this.counters.probesNotCompared++;
      return false;
    }
    const source = hash >>> 0;
    const probe = this.#hashOf(source, packet);
    const [hashes, cameMs] = [this.#hashes, this.#cameMs];
    const first = Math.floor((probe * this.#sets) / 0x1_0000_0000) * WAYS;
    let oldest = first;
    for (let place = first; place < first + WAYS; place++) {
      if (hashes[2 * place] === source && hashes[2 * place + 1] === probe) {
        const isSame = this.#isLately(place, timeMs) && !this.#wasLetGo(source, cameMs[place] ?? 0);
        cameMs[place] = timeMs;
        return isSame;
      }
      if ((cameMs[place] ?? 0) < (cameMs[oldest] ?? 0)) oldest = place;
    }
    if (this.#isLately(oldest, timeMs)) this.counters.probesForgotten++;
    hashes[2 * oldest] = source;
    hashes[2 * oldest + 1] = probe;
    cameMs[oldest] = timeMs;
    return false;
  }

  /** What a source has sent until now counts when it comes again. */
  forget({ w0, w1, w2, w3, bits }: Prefix, timeMs: number): void {
    const source = hashSource(this.#seed, w0, w1, w2, w3, bits) >>> 0;
    this.#letGo[source % SOURCES] = source;
    this.#letGoMs[source % SOURCES] = timeMs;
  }

  /** The same for all sources. */
  forgetAll(): void {
    this.#hashes.fill(0);
    this.#cameMs.fill(0);
  }

  #hashOf(source: number, packet: Packet): number {
    const { source2, source3, destination0, destination1, destination2, destination3, protocol, tcpFlags } = packet;
    // The source's hash is that of its /64 where it is counted by that.
    const sender = hashSource(this.#seed, source, source2, source3, protocol, tcpFlags);
    const local = destination0 ^ destination1 ^ destination2 ^ destination3;
    const ports = (packet.sourcePort << 16) | packet.destinationPort;
    const number = protocol === IpProtocol.Tcp ? packet.tcpSequence : packet.payloadBytes;
    return hashSource(this.#seed, sender, local, ports, number, tcpFlags) >>> 0;
  }

  #wasLetGo(source: number, cameMs: number): boolean {
    return this.#letGo[source % SOURCES] === source && cameMs <= (this.#letGoMs[source % SOURCES] ?? 0);
  }

  /** The same both ways, as a clock may be set back. */
  #isLately(place: number, timeMs: number): boolean {
    return Math.abs(timeMs - (this.#cameMs[place] ?? 0)) <= REPEAT_MS;
  }
}
