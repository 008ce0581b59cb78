// The bodies of networks, from their second probe on: how many different sources, ports and /56s, in this window and the one
// before, of a fast and of a slow memory.
//
//   words: turns, times, found, scan | sketches, four each: fast, fast before, slow, slow before
//     sources 4 x 8    ports 4 x 2    blocks 4 x 1 (the /56s of a /48)
import { countBits } from "./count-bits.ts";
import {
  BLOCK_AT,
  BLOCK_BIT_MASK,
  KIND_MASK,
  NetworkKind,
  PORT_AT,
  PORT_BIT_MASK,
  PORT_WORDS,
  SOURCE_AT,
  SOURCE_BIT_MASK,
  SOURCE_WORDS,
} from "./neighbour-networks.ts";

/** The kernel's rules count new sources by the minute too. */
export const FAST_WINDOW_MS = 60_000;

/** The places of the four sketches of a kind. */
export const Memory = { Fast: 0, Slow: 2 } as const;
export type Memory = (typeof Memory)[keyof typeof Memory];

const FAST_TURN = 0;
const SLOW_TURN = 1;
const FIRST_SECOND = 2;
/** The slow turn in which it was found by the fast memory, and by the slow one, and one more; 0: it was not. */
const FOUND_TURN = 3;
const SLOWLY_FOUND_TURN = 4;
/** New sources of this slow window and the one before, or more. */
const ADDED = 5;
/** When so many sources last counted as a scan: at the finding, and each time as many more have come. */
const SCAN_SECOND = 6;
const SOURCES = 7;
const PORTS = SOURCES + 4 * SOURCE_WORDS;
const BLOCKS = PORTS + 4 * PORT_WORDS;
const BODY_WORDS = BLOCKS + 4;

export class NeighbourBodies {
  readonly #bodies: Uint32Array;

  constructor(rows: number) {
    this.#bodies = new Uint32Array(rows * BODY_WORDS);
  }

  /** Begins with the one probe that the head has. */
  open(row: number, about: number, lastSecond: number, slowWindowMs: number): void {
    const body = row * BODY_WORDS;
    const lastMs = lastSecond * 1000;
    this.#bodies.fill(0, body, body + BODY_WORDS);
    this.#bodies[body + FAST_TURN] = Math.floor(lastMs / FAST_WINDOW_MS) >>> 0;
    this.#bodies[body + SLOW_TURN] = Math.floor(lastMs / slowWindowMs) >>> 0;
    this.#bodies[body + FIRST_SECOND] = lastSecond;
    this.remember(row, (about & KIND_MASK) as NetworkKind, about);
  }

  /** True if the source, the port or the /56 is new in one of the two windows. */
  remember(row: number, kind: NetworkKind, bits: number): boolean {
    const body = row * BODY_WORDS;
    const isNewSource = this.#set(body + SOURCES, SOURCE_WORDS, (bits >>> SOURCE_AT) & SOURCE_BIT_MASK);
    const isNewBlock = kind === NetworkKind.Site && this.#set(body + BLOCKS, 1, (bits >>> BLOCK_AT) & BLOCK_BIT_MASK);
    const isNewPort = this.#set(body + PORTS, PORT_WORDS, (bits >>> PORT_AT) & PORT_BIT_MASK);
    if (isNewSource) this.#bodies[body + ADDED] = this.added(row) + 1;
    return isNewSource || isNewPort || isNewBlock;
  }

  /** In the sketches of this fast and this slow window. */
  #set(at: number, words: number, bit: number): boolean {
    const bodies = this.#bodies;
    const mask = (1 << (bit & 31)) >>> 0;
    const fast = at + (bit >>> 5);
    const slow = fast + Memory.Slow * words;
    const isNew = ((bodies[fast] ?? 0) & (bodies[slow] ?? 0) & mask) === 0;
    if (!isNew) return false;
    bodies[fast] = (bodies[fast] ?? 0) | mask;
    bodies[slow] = (bodies[slow] ?? 0) | mask;
    return true;
  }

  sources(row: number, memory: Memory): number {
    return this.#count(row, SOURCES, SOURCE_WORDS, memory);
  }

  ports(row: number, memory: Memory): number {
    return this.#count(row, PORTS, PORT_WORDS, memory);
  }

  blocks(row: number, memory: Memory): number {
    return this.#count(row, BLOCKS, 1, memory);
  }

  /** Bits of a window's sketch and that of the one before. */
  #count(row: number, what: number, words: number, memory: Memory): number {
    const bodies = this.#bodies;
    const now = row * BODY_WORDS + what + memory * words;
    let bits = 0;
    for (let at = now; at < now + words; at++) bits += countBits((bodies[at] ?? 0) | (bodies[at + words] ?? 0));
    return bits;
  }

  added(row: number): number {
    return this.#bodies[row * BODY_WORDS + ADDED] ?? 0;
  }

  isFound(row: number, memory: Memory): boolean {
    const found = this.#bodies[row * BODY_WORDS + foundAt(memory)] ?? 0;
    return found !== 0 && found === this.#slowTurnAndOne(row);
  }

  flagFound(row: number, memory: Memory): void {
    this.#bodies[row * BODY_WORDS + foundAt(memory)] = this.#slowTurnAndOne(row);
  }

  unflag(row: number): void {
    this.#bodies[row * BODY_WORDS + FOUND_TURN] = 0;
    this.#bodies[row * BODY_WORDS + SLOWLY_FOUND_TURN] = 0;
  }

  #slowTurnAndOne(row: number): number {
    return ((this.#bodies[row * BODY_WORDS + SLOW_TURN] ?? 0) + 1) >>> 0;
  }

  scanSecond(row: number): number {
    return this.#bodies[row * BODY_WORDS + SCAN_SECOND] ?? 0;
  }

  noteScan(row: number, second: number): void {
    this.#bodies[row * BODY_WORDS + SCAN_SECOND] = second;
  }

  /** When the first of the sources came that are counted now, or the window before began. */
  sinceMs(row: number, memory: Memory, slowWindowMs: number): number {
    const body = row * BODY_WORDS;
    const isSlow = memory === Memory.Slow;
    const turn = this.#bodies[body + (isSlow ? SLOW_TURN : FAST_TURN)] ?? 0;
    const firstMs = (this.#bodies[body + FIRST_SECOND] ?? 0) * 1000;
    return Math.max(firstMs, (turn - 1) * (isSlow ? slowWindowMs : FAST_WINDOW_MS));
  }

  /** Begins new windows where the time has come. */
  turn(row: number, timeMs: number, slowWindowMs: number): void {
    const bodies = this.#bodies;
    const body = row * BODY_WORDS;
    const fastTurn = Math.floor(timeMs / FAST_WINDOW_MS) >>> 0;
    const slowTurn = Math.floor(timeMs / slowWindowMs) >>> 0;
    const fastTurns = fastTurn - (bodies[body + FAST_TURN] ?? 0);
    const slowTurns = slowTurn - (bodies[body + SLOW_TURN] ?? 0);
    // -1: a clock that was set back a little, or packets of two log groups.
    if (fastTurns !== 0 && fastTurns !== -1) {
      this.shift(row, Memory.Fast, fastTurns === 1);
      bodies[body + FAST_TURN] = fastTurn;
    }
    if (slowTurns === 0 || slowTurns === -1) return;
    this.shift(row, Memory.Slow, slowTurns === 1);
    bodies[body + SLOW_TURN] = slowTurn;
    bodies[body + ADDED] = this.sources(row, Memory.Slow);
    if (slowTurns !== 1) bodies[body + FIRST_SECOND] = Math.floor(timeMs / 1000);
  }

  /** This window becomes the one before, or is forgotten with it. */
  shift(row: number, memory: Memory, isNext: boolean): void {
    const body = row * BODY_WORDS;
    this.#shiftSketch(body + SOURCES + memory * SOURCE_WORDS, SOURCE_WORDS, isNext);
    this.#shiftSketch(body + PORTS + memory * PORT_WORDS, PORT_WORDS, isNext);
    this.#shiftSketch(body + BLOCKS + memory, 1, isNext);
  }

  #shiftSketch(now: number, words: number, isNext: boolean): void {
    const bodies = this.#bodies;
    for (let at = now; at < now + words; at++) {
      bodies[at + words] = isNext ? (bodies[at] ?? 0) : 0;
      bodies[at] = 0;
    }
  }
}

function foundAt(memory: Memory): number {
  return memory === Memory.Fast ? FOUND_TURN : SLOWLY_FOUND_TURN;
}
