// Remembers which sources have a line in the history file: bounded, so that a flood of sources neither fills the disk
// within minutes nor the memory. The words of the lines are in dialect.ts.
import { Bucket } from "../base/bucket.ts";

const MAX_SOURCES = 65_536;
/** In a flood that goes on all day 220,000 lines: 20 MB. */
const budget = { burst: 20_000, perSecond: 1_000, lasting: { burst: 50_000, perSecond: 2 } };

export class HistorySources {
  /** Sources that had to go for others: the next finding of such a one makes a second line. */
  readonly counters = { historySourcesForgotten: 0 };
  readonly #nowMs: () => number;
  readonly #onSuppressed: () => void;
  readonly #bucket: Bucket;
  /** The oldest go first. */
  readonly #sources = new Set<string>();

  constructor(nowMs: () => number, onSuppressed: () => void) {
    this.#nowMs = nowMs;
    this.#onSuppressed = onSuppressed;
    this.#bucket = new Bucket(budget, nowMs());
  }

  /** True, and counted, when no line can be added now: asked before any text is built. */
  isSpent(): boolean {
    if (this.#bucket.has(this.#nowMs(), 1)) return false;
    this.#onSuppressed();
    return true;
  }

  has(sourceText: string): boolean {
    return this.#sources.has(sourceText);
  }

  /** False when the budget is spent, which is counted. */
  add(sourceText: string): boolean {
    if (!this.#bucket.take(this.#nowMs(), 1)) {
      this.#onSuppressed();
      return false;
    }
    if (this.#sources.size >= MAX_SOURCES) {
      const [oldest] = this.#sources;
      if (oldest !== undefined) this.#sources.delete(oldest);
      this.counters.historySourcesForgotten++;
    }
    this.#sources.add(sourceText);
    return true;
  }

  delete(sourceText: string): void {
    this.#sources.delete(sourceText);
  }
}
