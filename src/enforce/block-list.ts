// The blocks in force, by source: what `portreeve blocked` lists. Memory only, in typed arrays that grow with what they
// hold (docs/decisions/0024); firewall.ts makes blocks true in the kernel, record/store.ts keeps them over restarts.
import { type HashSeed, randomSeed } from "../detect/keyed-hash.ts";
import { NO_ROW, PrefixRows } from "../detect/prefix-rows.ts";
import { PrefixTree } from "../detect/prefix-tree.ts";
import type { Block } from "../judge/block.ts";
import { isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";
import { BlockRows } from "./block-rows.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

/** By so many bits sources of IPv6 beyond our links are counted and blocked. */
const KEY_BITS = 64;

export class BlockList {
  readonly #keys: PrefixRows;
  readonly #rows = new BlockRows();
  readonly #expiry = new ExpiryQueue();
  /** The rows of networks other than a /64 of IPv6: what is looked for around a source, or in a network. */
  readonly #networks: PrefixTree;
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
    this.#networks = new PrefixTree(this.#keys);
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

  /** Makes room for so many blocks, and some more, before many come: columns that grow stand in memory twice. */
  reserve(blocks: number): void {
    const rows = Math.min(Math.ceil(blocks * 1.25), this.limit);
    this.#keys.reserve(rows);
    this.#rows.reserve(rows);
    this.#expiry.reserve(rows);
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
    if (known === NO_ROW && !isOwnKey(block.source.bits)) this.#networks.add(row);
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
    const row = this.#around(source).at(-1);
    return row === undefined ? undefined : this.#block(row);
  }

  /** Whether anything shuts a source out fully. */
  isFullyBlocked(source: Prefix): boolean {
    return this.#around(source).some((row) => !this.#rows.isSoft(row));
  }

  /** Every block that the source lies in, its own included; the narrowest first. */
  containing(source: Prefix): Block[] {
    return this.#around(source)
      .reverse()
      .map((row) => this.#block(row));
  }

  /** The rows of the blocks that a source lies in, the widest first. */
  #around(source: Prefix): number[] {
    const rows = this.#networks.size === 0 ? [] : this.#networks.containing(source);
    // By their hash: among a million single sources the tree would be the slower.
    if (source.bits > KEY_BITS && !isIpv4(source)) {
      const { w0, w1 } = source;
      const row = this.#keys.find(prefixOfWords(w0, w1, 0, 0, KEY_BITS));
      const at = rows.findIndex((other) => this.#keys.bits(other) > KEY_BITS);
      if (row !== NO_ROW) rows.splice(at < 0 ? rows.length : at, 0, row);
    }
    const own = isOwnKey(source.bits) ? this.#keys.find(source) : NO_ROW;
    if (own !== NO_ROW) rows.push(own);
    return rows;
  }

  /** Every block that lies inside a prefix, that of the prefix itself included. */
  inside(prefix: Prefix): Block[] {
    if (prefix.bits === 128) {
      const own = this.get(prefix);
      return own === undefined ? [] : [own];
    }
    const rows = this.#networks.inside(prefix);
    // With networks alone nothing need be looked through.
    if (this.#networks.size < this.size) {
      for (const row of this.#keys.inside(prefix)) if (isOwnKey(this.#keys.bits(row))) rows.push(row);
    }
    return rows.map((row) => this.#block(row));
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

  /** The newest full blocks, at most so many, the oldest of them first: made each time that they are walked, before anything changes. */
  newestFull(limit: number): Iterable<Block> {
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
    const rows = newest.slice(-limit);
    return { [Symbol.iterator]: () => this.#blocks(rows) };
  }

  *#blocks(rows: readonly number[]): Generator<Block> {
    for (const row of rows) yield this.#block(row);
  }

  #block(row: number): Block {
    return this.#rows.read(row, this.#keys.prefix(row), this.#expiry.timeOf(row));
  }

  #take(row: number): Block {
    const block = this.#block(row);
    this.#forget(row);
    this.#expiry.delete(row);
    if (!isOwnKey(block.source.bits)) this.#networks.remove(row);
    this.#keys.remove(row);
    return block;
  }

  /** What is counted of a block, and its texts. */
  #forget(row: number): void {
    if (this.#rows.isSoft(row)) this.#soft--;
    if (this.#rows.isDirect(row)) this.#direct--;
    this.#rows.clear(row);
  }
}

/** Single addresses and the /64 of IPv6 are found by their hash. */
function isOwnKey(bits: number): boolean {
  return bits === 128 || bits === KEY_BITS;
}
