// How many networks are reported, and go on, at most. A flood forged in whole networks makes no more findings than that.
const TELL_BURST = 16;
const TELL_PER_SECOND = 1;

/** A burst, and so many a second. */
export class TellBudget {
  #left = TELL_BURST;
  #atMs = Number.NaN;

  take(timeMs: number): boolean {
    const passedMs = Number.isNaN(this.#atMs) ? 0 : Math.max(0, timeMs - this.#atMs);
    this.#left = Math.min(TELL_BURST, this.#left + (passedMs / 1000) * TELL_PER_SECOND);
    this.#atMs = timeMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
