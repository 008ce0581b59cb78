// A verdict: the answer to a finding, and its reason.
import type { Finding } from "../detect/finding.ts";

/** The kind of evidence for a block (design section 7); "fleet", "handshake" and "silence" come with later issues. */
export const grades = ["handshake", "silence", "direct", "manual", "fleet"] as const;
export type Grade = (typeof grades)[number];

/** Why an address is in the guard (design section 4), as `portreeve guard` says it. */
export const guardReasons = ["ssh", "gateway", "resolver", "time server", "container", "peer"] as const;
export type GuardReason = (typeof guardReasons)[number];

/** The connections that a full block of a source ends, counted when the block was decided on. */
export interface Ended {
  /** Ports that are served, and that it has finished a real connection to within 7 days. */
  readonly knownPairs: number;
  /** Connections of it that stand, to ports that are served. */
  readonly liveConnections: number;
}

export type Verdict =
  /** Nothing is done: the source is on the allow list, in the guard, or one of our own. */
  | {
      readonly action: "spare";
      readonly because: "ignored" | "guarded" | "own";
      readonly finding: Finding;
      readonly guard?: GuardReason;
      /** It is spared although it is proven: an SSH session of it stands. */
      readonly proven?: Grade;
    }
  /** BLOCK_*="0", or no firewall: recorded only. */
  | { readonly action: "log"; readonly finding: Finding }
  /** BLOCK_*="2": KILL_RUN_CMD runs, and nothing else is done. */
  | { readonly action: "run"; readonly finding: Finding }
  /**
   * Unproven (PROOF="on"), or a client of this host, proven or not: new connections dropped for SOFT_BLOCK_TIME, known pairs
   * and established flows pass.
   */
  | { readonly action: "soft"; readonly grade: Grade; readonly finding: Finding; readonly ends?: Ended }
  /** Everything from the source is dropped for BLOCK_TIME, longer each time. */
  | {
      readonly action: "block";
      readonly grade: Grade;
      readonly finding: Finding;
      /** It is in the guard, and proven all the same. */
      readonly guard?: GuardReason;
      /** Absent: not counted. */
      readonly ends?: Ended;
    };

/**
 * A block on packets that anybody can forge: soft, or with PROOF="off" full. A proven source may get a soft one all the
 * same.
 */
export type Claim = Extract<Verdict, { readonly action: "soft" | "block" }>;

export function isClaim(verdict: Verdict): verdict is Claim {
  return (verdict.action === "soft" || verdict.action === "block") && verdict.grade === "direct";
}
