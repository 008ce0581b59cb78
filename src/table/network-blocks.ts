// Blocked networks in the kernel: blockednet4 and blockednet6 hold the union of the networks that were asked for, as disjoint
// intervals, each until the latest end of those that cover it, so that networks may touch, overlap and lie in one another
// and come and go in any order. Each change writes the intervals that differ in one transaction and reads the set back
// whole: the kernel's look-up of one interval does not find all that touch others (docs/decisions/0022).

import { KernelError } from "../kernel/errors.ts";
import { elementRemedy, type IntervalChange, type IntervalsOfSet } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import type { Prefix } from "../wire/address.ts";
import {
  addressOfKey,
  coversSpan,
  type Family,
  families,
  familyBits,
  familyOf,
  keyOfAddress,
  overlapsSpan,
  pairOverlaps,
  prefixesOf,
  type Span,
  spanOf,
  spansNotAmong,
  subtractSpans,
  uniteSpans,
} from "./address-span.ts";
import { sameEnd } from "./same-end.ts";
import type { IntervalSet } from "./set-key.ts";
import { type Network, WantedNetworks } from "./wanted-networks.ts";

/** Networks of both families together: to read so many back takes some 10 ms, to write all of them anew 100. */
export const MAX_NETWORKS = 4_096;
/** What is about to end may be gone already. */
const ENDING_MS = 2_000;

export const intervalSets = { ipv4: "blockednet4", ipv6: "blockednet6" } as const satisfies Record<Family, IntervalSet>;

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

/** The intervals of each set, as they were read. */
export type HeldNetworks = Readonly<Record<Family, readonly Span[]>>;

interface Differences {
  readonly missing: readonly Span[];
  readonly foreign: readonly Span[];
  readonly untimely: boolean;
}

type Tables = Pick<NfTables, "replaceIntervals" | "changeIntervals" | "visitElements">;

export class NetworkBlocks {
  readonly #tables: Tables;
  #wanted = new WantedNetworks();
  /** What each set was last seen to hold, as it was wanted; undefined: not known. */
  readonly #written: Record<Family, readonly Span[] | undefined> = { ipv4: undefined, ipv6: undefined };
  /** How often the limit was met. */
  refused = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  get size(): number {
    return this.#wanted.size;
  }

  /** Adds networks, or gives them a new end; for each, in order, why the kernel does not hold it, or "". */
  put(networks: readonly Network[], nowMs: number): string[] {
    const before = new WantedNetworks(this.#wanted);
    this.#wanted.forgetEnded(nowMs);
    const refusals = networks.map((network) => this.#accept(network));
    const accepted = networks.filter((_, index) => refusals[index] === "");
    const failure = accepted.length === 0 ? "" : this.#write(familiesOf(accepted), nowMs);
    if (failure === "") return refusals;
    this.#wanted = before;
    const again = this.#write(familiesOf(accepted), nowMs);
    const left = again === "" ? "" : `; nor could the networks before it be put back: ${again}`;
    return refusals.map((refusal) => (refusal === "" ? `${failure}${left}` : refusal));
  }

  #accept(network: Network): string {
    if (!this.#wanted.has(network.source) && this.#wanted.size >= MAX_NETWORKS) {
      this.refused++;
      return `${MAX_NETWORKS} networks are blocked, and no more can be; unblock some, or block one that holds several of them`;
    }
    this.#wanted.put(network);
    return "";
  }

  /** Takes networks out; what others cover of them stays. Why the kernel would not let go of them, or "". */
  remove(networks: readonly Network[], nowMs: number): string {
    if (networks.length === 0) return "";
    const before = new WantedNetworks(this.#wanted);
    for (const { source } of networks) this.#wanted.delete(source);
    const failure = this.#write(familiesOf(networks), nowMs);
    if (failure !== "" && !failure.startsWith("ENOENT")) this.#wanted = before;
    return failure;
  }

  /** The sets have been emptied. */
  clear(): void {
    this.#wanted = new WantedNetworks();
    for (const family of families) this.#written[family] = undefined;
  }

  /** Makes the sets what they should be, whatever they hold. Why that failed, or "". */
  rewrite(nowMs: number): string {
    this.#wanted.forgetEnded(nowMs);
    for (const family of families) this.#written[family] = undefined;
    return this.#write(families, nowMs);
  }

  /** Whether the kernel holds every address of a network, until whenever. */
  covers(source: Prefix, nowMs: number): boolean {
    return coversSpan(this.read(familyOf(source), nowMs), spanOf(source, undefined));
  }

  /** Whether the kernel holds a network until its end, or that of those that cover parts of it. */
  holds(network: Network, nowMs: number): boolean {
    const family = familyOf(network.source);
    const span = spanOf(network.source, network.untilMs);
    const held = this.read(family, nowMs);
    if (!coversSpan(held, span)) return false;
    const wanted = uniteSpans([...this.#wanted.of(family), span]);
    return pairOverlaps(wanted, held).every(
      ([one, other]) => !overlapsSpan([one], span) || sameEnd(one.untilMs, other.untilMs),
    );
  }

  /** Compares the sets with what was asked for. Throws KernelError, ENOENT without the table. */
  audit(nowMs: number): NetworkAudit {
    const gone: Prefix[] = [];
    const torn: Prefix[] = [];
    const foreign: Network[] = [];
    let untimely = false;
    for (const family of families) {
      const held = this.read(family, nowMs);
      const differences = this.#compare(family, held, nowMs);
      untimely ||= differences.untimely;
      foreign.push(...networksOf(joinSpans(differences.foreign), family, nowMs));
      if (differences.missing.length === 0) continue;
      for (const wanted of this.#wanted.of(family)) {
        if (isEnding(wanted, nowMs) || coversSpan(held, wanted)) continue;
        (overlapsSpan(held, wanted) ? torn : gone).push(wanted.source);
      }
    }
    return { gone, torn, foreign, untimely };
  }

  /** All that the kernel holds. Throws KernelError, ENOENT without the table. */
  readAll(nowMs: number): HeldNetworks {
    return { ipv4: this.read("ipv4", nowMs), ipv6: this.read("ipv6", nowMs) };
  }

  /** What of it is not wanted now. */
  beyond(held: HeldNetworks, nowMs: number): Network[] {
    return families.flatMap((family) =>
      networksOf(subtractSpans(joinSpans(held[family]), this.#wanted.union(family, nowMs)), family, nowMs),
    );
  }

  /** The intervals that the kernel holds: ascending, disjoint. Throws KernelError. */
  read(family: Family, nowMs: number): Span[] {
    const marks: { readonly at: bigint; readonly isEnd: boolean; readonly untilMs: number | undefined }[] = [];
    this.#tables.visitElements(intervalSets[family], (key, expiresInMs, isEnd = false) => {
      marks.push({
        at: addressOfKey(key),
        isEnd,
        untilMs: expiresInMs === undefined ? undefined : nowMs + expiresInMs,
      });
    });
    // Where one ends and the next begins, the end comes first.
    marks.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : Number(b.isEnd) - Number(a.isEnd)));
    const spans: Span[] = [];
    let open: { readonly at: bigint; readonly untilMs: number | undefined } | undefined;
    const close = (end: bigint) => {
      if (open !== undefined && end > open.at) spans.push({ first: open.at, last: end - 1n, untilMs: open.untilMs });
    };
    for (const mark of marks) {
      close(mark.at);
      open = mark.isEnd ? undefined : mark;
    }
    close(1n << BigInt(familyBits[family]));
    return spans;
  }

  /**
   * Makes sets what is wanted: what has changed of them where it is known what they hold, else all of them anew, which is
   * also done where the kernel refuses a part, or does not hold it afterwards. Why that failed, or "".
   */
  #write(among: readonly Family[], nowMs: number): string {
    const startMs = performance.now();
    const clock = () => nowMs + performance.now() - startMs;
    if (this.#writeChanges(among, nowMs) === "" && this.#areAsWanted(among, clock) === "") return "";
    const sets = among.map((family) => {
      const union = this.#wanted.union(family, nowMs);
      return [intervalSets[family], union.map((span) => changeOf(span, family, nowMs))] as const;
    });
    const code = this.#tables.replaceIntervals(sets);
    return code === "" ? this.#areAsWanted(among, clock) : `${code}; ${elementRemedy(code)}`;
  }

  /** "", or why not. */
  #writeChanges(among: readonly Family[], nowMs: number): string {
    const sets: IntervalsOfSet[] = [];
    for (const family of among) {
      const written = this.#written[family]?.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
      if (written === undefined) return "it is not known what the set holds";
      const union = this.#wanted.union(family, nowMs);
      const toChanges = (spans: readonly Span[]) => spans.map((span) => changeOf(span, family, nowMs));
      const gone = toChanges(spansNotAmong(written, union));
      const added = toChanges(spansNotAmong(union, written));
      if (gone.length + added.length > 0) sets.push({ set: intervalSets[family], gone, added });
    }
    return sets.length === 0 ? "" : this.#tables.changeIntervals(sets);
  }

  /** "", or why not. */
  #areAsWanted(among: readonly Family[], clock: () => number): string {
    for (const family of among) this.#written[family] = undefined;
    try {
      for (const family of among) {
        const held = this.read(family, clock());
        if (!this.#isAsWanted(family, held, clock())) return "the kernel took it and does not hold it";
        this.#written[family] = this.#wanted.union(family, clock());
      }
      return "";
    } catch (error) {
      if (error instanceof KernelError) return `${error.code}; ${elementRemedy(error.code)}`;
      throw error;
    }
  }

  #isAsWanted(family: Family, held: readonly Span[], nowMs: number): boolean {
    const { missing, foreign, untimely } = this.#compare(family, held, nowMs);
    return missing.length === 0 && foreign.length === 0 && !untimely;
  }

  #compare(family: Family, held: readonly Span[], nowMs: number): Differences {
    const wanted = this.#wanted.union(family, nowMs);
    if (areSame(wanted, held)) return { missing: [], foreign: [], untimely: false };
    const stays = (span: Span) => !isEnding(span, nowMs);
    return {
      missing: subtractSpans(wanted, held).filter(stays),
      foreign: subtractSpans(held, wanted).filter(stays),
      untimely: pairOverlaps(wanted, held).some(([one, other]) => !sameEnd(one.untilMs, other.untilMs)),
    };
  }
}

/** As most often: quicker than to look for what differs. */
function areSame(wanted: readonly Span[], held: readonly Span[]): boolean {
  const isSame = ({ first, last, untilMs }: Span, other: Span | undefined) =>
    other !== undefined && first === other.first && last === other.last && sameEnd(untilMs, other.untilMs);
  return wanted.length === held.length && wanted.every((span, index) => isSame(span, held[index]));
}

function familiesOf(networks: readonly Network[]): Family[] {
  const among = new Set(networks.map(({ source }) => familyOf(source)));
  return families.filter((family) => among.has(family));
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

function isEnding({ untilMs }: Span, nowMs: number): boolean {
  return untilMs !== undefined && untilMs <= nowMs + ENDING_MS;
}

function changeOf({ first, last, untilMs }: Span, family: Family, nowMs: number): IntervalChange {
  const end = last + 1n;
  return {
    first: keyOfAddress(first, family),
    end: end >> BigInt(familyBits[family]) === 0n ? keyOfAddress(end, family) : undefined,
    timeoutMs: untilMs === undefined ? undefined : Math.max(1, Math.round(untilMs - nowMs)),
  };
}

function wholeMs(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : Math.round(timeMs);
}
