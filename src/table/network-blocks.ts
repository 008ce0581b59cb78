// Blocked networks in the kernel: blockednet4 and blockednet6 hold the union of the networks that were asked for, as disjoint
// intervals, each until the latest end of those that cover it, so that networks may touch, overlap and lie in one another
// and come and go in any order. A change writes the intervals that differ in one transaction. A short set is read back
// whole, of a long one the places that have changed are asked for (docs/decisions/0022, 0046).

import { dumpElements } from "../kernel/element-dump.ts";
import type { Prefix } from "../wire/address.ts";
import {
  coversSpan,
  type Family,
  families,
  familyOf,
  overlapsSpan,
  pairOverlaps,
  prefixesOf,
  type Span,
  spanOf,
  subtractSpans,
  uniteSpans,
} from "./address-span.ts";
import { type HeldNetworks, isEnding, NetworkSets, type NetworkTables } from "./network-sets.ts";
import { sameEnd } from "./same-end.ts";
import { type Network, WantedNetworks } from "./wanted-networks.ts";

/** Networks of both families together. */
export const MAX_NETWORKS = 131_072;

/** What another program has done to the sets. */
export interface NetworkAudit {
  /** Networks of which the kernel holds nothing any more. */
  readonly gone: readonly Prefix[];
  /** Those of which it holds some addresses. */
  readonly torn: readonly Prefix[];
  /** What it holds beside them. */
  readonly foreign: readonly Network[];
  /** True when a part ends at another time than it should. */
  readonly untimely: boolean;
}

/** How a network was wanted before a change, if it was. */
interface Before {
  readonly source: Prefix;
  readonly network: Network | undefined;
}

export class NetworkBlocks {
  readonly #wanted = new WantedNetworks();
  readonly #sets: NetworkSets;
  /** How often the limit was met. */
  refused = 0;

  readonly #limit: number;

  constructor(tables: NetworkTables, limit = MAX_NETWORKS, dump = dumpElements) {
    this.#limit = limit;
    this.#sets = new NetworkSets(tables, this.#wanted, dump);
  }

  get size(): number {
    return this.#wanted.size;
  }

  /**
   * Adds networks, or gives them a new end; for each, in order, why the kernel does not hold it, or "". `held`: what the
   * sets have just been read to hold.
   */
  put(networks: readonly Network[], nowMs: number, held?: HeldNetworks): string[] {
    this.#wanted.forgetEnded(nowMs);
    const before: Before[] = [];
    const unchanged: Prefix[] = [];
    const refusals = networks.map((network) => {
      const { source } = network;
      const known = this.#wanted.get(source);
      if (known === undefined && this.#wanted.size >= this.#limit) {
        this.refused++;
        return `${this.#limit} networks are blocked, and no more can be; unblock some, or block one that holds several of them`;
      }
      if (this.has(network)) unchanged.push(source);
      else before.push({ source, network: known });
      this.#wanted.put(network);
      return "";
    });
    const changed = before.map(({ source }) => source);
    const failure = this.#sets.write({ changed, unchanged, held }, nowMs);
    if (failure === "") return refusals;
    this.#putBack(before);
    const again = this.#sets.write({ changed }, nowMs);
    const left = again === "" ? "" : `; nor could the networks before it be put back: ${again}`;
    return refusals.map((refusal) => (refusal === "" ? `${failure}${left}` : refusal));
  }

  #putBack(before: readonly Before[]): void {
    for (const { source, network } of before.toReversed()) {
      if (network === undefined) this.#wanted.delete(source);
      else this.#wanted.put(network);
    }
  }

  /** Takes networks out; what others cover of them stays. Why the kernel would not let go of them, or "". */
  remove(networks: readonly Network[], nowMs: number): string {
    if (networks.length === 0) return "";
    const sources = networks.map(({ source }) => source);
    const before = sources.map((source) => ({ source, network: this.#wanted.get(source) }));
    for (const source of sources) this.#wanted.delete(source);
    const failure = this.#sets.write({ changed: sources }, nowMs);
    if (failure !== "" && !failure.startsWith("ENOENT")) {
      this.#putBack(before);
      this.#sets.forget();
    }
    return failure;
  }

  /** Whether a network is wanted until just then. */
  has({ source, untilMs }: Network): boolean {
    const known = this.#wanted.get(source);
    return known !== undefined && known.untilMs === untilMs;
  }

  /** The sets have been emptied. */
  clear(): void {
    this.#wanted.clear();
    this.#sets.forget();
  }

  /** Makes the sets what they should be, whatever they hold. Why that failed, or "". */
  rewrite(nowMs: number): string {
    this.#wanted.forgetEnded(nowMs);
    return this.#sets.rewrite(nowMs);
  }

  /** Whether the kernel holds every address of a network, until whenever. */
  covers(source: Prefix): boolean {
    if (this.#sets.isHeldWithin(source)) return true;
    // A look-up, where the sets would have to be read whole.
    const isAny = this.#sets.isAnyHeldAt(source);
    if (!isAny || source.bits === 128) return isAny;
    return coversSpan(this.#sets.read(familyOf(source), 0), spanOf(source, undefined));
  }

  /** Whether the kernel holds a network until its end, or that of those that cover parts of it. */
  holds({ source, untilMs }: Network, nowMs: number): boolean {
    if (this.has({ source, untilMs }) && this.#sets.isHeldWithin(source, nowMs)) return true;
    const span = spanOf(source, untilMs);
    const held = this.#sets.read(familyOf(source), nowMs);
    if (!coversSpan(held, span)) return false;
    const wanted = uniteSpans([...this.#wanted.unionWithin(source, nowMs), span]);
    return pairOverlaps(wanted, held).every(([one, other]) => sameEnd(one.untilMs, other.untilMs));
  }

  /** Whether the kernel may hold the first address of a network, and not for those that are wanted. Throws KernelError. */
  mayBeForeignAt(source: Prefix): boolean {
    const first = { ...source, bits: 128 };
    return this.#sets.isAnyHeldAt(first) && !this.#sets.isHeldWithin(first);
  }

  /** NetworkSets.areAsWantedInParts(). */
  areAsWantedInParts(pause: () => Promise<void>, nowMs: number): false | Promise<boolean> {
    return this.#sets.areAsWantedInParts(pause, nowMs);
  }

  /** Compares the sets with what was asked for. Throws KernelError, ENOENT without the table. */
  audit(nowMs: number): NetworkAudit {
    const gone: Prefix[] = [];
    const torn: Prefix[] = [];
    const foreign: Network[] = [];
    let untimely = false;
    for (const family of families) {
      const held = this.#sets.read(family, nowMs);
      const differences = this.#sets.compare(family, held, nowMs);
      untimely ||= differences.untimely;
      foreign.push(...networksOf(joinSpans(differences.foreign), family, nowMs));
      if (differences.missing.length === 0) continue;
      for (const { source, untilMs } of this.#wanted.of(family)) {
        const wanted = spanOf(source, untilMs);
        if (isEnding(wanted, nowMs) || coversSpan(held, wanted)) continue;
        (overlapsSpan(held, wanted) ? torn : gone).push(source);
      }
    }
    return { gone, torn, foreign, untimely };
  }

  /** All that the kernel holds. Throws KernelError, ENOENT without the table. */
  readAll(nowMs: number): HeldNetworks {
    return { ipv4: this.#sets.read("ipv4", nowMs), ipv6: this.#sets.read("ipv6", nowMs) };
  }

  /** What of it is not wanted now. */
  beyond(held: HeldNetworks, nowMs: number): Network[] {
    return families.flatMap((family) =>
      networksOf(subtractSpans(joinSpans(held[family]), this.#sets.unionOf(family, nowMs).all), family, nowMs),
    );
  }
}

function networksOf(spans: readonly Span[], family: Family, nowMs: number): Network[] {
  const staying = spans.filter((span) => !isEnding(span, nowMs));
  return staying.flatMap((span) =>
    prefixesOf(span, family).map((source) => ({ source, untilMs: wholeMs(span.untilMs) })),
  );
}

/** What touches and ends together was one, and has been cut by what lay in it. */
function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of spans) {
    const before = joined.at(-1);
    if (before !== undefined && before.last + 1n === span.first && sameEnd(before.untilMs, span.untilMs)) {
      joined[joined.length - 1] = { ...before, last: span.last };
    } else joined.push(span);
  }
  return joined;
}

function wholeMs(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : Math.round(timeMs);
}
