// Which sources have a line in the history file: bounded, so that a flood of sources neither fills the disk within
// minutes nor the memory. What the lines say is for dialect.ts.
import { Bucket } from "./bucket.ts";

const MAX_SOURCES = 262_144;
const budget = { burst: 100_000, perSecond: 5000 };

export class HistorySources {
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
    }
    this.#sources.add(sourceText);
    return true;
  }

  delete(sourceText: string): void {
    this.#sources.delete(sourceText);
  }
}
