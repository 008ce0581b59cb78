// Claims in a flood: each source that sends what anybody could forge is a claim, and of more than so many a second only
// some are acted on, chosen by lot.

import type { Settings } from "../config/settings.ts";
import type { Detector } from "../detect/detector.ts";
import type { Breaker, BreakerLimits } from "../judge/breaker.ts";
import { type Claim, isClaim, type Verdict } from "../judge/verdict.ts";
import type { Recorder } from "../record/recorder.ts";

/** MAX_BLOCKS_PER_SECOND is counted over so long: with the default 6,000 sources at once are blocked at once. */
const FULL_BURST_SECONDS = 600;

export interface ClaimsParts {
  readonly settings: () => Settings;
  readonly recorder: Pick<Recorder, "warning">;
  readonly detector: Pick<Detector, "letWait" | "endWait">;
  /** Whether a claim would change anything: a source that is shut out already needs none. */
  readonly wouldAct: (claim: Claim) => boolean;
  readonly nowMs: () => number;
  /** With breakerLimits() of the settings in force. */
  readonly breaker: Breaker;
}

/** How many blocks on a claim are made: soft ones, or with PROOF="off" full ones. */
export function breakerLimits({ proof, maxUnprovenPerSecond, maxBlocksPerSecond }: Settings): BreakerLimits {
  if (proof === "on") return { perSecond: maxUnprovenPerSecond, burst: maxUnprovenPerSecond };
  return { perSecond: maxBlocksPerSecond, burst: maxBlocksPerSecond * FULL_BURST_SECONDS };
}

export class Claims {
  readonly breaker: Breaker;
  readonly #parts: ClaimsParts;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
    this.breaker = parts.breaker;
  }

  /** What a flood of claims means under these settings, for the log and `status`. */
  get floodText(): { readonly key: string; readonly whatIsDone: string } {
    const { proof, maxUnprovenPerSecond, maxBlocksPerSecond } = this.#parts.settings();
    return proof === "on"
      ? {
          key: "MAX_UNPROVEN_PER_SECOND",
          whatIsDone: `${maxUnprovenPerSecond} a second are softly blocked, chosen at random`,
        }
      : { key: "MAX_BLOCKS_PER_SECOND", whatIsDone: `${maxBlocksPerSecond} a second are blocked, chosen at random` };
  }

  /**
   * Whether a verdict is to be carried out. False: it is a claim in a flood of them, and waits for takeChosen(), or is passed
   * over; its source asks again with its next probe. `lot`: drawn for it already.
   */
  admits(verdict: Verdict, lot?: number): boolean {
    const { nowMs: clock, detector, wouldAct } = this.#parts;
    // Findings about networks have a limit of their own (detect/neighbours.ts).
    if (!isClaim(verdict) || isOfNetwork(verdict) || !wouldAct(verdict)) return true;
    const nowMs = clock();
    const wasOpen = this.breaker.isOpen;
    if (this.breaker.admit(nowMs)) return true;
    if (!wasOpen) this.#sayFlood();
    detector.letWait(verdict.finding.source);
    const drawn = lot ?? this.breaker.draw(verdict.finding.probes, nowMs);
    if (drawn !== undefined) this.breaker.wait(verdict, drawn, nowMs);
    return false;
  }

  /** The claims that are acted on of those that wait. After each delivery, and a few times a second: cheap. */
  takeChosen(): readonly Claim[] {
    if (!this.breaker.hasWaiting) return [];
    const { nowMs, detector, wouldAct } = this.#parts;
    const chosen = this.breaker.take(nowMs(), wouldAct);
    for (const { finding } of chosen) detector.endWait(finding.source);
    return chosen;
  }

  /** Once a second: says when a flood has ended. */
  tick(): void {
    if (!this.breaker.tick(this.#parts.nowMs())) return;
    const { withheld } = this.breaker;
    this.#parts.recorder.warning(
      `the flood of unproven sources has ended: each scanner that is found is blocked again (${withheld} packets of found sources were passed over since the start)`,
    );
  }

  #sayFlood(): void {
    const { key, whatIsDone } = this.floodText;
    const kind =
      this.#parts.settings().proof === "on" ? "unproven sources" : "sources to be blocked on unproven evidence";
    const limit = breakerLimits(this.#parts.settings()).perSecond;
    this.#parts.recorder.warning(
      `there are more than ${limit} ${kind} a second (${key}): until this ends ${whatIsDone} among the sources that go on; proven sources are blocked all the same`,
    );
  }
}

function isOfNetwork({ finding }: Verdict): boolean {
  return finding.members !== undefined;
}
