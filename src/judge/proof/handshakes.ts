// What finished handshakes with closed ports are worth: as many of them as alone would be a scan prove a source that scans. One
// proves nothing: three forged SYNs have anybody found scanning, and his own single slip would be the proof. The SYN of a
// handshake was logged and scored like any probe, so a handshake is not scored again; the log of that SYN may come after it.
import type { Detector } from "../../detect/detector.ts";
import { Kind } from "../../detect/kinds.ts";
import { Probe, protocolName } from "../../detect/probe.ts";
import { probeOfArrival } from "../../detect/probe-of-arrival.ts";
import type { ScorePolicy } from "../../detect/scorers.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../../wire/address.ts";
import type { Arrival } from "../../wire/arrival.ts";
import type { Judge } from "../judge.ts";
import { isClaim, type Verdict } from "../verdict.ts";

/** Sources whose handshakes are kept; the one whose last handshake is the oldest goes. */
const MAX_SOURCES = 4_096;
/** A source that has finished enough handshakes waits so long for the finding that its SYNs make. */
const WAIT_MS = 10_000;
/** Where POLICY counts probes and not ports (SCAN_TRIGGER), a greater number asks for no more ports than this. */
const MOST_BY_TRIGGER = 3;

export interface HandshakeParts {
  readonly detector: Pick<Detector, "near" | "findingAbout" | "isFound">;
  readonly judge: Pick<Judge, "spares" | "judgeProven">;
  readonly policy: () => Pick<ScorePolicy, "policy" | "scanTrigger" | "scorePorts" | "scoreWindowMs">;
  /** For the record: kind "connect". The probe is the one reused record. */
  readonly told: (probe: Probe) => void;
  readonly isFullyBlocked: (source: Prefix) => boolean;
  readonly nowMs: () => number;
}

/** The handshakes of one source. */
interface Finished {
  /** Of the last one: what the judge asks. */
  readonly words: readonly [number, number, number, number];
  /** Different closed ports, no more than are needed, the latest last, and when each was finished. */
  readonly ports: Map<number, number>;
}

/** With how many different closed ports handshakes must be finished: as many as the rule asks of probes. */
export function handshakesNeeded({ policy, scanTrigger, scorePorts }: ReturnType<HandshakeParts["policy"]>): number {
  return policy === "score" ? scorePorts : Math.min(MOST_BY_TRIGGER, Math.max(1, scanTrigger));
}

export class Handshakes {
  readonly #parts: HandshakeParts;
  readonly #probe = new Probe();
  readonly #finished = new Map<string, Finished>();
  /** When a source was proven: its block may be a command that is still running. */
  readonly #proven = new Map<string, number>();
  /** When a source that has not been found scanning last had enough of them. */
  #readyMs = Number.NEGATIVE_INFINITY;
  readonly counters = { handshakesSpared: 0, handshakesEarly: 0, handshakesForgotten: 0 };

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /** Whether nobody waits for upgrade(). */
  get isIdle(): boolean {
    return !isWithin(WAIT_MS, this.#readyMs, this.#parts.nowMs());
  }

  /** A handshake with the decoy. The verdict, if it proves a source that is not shut out already. */
  arrived(arrival: Arrival): Verdict | undefined {
    const { detector, judge, told, isFullyBlocked } = this.#parts;
    const words = wordsOf(arrival);
    if (judge.spares(...words) !== undefined) {
      this.counters.handshakesSpared++;
      return undefined;
    }
    const probe = this.#probe;
    probeOfArrival(arrival, detector.near, probe);
    const source = sourceOf(probe);
    if (isFullyBlocked(source)) return undefined;
    told(probe);
    const { port, timeMs } = probe;
    if (isWithin(WAIT_MS, this.#proven.get(formatPrefix(source)), timeMs)) return undefined;
    this.#note(source, words, port, timeMs);
    const isEnough = this.hasEnough(source);
    if (isEnough && detector.isFound(source)) return this.#prove(source);
    this.counters.handshakesEarly++;
    if (isEnough) this.#readyMs = timeMs;
    return undefined;
  }

  /** A connection that a listener of connect mode has accepted: the finding that it may make asks hasEnough(). */
  accepted(arrival: Arrival): void {
    probeOfArrival(arrival, this.#parts.detector.near, this.#probe);
    this.#note(sourceOf(this.#probe), wordsOf(arrival), arrival.port, arrival.timeMs);
  }

  /** For a source that starts afresh: its block has ended. */
  forget(source: Prefix): void {
    this.#finished.delete(formatPrefix(source));
  }

  /** Whether a source has finished handshakes with as many different closed ports as the rule asks of probes. */
  hasEnough(source: Prefix): boolean {
    const { nowMs, policy } = this.#parts;
    const { scoreWindowMs } = policy();
    let count = 0;
    for (const timeMs of this.#finished.get(formatPrefix(source))?.ports.values() ?? []) {
      if (isWithin(scoreWindowMs, timeMs, nowMs())) count++;
    }
    return count >= handshakesNeeded(policy());
  }

  /** What a verdict on a mere claim becomes when its source has finished enough handshakes before. */
  upgrade(verdict: Verdict): Verdict {
    if (!isClaim(verdict) || this.#finished.size === 0) return verdict;
    const { source } = verdict.finding;
    return this.hasEnough(source) ? (this.#prove(source) ?? verdict) : verdict;
  }

  #note(source: Prefix, words: Finished["words"], port: number, timeMs: number): void {
    const key = formatPrefix(source);
    const ports = this.#finished.get(key)?.ports ?? new Map<number, number>();
    keepBounded(ports, port, timeMs, handshakesNeeded(this.#parts.policy()));
    if (keepBounded(this.#finished, key, { words, ports }, MAX_SOURCES)) this.counters.handshakesForgotten++;
  }

  #prove(source: Prefix): Verdict | undefined {
    const { detector, judge } = this.#parts;
    const key = formatPrefix(source);
    const finished = this.#finished.get(key);
    const [port, timeMs] = [...(finished?.ports ?? [])].at(-1) ?? [];
    if (finished === undefined || port === undefined || timeMs === undefined) return undefined;
    const finding = detector.findingAbout(source, { kind: Kind.Connect, protocol: 6, port, timeMs });
    if (finding === undefined) return undefined;
    keepBounded(this.#proven, key, timeMs, MAX_SOURCES);
    // To be proven again it must do as much again: whoever is let go may be forged in the next moment.
    this.#finished.delete(key);
    const evidence = evidenceOf(finished.ports.size, `${protocolName(6)}/${port}`);
    return judge.judgeProven({ ...finding, evidence }, "handshake", finished.words);
  }
}

function evidenceOf(count: number, last: string): string {
  if (count === 1) return `the source completed a connection to a trap on closed port ${last}`;
  return `the source completed connections to traps on ${count} closed ports, the last ${last}`;
}

function wordsOf({ source0, source1, source2, source3 }: Arrival): Finished["words"] {
  return [source0, source1, source2, source3];
}

function sourceOf({ source0, source1, source2, source3, sourceBits }: Probe): Prefix {
  return prefixOfWords(source0, source1, source2, source3, sourceBits);
}

function isWithin(windowMs: number, thenMs: number | undefined, nowMs: number): boolean {
  return thenMs !== undefined && Math.abs(nowMs - thenMs) <= windowMs;
}

/** Puts the entry at the end; true when the first one had to go for it. */
function keepBounded<K, V>(map: Map<K, V>, key: K, value: V, most: number): boolean {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return false;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
  return true;
}
