// The figures of docs/reference/detection.md about `score`, worked out afresh with a fixed seed: how long scans of every pace go on,
// and how often a client who errs by chance is taken for one.
import { Detector } from "../../src/detect/detector.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../src/detect/probe.ts";
import type { ScorePolicy } from "../../src/detect/scorers.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { prefix, seed } from "./probes.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;
const T0 = 20_000 * DAY;

/** As shipped. */
export const shipped: ScorePolicy = {
  policy: "score",
  scanTrigger: 0,
  scorePorts: 3,
  scoreWindowMs: 10 * MINUTE,
  slowScorePorts: 10,
  slowScoreWindowMs: DAY,
};

/** Numbers from 0 to 1 that are the same each time (mulberry32). */
export function createRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One source after the other before a detector of its own. */
export class Watched {
  readonly #detector: Detector;
  readonly #probe = new Probe();

  constructor(policy: ScorePolicy) {
    this.#detector = new Detector({ table: new SourceTable(1, seed), policy, near: new AddressRanges([]) });
    const { w2, w3 } = prefix("198.51.100.0");
    const about = { protocol: 6, kind: Kind.Syn, evidence: Evidence.Direct, disposition: Disposition.Probe };
    Object.assign(this.#probe, { source2: w2, source3: w3, ...about });
  }

  /** The table has room for one. */
  nextSource(): void {
    this.#probe.source3 = (this.#probe.source3 + 1) >>> 0;
  }

  /** What made the source a scanner, if this did. */
  probe(port: number, timeMs: number): "fast" | "slow" | undefined {
    this.#probe.port = port;
    this.#probe.timeMs = timeMs;
    const finding = this.#detector.see(this.#probe);
    if (finding === undefined) return undefined;
    this.#detector.reset(finding.source);
    return finding.slowSinceMs === undefined ? "fast" : "slow";
  }
}

export interface ScanFigures {
  /** Probes until found, of each source that was. */
  readonly probes: readonly number[];
  readonly memory: "fast" | "slow" | undefined;
  readonly missed: number;
}

/** `sources` scanners, each at a time of its own, each probe to another port, for a fortnight at most. */
export function scanAtPace(gapMs: number, sources: number): ScanFigures {
  const random = createRandom(gapMs);
  const watched = new Watched(shipped);
  const probes: number[] = [];
  let memory: "fast" | "slow" | undefined;
  let missed = 0;
  for (let source = 0; source < sources; source++) {
    watched.nextSource();
    const startMs = T0 + random() * DAY;
    const firstPort = Math.floor(random() * 60_000);
    let found = 0;
    for (let sent = 1; found === 0 && (sent - 1) * gapMs <= 2 * WEEK; sent++) {
      const by = watched.probe(firstPort + sent, startMs + (sent - 1) * gapMs);
      if (by === undefined) continue;
      found = sent;
      memory = by;
    }
    if (found === 0) missed++;
    else probes.push(found);
  }
  return { probes: probes.sort((a, b) => a - b), memory, missed };
}

/** The clock of a row ends in 2106. */
const WEEKS_OF_A_CLIENT = 1000;

/** Weeks in which a client was called a scanner, of so many thousands; wrong ports come by chance, each another. */
export function errByChance(perDay: number, weeks: number, policy = shipped): { fast: number; slow: number } {
  const random = createRandom(perDay * 1000);
  const watched = new Watched(policy);
  const found = { fast: 0, slow: 0 };
  for (let client = 0; client < weeks / WEEKS_OF_A_CLIENT; client++) {
    watched.nextSource();
    const weeksOf = { fast: new Set<number>(), slow: new Set<number>() };
    let port = 0;
    for (let timeMs = 0; timeMs < WEEKS_OF_A_CLIENT * WEEK; ) {
      timeMs += (-Math.log(1 - random()) * DAY) / perDay;
      port = (port + 1) & 0xffff;
      const by = watched.probe(port, T0 + timeMs);
      if (by !== undefined) weeksOf[by].add(Math.floor(timeMs / WEEK));
    }
    found.fast += weeksOf.fast.size;
    found.slow += weeksOf.slow.size;
  }
  return found;
}

/** P(at least k of n), each with probability p. */
function binomialTail(n: number, p: number, k: number): number {
  let term = (1 - p) ** n;
  let below = 0;
  for (let i = 0; i < k; i++) {
    below += term;
    term *= ((n - i) / (i + 1)) * (p / (1 - p));
  }
  return 1 - below;
}

/** A bound of the slow memory's false alarms a week: of so many Poisson contacts a day, all different. */
export function slowAlarmBound(perDay: number, { slowScorePorts, slowScoreWindowMs }: ScorePolicy): number {
  const bitSet = 1 - Math.exp((-perDay * 2 * (slowScoreWindowMs / DAY)) / 32);
  return (WEEK / slowScoreWindowMs + 1) * binomialTail(32, bitSet, slowScorePorts);
}

/** Contacts that set so many of 32 bits, on average. */
export function meanContacts(bits: number): number {
  return Array.from({ length: bits }, (_, set) => 32 / (32 - set)).reduce((sum, each) => sum + each);
}

/** The fast memory's false alarms a week with scorePorts 3, as long as they are few. */
export function fastAlarms(perDay: number, { scoreWindowMs }: ScorePolicy): number {
  const area = (Math.PI ** 2 / 12) * Math.LOG2E ** 2;
  return 7 * perDay * ((perDay * scoreWindowMs) / DAY) ** 2 * area;
}
