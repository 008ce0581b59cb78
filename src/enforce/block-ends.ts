// Ends blocks when their time is over, prolongs soft ones of sources that are still at it, and lets those of a trial that is
// confirmed stay.

import type { Detector } from "../detect/detector.ts";
import type { Block } from "../judge/block.ts";
import type { Recorder } from "../record/recorder.ts";
import type { Store } from "../record/store.ts";
import { formatPrefix } from "../wire/address.ts";
import type { BlockKeeper } from "./block-keeper.ts";
import type { BlockList } from "./block-list.ts";
import type { BlockTerms } from "./block-terms.ts";
import type { Trial } from "./trial.ts";

/** A soft block is looked at so long before it ends: its source may still be scanning. */
const RENEW_AHEAD_MS = 3_000;
/** Blocks that end in one turn of the event loop; the kernel has ended them already. */
const EXPIRIES_PER_TURN = 500;
/** A soft block is not given another end for less. */
const MIN_RENEWAL_MS = 1_000;

export interface BlockEndsParts {
  readonly list: Pick<BlockList, "put" | "takeExpired" | "onTrial">;
  readonly keeper: Pick<BlockKeeper, "enforce" | "replace" | "prolong" | "lift">;
  readonly terms: Pick<BlockTerms, "endOf" | "softMs">;
  readonly store: Pick<Store, "flush">;
  readonly detector: Pick<Detector, "lastSeenMs">;
  readonly recorder: Pick<Recorder, "warning">;
  readonly trial?: Pick<Trial, "mayBlock"> | undefined;
  readonly nowMs: () => number;
}

export class BlockEnds {
  readonly #parts: BlockEndsParts;

  constructor(parts: BlockEndsParts) {
    this.#parts = parts;
  }

  /** Ends some of what is over; true when there is more. */
  endSome(): boolean {
    const { list, keeper } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const over: Block[] = [];
    const early: Block[] = [];
    let count = 0;
    for (; count < EXPIRIES_PER_TURN; count++) {
      const block = list.takeExpired(nowMs + RENEW_AHEAD_MS);
      if (block === undefined) break;
      if (block.soft && this.#renew(block)) continue;
      if ((block.untilMs ?? 0) > nowMs) early.push(block);
      else over.push(block);
    }
    for (const block of early) list.put(block);
    if (over.length > 0) keeper.lift(over, "expired");
    // Those that end first come first: after one that is early none is over.
    return count === EXPIRIES_PER_TURN && early.length === 0;
  }

  /** A soft block lasts SOFT_BLOCK_TIME from the source's latest probe; that of a network two minutes from its latest scan. */
  #renew(block: Block): boolean {
    const { detector, trial, terms, keeper } = this.#parts;
    const nowMs = this.#parts.nowMs();
    const lastSeenMs = detector.lastSeenMs(block.source);
    if (lastSeenMs === undefined || trial?.mayBlock === false) return false;
    const end = terms.endOf({ source: block.source }, lastSeenMs + terms.softMs(block.source), nowMs);
    if ((end.untilMs ?? 0) <= (block.untilMs ?? 0) + MIN_RENEWAL_MS) return false;
    const renewed = { ...block, ...end };
    const [outcome] = keeper.enforce([renewed], nowMs);
    if (outcome === undefined || outcome.failure !== "") return false;
    keeper.replace(renewed);
    return true;
  }

  /** The trial is confirmed: its blocks stay until their own time. Returns for how many the kernel has taken that. */
  keepAfterTrial(): number {
    const { list, keeper, store, recorder, nowMs } = this.#parts;
    const wanted = [...list.onTrial()].map(
      ({ afterTrial, ...block }): Block => ({ ...block, untilMs: afterTrial?.untilMs }),
    );
    let kept = 0;
    for (const { block, failure } of keeper.enforce(wanted, nowMs())) {
      if (failure !== "") {
        recorder.warning(`${formatPrefix(block.source)} ends with the trial, though it was confirmed: ${failure}`);
        continue;
      }
      keeper.prolong(block);
      kept++;
    }
    store.flush();
    return kept;
  }
}
