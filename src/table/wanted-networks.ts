// The networks that were asked for, in the order of their addresses, and their union, which is made anew only when one has
// come, gone or ended: beside thousands of others each change is followed by several looks at the union.
import type { Block } from "../judge/block.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { compareSpans, type Family, families, familyOf, type Span, spanOf, uniteSpans } from "./address-span.ts";

export type Network = Pick<Block, "source" | "untilMs">;

/** A network as a span, with its name. */
export interface Wanted extends Span {
  readonly name: string;
  readonly source: Prefix;
}

interface Union {
  readonly spans: readonly Span[];
  /** When the first of its networks ends. */
  readonly validUntilMs: number;
}

type OfFamily<T> = Record<Family, T>;

export class WantedNetworks {
  readonly #byName: Map<string, Wanted>;
  /** Ascending; some of them may be gone or have another end by now. */
  readonly #sorted: OfFamily<readonly Wanted[]> = { ipv4: [], ipv6: [] };
  /** Those that have come since. */
  readonly #added: OfFamily<Wanted[]> = { ipv4: [], ipv6: [] };
  readonly #isSorted: OfFamily<boolean> = { ipv4: true, ipv6: true };
  readonly #unions: OfFamily<Union | undefined> = { ipv4: undefined, ipv6: undefined };

  constructor(from?: WantedNetworks) {
    this.#byName = new Map(from?.entries());
    for (const family of families) this.#sorted[family] = from?.of(family) ?? [];
  }

  get size(): number {
    return this.#byName.size;
  }

  entries(): Iterable<[string, Wanted]> {
    return this.#byName.entries();
  }

  has(source: Prefix): boolean {
    return this.#byName.has(formatPrefix(source));
  }

  put({ source, untilMs }: Network): void {
    const name = formatPrefix(source);
    const wanted = { name, source, ...spanOf(source, untilMs) };
    this.#byName.set(name, wanted);
    this.#added[familyOf(source)].push(wanted);
    this.#changed(familyOf(source));
  }

  delete(source: Prefix): void {
    if (this.#byName.delete(formatPrefix(source))) this.#changed(familyOf(source));
  }

  #changed(family: Family): void {
    this.#isSorted[family] = false;
    this.#unions[family] = undefined;
  }

  /** The kernel has ended them by itself; the list of blocks will say so. */
  forgetEnded(nowMs: number): void {
    for (const { source, untilMs } of this.#byName.values()) {
      if (untilMs !== undefined && untilMs <= nowMs) this.delete(source);
    }
  }

  /** In the order of their addresses. */
  of(family: Family): readonly Wanted[] {
    if (!this.#isSorted[family]) {
      const all = [...this.#sorted[family], ...this.#added[family].splice(0)];
      // Sorted but for the few that were added, which costs no more than one look at each.
      const there = all.filter((wanted) => this.#byName.get(wanted.name) === wanted);
      this.#sorted[family] = there.sort(compareSpans);
      this.#isSorted[family] = true;
    }
    return this.#sorted[family];
  }

  union(family: Family, nowMs: number): readonly Span[] {
    const known = this.#unions[family];
    if (known !== undefined && nowMs < known.validUntilMs) return known.spans;
    const lasting = this.of(family).filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
    const validUntilMs = lasting.reduce(
      (least, { untilMs = Number.POSITIVE_INFINITY }) => Math.min(least, untilMs),
      Number.POSITIVE_INFINITY,
    );
    const spans = uniteSpans(lasting);
    this.#unions[family] = { spans, validUntilMs };
    return spans;
  }
}
