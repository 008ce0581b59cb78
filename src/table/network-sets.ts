// The kernel's two sets of intervals, and what they should hold: written where that has changed, read back, and compared.
import { dumpElements } from "../kernel/element-dump.ts";
import { KernelError } from "../kernel/errors.ts";
import { elementRemedy, type IntervalChange, type IntervalsOfSet } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import type { Prefix } from "../wire/address.ts";
import {
  clipSpan,
  compareSpans,
  coversSpan,
  type Family,
  families,
  familyBits,
  familyOf,
  keyOfAddress,
  pairOverlaps,
  type Span,
  spanOf,
  spansNotAmong,
  subtractSpans,
} from "./address-span.ts";
import {
  ENDING_MS,
  type IntervalTables,
  intervalSets,
  isHeldAt,
  readIntervals,
  readIntervalsInParts,
} from "./held-intervals.ts";
import { sameEnd } from "./same-end.ts";
import { joinChanges, type SpanChange, SpanList } from "./span-list.ts";
import type { WantedNetworks } from "./wanted-networks.ts";

/** Up to so many intervals a set is read back whole: some 10 ms. */
const READ_WHOLE = 2_048;
/** Up to so many a set is emptied and filled in one transaction, whatever it holds. */
const WRITTEN_WHOLE = 8_192;
/** Intervals in one transaction of a longer set: 76 bytes each at most. */
const BATCH = 20_000;
/** Networks that come or go together up to which the union is changed at each by itself. */
const FEW = 4;
/** Beyond which all of the union is made anew, and the set is compared with it. */
const MANY = 8_192;
/** Intervals at which the kernel is asked about one network; it is read whole where there are more. */
const FEW_PARTS = 64;

/** What differs between a set and what is wanted of it. */
export interface Differences {
  readonly missing: readonly Span[];
  readonly foreign: readonly Span[];
  readonly untimely: boolean;
}

/** The intervals of each set, as they were read. */
export type HeldNetworks = Readonly<Record<Family, readonly Span[]>>;

/** Networks that have come, gone or got another end, and others that must be there too. */
export interface NetworkChange {
  readonly changed: readonly Prefix[];
  readonly unchanged?: readonly Prefix[];
  /** What the sets have just been read to hold. */
  readonly held?: HeldNetworks | undefined;
}

interface FamilyChange extends SpanChange {
  readonly family: Family;
}

export type NetworkTables = IntervalTables & Pick<NfTables, "replaceIntervals" | "changeIntervals" | "empty">;

export class NetworkSets {
  readonly #tables: NetworkTables;
  readonly #wanted: WantedNetworks;
  /** What follows from the networks that are wanted; undefined: it is to be made anew. */
  readonly #unions: Record<Family, SpanList | undefined> = { ipv4: undefined, ipv6: undefined };
  /** The set was last seen to hold the union, and nothing else. */
  readonly #isHeld: Record<Family, boolean> = { ipv4: false, ipv6: false };

  readonly #dump: typeof dumpElements;

  constructor(tables: NetworkTables, wanted: WantedNetworks, dump = dumpElements) {
    this.#tables = tables;
    this.#wanted = wanted;
    this.#dump = dump;
  }

  /** Nothing is known any more of what is wanted, or held. */
  forget(among: readonly Family[] = families): void {
    for (const family of among) {
      this.#unions[family] = undefined;
      this.#isHeld[family] = false;
    }
  }

  /** Makes the sets what they should be, whatever they hold. Why that failed, or "". */
  rewrite(nowMs: number): string {
    this.forget();
    return this.#writeWhole(families, clockFrom(nowMs));
  }

  /**
   * Whether the kernel holds what is wanted of a network. Asks at a few
   * places; false also where too many would have to be asked. Without a time: until whenever.
   */
  isHeldWithin(source: Prefix, nowMs?: number): boolean {
    const family = familyOf(source);
    const { first, last } = spanOf(source, undefined);
    const parts = this.unionOf(family, nowMs ?? 0).between(first, last);
    if (parts.length > FEW_PARTS || !coversSpan(parts, { first, last, untilMs: undefined })) return false;
    return parts.every((span) =>
      endsOf(clipSpan(span, first, last)).every((address) => isHeldAt(this.#tables, { family, address, span }, nowMs)),
    );
  }

  /** Whether the kernel holds the first address of a network, by whichever interval. Throws KernelError. */
  isAnyHeldAt(source: Prefix): boolean {
    const family = familyOf(source);
    const key = keyOfAddress(spanOf(source, undefined).first, family);
    return this.#tables.intervalAt(intervalSets[family], key) !== undefined;
  }

  /** The intervals that the kernel holds. Throws KernelError, ENOENT without the table. */
  read(family: Family, nowMs: number): Span[] {
    return readIntervals(this.#tables, family, nowMs);
  }

  /**
   * Whether long sets hold what is wanted, read a part at a time with a pause behind each: of 100,000 intervals that takes a
   * second. False also where a set has changed meanwhile, and at once where none is long. Rejects with KernelError.
   */
  areAsWantedInParts(pause: () => Promise<void>, nowMs: number): false | Promise<boolean> {
    const isLong = (family: Family) => this.unionOf(family, nowMs).all.length > READ_WHOLE;
    return families.some(isLong) && this.#readInParts(pause, clockFrom(nowMs));
  }

  async #readInParts(pause: () => Promise<void>, clock: () => number): Promise<boolean> {
    for (const family of families) {
      const held = await readIntervalsInParts(this.#dump, { family, nowMs: clock() }, pause);
      if (!areSame(this.unionOf(family, clock()).all, held)) return false;
    }
    return true;
  }

  /** What the networks of a family that are wanted come to now. */
  unionOf(family: Family, nowMs: number): SpanList {
    const union = this.#unions[family] ?? new SpanList(this.#wanted.union(family, nowMs));
    this.#unions[family] = union;
    union.dropEnded(nowMs);
    return union;
  }

  /**
   * Makes the sets what is wanted: what has changed of them where it is known what they hold, else all of them, which is
   * also done where the kernel refuses a part, or does not hold it afterwards. Why that failed, or "".
   */
  write({ changed, unchanged = [], held }: NetworkChange, nowMs: number): string {
    const clock = clockFrom(nowMs);
    const sources = [...changed, ...unchanged];
    const among = families.filter((family) => sources.some((source) => familyOf(source) === family));
    const isKnown = among.every((family) => this.#isHeld[family] && this.#unions[family] !== undefined);
    if (isKnown && sources.length <= MANY) {
      const changes = among.map((family) => this.#change(family, changed, nowMs));
      if (this.#writeChanges(changes, clock) && this.#areHeld(changes, sources, clock)) return "";
    }
    this.forget(among);
    return this.#writeWhole(among, clock, held);
  }

  /** Has the union follow networks that have come or gone. */
  #change(family: Family, changed: readonly Prefix[], nowMs: number): FamilyChange {
    const union = this.unionOf(family, nowMs);
    const ranges = changed
      .filter((source) => familyOf(source) === family)
      .map((source) => ({ source, ...spanOf(source, undefined) }));
    const within = (source: Prefix) => this.#wanted.unionWithin(source, nowMs);
    if (ranges.length > FEW) {
      const parts = outermost(ranges).map((range) => ({ ...range, parts: within(range.source) }));
      return { family, ...union.replaceAll(parts) };
    }
    const changes = ranges.map(({ source, first, last }) => union.replace(first, last, within(source)));
    return { family, ...joinChanges(changes) };
  }

  #writeChanges(changes: readonly FamilyChange[], clock: () => number): boolean {
    const sets = changes
      .filter(({ gone, added }) => gone.length + added.length > 0)
      .map((change) => intervalsOf(change, clock()));
    return sets.length === 0 || this.#tables.changeIntervals(sets) === "";
  }

  /** Short sets are read whole; long ones are asked where something has changed, and where a network begins and ends. */
  #areHeld(changes: readonly FamilyChange[], sources: readonly Prefix[], clock: () => number): boolean {
    return changes.every(({ family, gone, added }) => {
      const union = this.unionOf(family, clock());
      if (union.all.length <= READ_WHOLE) return this.#areAsWanted([family], clock) === "";
      const edges = [...gone, ...added].flatMap(({ first, last }) => [first - 1n, first, last, last + 1n]);
      const ends = sources
        .filter((source) => familyOf(source) === family)
        .flatMap((source) => endsOf(spanOf(source, undefined)));
      const limit = 1n << BigInt(familyBits[family]);
      return distinct([...edges, ...ends])
        .filter((address) => address >= 0n && address < limit)
        .every((address) => {
          const [span] = union.between(address, address);
          return isHeldAt(this.#tables, { family, address, span }, clock());
        });
    });
  }

  /** "", or why not. */
  #writeWhole(among: readonly Family[], clock: () => number, held?: HeldNetworks): string {
    try {
      const isShort = (family: Family) => this.unionOf(family, clock()).all.length <= WRITTEN_WHOLE;
      const short = among.filter(isShort).map((family) => {
        const { set, added } = intervalsOf({ family, gone: [], added: this.unionOf(family, clock()).all }, clock());
        return [set, added] as const;
      });
      let code = short.length === 0 ? "" : this.#tables.replaceIntervals(short);
      const written: Family[] = [];
      for (const family of among) {
        const isAsRead = !isShort(family) && this.#isAsWanted(family, held?.[family], clock());
        if (!isAsRead) written.push(family);
        if (isAsRead || code !== "" || isShort(family)) continue;
        code = this.#writeDifferences(family, held?.[family] ?? this.read(family, clock()), clock);
      }
      return code === "" ? this.#areAsWanted(written, clock) : `${code}; ${elementRemedy(code)}`;
    } catch (error) {
      if (error instanceof KernelError) return `${error.code}; ${elementRemedy(error.code)}`;
      throw error;
    }
  }

  /** Whether a set that has just been read holds what is wanted: then it need not be read again. */
  #isAsWanted(family: Family, held: readonly Span[] | undefined, nowMs: number): boolean {
    if (held === undefined) return false;
    this.compare(family, held, nowMs);
    return this.#isHeld[family];
  }

  /** Compares a long set with what is wanted and writes what differs, in the order of the addresses, some at a time. */
  #writeDifferences(family: Family, held: readonly Span[], clock: () => number): string {
    const wanted = this.unionOf(family, clock()).all;
    const gone = spansNotAmong(held, wanted, sameEnd);
    const added = spansNotAmong(wanted, held, sameEnd);
    if (this.#writeInBatches({ family, gone, added }, clock) === "") return "";
    // The kernel has been wrong about neighbours before: then the set is made from nothing.
    const code = this.#tables.empty(intervalSets[family]);
    return code === "" ? this.#writeInBatches({ family, gone: [], added: wanted }, clock) : code;
  }

  #writeInBatches({ family, gone, added }: FamilyChange, clock: () => number): string {
    let code = "";
    let taken = 0;
    for (let at = 0; code === "" && (at < added.length || taken < gone.length); at += BATCH) {
      const part = added.slice(at, at + BATCH);
      const last = added[at + BATCH] === undefined ? undefined : part.at(-1)?.last;
      const from = taken;
      // What goes goes no later than what comes in its place.
      while (taken < gone.length && (last === undefined || (gone[taken]?.first ?? 0n) <= last)) taken++;
      const change = { family, gone: gone.slice(from, taken), added: part };
      code = this.#tables.changeIntervals([intervalsOf(change, clock())]);
    }
    return code;
  }

  /** "", or why not. */
  #areAsWanted(among: readonly Family[], clock: () => number): string {
    for (const family of among) this.#isHeld[family] = false;
    try {
      for (const family of among) {
        const held = this.read(family, clock());
        this.compare(family, held, clock());
        if (!this.#isHeld[family]) return "the kernel took it and does not hold it";
      }
      return "";
    } catch (error) {
      if (error instanceof KernelError) return `${error.code}; ${elementRemedy(error.code)}`;
      throw error;
    }
  }

  /** What a set that was read should hold otherwise. */
  compare(family: Family, held: readonly Span[], nowMs: number): Differences {
    const wanted = this.unionOf(family, nowMs).all;
    this.#isHeld[family] = true;
    if (areSame(wanted, held)) return { missing: [], foreign: [], untimely: false };
    const stays = (span: Span) => !isEnding(span, nowMs);
    const missing = subtractSpans(wanted, held).filter(stays);
    const foreign = subtractSpans(held, wanted).filter(stays);
    const untimely = pairOverlaps(wanted, held).some(([one, other]) => !sameEnd(one.untilMs, other.untilMs));
    this.#isHeld[family] = missing.length === 0 && foreign.length === 0 && !untimely;
    return { missing, foreign, untimely };
  }
}

/** In the order of their addresses, without those that lie in another. */
function outermost<T extends Span>(ranges: readonly T[]): T[] {
  const found: T[] = [];
  for (const range of [...ranges].sort(compareSpans)) if (range.last > (found.at(-1)?.last ?? -1n)) found.push(range);
  return found;
}

/** Not by a Set: V8 hashes of a large number its lowest 64 bits, which all networks of IPv6 have in common. */
function distinct(addresses: bigint[]): bigint[] {
  addresses.sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  return addresses.filter((address, index) => address !== addresses[index - 1]);
}

function endsOf({ first, last }: Span): bigint[] {
  return [first, last];
}

/** The time now, at which `nowMs` was some time ago. */
function clockFrom(nowMs: number): () => number {
  const startMs = performance.now();
  return () => nowMs + performance.now() - startMs;
}

function intervalsOf({ family, gone, added }: FamilyChange, nowMs: number): IntervalsOfSet {
  const toIntervals = (spans: readonly Span[]) => spans.map((span) => changeOf(span, family, nowMs));
  return { set: intervalSets[family], gone: toIntervals(gone), added: toIntervals(added) };
}

/** As most often: quicker than to look for what differs. */
function areSame(wanted: readonly Span[], held: readonly Span[]): boolean {
  const isSame = ({ first, last, untilMs }: Span, other: Span | undefined) =>
    other !== undefined && first === other.first && last === other.last && sameEnd(untilMs, other.untilMs);
  return wanted.length === held.length && wanted.every((span, index) => isSame(span, held[index]));
}

/** It may be gone already. */
export function isEnding({ untilMs }: Span, nowMs: number): boolean {
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
