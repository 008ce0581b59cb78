// A scan shared out among many addresses from anywhere, one or two ports each: reported when more sources than usual have tried
// closed ports within a window, with fewer of them at the same port than chance allows. The finding names no source, because
// the sources may be forged. Bounded: when MAX_SOURCES of a window have shown nothing it begins with none again, so that an attacker
// cannot hide the scan behind as many probes of one popular port; once a scan is reported, the window looks at nothing more.
import { IPV4_MAPPED_BITS, IPV4_MAPPED_WORD, type Prefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { PORTS } from "../wire/port-range.ts";
import type { Finding } from "./finding.ts";
import type { Probe } from "./probe.ts";
import {
  chanceOfRepeats,
  createPortPopularity,
  expectedPortRepeats,
  type PortPopularity,
} from "./tap/chance-overlap.ts";

export interface ScatteredPolicy {
  /** Sources of one window below which there is no scan by many; 0: none is ever reported. */
  readonly scatteredSources: number;
  readonly scoreWindowMs: number;
}

const MAX_SOURCES = 4_096;
const SLOTS = 8_192;
/** A window is judged whenever it has grown by so much: each look is a risk, and costs some 10 us. */
const GROWTH = 1 / 8;
/** P(independent sources overlap so little), as COORDINATED_FALSE_ALARM. */
const ALPHA = 1e-6;
/** The share of the probes that reach any host and go to just any port: more than is usual, which is the careful side. */
const UNIFORM_SHARE = 0.75;
/** So many times the sources that windows of this host usually have. */
const ABOVE_USUAL = 4;
/** The weight of a window in the usual number; older ones fade. */
const USUAL_WEIGHT = 1 / 16;
/** Ports of one source that count. */
const FEW_PORTS = 2;

export class ScatteredScans {
  readonly counters = { scatteredFindings: 0, scatteredUncounted: 0 };
  #policy: ScatteredPolicy;
  readonly #from: Prefix;
  readonly #popularity: PortPopularity;
  /** Open addressing by the keyed hash of a source, half full at most; 0: empty. */
  readonly #sources = new Int32Array(SLOTS);
  /** The last port of each source, with the protocol, and above them how many it has tried. */
  readonly #tried = new Uint32Array(SLOTS);
  /** Ports of TCP, then of UDP. */
  readonly #ports = new Uint32Array((2 * PORTS) / 32);
  #turn = Number.NaN;
  #startMs = 0;
  /** Sources of this window that are not looked at any more. */
  #earlier = 0;
  #count = 0;
  #probes = 0;
  #distinct = 0;
  #judgeAt = 0;
  #isTold = false;
  #usual = 0;

  /** `family`: the family of the sources, which a finding names as a whole. */
  constructor(family: 4 | 6, policy: ScatteredPolicy) {
    this.#policy = policy;
    this.#from =
      family === 4 ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, 0, IPV4_MAPPED_BITS) : prefixOfWords(0, 0, 0, 0, 0);
    this.#popularity = createPortPopularity(UNIFORM_SHARE);
  }

  setPolicy(policy: ScatteredPolicy): void {
    if (policy.scoreWindowMs !== this.#policy.scoreWindowMs) this.#turn = Number.NaN;
    this.#policy = policy;
  }

  /** Takes in a direct probe; `hash` is the keyed one of its source. True: ask findingOf() at once. Once in a window. */
  note({ protocol, port, timeMs }: Probe, hash: number): boolean {
    const isTcp = protocol === IpProtocol.Tcp;
    if (this.#policy.scatteredSources === 0 || !(isTcp || protocol === IpProtocol.Udp)) return false;
    const turn = Math.floor(timeMs / this.#policy.scoreWindowMs);
    if (turn !== this.#turn) this.#begin(turn, timeMs);
    if (this.#count === MAX_SOURCES) {
      if (this.#isTold) {
        this.counters.scatteredUncounted++;
        return false;
      }
      this.#earlier += this.#count;
      this.#clear(timeMs);
    }
    const place = isTcp ? port : PORTS + port;
    if (!this.#isNewOf(hash === 0 ? 1 : hash, place)) return false;
    this.#probes++;
    const mask = 1 << (place & 31);
    const word = this.#ports[place >>> 5] ?? 0;
    if ((word & mask) === 0) {
      this.#ports[place >>> 5] = word | mask;
      this.#distinct++;
    }
    if (this.#isTold || this.#probes < this.#judgeAt || this.#count < this.#needed) return false;
    this.#judgeAt = Math.ceil(this.#probes * (1 + GROWTH));
    if (!this.#isBeyondChance()) return false;
    this.#isTold = true;
    this.counters.scatteredFindings++;
    return true;
  }

  /** The finding that note() has just announced. */
  findingOf(probe: Probe): Finding {
    return {
      source: this.#from,
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: this.#probes,
      contacts: this.#distinct,
      firstMs: this.#startMs,
      timeMs: probe.timeMs,
      policy: "scattered",
      members: this.#count,
    };
  }

  /** Never more than are counted at a time: otherwise a host that is used to many, or was made used to them, would never report a scan. */
  get #needed(): number {
    const aboveUsual = Math.min(MAX_SOURCES, Math.ceil(ABOVE_USUAL * this.#usual));
    return Math.max(this.#policy.scatteredSources, aboveUsual);
  }

  #isBeyondChance(): boolean {
    const each = this.#probes / this.#count;
    const expected = expectedPortRepeats(this.#popularity, this.#count, each);
    return chanceOfRepeats(this.#probes - this.#distinct, expected) <= Math.log(ALPHA);
  }

  /** Whether the source has not tried this port, nor too many others, in this window. */
  #isNewOf(hash: number, place: number): boolean {
    let slot = (hash >>> 3) & (SLOTS - 1);
    for (let known = this.#sources[slot]; known !== 0; known = this.#sources[slot]) {
      if (known === hash) {
        const tried = this.#tried[slot] ?? 0;
        const count = tried >>> 20;
        if ((tried & 0xfffff) === place || count >= FEW_PORTS) return false;
        this.#tried[slot] = ((count + 1) << 20) | place;
        return true;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    this.#sources[slot] = hash;
    this.#tried[slot] = (1 << 20) | place;
    this.#count++;
    return true;
  }

  #begin(turn: number, timeMs: number): void {
    const passed = Math.abs(turn - this.#turn);
    // Windows without a probe count as well: none of them was begun.
    if (!Number.isNaN(passed)) {
      this.#usual += (this.#earlier + this.#count - this.#usual) * USUAL_WEIGHT;
      this.#usual *= (1 - USUAL_WEIGHT) ** Math.min(passed - 1, 1_000);
    }
    this.#turn = turn;
    this.#earlier = 0;
    this.#clear(timeMs);
    this.#isTold = false;
  }

  #clear(timeMs: number): void {
    this.#startMs = timeMs;
    if (this.#count > 0) {
      this.#sources.fill(0);
      this.#ports.fill(0);
    }
    this.#count = 0;
    this.#probes = 0;
    this.#distinct = 0;
    this.#judgeAt = 0;
  }
}
