// From a decision to a block: how long it lasts, which offence of its source it is, and that it does not shorten a block
// that stands.

import type { Settings } from "../config/settings.ts";
import type { Block } from "../judge/block.ts";
import { blockDurationMs, type OffenceMemory } from "../judge/escalation.ts";
import { endsBefore } from "../table/address-span.ts";
import { isNeighbourNetwork } from "../table/set-key.ts";
import type { Prefix } from "../wire/address.ts";
import type { BlockList } from "./block-list.ts";
import type { Decision } from "./decision.ts";
import type { Trial } from "./trial.ts";

/** 16 forged packets make a network a finding: they are to cost its people minutes, and their forger as many again. */
const NETWORK_SOFT_MS = 120_000;

export interface BlockTermsParts {
  readonly settings: () => Settings;
  readonly list: Pick<BlockList, "get">;
  readonly offences: Pick<OffenceMemory, "get">;
  readonly trial?: Pick<Trial, "limitMs"> | undefined;
}

/** When a block ends, and when it would without the trial. */
type End = Pick<Block, "untilMs" | "afterTrial">;

export class BlockTerms {
  readonly #parts: BlockTermsParts;

  constructor(parts: BlockTermsParts) {
    this.#parts = parts;
  }

  /** Not enforced yet. */
  blockOf(decision: Decision, backend: Block["backend"], nowMs: number): Block {
    const { soft, grade, reason, source, finding, ends } = decision;
    const past = this.#parts.offences.get(source, nowMs)?.offences ?? 0;
    const durationMs = this.#durationMs(decision, past + 1);
    const wantedMs = durationMs === undefined ? undefined : nowMs + durationMs;
    const trigger = finding === undefined ? {} : { trigger: { protocol: finding.protocol, port: finding.port } };
    return {
      source,
      sinceMs: nowMs,
      ...this.#notShorter(decision, this.endOf(decision, wantedMs, nowMs)),
      grade,
      soft,
      reason,
      offences: past + 1,
      backend,
      ...trigger,
      ...ends,
      ...this.#madeBy(decision),
      enforced: false,
    };
  }

  /** What an earlier block of the source left is undone with this one. */
  #madeBy({ source, soft, grade, madeBy }: Decision): Pick<Block, "madeBy"> {
    const made = madeBy ?? this.#parts.list.get(source)?.madeBy;
    if (made !== undefined) return { madeBy: made };
    return soft || grade === "manual" ? {} : { madeBy: "" };
  }

  /** On trial a block ends with it, unless it takes the place of one from before the trial: that is not shortened. */
  endOf({ source, existed }: Pick<Decision, "source" | "existed">, wantedMs: number | undefined, nowMs: number): End {
    const limitMs = existed === true ? undefined : this.#parts.trial?.limitMs(nowMs);
    if (limitMs === undefined || (wantedMs ?? Number.POSITIVE_INFINITY) <= limitMs) return { untilMs: wantedMs };
    const before = this.#parts.list.get(source);
    const isOlder = before !== undefined && !before.soft && before.afterTrial === undefined;
    if (isOlder && (before.untilMs ?? Number.POSITIVE_INFINITY) > limitMs) return { untilMs: before.untilMs };
    return { untilMs: limitMs, afterTrial: { untilMs: wantedMs } };
  }

  /** A full block that ends later is not shortened by the next. */
  #notShorter({ source, soft, mayShorten }: Decision, end: End): End {
    const before = this.#parts.list.get(source);
    if (soft || mayShorten === true || before === undefined || before.soft) return end;
    if (!endsBefore(end.untilMs, before.untilMs)) return end;
    const { untilMs, afterTrial } = before;
    return { untilMs, ...(afterTrial !== undefined && { afterTrial }) };
  }

  #durationMs({ source, soft, forMs }: Decision, offences: number): number | undefined {
    if (forMs !== undefined) return forMs === 0 ? undefined : forMs;
    if (soft) return this.softMs(source);
    const { blockTimeMs, blockTimeFactor: factor, blockTimeMaxMs: maxMs } = this.#parts.settings();
    return blockDurationMs({ blockTimeMs, factor, maxMs }, offences);
  }

  /** How long a soft block lasts when the source is not seen again. */
  softMs(source: Prefix): number {
    const { softBlockTimeMs } = this.#parts.settings();
    return isNeighbourNetwork(source) ? Math.min(softBlockTimeMs, NETWORK_SOFT_MS) : softBlockTimeMs;
  }
}
