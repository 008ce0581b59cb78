// How much a source has tried: a score to which every new contact adds 1 and which halves in each scoreWindowMs, and a
// sketch of its direct contacts in this slow window and the one before. scorers.ts decides what they mean;
// docs/reference/detection.md has the formulas.
//
// A contact is new when it is not among the last six. Seven ports in turn are therefore new each time, and count each
// time in the score; but a source that has tried seven is past every scorePorts. The sketch does not count them twice.
import {
  countSlots,
  isWeakSlot,
  KIND_WEAK,
  kindOf,
  makeDirect,
  NO_SLOT,
  portOf,
  remember,
  slotOf,
  WEAK_CONTACT,
} from "./contact-slots.ts";
import { countBits } from "./count-bits.ts";
import type { HashSeed } from "./keyed-hash.ts";
import type { SourceRows } from "./source-rows.ts";

/** Bits of a sketch: where slowCount() ends. */
export const SKETCH_BITS = 32;

/** How long a contact counts; slowScoreWindowMs in whole seconds, 0 as NO_SLOW_WINDOW_MS. */
export interface MemoryTimes {
  readonly scoreWindowMs: number;
  readonly slowScoreWindowMs: number;
}

/** Without a slow window a contact is still recognised for this long. */
const NO_SLOW_WINDOW_MS = 86_400_000;

/** Scores have 12 bits behind the point and stop at their end; rounded down, so that n contacts are never more than n. */
const ONE = 1 << 12;
const MAX_SCORE = 0xffff;
/** Packets of two log groups may overtake one another by so much; more, and the clock has been set back. */
const OVERTAKING_MS = 2000;

export class ContactMemory {
  readonly #rows: SourceRows;
  readonly #seed: HashSeed;

  constructor(rows: SourceRows, seed: HashSeed) {
    this.#rows = rows;
    this.#seed = { k0: seed.k0, k1: seed.k1 };
  }

  /** At the row's second probe the fields of the first one take the form that can go on. */
  open(row: number): void {
    const rows = this.#rows;
    rows.openMore(row);
    const kind = rows.kinds(row);
    if (kind === 0) return;
    const isWeak = (kind & KIND_WEAK) !== 0;
    rows.setScores(row, isWeak ? 0 : ONE, isWeak ? ONE : 0);
    if (isWeak) return;
    rows.countDirectProbe(row);
    rows.setSketches(row, this.#sketchBit(row, kind, rows.port(row, 0)), 0);
  }

  /** Takes in a contact. A whole slow window without a new one, and all those before it are forgotten. */
  note(row: number, contact: number, timeMs: number, times: MemoryTimes): void {
    const rows = this.#rows;
    const isWeak = (contact & WEAK_CONTACT) !== 0;
    const kind = kindOf(contact);
    const port = portOf(contact);
    if (!rows.hasMore(row)) {
      if (rows.kinds(row) === 0 && Math.floor(timeMs / 1000) === rows.lastSeen(row)) {
        remember(rows, row, isWeak ? kind | KIND_WEAK : kind, port);
        rows.setScoredMs(row, timeMs);
        return;
      }
      this.open(row);
    }
    if (!isWeak) rows.countDirectProbe(row);
    const scoredMs = rows.scoredMs(row);
    const nowMs = scoredMs > timeMs && scoredMs - timeMs <= OVERTAKING_MS ? scoredMs : timeMs;
    const turns = turnsBetween(scoredMs, nowMs, times.slowScoreWindowMs);
    if (!isRemembered(turns)) this.#forget(row);
    const slot = slotOf(rows, row, kind, port);
    const isUpgrade = slot !== NO_SLOT && !isWeak && isWeakSlot(rows, row, slot);
    if (slot !== NO_SLOT && !isUpgrade) return;

    if (isUpgrade) makeDirect(rows, row, slot);
    else remember(rows, row, isWeak ? kind | KIND_WEAK : kind, port);
    const decay = this.#decay(row, nowMs, times.scoreWindowMs);
    const direct = rows.directScore(row) * decay + (isWeak ? 0 : ONE);
    // A weak contact that becomes direct gives up what it may have counted so far: one contact is never more than 1.
    const weak = rows.weakScore(row) * decay + (isWeak ? ONE : isUpgrade ? -ONE : 0);
    rows.setScores(row, Math.min(MAX_SCORE, direct), Math.min(MAX_SCORE, Math.max(0, weak)));
    const today = turns === 1 ? 0 : rows.today(row);
    const before = turns === 1 ? rows.today(row) : rows.before(row);
    rows.setSketches(row, isWeak ? today : today | this.#sketchBit(row, kind, port), before);
    rows.setScoredMs(row, nowMs);
  }

  /** The score when a contact last counted: it is never higher later. */
  highestScore(row: number): number {
    return (this.#directScore(row) + this.#weakScore(row)) / ONE;
  }

  score(row: number, timeMs: number, halfLifeMs: number): number {
    return this.highestScore(row) * this.#decay(row, timeMs, halfLifeMs);
  }

  /** The part of the score that direct contacts have made. */
  directScore(row: number, timeMs: number, halfLifeMs: number): number {
    return (this.#directScore(row) / ONE) * this.#decay(row, timeMs, halfLifeMs);
  }

  /** slowCount() when a contact last counted: it is never higher later. */
  highestSlowCount(row: number): number {
    const rows = this.#rows;
    return rows.hasMore(row) ? countBits(rows.today(row) | rows.before(row)) : this.#directScore(row) / ONE;
  }

  /** Distinct direct contacts of this slow window and the one before, as far as the sketch tells: never too many. */
  slowCount(row: number, timeMs: number, slowScoreWindowMs: number): number {
    const rows = this.#rows;
    const turns = turnsBetween(rows.scoredMs(row), timeMs, slowScoreWindowMs);
    if (!isRemembered(turns)) return 0;
    return turns === 1 && rows.hasMore(row) ? countBits(rows.today(row)) : this.highestSlowCount(row);
  }

  /** No contact that slowCount() counts came before this time. */
  slowSinceMs(row: number, slowScoreWindowMs: number): number {
    const rows = this.#rows;
    const windowMs = slowScoreWindowMs === 0 ? NO_SLOW_WINDOW_MS : slowScoreWindowMs;
    const hasBefore = rows.hasMore(row) && rows.before(row) !== 0;
    const first = Math.floor(rows.scoredMs(row) / windowMs) - (hasBefore ? 1 : 0);
    return Math.max(first * windowMs, rows.firstSeen(row) * 1000);
  }

  directProbes(row: number): number {
    return this.#rows.hasMore(row) ? this.#rows.directProbes(row) : this.#directScore(row) / ONE;
  }

  /** Distinct contacts, as far as the six and the sketch tell: never too many. */
  distinct(row: number): number {
    return Math.max(countSlots(this.#rows, row), this.highestSlowCount(row));
  }

  #directScore(row: number): number {
    if (this.#rows.hasMore(row)) return this.#rows.directScore(row);
    const kind = this.#rows.kinds(row);
    return kind === 0 || (kind & KIND_WEAK) !== 0 ? 0 : ONE;
  }

  #weakScore(row: number): number {
    if (this.#rows.hasMore(row)) return this.#rows.weakScore(row);
    return (this.#rows.kinds(row) & KIND_WEAK) === 0 ? 0 : ONE;
  }

  /** The same both ways, as a clock may be set back. */
  #decay(row: number, timeMs: number, halfLifeMs: number): number {
    const ageMs = Math.abs(timeMs - this.#rows.scoredMs(row));
    return ageMs === 0 ? 1 : 2 ** (-ageMs / halfLifeMs);
  }

  #forget(row: number): void {
    this.#rows.setKinds(row, 0);
    this.#rows.setScores(row, 0, 0);
    this.#rows.setSketches(row, 0, 0);
  }

  /** Keyed, and another for every source: nobody can choose ports that fall together. */
  #sketchBit(row: number, kind: number, port: number): number {
    return 1 << (this.#rows.hashWith(row, (kind << 16) | port, this.#seed) & (SKETCH_BITS - 1));
  }
}

/** Slow windows begun since a contact last counted. */
function turnsBetween(scoredMs: number, nowMs: number, slowScoreWindowMs: number): number {
  const windowMs = slowScoreWindowMs === 0 ? NO_SLOW_WINDOW_MS : slowScoreWindowMs;
  return Math.floor(nowMs / windowMs) - Math.floor(scoredMs / windowMs);
}

/** -1: a clock that was set back a little; nothing is lost by it. NaN, of a time that is none, loses the memory. */
function isRemembered(turns: number): boolean {
  return turns >= -1 && turns <= 1;
}
