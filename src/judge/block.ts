// A block: a source that is shut out, until when, and why.

import type { Prefix } from "../wire/address.ts";
import type { Reason } from "./reason.ts";
import type { Grade } from "./verdict.ts";

export interface Block {
  readonly source: Prefix;
  readonly sinceMs: number;
  /** Milliseconds since the epoch; undefined means for ever. */
  readonly untilMs: number | undefined;
  readonly grade: Grade;
  /** True: only new connections are dropped (the soft sets of the ruleset). */
  readonly soft: boolean;
  readonly reason: Reason;
  /** How often this source has been blocked, this time included. */
  readonly offences: number;
  /** What shuts the source out: our table, or the administrator's own command or hosts.deny line. */
  readonly backend: BackendName;
  /** The probe that decided, which commands may name ($PORT$, $MODE$); absent for blocks by hand. */
  readonly trigger?: Trigger;
  /** Made on trial (`run --trial`), and so until its end at most: when it ends if the trial is confirmed. */
  readonly afterTrial?: { readonly untilMs: number | undefined };
  /**
   * What commands of the administrator's did for it (enforce/commands/made-by.ts): it is undone by their inverse, whatever
   * the settings say then. "": nothing. Absent: not known, so that the commands of the settings are meant.
   */
  readonly madeBy?: string;
  /** Known pairs and live connections that the source had when it was blocked (Ended in judge/verdict.ts); absent: not counted. */
  readonly knownPairs?: number;
  readonly liveConnections?: number;
  /** True once the kernel has been asked and has said that it holds the source (or the command has said so). */
  readonly enforced: boolean;
}

/** What can shut a source out, in the order in which enforce/backends.ts asks. The order is kept: block-rows.ts counts on it. */
export const backends = ["nftables", "kill-route", "hosts.deny"] as const;
export type BackendName = (typeof backends)[number];

/** The built-in table. Every other backend is the administrator's own. */
export const TABLE_BACKEND: BackendName = "nftables";

/** Whether a block is an element of the built-in table, and not a rule of the administrator's own. */
export function isInTable({ backend }: Pick<Block, "backend">): boolean {
  return backend === TABLE_BACKEND;
}

export interface Trigger {
  readonly protocol: number;
  readonly port: number;
}
