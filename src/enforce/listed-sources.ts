// Blocks the sources of a list that somebody has, many at a time: what stands longer is left as it is, what stands shorter is
// prolonged. Such a block is no offence of its source's, for nothing was seen here, and no event: a list may have a million.
import { type Block, isInTable, TABLE_BACKEND } from "../judge/block.ts";
import type { Store } from "../record/store.ts";
import { endsBefore } from "../table/address-span.ts";
import type { Prefix } from "../wire/address.ts";
import type { BlockKeeper } from "./block-keeper.ts";
import type { BlockList } from "./block-list.ts";
import type { BlockTerms } from "./block-terms.ts";
import type { Decision } from "./decision.ts";

/** "full", "kernel": why it is not blocked. */
export type ListedOutcome = "added" | "merged" | "skipped" | "full" | "kernel";

export interface ListedSourcesParts {
  readonly list: Pick<BlockList, "get" | "containing" | "size" | "limit" | "reserve">;
  readonly terms: Pick<BlockTerms, "blockOf">;
  readonly keeper: Pick<BlockKeeper, "enforce" | "take">;
  readonly store: Pick<Store, "flush">;
  readonly nowMs: () => number;
}

export interface ListedHow extends Pick<Decision, "forMs"> {
  readonly reason: string;
  readonly isDryRun: boolean;
}

export class ListedSources {
  readonly #parts: ListedSourcesParts;

  constructor(parts: ListedSourcesParts) {
    this.#parts = parts;
  }

  /** What became of each source, or would become of it in a dry run. */
  take(sources: readonly Prefix[], { forMs, reason, isDryRun }: ListedHow): ListedOutcome[] {
    const { list, terms, keeper, store, nowMs } = this.#parts;
    // A list may fill ours: what is not written of the room takes no memory.
    if (!isDryRun) list.reserve(list.limit);
    const startMs = nowMs();
    const before = new Map<Block, Block | undefined>();
    const named = new Set<string>();
    let room = list.limit - list.size;
    const outcomes = sources.map((source): ListedOutcome | Block => {
      const block = terms.blockOf({ source, grade: "manual", soft: false, reason, forMs }, TABLE_BACKEND, startMs);
      const name = nameOf(source);
      if (named.has(name) || this.#isCovered(block)) return "skipped";
      named.add(name);
      const known = list.get(source);
      if (known === undefined && room-- <= 0) return "full";
      const isSame = known !== undefined && !known.soft && isInTable(known);
      const { untilMs, afterTrial } = block;
      const wanted = isSame ? { ...known, untilMs, ...(afterTrial !== undefined && { afterTrial }) } : block;
      before.set(wanted, known);
      return wanted;
    });
    const failures = new Map<Block, string>();
    if (!isDryRun)
      for (const { block, failure } of keeper.enforce([...before.keys()], startMs)) failures.set(block, failure);
    const taken = outcomes.map((outcome) => {
      if (typeof outcome === "string") return outcome;
      if (isDryRun) return outcomeOf(before.get(outcome));
      if (failures.get(outcome) !== "") return "kernel";
      return keeper.take(outcome, before.get(outcome), startMs) === "" ? outcomeOf(before.get(outcome)) : "full";
    });
    store.flush();
    return taken;
  }

  /** Whether a full block that stands holds all of it for as long. */
  #isCovered({ source, untilMs }: Block): boolean {
    return this.#parts.list.containing(source).some((other) => !other.soft && !endsBefore(other.untilMs, untilMs));
  }
}

function outcomeOf(known: Block | undefined): ListedOutcome {
  return known === undefined || known.soft ? "added" : "merged";
}

function nameOf({ w0, w1, w2, w3, bits }: Prefix): string {
  return `${w0} ${w1} ${w2} ${w3} ${bits}`;
}
