// The counts over time: the minute that runs, in memory, and all earlier ones, in the store.
import type { Probe } from "../../detect/probe.ts";
import { type Count, highest, type SpanName, spans, startOf } from "./dimensions.ts";
import { type CountTotals, RunningCounts } from "./running-counts.ts";
import type { MinuteOfCounts, SeriesQuery, SeriesRow } from "./stored-series.ts";

/** What the store does for the counts. */
export interface SeriesStore {
  /** Queued, and written with the next flush. */
  addMinute(minute: MinuteOfCounts): void;
  /** The oldest first, read in parts. */
  series(query: SeriesQuery): Iterable<SeriesRow>;
  /** The highest first. */
  top(query: SeriesQuery, limit: number): readonly Count[];
}

export interface SeriesParts {
  readonly store: SeriesStore;
  /** The wall clock, in milliseconds since the epoch: a day of the record is a day of the calendar. */
  readonly wallNowMs: () => number;
}

/** From this length of time on a sum reads hours, and days: so that a question about a year takes no longer than one about an hour. */
const HOURS_FROM_SECONDS = 12 * 3_600;
const DAYS_FROM_SECONDS = 10 * 86_400;
/** A sum is asked for so many values: all that the longest span keeps, and OTHER. */
const ALL_VALUES = 100_000;

export class Series {
  readonly #parts: SeriesParts;
  readonly #running = new RunningCounts();
  #minute: number;

  constructor(parts: SeriesParts) {
    this.#parts = parts;
    this.#minute = this.#minuteNow();
  }

  probe(probe: Probe, isHeld: boolean): void {
    this.#running.probe(probe, isHeld);
  }

  decision(type: string, how?: string, tool?: string): void {
    this.#running.decision(type, how, tool);
  }

  /** Once a second: a minute that is over goes to the store. A clock that is set ends the minute as well. */
  tick(): void {
    if (this.#minuteNow() !== this.#minute) this.flush();
  }

  /** Hands the store what has been counted since the last time; at the end of the daemon too. */
  flush(): void {
    const counts = this.#running.counts();
    if (counts.length > 0) this.#parts.store.addMinute({ startSeconds: this.#minute, counts });
    this.#running.clear();
    this.#minute = this.#minuteNow();
  }

  /** Since the daemon's start. */
  totals(): CountTotals {
    return this.#running.totals();
  }

  /** Each value in each span, the oldest first; the minute that runs is in the last. */
  *rows(query: SeriesQuery): Generator<SeriesRow> {
    const start = startOf(query.span, this.#minute);
    const running = new Map(this.#runningOf(query).map(({ value, count }) => [value, count]));
    for (const row of this.#parts.store.series(query)) {
      const more = row.startSeconds === start ? (running.get(row.value) ?? 0) : 0;
      if (more > 0) running.delete(row.value);
      yield { ...row, count: row.count + more };
    }
    for (const [value, count] of running) yield { startSeconds: start, value, count };
  }

  /** The values with the highest counts in a time; OTHER, if any, is the last and does not count as one of them. */
  top(query: Omit<SeriesQuery, "span">, limit: number): Count[] {
    const asked = { ...query, span: spanFor(query) };
    const sums = new Map(this.#parts.store.top(asked, ALL_VALUES).map(({ value, count }) => [value, count]));
    for (const { value, count } of this.#runningOf(asked)) sums.set(value, (sums.get(value) ?? 0) + count);
    return highest(
      [...sums].map(([value, count]) => ({ by: query.by, value, count })),
      limit,
    );
  }

  #runningOf({ by, span, sinceMs, untilMs, value }: SeriesQuery): Count[] {
    const startMs = startOf(span, this.#minute) * 1000;
    if (startMs >= untilMs || startMs + spans[span].seconds * 1000 <= sinceMs) return [];
    return this.#running.counts().filter((count) => count.by === by && (value === undefined || count.value === value));
  }

  #minuteNow(): number {
    return startOf("minute", Math.floor(this.#parts.wallNowMs() / 1000));
  }
}

function spanFor({ sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number }): SpanName {
  const seconds = (untilMs - sinceMs) / 1000;
  if (seconds >= DAYS_FROM_SECONDS) return "day";
  return seconds >= HOURS_FROM_SECONDS ? "hour" : "minute";
}
