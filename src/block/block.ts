// A block: a source that is shut out, until when, and why.
import type { Grade } from "../judge/verdict.ts";
import type { Prefix } from "../wire/address.ts";

export interface Block {
  readonly source: Prefix;
  readonly sinceMs: number;
  /** Milliseconds since the epoch; undefined means for ever. */
  readonly untilMs: number | undefined;
  readonly grade: Grade;
  /** True: only new connections are dropped (the soft sets of the ruleset). */
  readonly soft: boolean;
  readonly reason: string;
  /** How often this source has been blocked, this time included. */
  readonly offences: number;
  readonly backend: "nftables";
  /** True once the kernel has been asked and has said that it holds the source. */
  readonly enforced: boolean;
}
