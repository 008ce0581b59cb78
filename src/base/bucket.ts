// A token bucket: at most `burst` at once and `perSecond` in the long run. Time is given, in milliseconds;
// a clock that jumps back refills nothing and stops nothing.

export interface BucketLimits {
  readonly burst: number;
  readonly perSecond: number;
  /** A second pair, for days instead of seconds: a flood that goes on is held to this. */
  readonly lasting?: { readonly burst: number; readonly perSecond: number };
}

export class Bucket {
  readonly #limits: BucketLimits;
  readonly #lasting: Bucket | undefined;
  #tokens: number;
  #lastMs: number;

  constructor(limits: BucketLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#lastMs = nowMs;
    this.#lasting = limits.lasting === undefined ? undefined : new Bucket(limits.lasting, nowMs);
  }

  /** Takes `count` tokens if there are as many; allocates nothing, so it may be asked on the packet path. */
  take(nowMs: number, count: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < count || this.#lasting?.take(nowMs, count) === false) return false;
    this.#tokens -= count;
    return true;
  }

  /** Whether take() would be granted. */
  has(nowMs: number, count: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= count && this.#lasting?.has(nowMs, count) !== false;
  }

  #refill(nowMs: number): void {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs !== 0) {
      this.#lastMs = nowMs;
      if (elapsedMs > 0) {
        this.#tokens = Math.min(this.#limits.burst, this.#tokens + (elapsedMs * this.#limits.perSecond) / 1000);
      }
    }
  }
}
