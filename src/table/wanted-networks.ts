// The networks that were asked for, each with its end, in a tree: what lies around one and in it is found without a look at
// the others. 45 bytes a network.
import { grown, rowsFor } from "../detect/columns.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import { NO_ROW, PrefixRows } from "../detect/prefix-rows.ts";
import { PrefixTree } from "../detect/prefix-tree.ts";
import type { Block } from "../judge/block.ts";
import type { Prefix } from "../wire/address.ts";
import { type Family, familyOf, type Span, spanOf, uniteSpans } from "./address-span.ts";

export type Network = Pick<Block, "source" | "untilMs">;

const FOR_EVER = Number.POSITIVE_INFINITY;

export class WantedNetworks {
  readonly #keys = new PrefixRows(randomSeed());
  readonly #tree = new PrefixTree(this.#keys);
  /** By row; FOR_EVER for those that do not end. */
  #endsMs = new Float64Array(0);
  /** None ends before. */
  #firstEndMs = FOR_EVER;

  get size(): number {
    return this.#keys.size;
  }

  /** A network as it is wanted, if it is. */
  get(source: Prefix): Network | undefined {
    const row = this.#keys.find(source);
    return row === NO_ROW ? undefined : this.#network(row);
  }

  put({ source, untilMs = FOR_EVER }: Network): void {
    let row = this.#keys.find(source);
    if (row === NO_ROW) {
      row = this.#keys.add(source);
      this.#tree.add(row);
    }
    if (row >= this.#endsMs.length) this.#endsMs = grown(this.#endsMs, rowsFor(row), Float64Array);
    this.#endsMs[row] = untilMs;
    this.#firstEndMs = Math.min(this.#firstEndMs, untilMs);
  }

  delete(source: Prefix): void {
    const row = this.#keys.find(source);
    if (row !== NO_ROW) this.#remove(row);
  }

  clear(): void {
    for (const row of this.#keys.rows()) this.#remove(row);
  }

  #remove(row: number): void {
    this.#tree.remove(row);
    this.#keys.remove(row);
  }

  /** The kernel has ended them by itself; the list of blocks will say so. */
  forgetEnded(nowMs: number): void {
    if (nowMs < this.#firstEndMs) return;
    let first = FOR_EVER;
    for (const row of this.#keys.rows()) {
      const endMs = this.#endMs(row);
      if (endMs <= nowMs) this.#remove(row);
      else first = Math.min(first, endMs);
    }
    this.#firstEndMs = first;
  }

  /** In the order of their addresses. */
  *of(family: Family): Generator<Network> {
    for (const row of this.#tree.rows()) {
      const network = this.#network(row);
      if (familyOf(network.source) === family) yield network;
    }
  }

  /** The union of all of a family. */
  union(family: Family, nowMs: number): Span[] {
    return uniteSpans(lastingSpans(this.of(family), nowMs));
  }

  /** The part of the union that lies in one network, whether that is wanted or not. */
  unionWithin(source: Prefix, nowMs: number): Span[] {
    const around = this.#tree.containing(source).map((row) => this.#network(row));
    const inside = this.#tree.inside(source).map((row) => this.#network(row));
    const covering = around.map(({ untilMs }) => ({ source, untilMs }));
    return uniteSpans(lastingSpans([...covering, ...inside], nowMs));
  }

  #network(row: number): Network {
    const endMs = this.#endMs(row);
    return { source: this.#keys.prefix(row), untilMs: endMs === FOR_EVER ? undefined : endMs };
  }

  #endMs(row: number): number {
    return this.#endsMs[row] ?? FOR_EVER;
  }
}

function* lastingSpans(networks: Iterable<Network>, nowMs: number): Generator<Span> {
  for (const { source, untilMs } of networks) {
    if (untilMs === undefined || untilMs > nowMs) yield spanOf(source, untilMs);
  }
}
