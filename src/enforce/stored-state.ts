// Blocks and offences in the store: read at start, and written anew into a store that had to be replaced.
import type { HashSeed } from "../detect/keyed-hash.ts";
import type { OffenceMemory } from "../judge/escalation.ts";
import type { Store } from "../record/store.ts";
import type { BlockList } from "./block-list.ts";
import { type Restored, type RestoreParts, restoreBlocks } from "./restore.ts";

export interface StoredStateParts {
  readonly store: RestoreParts["store"] & Pick<Store, "offences" | "putOffence">;
  readonly list: BlockList;
  readonly offences: Pick<OffenceMemory, "restore" | "entries">;
  /** Absent where no table is loaded. */
  readonly firewall?: RestoreParts["firewall"];
  readonly nowMs: () => number;
  readonly seed: HashSeed;
}

export class StoredState {
  readonly #parts: StoredStateParts;
  /** The store has been made anew since the blocks were last read from it. */
  #isStoreNew = false;

  constructor(parts: StoredStateParts) {
    this.#parts = parts;
  }

  restoreOffences(): void {
    const { store, offences } = this.#parts;
    for (const { source, ...known } of store.offences()) offences.restore([[source, known]]);
  }

  /** Lists the stored blocks and makes them true in the kernel; at start, and when FIREWALL is switched on. */
  restoreBlocks(enforces: boolean): Restored {
    const { store, list, firewall, nowMs, seed } = this.#parts;
    this.#isStoreNew = false;
    const restored = restoreBlocks({ store, list, seed, nowMs: nowMs(), firewall: enforces ? firewall : undefined });
    // What was read of a damaged store is listed now.
    if (this.#isStoreNew) this.storeAll();
    return restored;
  }

  /** Puts everything into a store that was made anew. */
  storeAll(): void {
    const { store, list, offences } = this.#parts;
    this.#isStoreNew = true;
    for (const block of list.values()) store.putBlock(block);
    for (const [source, known] of offences.entries()) store.putOffence({ source, ...known });
  }
}
