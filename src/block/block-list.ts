// The blocks in force, by source: what `portreeve blocked` lists. Memory only; firewall.ts makes them true in the
// kernel, record/store.ts keeps them over restarts.
import { formatPrefix, type Prefix, prefixContains } from "../wire/address.ts";
import type { Block } from "./block.ts";
import { ExpiryQueue } from "./expiry-queue.ts";

/** Stale queue entries allowed per live block before the queue is rebuilt. */
const STALE_FACTOR = 2;

export class BlockList {
  readonly #blocks = new Map<string, Block>();
  /** Blocks wider than a key of detect/: few, looked through one by one. */
  readonly #wide = new Map<string, Block>();
  readonly #expiry = new ExpiryQueue();
  readonly #limit: number;
  /** How often the limit was met: the block was refused. */
  refused = 0;
  /** Grows with every change: whoever shows the list need not compare it. */
  changes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#blocks.size;
  }

  get softCount(): number {
    let count = 0;
    for (const block of this.#blocks.values()) if (block.soft) count++;
    return count;
  }

  /** False when the list is full and the source is not in it yet. */
  put(block: Block): boolean {
    const key = formatPrefix(block.source);
    if (!this.#blocks.has(key) && this.#blocks.size >= this.#limit) {
      this.refused++;
      return false;
    }
    this.changes++;
    this.#blocks.set(key, block);
    if (isWide(block.source)) this.#wide.set(key, block);
    if (block.untilMs !== undefined) this.#expiry.push(block.untilMs, key);
    if (this.#expiry.size > 1024 + STALE_FACTOR * this.#blocks.size) this.#rebuildExpiry();
    return true;
  }

  get(source: Prefix): Block | undefined {
    return this.#blocks.get(formatPrefix(source));
  }

  /** The block in force for a source: its own, or that of a wider prefix. */
  covering(source: Prefix): Block | undefined {
    const own = this.get(source);
    if (own !== undefined) return own;
    for (const block of this.#wide.values()) if (prefixContains(block.source, source)) return block;
    return undefined;
  }

  /** Every block that lies inside a prefix, that of the prefix itself included. */
  inside(prefix: Prefix): Block[] {
    return [...this.#blocks.values()].filter((block) => prefixContains(prefix, block.source));
  }

  remove(source: Prefix): Block | undefined {
    const key = formatPrefix(source);
    const block = this.#blocks.get(key);
    this.changes++;
    this.#blocks.delete(key);
    this.#wide.delete(key);
    return block;
  }

  /** Takes out, and returns, one block whose time is over; undefined when there is none. */
  takeExpired(nowMs: number): Block | undefined {
    for (let due = this.#expiry.popDue(nowMs); due !== undefined; due = this.#expiry.popDue(nowMs)) {
      const block = this.#blocks.get(due.key);
      if (block?.untilMs !== due.atMs) continue;
      return this.remove(block.source);
    }
    return undefined;
  }

  values(): IterableIterator<Block> {
    return this.#blocks.values();
  }

  #rebuildExpiry(): void {
    const live = [...this.#blocks].flatMap(([key, block]): [number, string][] =>
      block.untilMs === undefined ? [] : [[block.untilMs, key]],
    );
    this.#expiry.rebuild(live);
  }
}

/** Neither a single address nor the /64 that an IPv6 source is counted by. */
function isWide(source: Prefix): boolean {
  return source.bits !== 128 && source.bits !== 64;
}
