// How many events probes and decisions may add to the store, and the count of those that found no place.
import { Bucket } from "../base/bucket.ts";

/** The events that a flood may add to the store: probes are many, and decisions matter more. */
const probeBudget = { burst: 2000, perSecond: 500 };
const decisionBudget = { burst: 10_000, perSecond: 1000 };
/** The limit while the breaker is open: these are enough to show a flood. */
const floodProbeBudget = { burst: 200, perSecond: 50 };

export class EventBudgets {
  readonly counters = { probeEventsDropped: 0, decisionEventsDropped: 0 };
  readonly #nowMs: () => number;
  readonly #isFlooded: () => boolean;
  readonly #probes: Bucket;
  readonly #decisions: Bucket;
  /** Of proven sources: forged ones must not use up their places. */
  readonly #proven: Bucket;
  readonly #floodProbes: Bucket;
  /** Probes that were not recorded since the last recorded one: the record shows its own gaps. */
  #missed = 0;

  constructor(nowMs: () => number, isFlooded: () => boolean) {
    this.#nowMs = nowMs;
    this.#isFlooded = isFlooded;
    const startMs = nowMs();
    this.#probes = new Bucket(probeBudget, startMs);
    this.#decisions = new Bucket(decisionBudget, startMs);
    this.#proven = new Bucket(decisionBudget, startMs);
    this.#floodProbes = new Bucket(floodProbeBudget, startMs);
  }

  admitProbe(): boolean {
    const bucket = this.#isFlooded() ? this.#floodProbes : this.#probes;
    if (bucket.take(this.#nowMs(), 1)) return true;
    this.passOver();
    return false;
  }

  admitDecision(isProven: boolean): boolean {
    if ((isProven ? this.#proven : this.#decisions).take(this.#nowMs(), 1)) return true;
    this.counters.decisionEventsDropped++;
    return false;
  }

  /** One probe is not recorded. */
  passOver(): void {
    this.counters.probeEventsDropped++;
    this.#missed++;
  }

  /** How many probes were not recorded since the last call. */
  takeMissed(): number {
    const missed = this.#missed;
    this.#missed = 0;
    return missed;
  }
}
