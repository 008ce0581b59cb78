// The circuit breaker (design section 4): when unproven sources arrive faster than so many a second, whoever floods us with
// forged ones is choosing whom we shut out. Then nobody unproven is softly blocked until the flood has ended; the kernel's
// hold, itself limited, and the proofs go on.

export type BreakerState = "closed" | "tripped" | "open" | "resumed";

/** Quiet seconds in a row after which soft blocks are made again. */
const QUIET_SECONDS = 5;

export class Breaker {
  readonly #limitPerSecond: () => number;
  #second = 0;
  #count = 0;
  #isOpen = false;
  #quietSince = 0;
  /** Unproven sources that were not softly blocked. */
  withheld = 0;

  constructor(limitPerSecond: () => number) {
    this.#limitPerSecond = limitPerSecond;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** One more unproven source. "closed": block it softly. "tripped": the first that is not; say so. "open": neither. */
  admit(nowMs: number): BreakerState {
    this.#advance(Math.floor(nowMs / 1000));
    this.#count++;
    const isOver = this.#count > this.#limitPerSecond();
    if (isOver) this.#quietSince = this.#second + 1;
    if (!isOver && !this.#isOpen) return "closed";
    this.withheld++;
    if (this.#isOpen) return "open";
    this.#isOpen = true;
    return "tripped";
  }

  /** Once a second. "resumed": the flood has ended; say so. */
  tick(nowMs: number): BreakerState {
    this.#advance(Math.floor(nowMs / 1000));
    if (!this.#isOpen) return "closed";
    if (this.#second - this.#quietSince < QUIET_SECONDS) return "open";
    this.#isOpen = false;
    return "resumed";
  }

  #advance(second: number): void {
    if (second === this.#second) return;
    this.#second = second;
    this.#count = 0;
  }
}
