// The circuit breaker (design section 4): a token bucket for blocks without a proof, because a forger chooses which
// sources we shut out. While tokens are there, a source is blocked at once. When more sources ask than there are tokens
// for, a flood is on: each question draws a lot, a few of the best lots wait, and each token goes to the best of them. A
// source that is not chosen asks again with its next packet, which the caller sees to. docs/decisions/0021 says why lots
// are drawn.
import type { Claim } from "./verdict.ts";

export interface BreakerLimits {
  /** In the long run. */
  readonly perSecond: number;
  /** At once, when nobody has asked for a while. */
  readonly burst: number;
}

/** Seconds in a row in which every source that asked was chosen: then the flood has ended. */
const QUIET_MS = 5_000;
/** Waiting claims: what a quarter of a second brings in tokens, or as many as there are tokens now; never more than this. */
const MAX_PLACES = 1_024;
const MIN_PLACES = 4;
const PLACES_PER_TOKEN_A_SECOND = 0.25;
/** In a flood the tokens of so much time are spent together: one transaction of a few blocks costs little more than one of one. */
const SPENT_TOGETHER_SECONDS = 0.1;
/** In a flood tokens are there again before; when they are not, the flood is over. */
const FLOOR_MS = 200;

interface Waiting {
  lot: number;
  claim: Claim;
}

export class Breaker {
  readonly #limits: () => BreakerLimits;
  readonly #random: () => number;
  #perSecond = 0;
  #burst = 0;
  #tokens = 0;
  #refilledMs = 0;
  /** How many may wait now. */
  #places = MIN_PLACES;
  #isOpen = false;
  /** The last time at which a source asked and was not chosen. */
  #shortMs = 0;
  #waiting: Waiting[] = [];
  /** Where in #waiting the worst lot is. */
  #worstAt = 0;
  /**
   * The worst lot of those that waited for the last tokens, when all places were taken: for a short while a lot that is no
   * better waits in no free place either, as it would be pushed out at once.
   */
  #floor = Number.NEGATIVE_INFINITY;
  #floorMs = Number.NEGATIVE_INFINITY;
  /** Questions after which nothing was done: packets of sources that had been found scanning. */
  withheld = 0;

  /** `random`: from 0 to below 1. */
  constructor(limits: () => BreakerLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Whether a flood is on. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether a claim is to be acted on at once; takes the token. False: a flood is on, draw a lot for it. */
  admit(nowMs: number): boolean {
    this.#refill(nowMs);
    if (!this.#isOpen && this.#tokens >= 1) {
      this.#tokens--;
      return true;
    }
    if (!this.#isOpen) this.#setPlaces();
    this.#isOpen = true;
    return false;
  }

  /**
   * A lot for a source that has sent so many packets; undefined when those that wait are all better. Two sources of equally
   * many packets have equal chances; one that goes on has soon a far better one than those of a flood, of which each sends a
   * few: among lots log(u)/weight the chance to be the best is as the weight (Efraimidis and Spirakis, 2006). Allocates
   * nothing: asked for each packet of a flood.
   */
  draw(packets: number, nowMs: number): number | undefined {
    const square = packets * packets;
    const fourth = square * square;
    const weight = fourth * fourth;
    const part = this.#random();
    const hasPlace = this.#waiting.length < this.#places;
    if (hasPlace && Math.abs(nowMs - this.#floorMs) >= FLOOR_MS) return Math.log(1 - part) / weight;
    // log(1 - part) is at most -part, which nearly always tells already.
    const worst = hasPlace ? this.#floor : (this.#waiting[this.#worstAt]?.lot ?? 0);
    const lot = -part <= worst * weight ? worst : Math.log(1 - part) / weight;
    if (lot > worst) return lot;
    this.#pass(nowMs);
    return undefined;
  }

  /** Lets a claim wait with the lot that draw() has just given. A source that waits already keeps its better lot. */
  wait(claim: Claim, lot: number, nowMs: number): void {
    const same = this.#waiting.find((other) => isSameSource(other.claim, claim));
    if (same !== undefined) {
      this.#pass(nowMs);
      same.lot = Math.max(same.lot, lot);
      same.claim = claim;
    } else if (this.#waiting.length < this.#places) {
      const worst = this.#waiting[this.#worstAt]?.lot ?? lot;
      this.#waiting.push({ lot, claim });
      if (lot < worst) this.#worstAt = this.#waiting.length - 1;
      return;
    } else {
      this.#pass(nowMs);
      this.#waiting[this.#worstAt] = { lot, claim };
    }
    this.#findWorst();
  }

  /** As many of the waiting claims as there are tokens for, the best lots first. Those that are not wanted cost none. */
  take(nowMs: number, isWanted: (claim: Claim) => boolean): Claim[] {
    this.#refill(nowMs);
    if (this.#waiting.length === 0) return [];
    if (this.#tokens < Math.max(1, Math.min(this.#waiting.length, this.#perSecond * SPENT_TOGETHER_SECONDS))) {
      // Asked after each delivery of a flood: mostly there are no tokens, and nothing to sort for.
      this.#shortMs = nowMs;
      return [];
    }
    this.#waiting.sort((a, b) => b.lot - a.lot);
    const isFull = this.#waiting.length >= this.#places;
    this.#floor = this.#waiting.at(-1)?.lot ?? 0;
    this.#floorMs = isFull ? nowMs : Number.NEGATIVE_INFINITY;
    const chosen: Claim[] = [];
    let looked = 0;
    for (; this.#tokens >= 1 && looked < this.#waiting.length; looked++) {
      const claim = this.#waiting[looked]?.claim;
      if (claim === undefined || !isWanted(claim)) continue;
      this.#tokens--;
      chosen.push(claim);
    }
    this.#waiting.splice(0, looked);
    this.#findWorst();
    if (this.#waiting.length > 0) this.#shortMs = nowMs;
    return chosen;
  }

  /** Called when the spared addresses have changed: the waiting sources ask again. */
  forgetWaiting(): void {
    this.#waiting = [];
    this.#worstAt = 0;
  }

  /** Once a second. True: the flood has ended; say so. */
  tick(nowMs: number): boolean {
    if (!this.#isOpen || this.hasWaiting || Math.abs(nowMs - this.#shortMs) < QUIET_MS) return false;
    this.#isOpen = false;
    return true;
  }

  #pass(nowMs: number): void {
    this.withheld++;
    this.#shortMs = nowMs;
  }

  #findWorst(): void {
    let worst = 0;
    for (let at = 1; at < this.#waiting.length; at++) {
      if ((this.#waiting[at]?.lot ?? 0) < (this.#waiting[worst]?.lot ?? 0)) worst = at;
    }
    this.#worstAt = worst;
  }

  /** A clock that jumps back refills nothing and stops nothing. New limits begin with their whole burst. */
  #refill(nowMs: number): void {
    const elapsedMs = nowMs - this.#refilledMs;
    if (elapsedMs === 0) return;
    this.#refilledMs = nowMs;
    const { perSecond, burst } = this.#limits();
    if (perSecond !== this.#perSecond || burst !== this.#burst) {
      this.#perSecond = perSecond;
      this.#burst = burst;
      this.#tokens = burst;
    } else if (elapsedMs > 0) {
      this.#tokens = Math.min(burst, this.#tokens + (elapsedMs * perSecond) / 1000);
    }
    this.#setPlaces();
  }

  #setPlaces(): void {
    const soon = Math.ceil(this.#perSecond * PLACES_PER_TOKEN_A_SECOND);
    this.#places = Math.min(MAX_PLACES, Math.max(MIN_PLACES, soon, Math.floor(this.#tokens)));
  }
}

function isSameSource({ finding: { source: a } }: Claim, { finding: { source: b } }: Claim): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0 && a.bits === b.bits;
}
