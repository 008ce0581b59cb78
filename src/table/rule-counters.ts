// What the rules drop, or let go, without a line in the log: each such rule has a counter with a name in the kernel's table, and
// status tells it by that name. The others are told by what they log.

import { KernelError } from "../kernel/errors.ts";
import type { NfTables } from "../kernel/nf-tables.ts";

/** By name, in packets. docs/reference/kernel-table.md says what each counts. */
export const ruleCounters = [
  "blockedDropped",
  "softDropped",
  "heldUntold",
  "senderlessDropped",
  "pathErrorsDropped",
  "forwardHeldDropped",
  "forwardSoftDropped",
  "forwardFirstDropped",
  "behindAnswersDropped",
  "behindAsked",
  "behindAnswered",
  "behindOneSided",
  "tooEarlyDropped",
  "greylistUntold",
  "greylistFull",
  "holdsRefused",
  "probesUntold",
  "decoyOverLimit",
  "outgoingUntold",
  "outgoingLimited",
] as const;
export type RuleCounter = (typeof ruleCounters)[number];

/** A statement of nft, in front of the verdict. */
export function counted(name: RuleCounter): string {
  return `counter name "${name}"`;
}

/** Counts from the daemon's start on, over tables that were replaced meanwhile. */
export class RuleCounters {
  readonly #tables: Pick<NfTables, "readCounters">;
  readonly #last = new Map<string, number>();
  readonly #counts = new Map<RuleCounter, number>(ruleCounters.map((name) => [name, 0]));

  /** A stopped daemon has left its table, and what that counts is not this run's. */
  constructor(tables: Pick<NfTables, "readCounters">) {
    this.#tables = tables;
    for (const [name, packets] of this.#read()) this.#last.set(name, packets);
  }

  get counters(): Readonly<Record<RuleCounter, number>> {
    const now = this.#read();
    for (const name of ruleCounters) {
      const packets = now.get(name);
      if (packets === undefined) continue;
      const last = this.#last.get(name) ?? 0;
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + (packets < last ? packets : packets - last));
      this.#last.set(name, packets);
    }
    return Object.fromEntries(this.#counts) as Record<RuleCounter, number>;
  }

  /** A kernel that cannot be asked for the moment is no reason for status to fail: what was read last stands. */
  #read(): ReadonlyMap<string, number> {
    try {
      return this.#tables.readCounters();
    } catch (error) {
      if (error instanceof KernelError) return new Map();
      throw error;
    }
  }
}
