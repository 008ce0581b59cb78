// Finds what one source's row cannot show: neighbours who share out a scan, a scan by many from anywhere, and sources that try
// nothing but tolerated ports. It takes one call a probe, and its findings lead to a soft block at most.
import { Bucket } from "../base/bucket.ts";
import { isIpv4Words, type Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Finding } from "./finding.ts";
import { type HabitPolicy, Habits } from "./habits.ts";
import type { HashSeed } from "./keyed-hash.ts";
import { hashSource } from "./keyed-hash.ts";
import type { NeighbourPolicy } from "./neighbour-thresholds.ts";
import { type NeighbourEvidence, Neighbourhood, Neighbours } from "./neighbours.ts";
import { Disposition, Evidence, type Probe } from "./probe.ts";
import { type ScatteredPolicy, ScatteredScans } from "./scattered.ts";

export type CrowdPolicy = NeighbourPolicy & ScatteredPolicy & HabitPolicy;

/**
 * Direct probes that are looked at. Of a flood with more than these only some are: they suffice to show who shares a scan, and a
 * flood of unrelated sources would push every network out of the memory within half a second.
 */
const looks = { burst: 20_000, perSecond: 4_000 };
/** Findings about many sources that `status` goes on showing, and for how long. */
const MAX_RECENT = 8;
const RECENT_MS = 600_000;

export class Crowds {
  readonly neighbours: Neighbours;
  readonly #scattered4: ScatteredScans;
  readonly #scattered6: ScatteredScans;
  readonly #habits: Habits;
  readonly #seed: HashSeed;
  readonly #looks = new Bucket(looks, 0);
  #passedOver = 0;
  /** The latest last. */
  #recent: Finding[] = [];

  /** `seed` is that of the hashes given to note(). */
  constructor(parts: {
    readonly policy: CrowdPolicy;
    readonly near: AddressRanges;
    readonly seed: HashSeed;
    /** Whether the packets of a probe's source bear the marks of a scanner. Absent: no packets do. */
    readonly isMarked?: (probe: Probe) => boolean;
  }) {
    const { policy, near, seed, isMarked } = parts;
    this.#seed = seed;
    this.neighbours = new Neighbours({ policy, near, seed });
    this.#scattered4 = new ScatteredScans(4, policy);
    this.#scattered6 = new ScatteredScans(6, policy);
    this.#habits = new Habits(policy, isMarked);
  }

  get counters(): Readonly<Record<string, number>> {
    const [four, six] = [this.#scattered4.counters, this.#scattered6.counters];
    return {
      ...this.neighbours.counters,
      ...this.#habits.counters,
      scatteredFindings: four.scatteredFindings + six.scatteredFindings,
      scatteredUncounted: four.scatteredUncounted + six.scatteredUncounted,
      crowdProbesPassedOver: this.#passedOver,
    };
  }

  setPolicy(policy: CrowdPolicy): void {
    this.neighbours.setPolicy(policy);
    this.#scattered4.setPolicy(policy);
    this.#scattered6.setPolicy(policy);
    this.#habits.setPolicy(policy);
  }

  setNear(near: AddressRanges): void {
    this.neighbours.setNear(near);
  }

  /** `hash`: the keyed one of the probe's source. Allocates only when there is a finding. */
  note(probe: Probe, hash: number): Finding | undefined {
    if (probe.disposition === Disposition.Quiet) {
      return this.#habits.note(probe, hash) ? this.#habitFinding(probe) : undefined;
    }
    if (probe.disposition !== Disposition.Probe || probe.evidence !== Evidence.Direct) return undefined;
    if (!this.#looks.take(probe.timeMs, 1)) {
      this.#passedOver++;
      return undefined;
    }
    const neighbourhood = this.neighbours.note(probe, hash);
    if (neighbourhood === Neighbourhood.Found) return this.#told(this.neighbours.findingOf(probe));
    // A source in a network that is known already is no evidence of another scan.
    if (neighbourhood === Neighbourhood.Known) return undefined;
    const isFour = isIpv4Words(probe.source0, probe.source1, probe.source2);
    const scattered = isFour ? this.#scattered4 : this.#scattered6;
    return scattered.note(probe, hash) ? this.#told(scattered.findingOf(probe)) : undefined;
  }

  /** Findings about many sources of the last minutes, the latest last. */
  recent(nowMs: number): readonly Finding[] {
    this.#recent = this.#recent.filter(({ timeMs }) => Math.abs(nowMs - timeMs) <= RECENT_MS);
    return this.#recent;
  }

  /** Lets a source or a network be found again. */
  forget(source: Prefix): void {
    this.neighbours.forget(source);
    this.#habits.forget(this.#hashOf(source), source.w1, source.w3);
  }

  unflagAll(): void {
    this.neighbours.unflagAll();
    this.#habits.unflagAll();
  }

  evidenceOn(source: Prefix): NeighbourEvidence[] {
    return this.neighbours.evidenceOn(source);
  }

  /** The kinds of tolerated ports that a source (a key) has tried within the window. */
  habitsOf(source: Prefix, timeMs: number): string[] {
    return this.#habits.namesOf(this.#hashOf(source), source.w1, source.w3, timeMs);
  }

  #hashOf({ w0, w1, w2, w3, bits }: Prefix): number {
    return hashSource(this.#seed, w0, w1, w2, w3, bits);
  }

  #told(finding: Finding): Finding {
    if (this.#recent.length >= MAX_RECENT) this.#recent.shift();
    this.#recent.push(finding);
    return finding;
  }

  #habitFinding(probe: Probe): Finding {
    const { source0: w0, source1: w1, source2: w2, source3: w3, sourceBits: bits } = probe;
    const habits = this.#habits.names();
    return {
      source: { w0, w1, w2, w3, bits },
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: habits.length,
      contacts: habits.length,
      firstMs: probe.timeMs,
      timeMs: probe.timeMs,
      policy: "tolerated",
      habits,
    };
  }
}
