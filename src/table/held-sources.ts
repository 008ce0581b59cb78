// The single sources that the kernel holds, as they were read: numbers in typed arrays, for there may be as many as blocks.

import { grown, rowsFor } from "../detect/columns.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import { NO_ROW, PrefixRows } from "../detect/prefix-rows.ts";
import type { Prefix } from "../wire/address.ts";
import type { Held } from "./held-elements.ts";

/** One of the two kinds of set. */
class Sources {
  readonly keys: PrefixRows;
  /** In how many milliseconds; Infinity for those that do not end. */
  expiresInMs = new Float64Array(0);

  constructor(seed: HashSeed) {
    this.keys = new PrefixRows(seed);
  }
}

export class HeldSources {
  readonly #full: Sources;
  readonly #soft: Sources;

  constructor(seed: HashSeed) {
    this.#full = new Sources(seed);
    this.#soft = new Sources(seed);
  }

  add({ source, soft, expiresInMs }: Pick<Held, "source" | "soft" | "expiresInMs">): void {
    if (source === undefined) return;
    const sources = soft ? this.#soft : this.#full;
    const row = sources.keys.add(source);
    if (row >= sources.expiresInMs.length) {
      sources.expiresInMs = grown(sources.expiresInMs, rowsFor(row), Float64Array);
    }
    sources.expiresInMs[row] = expiresInMs ?? Number.POSITIVE_INFINITY;
  }

  /** Takes a source out, and says in how many milliseconds it ends: Infinity for never, undefined if it is not held. */
  take(source: Prefix, soft: boolean): number | undefined {
    const sources = soft ? this.#soft : this.#full;
    const row = sources.keys.find(source);
    if (row === NO_ROW) return undefined;
    sources.keys.remove(row);
    return sources.expiresInMs[row];
  }

  /** Those that were not taken; full blocks first. */
  *rest(): Generator<Held> {
    for (const soft of [false, true]) {
      const { keys, expiresInMs } = soft ? this.#soft : this.#full;
      for (const row of keys.rows()) {
        const ms = expiresInMs[row] ?? Number.POSITIVE_INFINITY;
        const source = keys.prefix(row);
        yield { place: "", source, soft, expiresInMs: Number.isFinite(ms) ? ms : undefined };
      }
    }
  }
}
