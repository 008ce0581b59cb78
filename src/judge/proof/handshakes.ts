// What a handshake with the decoy is worth: it proves a source that scans. Its SYN was logged and scored like any probe,
// so it is not scored again; it waits a little for a finding, as the log of that SYN may come after it.
import type { Detector } from "../../detect/detector.ts";
import { Kind } from "../../detect/kinds.ts";
import { Probe, protocolName } from "../../detect/probe.ts";
import { probeOfArrival } from "../../detect/probe-of-arrival.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../../wire/address.ts";
import type { Arrival } from "../../wire/arrival.ts";
import type { Judge } from "../judge.ts";
import { isClaim, type Verdict } from "../verdict.ts";

/** Handshakes that wait for a finding; the oldest goes. */
const MAX_WAITING = 4_096;
const WAIT_MS = 10_000;

export interface HandshakeParts {
  readonly detector: Pick<Detector, "near" | "findingAbout" | "isFound">;
  readonly judge: Pick<Judge, "spares" | "judgeProven">;
  /** For the record: kind "connect". The probe is the one reused record. */
  readonly told: (probe: Probe) => void;
  readonly isFullyBlocked: (source: Prefix) => boolean;
  readonly nowMs: () => number;
}

interface Handshake {
  readonly words: readonly [number, number, number, number];
  readonly port: number;
  readonly timeMs: number;
}

export class Handshakes {
  readonly #parts: HandshakeParts;
  readonly #probe = new Probe();
  readonly #waiting = new Map<string, Handshake>();
  /** When a source was proven: its block may be a command that is still running. */
  readonly #proven = new Map<string, number>();
  readonly counters = { handshakesSpared: 0, handshakesEarly: 0 };

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /** Whether nobody waits for upgrade(). */
  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /** The verdict, if the source has been found scanning and is not shut out already. */
  arrived(arrival: Arrival): Verdict | undefined {
    const { detector, judge, told, isFullyBlocked } = this.#parts;
    const { source0, source1, source2, source3, port, timeMs } = arrival;
    if (judge.spares(source0, source1, source2, source3) !== undefined) {
      this.counters.handshakesSpared++;
      return undefined;
    }
    const probe = this.#probe;
    probeOfArrival(arrival, detector.near, probe);
    const source = prefixOfWords(probe.source0, probe.source1, probe.source2, probe.source3, probe.sourceBits);
    if (isFullyBlocked(source)) return undefined;
    told(probe);
    const handshake: Handshake = { words: [source0, source1, source2, source3], port, timeMs };
    const key = formatPrefix(source);
    if (isRecent(this.#proven.get(key), timeMs)) return undefined;
    if (detector.isFound(source)) return this.#prove(source, handshake);
    this.counters.handshakesEarly++;
    keepBounded(this.#waiting, key, handshake);
    return undefined;
  }

  /** What a verdict on a mere claim becomes when its source has finished a handshake just before. */
  upgrade(verdict: Verdict): Verdict {
    if (!isClaim(verdict) || this.#waiting.size === 0) return verdict;
    const { source } = verdict.finding;
    const key = formatPrefix(source);
    const handshake = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (handshake === undefined || !isRecent(handshake.timeMs, this.#parts.nowMs())) return verdict;
    return this.#prove(source, handshake) ?? verdict;
  }

  #prove(source: Prefix, { words, port, timeMs }: Handshake): Verdict | undefined {
    const { detector, judge } = this.#parts;
    const finding = detector.findingAbout(source, { kind: Kind.Connect, protocol: 6, port, timeMs });
    if (finding === undefined) return undefined;
    keepBounded(this.#proven, formatPrefix(source), timeMs);
    const evidence = `it completed a connection to the decoy on closed port ${protocolName(6)}/${port}`;
    return judge.judgeProven({ ...finding, evidence }, "handshake", words);
  }
}

function isRecent(thenMs: number | undefined, nowMs: number): boolean {
  return thenMs !== undefined && Math.abs(nowMs - thenMs) <= WAIT_MS;
}

function keepBounded<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  if (map.size >= MAX_WAITING) {
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  }
  map.set(key, value);
}
