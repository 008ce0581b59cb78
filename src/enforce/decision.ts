// A block that somebody decided on, before its times are known.

import type { Finding } from "../detect/finding.ts";
import type { Reason } from "../judge/reason.ts";
import type { Ended, Grade, Verdict } from "../judge/verdict.ts";
import { reasonFor } from "../record/finding-text.ts";
import { placeOf } from "../table/set-key.ts";
import type { Prefix } from "../wire/address.ts";

export interface Decision {
  readonly source: Prefix;
  readonly grade: Grade;
  readonly soft: boolean;
  readonly reason: Reason;
  /** undefined: as BLOCK_TIME and the source's past say; 0: for ever. */
  readonly forMs?: number | undefined;
  readonly finding?: Finding;
  readonly ends?: Ended | undefined;
  /** What commands did, or are doing, for the block (Block.madeBy). Absent: none is run for it. */
  readonly madeBy?: string | undefined;
  /** The word of a person who means it: a block that ends later is shortened. */
  readonly mayShorten?: boolean;
  /** Another program's block, taken over: none that a trial makes. */
  readonly existed?: boolean;
}

/** A verdict that a block follows from. */
export type Blocking = Pick<Verdict & { readonly action: "soft" | "block" }, "finding" | "grade" | "ends">;

export function decisionOf({ finding, grade, ends }: Blocking, soft: boolean): Decision {
  return { source: finding.source, grade, soft, reason: reasonFor(finding), finding, ends };
}

/** Intervals are blocked in full: a source that has no place in a soft set must not come there. */
export function hasSoftForm(source: Prefix): boolean {
  return placeOf(source, true, false).kind === "plain";
}
