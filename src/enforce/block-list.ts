// The blocks in force, by source: what `portreeve blocked` lists. Memory only, in typed arrays that grow with what they
// hold (docs/decisions/0024); firewall.ts makes blocks true in the kernel, record/store.ts keeps them over restarts.
import { type HashSeed, randomSeed } from "../detect/keyed-hash.ts";
import { NO_ROW, PrefixRows } from "../detect/prefix-rows.ts";
import type { Block } from "../judge/block.ts";
import { type Prefix, prefixContains, prefixOfWords } from "../wire/address.ts";
import { BlockRows } from "./block-rows.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

export class BlockList {
  readonly #keys: PrefixRows;
  readonly #rows = new BlockRows();
  readonly #expiry = new ExpiryQueue();
  /** How many blocks there are of each prefix length: only these are looked for around a source. */
  readonly #ofLength = new Uint32Array(129);
  #soft = 0;
  #direct = 0;
  /** How many sources fit. */
  readonly limit: number;
  /** How often the limit was met: the block was refused. */
  refused = 0;
  /** Grows with every change, so that a reader of the list need not compare it. */
  changes = 0;
  /** Called with each source that was not fully blocked before. */
  onFull: ((source: Prefix) => void) | undefined;

  constructor(limit: number, seed: HashSeed = randomSeed()) {
    this.limit = limit;
    this.#keys = new PrefixRows(seed, limit);
  }

  get size(): number {
    return this.#keys.size;
  }

  get softCount(): number {
    return this.#soft;
  }

  /** Blocks whose source is proven, or that somebody else has vouched for: every grade but "direct". */
  get provenCount(): number {
    return this.size - this.#direct;
  }

  /** Reasons that were not kept, because too many different texts were. */
  get reasonsNotKept(): number {
    return this.#rows.texts.refused;
  }

  /** Blocks that do not know what made them, because the commands were changed too often. */
  get makersNotKept(): number {
    return this.#rows.makers.refused;
  }

  /** False when the list is full and the source is not in it yet. The list keeps the numbers, not the object. */
  put(block: Block): boolean {
    const known = this.#keys.find(block.source);
    if (known === NO_ROW && this.size >= this.limit) {
      this.refused++;
      return false;
    }
    this.changes++;
    const row = known === NO_ROW ? this.#keys.add(block.source) : known;
    const wasFull = known !== NO_ROW && !this.#rows.isSoft(row);
    if (known !== NO_ROW) this.#forget(row);
    this.#rows.write(row, block);
    if (block.soft) this.#soft++;
    if (block.grade === "direct") this.#direct++;
    if (known === NO_ROW) this.#count(block.source, 1);
    if (block.untilMs === undefined) this.#expiry.delete(row);
    else this.#expiry.set(row, block.untilMs);
    if (!block.soft && !wasFull) this.onFull?.(block.source);
    return true;
  }

  get(source: Prefix): Block | undefined {
    const row = this.#keys.find(source);
    return row === NO_ROW ? undefined : this.#block(row);
  }

  /** Whether this very block is in force: its source may have been let go and blocked anew, or longer, since it was read. */
  has(block: Block): boolean {
    const row = this.#keys.find(block.source);
    if (row === NO_ROW || this.#rows.isSoft(row) !== block.soft) return false;
    return this.#rows.sinceMs(row) === block.sinceMs && this.#expiry.timeOf(row) === block.untilMs;
  }

  /** The block in force for a source: its own, or that of a wider prefix, the narrowest. */
  covering(source: Prefix): Block | undefined {
    return this.get(source) ?? this.containing(source)[0];
  }

  /** Whether anything shuts a source out fully. */
  isFullyBlocked(source: Prefix): boolean {
    return this.get(source)?.soft === false || this.containing(source).some(({ soft }) => !soft);
  }

  /** Every block that the source lies in, its own included; the narrowest first. */
  containing(source: Prefix): Block[] {
    const found: Block[] = [];
    for (let bits = source.bits; bits >= 0; bits--) {
      if (this.#ofLength[bits] === 0) continue;
      const block = this.get(prefixOfWords(source.w0, source.w1, source.w2, source.w3, bits));
      if (block !== undefined && prefixContains(block.source, source)) found.push(block);
    }
    return found;
  }

  /** Every block that lies inside a prefix, that of the prefix itself included. */
  inside(prefix: Prefix): Block[] {
    if (prefix.bits === 128) {
      const own = this.get(prefix);
      return own === undefined ? [] : [own];
    }
    return Array.from(this.#keys.inside(prefix), (row) => this.#block(row));
  }

  remove(source: Prefix): Block | undefined {
    this.changes++;
    const row = this.#keys.find(source);
    return row === NO_ROW ? undefined : this.#take(row);
  }

  /** Takes out, and returns, one block whose time is over; undefined when there is none. */
  takeExpired(nowMs: number): Block | undefined {
    const row = this.#expiry.firstDue(nowMs);
    if (row === undefined) return undefined;
    this.changes++;
    return this.#take(row);
  }

  /** One by one, made as they are asked for; the list may change meanwhile. */
  *values(): Generator<Block> {
    for (const row of this.#keys.rows()) yield this.#block(row);
  }

  /** Those that a command of the administrator's enforces. */
  *delegated(): Generator<Block> {
    for (const row of this.#keys.rows()) if (this.#rows.isDelegated(row)) yield this.#block(row);
  }

  *onTrial(): Generator<Block> {
    for (const row of this.#keys.rows()) if (this.#rows.isOnTrial(row)) yield this.#block(row);
  }

  /** The newest full blocks, at most so many, the oldest of them first. */
  newestFull(limit: number): Block[] {
    const sinceMs = new Float64Array(this.size - this.#soft);
    let count = 0;
    for (const row of this.#keys.rows()) if (!this.#rows.isSoft(row)) sinceMs[count++] = this.#rows.sinceMs(row);
    // Without a function to compare by, a million are sorted in a tenth of a second.
    const fromMs = sinceMs.sort().at(-limit) ?? Number.NEGATIVE_INFINITY;
    const newest: number[] = [];
    for (const row of this.#keys.rows()) {
      if (!this.#rows.isSoft(row) && this.#rows.sinceMs(row) >= fromMs) newest.push(row);
    }
    newest.sort((a, b) => this.#rows.sinceMs(a) - this.#rows.sinceMs(b));
    return newest.slice(-limit).map((row) => this.#block(row));
  }

  #block(row: number): Block {
    return this.#rows.read(row, this.#keys.prefix(row), this.#expiry.timeOf(row));
  }

  #take(row: number): Block {
    const block = this.#block(row);
    this.#forget(row);
    this.#expiry.delete(row);
    this.#count(block.source, -1);
    this.#keys.remove(row);
    return block;
  }

  #count({ bits }: Prefix, by: 1 | -1): void {
    this.#ofLength[bits] = (this.#ofLength[bits] ?? 0) + by;
  }

  /** What is counted of a block, and its texts. */
  #forget(row: number): void {
    if (this.#rows.isSoft(row)) this.#soft--;
    if (this.#rows.isDirect(row)) this.#direct--;
    this.#rows.clear(row);
  }
}
