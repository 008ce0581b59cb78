// A histogram of durations with fixed bounds, as Prometheus reads it: each bucket counts what took at most so long.

export interface HistogramFigures {
  /** Upper bounds in seconds and how many observations were at most that; those beyond the last are in `count` alone. */
  readonly buckets: readonly (readonly [seconds: number, count: number])[];
  readonly sumSeconds: number;
  readonly count: number;
}

export class Histogram {
  /** In milliseconds, rising. */
  readonly #boundsMs: readonly number[];
  readonly #counts: Float64Array;
  #sumMs = 0;
  #count = 0;

  constructor(boundsMs: readonly number[]) {
    this.#boundsMs = boundsMs;
    this.#counts = new Float64Array(boundsMs.length);
  }

  observe(durationMs: number): void {
    this.#sumMs += durationMs;
    this.#count++;
    const at = this.#boundsMs.findIndex((bound) => durationMs <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  figures(): HistogramFigures {
    let below = 0;
    const buckets = this.#boundsMs.map((boundMs, index) => {
      below += this.#counts[index] ?? 0;
      return [boundMs / 1000, below] as const;
    });
    return { buckets, sumSeconds: this.#sumMs / 1000, count: this.#count };
  }
}
