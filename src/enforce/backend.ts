// The seam behind every block: what can shut a source out, asked in the same four ways whatever it is. A block is called
// enforced only after its backend was asked and has said so.

import type { BackendName, Block } from "../judge/block.ts";
import type { Outcome } from "../table/firewall.ts";

/** The kernel's table answers at once, a command when it has ended. */
export type Answer<T> = T | Promise<T>;

export interface Backend {
  readonly name: BackendName;
  /** Shuts sources out. `failure` is "" for each block that stands now. */
  enforce(blocks: readonly Block[], nowMs: number): Answer<readonly Outcome[]>;
  /** Lets sources in again. Returns those that it could not let in; what somebody has undone already is no failure. */
  lift(blocks: readonly Block[], nowMs: number): Answer<readonly Outcome[]>;
  /** Whether a block stands until the time that it says; undefined where that cannot be told. */
  stands(block: Block, nowMs: number): Answer<boolean | undefined>;
  /** Ends what runs. Absent where nothing does between two calls. */
  close?(): Promise<void>;
}

/** The built-in table: it has its answer within a delivery, so that the packets behind the scanner's meet its block. */
export interface TableBackend extends Backend {
  enforce(blocks: readonly Block[], nowMs: number): Outcome[];
  lift(blocks: readonly Block[], nowMs: number): Outcome[];
  /** Takes out what is left of blocks that have ended by themselves, or by another program. */
  liftEnded(blocks: readonly Block[], nowMs: number): void;
  stands(block: Block, nowMs: number): boolean;
  /** Makes the sets of networks what they should be; why that failed, or "". */
  rewriteNetworks(nowMs: number): string;
}
