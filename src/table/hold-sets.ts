// The sets of the hold: sources whose packets the rules drop while the daemon judges them.

import type { NfTables } from "../kernel/nf-tables.ts";
import type { Prefix } from "../wire/address.ts";
import type { Hold } from "./kernel-sensor.ts";
import { placeOf, type SetKey } from "./set-key.ts";

export class HoldSets implements Hold {
  readonly #tables: Pick<NfTables, "lookup" | "remove" | "countElements">;

  constructor(tables: Pick<NfTables, "lookup" | "remove" | "countElements">) {
    this.#tables = tables;
  }

  isHeld(source: Prefix): boolean {
    const key = holdKey(source);
    return key !== undefined && this.#tables.lookup(key.set, key.key).present;
  }

  release(source: Prefix): void {
    const key = holdKey(source);
    if (key !== undefined) this.#tables.remove([key]);
  }

  count(): number {
    return this.#tables.countElements("held4") + this.#tables.countElements("held6");
  }
}

function holdKey(source: Prefix): SetKey | undefined {
  const place = placeOf(source, false, false);
  if (place.kind === "interval") return undefined;
  return { set: place.set === "blocked4" ? "held4" : "held6", key: place.key };
}
