// Keeps what the kernel's rules have learned over restarts and reboots: saved every ten minutes and at the end, put back
// at start and whenever another program has removed our table.

import type { ReplacedFile } from "../base/replaced-file.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { LearnedBytes, learnedFile, readLearned } from "./learned-file.ts";
import type { Learning } from "./learned-sets.ts";

export interface LearnedParts {
  readonly sets: Pick<Learning, "visit" | "restore">;
  readonly path: string;
  readonly say: (message: string) => void;
  /** Gives the event loop its turn. */
  readonly pause: () => Promise<void>;
}

export class Learned {
  readonly #parts: LearnedParts;
  #saving: Promise<void> | undefined;
  readonly #file: ReplacedFile;
  #failing = false;

  constructor(parts: LearnedParts) {
    this.#parts = parts;
    this.#file = learnedFile(parts.path);
  }

  /** From the file into a table that is new, or may be. `own`: addresses of this host. Returns how many elements the kernel took or had. */
  load(own: AddressRanges): number {
    const { path, say, sets } = this.#parts;
    const elements = readLearned(path);
    if (elements !== undefined) return sets.restore(elements, own);
    say(`${path} cannot be read or is damaged: customers are known again after their next connection`);
    return 0;
  }

  /** Never rejects; what cannot be written is said once. One at a time: a second call waits for the first. */
  save(): Promise<void> {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #save(): Promise<void> {
    const { sets, path, say, pause } = this.#parts;
    try {
      const bytes = new LearnedBytes();
      await sets.visit((set, key, untilMs) => bytes.add(set, key, untilMs), pause);
      await this.#file.replace(bytes.finish());
      if (this.#failing) say(`${path} can be written again`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing)
        say(`cannot save known pairs and lately open ports: ${String(error)}; the daemon tries again later`);
      this.#failing = true;
    }
  }
}
