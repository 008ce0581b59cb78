// What greylisting has met with silence (table/greylist.ts): a kernel repeats its SYN, a scanner that sends each SYN once does
// not. One SYN that is never repeated is evidence of nothing; a source that asks several ports and repeats none is a
// single-shot scan (masscan, ZMap). Bounded: of more sources at a time the one that was quiet the longest goes.
import type { Prefix } from "../wire/address.ts";
import { IpProtocol, TcpFlag } from "../wire/packet.ts";
import { countBits } from "./count-bits.ts";
import type { Finding } from "./finding.ts";
import { type HashSeed, hashSource } from "./keyed-hash.ts";
import { Kind } from "./kinds.ts";
import type { Probe } from "./probe.ts";

/** Sources at a time. */
const MAX_SOURCES = 4_096;
/** Ports that a source must have asked, as far as a sketch of 32 bits tells them apart: never too many. */
const PORTS = 5;
/** After its last SYN: kernels repeat after one second, old ones after three. */
const WAIT_MS = 5_000;
/** A source that has been quiet for so long is forgotten; the kernel has forgotten its contacts sooner. */
const FORGOTTEN_MS = 120_000;
/** A SYN that was not repeated within so many seconds never comes back: the kernel has forgotten it. */
const MET_SECONDS = 90;

const LOOK_MS = 500;
const NONE: readonly Finding[] = [];

interface Row {
  readonly source: Prefix;
  readonly firstMs: number;
  lastMs: number;
  lastPort: number;
  /** A bit for each port that it has asked. */
  ports: number;
  contacts: number;
  /** It has repeated a SYN, or been told as a finding: nothing more is looked for. */
  isSettled: boolean;
}

export class FirstContacts {
  #firstContacts = 0;
  #repeated = 0;
  #waiting = 0;
  #evicted = 0;
  /** First contacts of the last MET_SECONDS seconds, by the second, and the last of these. */
  readonly #bySecond = new Uint32Array(MET_SECONDS);
  #second = 0;
  #lookedMs = 0;
  /** By the keyed hash of the source, the one that was quiet the longest first; of two with one hash the later is not followed. */
  readonly #rows = new Map<number, Row>();
  /** Those that have asked enough ports and repeated none. */
  readonly #candidates = new Map<number, Row>();
  readonly #seed: HashSeed;

  /** `seed`: that of the hashes given to met() and repeated(). */
  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  get counters() {
    const waiting = this.#bySecond.reduce((sum, count) => sum + count, 0);
    return {
      firstContacts: this.#firstContacts,
      firstContactsRepeated: this.#repeated,
      /** Repetitions that were met with silence as well, each: their sources had asked several ports at once. */
      firstContactsWaiting: this.#waiting,
      /** Of those that the kernel has forgotten. */
      firstContactsNotRepeated: Math.max(0, this.#firstContacts - waiting - this.#repeated),
      firstContactSourcesEvicted: this.#evicted,
    };
  }

  /** A SYN that was met with silence; `hash` is the keyed one of its source. */
  met(probe: Probe, hash: number): void {
    const { port, timeMs } = probe;
    this.#firstContacts++;
    this.#turn(timeMs);
    this.#bySecond[this.#second % MET_SECONDS] = (this.#bySecond[this.#second % MET_SECONDS] ?? 0) + 1;
    const row = this.#rowOf(probe, hash);
    if (row === undefined) return;
    row.lastMs = timeMs;
    row.lastPort = port;
    row.contacts++;
    // Neighbouring ports have different bits.
    row.ports |= 1 << (port & 31);
    if (!row.isSettled && countBits(row.ports) >= PORTS) this.#candidates.set(hash, row);
  }

  /** A repetition, which is served. */
  repeated(probe: Probe, hash: number): void {
    this.#repeated++;
    this.#settle(probe, hash);
  }

  /** A repetition that is not served yet. */
  waiting(probe: Probe, hash: number): void {
    this.#waiting++;
    this.#settle(probe, hash);
  }

  #settle(probe: Probe, hash: number): void {
    const row = this.#rows.get(hash);
    if (row === undefined || !isOf(row, probe)) return;
    row.isSettled = true;
    this.#candidates.delete(hash);
  }

  /** The sources that have repeated none of their SYNs though their time is over, each once. Cheap: asked after each delivery. */
  takeSingleShots(nowMs: number): readonly Finding[] {
    if (Math.abs(nowMs - this.#lookedMs) < LOOK_MS) return NONE;
    this.#lookedMs = nowMs;
    this.#turn(nowMs);
    for (const [hash, { lastMs }] of this.#rows) {
      if (nowMs - lastMs < FORGOTTEN_MS) break;
      this.#rows.delete(hash);
    }
    const found: Finding[] = [];
    for (const [hash, row] of this.#candidates) {
      if (nowMs - row.lastMs < WAIT_MS) continue;
      this.#candidates.delete(hash);
      row.isSettled = true;
      found.push(findingOf(row));
    }
    return found;
  }

  /** Forgets a source, so that it can be found again. */
  forget({ w0, w1, w2, w3, bits }: Prefix): void {
    this.#drop(hashSource(this.#seed, w0, w1, w2, w3, bits));
  }

  forgetAll(): void {
    this.#rows.clear();
    this.#candidates.clear();
  }

  #drop(hash: number): void {
    this.#rows.delete(hash);
    this.#candidates.delete(hash);
  }

  #rowOf(probe: Probe, hash: number): Row | undefined {
    const known = this.#rows.get(hash);
    if (known !== undefined) {
      if (!isOf(known, probe)) return undefined;
      this.#rows.delete(hash);
      this.#rows.set(hash, known);
      return known;
    }
    if (this.#rows.size >= MAX_SOURCES) {
      for (const stalest of this.#rows.keys()) {
        this.#drop(stalest);
        this.#evicted++;
        break;
      }
    }
    const { source0: w0, source1: w1, source2: w2, source3: w3, sourceBits: bits, timeMs, port } = probe;
    const source = { w0, w1, w2, w3, bits };
    const row = { source, firstMs: timeMs, lastMs: timeMs, lastPort: port, ports: 0, contacts: 0, isSettled: false };
    this.#rows.set(hash, row);
    return row;
  }

  /** Begins new seconds. */
  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second - this.#second >= MET_SECONDS) this.#bySecond.fill(0);
    else for (let at = this.#second + 1; at <= second; at++) this.#bySecond[at % MET_SECONDS] = 0;
    this.#second = Math.max(this.#second, second);
  }
}

function isOf({ source }: Row, { source0, source1, source2, source3, sourceBits }: Probe): boolean {
  const { w0, w1, w2, w3, bits } = source;
  return w3 === source3 && w2 === source2 && w1 === source1 && w0 === source0 && bits === sourceBits;
}

function findingOf({ source, firstMs, lastMs, lastPort, ports, contacts }: Row): Finding {
  return {
    ...{ source, kind: Kind.Syn, protocol: IpProtocol.Tcp, port: lastPort, tcpFlags: TcpFlag.Syn, hasIpOptions: false },
    ...{ probes: contacts, contacts: countBits(ports), firstMs, timeMs: lastMs, policy: "single-shot" },
  };
}
