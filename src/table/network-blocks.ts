// Blocked networks in the kernel: blockednet4 and blockednet6 hold the union of the networks that were asked for, as disjoint
// intervals, each until the latest end of those that cover it, so that networks may touch, overlap and lie in one another
// and come and go in any order. Each change writes a set anew in one transaction and reads it back whole: the kernel's
// look-up of one interval does not find all that touch others (docs/decisions/0022).

import type { Block } from "../judge/block.ts";
import { KernelError } from "../kernel/errors.ts";
import { elementRemedy, type IntervalChange, type NfTables } from "../kernel/nf-tables.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
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
  subtractSpans,
  uniteSpans,
} from "./address-span.ts";
import { sameEnd } from "./same-end.ts";
import type { IntervalSet } from "./set-key.ts";

/** Networks of both families together: to write and read back so many takes some 30 ms. */
export const MAX_NETWORKS = 4_096;
/** What is about to end may be gone already. */
const ENDING_MS = 2_000;

export const intervalSets = { ipv4: "blockednet4", ipv6: "blockednet6" } as const satisfies Record<Family, IntervalSet>;

type Network = Pick<Block, "source" | "untilMs">;

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

export class NetworkBlocks {
  readonly #tables: Pick<NfTables, "replaceIntervals" | "visitElements">;
  /** What was asked for, by text. */
  #wanted = new Map<string, Network>();
  /** How often the limit was met. */
  refused = 0;

  constructor(tables: Pick<NfTables, "replaceIntervals" | "visitElements">) {
    this.#tables = tables;
  }

  get size(): number {
    return this.#wanted.size;
  }

  /** Adds networks, or gives them a new end; for each, in order, why the kernel does not hold it, or "". */
  put(networks: readonly Network[], nowMs: number): string[] {
    const before = new Map(this.#wanted);
    this.#forgetEnded(nowMs);
    const refusals = networks.map((network) => this.#accept(network));
    const accepted = networks.filter((_, index) => refusals[index] === "");
    const failure = accepted.length === 0 ? "" : this.#write(familiesOf(accepted), nowMs);
    if (failure === "") return refusals;
    this.#wanted = before;
    const again = this.#write(familiesOf(accepted), nowMs);
    const left = again === "" ? "" : `; nor could the networks before it be put back: ${again}`;
    return refusals.map((refusal) => (refusal === "" ? `${failure}${left}` : refusal));
  }

  #accept({ source, untilMs }: Network): string {
    const key = formatPrefix(source);
    if (!this.#wanted.has(key) && this.#wanted.size >= MAX_NETWORKS) {
      this.refused++;
      return `${MAX_NETWORKS} networks are blocked, and no more can be; unblock some, or block one that holds several of them`;
    }
    this.#wanted.set(key, { source, untilMs });
    return "";
  }

  /** Takes networks out; what others cover of them stays. Why the kernel would not let go of them, or "". */
  remove(networks: readonly Network[], nowMs: number): string {
    const before = new Map(this.#wanted);
    for (const { source } of networks) this.#wanted.delete(formatPrefix(source));
    const failure = networks.length === 0 ? "" : this.#write(familiesOf(networks), nowMs);
    if (failure !== "" && !failure.startsWith("ENOENT")) this.#wanted = before;
    return failure;
  }

  /** The sets have been emptied. */
  clear(): void {
    this.#wanted.clear();
  }

  /** Makes the sets what they should be, whatever they hold. Why that failed, or "". */
  rewrite(nowMs: number): string {
    this.#forgetEnded(nowMs);
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
    const all = [...this.#wanted.values(), network].filter(({ source }) => familyOf(source) === family);
    const wanted = uniteSpans(all.map(({ source, untilMs }) => spanOf(source, untilMs)));
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
      for (const { source, untilMs } of this.#of(family)) {
        const span = spanOf(source, untilMs);
        if (isEnding(span, nowMs) || coversSpan(held, span)) continue;
        (overlapsSpan(held, span) ? torn : gone).push(source);
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
      networksOf(subtractSpans(joinSpans(held[family]), this.#union(family, nowMs)), family, nowMs),
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

  #write(among: readonly Family[], nowMs: number): string {
    const startMs = performance.now();
    const unions = among.map((family) => [intervalSets[family], this.#union(family, nowMs)] as const);
    const code = this.#tables.replaceIntervals(
      unions.map(([set, spans]) => [set, spans.map((span) => changeOf(span, set, nowMs))] as const),
    );
    if (code !== "") return `${code}; ${elementRemedy(code)}`;
    try {
      const readMs = nowMs + performance.now() - startMs;
      return among.every((family) => this.#isAsWanted(family, readMs)) ? "" : "the kernel took it and does not hold it";
    } catch (error) {
      if (error instanceof KernelError) return `${error.code}; ${elementRemedy(error.code)}`;
      throw error;
    }
  }

  #isAsWanted(family: Family, nowMs: number): boolean {
    const { missing, foreign, untimely } = this.#compare(family, this.read(family, nowMs), nowMs);
    return missing.length === 0 && foreign.length === 0 && !untimely;
  }

  #compare(family: Family, held: readonly Span[], nowMs: number): Differences {
    const wanted = this.#union(family, nowMs);
    const stays = (span: Span) => !isEnding(span, nowMs);
    return {
      missing: subtractSpans(wanted, held).filter(stays),
      foreign: subtractSpans(held, wanted).filter(stays),
      untimely: pairOverlaps(wanted, held).some(([one, other]) => !sameEnd(one.untilMs, other.untilMs)),
    };
  }

  #union(family: Family, nowMs: number): Span[] {
    const spans = this.#of(family).map(({ source, untilMs }) => spanOf(source, untilMs));
    return uniteSpans(spans.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs));
  }

  #of(family: Family): Network[] {
    return [...this.#wanted.values()].filter(({ source }) => familyOf(source) === family);
  }

  /** The kernel has ended them by itself; who lists them will say so. */
  #forgetEnded(nowMs: number): void {
    for (const [key, { untilMs }] of this.#wanted) {
      if (untilMs !== undefined && untilMs <= nowMs) this.#wanted.delete(key);
    }
  }
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

function changeOf({ first, last, untilMs }: Span, set: IntervalSet, nowMs: number): IntervalChange {
  const family = set === "blockednet4" ? "ipv4" : "ipv6";
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
