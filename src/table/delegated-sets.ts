// The sets of sources that a command of the administrator's own blocks: the sensor lets them pass to its rule.

import type { Block } from "../judge/block.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import type { Prefix } from "../wire/address.ts";
import type { Delegation } from "./kernel-sensor.ts";
import { placeOf, type SetKey, timeoutOf } from "./set-key.ts";

export class DelegatedSets implements Delegation {
  readonly #tables: Pick<NfTables, "replace" | "remove">;

  constructor(tables: Pick<NfTables, "replace" | "remove">) {
    this.#tables = tables;
  }

  delegate(block: Block, nowMs: number): string {
    const key = delegatedKey(block.source);
    if (key === undefined) return "";
    return this.#tables.replace([{ ...key, timeoutMs: timeoutOf(block, nowMs) }]);
  }

  undelegate(source: Prefix): void {
    const key = delegatedKey(source);
    if (key !== undefined) this.#tables.remove([key]);
  }

  /** What came through of a delegated source is no proof any more: its block has ended, and it is answered like anybody. */
  forgetThrough(source: Prefix): void {
    const key = delegatedKey(source);
    if (key !== undefined) this.#tables.remove([{ ...key, set: key.set.replace("delegated", "through") }]);
  }
}

/** A /64 is delegated as the hold has it: by its first address. */
function delegatedKey(source: Prefix): SetKey | undefined {
  const place = placeOf(source, false, false);
  if (place.kind === "interval") return undefined;
  return { set: place.set === "blocked4" ? "delegated4" : "delegated6", key: place.key };
}
