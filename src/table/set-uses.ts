// How full the sets of our table are, as the kernel tells it, or as they are counted where it does not.

import { dumpElements } from "../kernel/element-dump.ts";
import type { NfTables, SetUse } from "../kernel/nf-tables.ts";
import { TABLE } from "./ruleset-plan.ts";
import { whenThere } from "./when-there.ts";

export class SetUses {
  readonly #tables: Pick<NfTables, "readSetUses">;

  constructor(tables: Pick<NfTables, "readSetUses">) {
    this.#tables = tables;
  }

  /** None without the table. */
  read(): SetUse[] {
    return whenThere([], () => this.#tables.readSetUses());
  }

  /** Counts one by reading it, a part at a time: for kernels that do not tell. Rejects with KernelError. */
  async count(set: string, pause: () => Promise<void>): Promise<number> {
    let count = 0;
    await dumpElements({ table: TABLE, set }, () => count++, pause);
    return count;
  }
}
