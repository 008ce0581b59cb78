// Writes lines for people to stdout or syslog, in PortSentry's wording or as JSON. The journal bounds what a flood can make
// the host write; lines that are held back are counted and reported. lines.ts and recorder.ts make the lines.
import { Bucket, type BucketLimits } from "../base/bucket.ts";
import { isoTime } from "../base/clock.ts";
import { escapeJson, escapeText } from "../base/escape.ts";
import type { LogFormat } from "../base/log-format.ts";
import { dialects } from "./dialects.ts";
import type { Event } from "./event.ts";
import type { Line } from "./lines.ts";

/**
 * What a line is worth in a flood. Notices (start, stop) always pass; the others have a budget each, for seconds and for
 * days: in a flood that goes on all day some 350,000 lines are written, 50 MB (docs/reference/bounds.md).
 */
export const LineClass = { Notice: 0, Warning: 1, Decision: 2, Repeat: 3 } as const;
export type LineClass = (typeof LineClass)[keyof typeof LineClass];

const classes: readonly { readonly limits: BucketLimits; readonly about: string }[] = [
  { limits: { burst: Number.POSITIVE_INFINITY, perSecond: 0 }, about: "notices" },
  { limits: { burst: 200, perSecond: 10, lasting: { burst: 5_000, perSecond: 0.2 } }, about: "warnings" },
  {
    limits: { burst: 5_000, perSecond: 500, lasting: { burst: 50_000, perSecond: 2 } },
    about: "findings and blocks",
  },
  { limits: { burst: 500, perSecond: 50, lasting: { burst: 20_000, perSecond: 1 } }, about: "blocked sources" },
];
/** Held-back lines are reported at once the first time, and then this seldom. */
const REPORT_EVERY_MS = 60_000;

/** Facility daemon (3), severity notice (5), as 1.2 logs everything. */
export const SYSLOG_PRIORITY = 3 * 8 + 5;
/** Severity err (3): 2.x's errors. */
export const SYSLOG_ERROR_PRIORITY = 3 * 8 + 3;

export interface SyslogWriter {
  /** False: the line is lost. */
  write(priority: number, text: string): boolean;
}

export interface LineSink {
  /** `error`: one of 2.x's error lines. False, or an error thrown: the line is lost. */
  write(text: string, newline: boolean, error?: boolean): boolean;
}

export function syslogSink(writer: SyslogWriter): LineSink {
  return {
    write: (text, newline, error) =>
      writer.write(error ? SYSLOG_ERROR_PRIORITY : SYSLOG_PRIORITY, newline ? `${text}\n` : text),
  };
}

export interface JournalOptions {
  readonly sink: LineSink;
  readonly format: LogFormat;
  readonly nowMs: () => number;
  /** From nowMs() to what the wall clock shows (Clock). Absent: they are the same. */
  readonly wallMs?: (timeMs: number) => number;
  /** What it means, and the remedy, when the sink does not take lines. Absent: nobody is warned of that. */
  readonly lossText?: string;
}

interface Budget {
  readonly bucket: Bucket;
  readonly about: string;
  suppressed: number;
  sinceMs: number;
}

export class Journal {
  readonly counters = { linesSuppressed: 0, linesLost: 0 };
  readonly #options: JournalOptions;
  readonly #budgets: readonly Budget[];
  #reportedMs = Number.NEGATIVE_INFINITY;
  /** The sink has not taken the last line. */
  #isLosing = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    const nowMs = options.nowMs();
    this.#budgets = classes.map(({ limits, about }) => ({
      bucket: new Bucket(limits, nowMs),
      about,
      suppressed: 0,
      sinceMs: 0,
    }));
  }

  /** For `status`, which is all that is left to say it: "" while lines are taken. */
  get trouble(): string {
    const { lossText } = this.#options;
    if (!this.#isLosing || lossText === undefined) return "";
    return `log lines are lost, ${this.counters.linesLost} until now: ${lossText}`;
  }

  get format(): LogFormat {
    return this.#options.format;
  }

  /** Whether `lines` lines of a class may be written now. Ask before building them; a "no" is counted. */
  admit(lineClass: LineClass, lines: number, nowMs: number = this.#options.nowMs()): boolean {
    const budget = this.#budgets[lineClass];
    if (budget === undefined || budget.bucket.take(nowMs, lines)) return true;
    if (budget.suppressed === 0) budget.sinceMs = nowMs;
    budget.suppressed += lines;
    this.counters.linesSuppressed += lines;
    return false;
  }

  /** Writes what admit() let pass: the lines, or in JSON the event (a line without one becomes a notice). */
  write(lines: readonly Line[], event?: Event): void {
    if (this.#options.format !== "json") {
      for (const line of lines) this.#put(escapeText(line.text), line.newline, line.severity === "error");
      return;
    }
    if (event !== undefined) {
      this.#put(escapeJson(JSON.stringify(event)), true);
      return;
    }
    const { nowMs, wallMs = (timeMs) => timeMs } = this.#options;
    const time = isoTime(wallMs(nowMs()));
    for (const line of lines) {
      this.#put(escapeJson(JSON.stringify({ time, type: "notice", message: line.text })), true);
    }
  }

  /** Reports how many lines were held back, once a minute at most; the daemon calls it with its other periodic work. */
  tick(): void {
    const nowMs = this.#options.nowMs();
    if (Math.abs(nowMs - this.#reportedMs) < REPORT_EVERY_MS) return;
    for (const budget of this.#budgets) {
      if (budget.suppressed === 0) continue;
      const seconds = Math.max(1, Math.round((nowMs - budget.sinceMs) / 1000));
      const span = seconds === 1 ? "second" : `${seconds} seconds`;
      const { suppressed, about } = budget;
      budget.suppressed = 0;
      this.#reportedMs = nowMs;
      const message = `${suppressed} more lines about ${about} were suppressed in the last ${span}`;
      this.write([dialects[this.#options.format].notice(message)]);
    }
  }

  /** So many lines that the sink had taken did not leave. */
  lose(lines: number): void {
    this.counters.linesLost += lines;
  }

  #put(text: string, newline: boolean, error = false): void {
    this.#isLosing = !this.#take(text, newline, error);
    if (this.#isLosing) this.counters.linesLost++;
  }

  #take(text: string, newline: boolean, error: boolean): boolean {
    try {
      return this.#options.sink.write(text, newline, error);
    } catch {
      // A reader that went away (EPIPE) or a full pipe must not stop the defence.
      return false;
    }
  }
}
