// At most so many a second, counted in whole seconds: what `limit rate` is to the kernel's sensor.

const SECOND_MS = 1_000;

export class RateLimit {
  readonly #perSecond: number;
  #secondMs = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  admits(nowMs: number): boolean {
    // Before it: the clock was set back.
    if (nowMs - this.#secondMs >= SECOND_MS || nowMs < this.#secondMs) {
      this.#secondMs = nowMs;
      this.#left = this.#perSecond;
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
