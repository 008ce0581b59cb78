// The pcapng file: blocks that say their type and, at both ends, their length. Any number of sections and interfaces,
// enhanced, simple and obsolete packet blocks; all other blocks are stepped over, and so are damaged ones.
import type { CaptureBuffer, CaptureParser } from "./capture-buffer.ts";
import { CaptureDamage } from "./capture-damage.ts";
import type { CaptureProblems, FrameSink } from "./capture-report.ts";
import { PcapngBlocks } from "./pcapng-blocks.ts";
import { BlockType, MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, NEED_MORE, NOT_FOUND, PcapngSearch } from "./pcapng-search.ts";

/** Larger blocks of other kinds than ours are not believed either: stepping over them would lose the blocks that they hide. */
const MAX_SKIPPED_BYTES = 16 * MAX_BLOCK_BYTES;

/** Whether a pcapng file begins at view[0]; 12 bytes must be there. */
export function isPcapng(buffer: CaptureBuffer): boolean {
  const search = new PcapngSearch(buffer);
  return search.typeAt(0) === BlockType.Section && search.orderAt(0) !== undefined;
}

export class PcapngParser implements CaptureParser {
  readonly #buffer: CaptureBuffer;
  readonly #problems: CaptureProblems;
  readonly #search: PcapngSearch;
  readonly #blocks: PcapngBlocks;
  readonly #damage: CaptureDamage;

  constructor(buffer: CaptureBuffer, sink: FrameSink, problems: CaptureProblems) {
    this.#buffer = buffer;
    this.#problems = problems;
    this.#search = new PcapngSearch(buffer);
    this.#blocks = new PcapngBlocks(buffer, sink, problems, this.#search);
    this.#damage = new CaptureDamage(buffer, problems, this.#search, "block");
  }

  get packets(): number {
    return this.#blocks.packets;
  }

  get interfaces(): number {
    return this.#blocks.interfaces;
  }

  get isDone(): boolean {
    return this.#damage.isEnd;
  }

  parse(start: number): number {
    let at = start;
    for (;;) {
      const from = at;
      const wasDamaged = this.#damage.isOpen;
      at = wasDamaged ? this.#damage.searchOn(at) : this.#readDoubtful(this.#readBlocks(at));
      const isStill = at === from && wasDamaged === this.#damage.isOpen;
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
    if (length === 0) return this.#damage.begin(at, "impossible block");
    if (length > MAX_BLOCK_BYTES && (length > MAX_SKIPPED_BYTES || this.#blocks.isRead(at))) {
      return this.#damage.begin(at, "impossible block");
    }
    if (at + length > end) return this.#readCut(at, length);
    if (length > MAX_BLOCK_BYTES) return at + length;
    return this.#readUnclosed(at, length);
  }

  #readCut(at: number, length: number): number {
    const { end, isLast, offset } = this.#buffer;
    if (!isLast) return length > MAX_BLOCK_BYTES ? at + length : at;
    // Rather a wrong length than the end of the file, if a sound block begins inside of what it claims.
    if (this.#search.find(at + 1, end) !== NOT_FOUND) return this.#damage.begin(at, "impossible block");
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
    if (found === NOT_FOUND && !isEnd) return this.#damage.begin(at, "block whose lengths differ");
    this.#problems.note(offset + at, "block whose lengths differ; the first was believed");
    this.#blocks.read(at, length, next);
    return next;
  }
}
