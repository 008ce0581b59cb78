// How full the kernel's sets are: what a stranger can fill is warned of before it is full, for then the next one is not
// remembered, held or blocked. Every set that has a size is looked at, whichever code made it.
import type { SetUses } from "./set-uses.ts";

/** From this share of its size on, a set is warned of. */
const WARNING = 0.8;
/** How often it is looked; and how often where each set must be read whole (Linux before 6.16), which takes seconds. */
const LOOK_MS = 60_000;
const READ_MS = 600_000;

export interface SetWatchParts {
  readonly uses: Pick<SetUses, "read" | "count">;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
  /** Lets the event loop go on between the parts of a long set. */
  readonly pause: () => Promise<void>;
}

interface Fill {
  readonly count: number;
  readonly size: number;
}

export class SetWatch {
  readonly #parts: SetWatchParts;
  readonly #full = new Map<string, Fill>();
  #nextMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(parts: SetWatchParts) {
    this.#parts = parts;
  }

  /** For `status`. */
  warnings(): string[] {
    return [...this.#full].map(([set, fill]) => describe(set, fill));
  }

  /** Once a second; resolves when what it began is done. */
  async tick(): Promise<void> {
    const { uses, nowMs } = this.#parts;
    if (nowMs() < this.#nextMs || this.#reading !== undefined) return this.#reading;
    this.#nextMs = nowMs() + LOOK_MS;
    const untold: { readonly set: string; readonly size: number }[] = [];
    for (const { set, size, count } of uses.read()) {
      if (size === undefined) continue;
      if (count === undefined) untold.push({ set, size });
      else this.#note(set, { count, size });
    }
    if (untold.length === 0) return;
    this.#nextMs = nowMs() + READ_MS;
    this.#reading = this.#read(untold).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(sets: readonly { readonly set: string; readonly size: number }[]): Promise<void> {
    const { uses, pause } = this.#parts;
    for (const { set, size } of sets) this.#note(set, { count: await uses.count(set, pause), size });
  }

  /** Said once until it has been below the mark again. */
  #note(set: string, fill: Fill): void {
    if (fill.count < WARNING * fill.size) {
      this.#full.delete(set);
      return;
    }
    if (!this.#full.has(set)) this.#parts.warn(describe(set, fill));
    this.#full.set(set, fill);
  }
}

function describe(set: string, { count, size }: Fill): string {
  const percent = Math.floor((100 * count) / size);
  return `set ${set} of table inet portreeve is ${percent} % full (${count} of ${size}): entries that do not fit are not remembered`;
}
