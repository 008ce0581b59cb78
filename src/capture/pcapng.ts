// The pcapng file: blocks that say their type and, at both ends, their length. Any number of sections and interfaces,
// enhanced, simple and obsolete packet blocks; all other blocks are stepped over, and so is what is damaged.
import type { CaptureBuffer, CaptureParser } from "./capture-buffer.ts";
import { type CaptureProblems, type FrameSink, MAX_SEARCH_BYTES } from "./capture-report.ts";
import { PcapngBlocks } from "./pcapng-blocks.ts";
import { BlockType, MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, NEED_MORE, NOT_FOUND, PcapngSearch } from "./pcapng-search.ts";

/** Larger blocks of other kinds than ours are not believed either: stepping over them would lose what they hide. */
const MAX_SKIPPED_BYTES = 16 * MAX_BLOCK_BYTES;

/** Whether a pcapng file begins at view[0]; 12 bytes must be there. */
export function isPcapng(buffer: CaptureBuffer): boolean {
  const search = new PcapngSearch(buffer);
  return search.typeAt(0) === BlockType.Section && search.orderAt(0) !== undefined;
}

export class PcapngParser implements CaptureParser {
  isDone = false;
  readonly #buffer: CaptureBuffer;
  readonly #problems: CaptureProblems;
  readonly #search: PcapngSearch;
  readonly #blocks: PcapngBlocks;
  /** Where in the file the damage begins that is being searched behind; -1 when all is well. */
  #damagedFrom = -1;
  #damage = "";

  constructor(buffer: CaptureBuffer, sink: FrameSink, problems: CaptureProblems) {
    this.#buffer = buffer;
    this.#problems = problems;
    this.#search = new PcapngSearch(buffer);
    this.#blocks = new PcapngBlocks(buffer, sink, problems, this.#search);
  }

  get packets(): number {
    return this.#blocks.packets;
  }

  get interfaces(): number {
    return this.#blocks.interfaces;
  }

  parse(start: number): number {
    let at = start;
    for (;;) {
      const from = at;
      const wasDamaged = this.#damagedFrom >= 0;
      at = wasDamaged ? this.#searchOn(at) : this.#readDoubtful(this.#readBlocks(at));
      const isStill = at === from && wasDamaged === this.#damagedFrom >= 0;
      if (isStill || this.isDone) return at;
    }
  }

  #readBlocks(start: number): number {
    const { end } = this.#buffer;
    const search = this.#search;
    const blocks = this.#blocks;
    let at = start;
    while (at + MIN_BLOCK_BYTES <= end) {
      const length = search.lengthAt(at);
      if (length === 0 || at + length > end || length > MAX_BLOCK_BYTES || !search.isClosed(at, length)) break;
      blocks.read(at, length, at + length);
      at += length;
    }
    return at;
  }

  /** The block at `at` is cut by the buffer's end, too large to be held, or not sound. */
  #readDoubtful(at: number): number {
    const { end, isLast, offset } = this.#buffer;
    if (at >= end) return at;
    if (at + MIN_BLOCK_BYTES > end) {
      if (!isLast) return at;
      this.#problems.note(offset + at, `the file ends inside a block's head, ${end - at} bytes into it`);
      return end;
    }
    const length = this.#search.lengthAt(at);
    if (length === 0) return this.#damaged(at, "impossible block");
    if (length > MAX_BLOCK_BYTES && (length > MAX_SKIPPED_BYTES || this.#blocks.isRead(at))) {
      return this.#damaged(at, "impossible block");
    }
    if (at + length > end) return this.#readCut(at, length);
    if (length > MAX_BLOCK_BYTES) return at + length;
    return this.#readUnclosed(at, length);
  }

  #readCut(at: number, length: number): number {
    const { end, isLast, offset } = this.#buffer;
    if (!isLast) return length > MAX_BLOCK_BYTES ? at + length : at;
    // Rather a wrong length than the end of the file, if a sound block begins inside of what it claims.
    if (this.#search.find(at + 1, end) !== NOT_FOUND) return this.#damaged(at, "impossible block");
    this.#problems.note(offset + at, `the file ends inside a block: ${end - at} of ${length} bytes are there`);
    this.#blocks.read(at, length, end);
    return end;
  }

  /** The two lengths of a block differ: the first is right if another block follows where it says. */
  #readUnclosed(at: number, length: number): number {
    const { end, isLast, offset } = this.#buffer;
    const next = at + length;
    const found = this.#search.find(next, next + 1);
    if (found === NEED_MORE) return at;
    const isEnd = isLast && next === end && this.#search.find(at + 1, end) === NOT_FOUND;
    if (found === NOT_FOUND && !isEnd) return this.#damaged(at, "block whose lengths differ");
    this.#problems.note(offset + at, "block whose lengths differ; the first was believed");
    this.#blocks.read(at, length, next);
    return next;
  }

  #damaged(at: number, damage: string): number {
    this.#damagedFrom = this.#buffer.offset + at;
    this.#damage = damage;
    return at + 1;
  }

  /** Looks for a sound block; without one here, all but the last bytes are done with. */
  #searchOn(at: number): number {
    const { end, isLast, offset } = this.#buffer;
    const found = this.#search.find(at, end);
    if (found >= 0) {
      this.#problems.note(this.#damagedFrom, `${this.#damage}; went on at offset ${offset + found}`);
      this.#damagedFrom = -1;
      return found;
    }
    if (isLast) {
      this.#problems.note(this.#damagedFrom, `${this.#damage}; no other block follows`);
      this.isDone = true;
      return end;
    }
    if (offset + end - this.#damagedFrom > MAX_SEARCH_BYTES) {
      this.#problems.note(this.#damagedFrom, `${this.#damage}; none in the next ${MAX_SEARCH_BYTES} bytes: given up`);
      this.isDone = true;
      return end;
    }
    return this.#search.stoppedAt;
  }
}
