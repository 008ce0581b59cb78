// Proves sources by finished handshakes with closed ports: as many of them as alone would be a scan prove a source that
// scans. One handshake proves nothing: three forged SYNs can have any host found scanning, and its own single slip would
// be the proof. The SYN of a handshake was logged and scored like any probe, so a handshake is not scored again; the log
// of that SYN may come after it.
import type { Detector } from "../../detect/detector.ts";
import { Kind } from "../../detect/kinds.ts";
import { Probe, protocolName } from "../../detect/probe.ts";
import { probeOfArrival } from "../../detect/probe-of-arrival.ts";
import { formatPrefix, type Prefix, prefixOfWords } from "../../wire/address.ts";
import type { Arrival } from "../../wire/arrival.ts";
import type { Judge, Words } from "../judge.ts";
import { isClaim, type Verdict } from "../verdict.ts";
import { type FinishedHandshakes, isWithin, keepBounded } from "./finished-handshakes.ts";

/** Sources that were proven lately; the first goes. */
const MAX_PROVEN = 4_096;
/** A source that has finished enough handshakes waits so long for the finding that its SYNs make. */
const WAIT_MS = 10_000;

export interface HandshakeParts {
  readonly detector: Pick<Detector, "near" | "findingAbout" | "isFound">;
  readonly judge: Pick<Judge, "spares" | "judgeProven">;
  /** The judge asks this as well. */
  readonly finished: FinishedHandshakes;
  /** For the record: kind "connect". The probe is the one reused record. */
  readonly told: (probe: Probe) => void;
  readonly isFullyBlocked: (source: Prefix) => boolean;
  readonly nowMs: () => number;
}

export class Handshakes {
  readonly #parts: HandshakeParts;
  readonly #probe = new Probe();
  /** When a source was proven: its block may be a command that is still running. */
  readonly #proven = new Map<string, number>();
  /** When a source that has not been found scanning last had enough of them. */
  #readyMs = Number.NEGATIVE_INFINITY;
  readonly counters = { handshakesSpared: 0, handshakesEarly: 0 };

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /** Whether no source waits for upgrade(). */
  get isIdle(): boolean {
    // Asked for each packet of a flood: the clock is looked at only when there has been one.
    return this.#readyMs === Number.NEGATIVE_INFINITY || !isWithin(WAIT_MS, this.#readyMs, this.#parts.nowMs());
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
    this.#parts.finished.note(source, words, port, timeMs);
    const isEnough = this.#parts.finished.hasEnough(source);
    if (isEnough && detector.isFound(source)) return this.#prove(source);
    this.counters.handshakesEarly++;
    if (isEnough) this.#readyMs = timeMs;
    return undefined;
  }

  /** A connection that a listener of connect mode has accepted: the judge asks FinishedHandshakes about its finding. */
  accepted(arrival: Arrival): void {
    probeOfArrival(arrival, this.#parts.detector.near, this.#probe);
    this.#parts.finished.note(sourceOf(this.#probe), wordsOf(arrival), arrival.port, arrival.timeMs);
  }

  /** Turns an unproven verdict into a proven one when its source has finished enough handshakes before. */
  upgrade(verdict: Verdict): Verdict {
    const { finished } = this.#parts;
    if (!isClaim(verdict) || finished.isEmpty) return verdict;
    const { source } = verdict.finding;
    return finished.hasEnough(source) ? (this.#prove(source) ?? verdict) : verdict;
  }

  #prove(source: Prefix): Verdict | undefined {
    const { detector, judge, finished } = this.#parts;
    const done = finished.of(source);
    const [port, timeMs] = [...(done?.ports ?? [])].at(-1) ?? [];
    if (done === undefined || port === undefined || timeMs === undefined) return undefined;
    const finding = detector.findingAbout(source, { kind: Kind.Connect, protocol: 6, port, timeMs });
    if (finding === undefined) return undefined;
    keepBounded(this.#proven, formatPrefix(source), timeMs, MAX_PROVEN);
    // To be proven again the source must finish as many handshakes again: a source that is let go may be forged in the
    // next moment.
    finished.forget(source);
    const evidence = evidenceOf(done.ports.size, `${protocolName(6)}/${port}`);
    return judge.judgeProven({ ...finding, evidence }, "handshake", done.words);
  }
}

function evidenceOf(count: number, last: string): string {
  if (count === 1) return `the source completed a connection to a trap on closed port ${last}`;
  return `the source completed connections to traps on ${count} closed ports, the last ${last}`;
}

function wordsOf({ source0, source1, source2, source3 }: Arrival): Words {
  return [source0, source1, source2, source3];
}

function sourceOf({ source0, source1, source2, source3, sourceBits }: Probe): Prefix {
  return prefixOfWords(source0, source1, source2, source3, sourceBits);
}
