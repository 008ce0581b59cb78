// BOOT_GRACE: for so long after the boot no port is a trap. Looked at once a second, so that the grace ends whatever has
// begun it (a start, or a reload that made it longer), and whatever went wrong when it was to end.
import { messageOf } from "../base/errors.ts";

export interface BootGraceParts {
  /** 0 when it is over. By the host's uptime, read at each call. */
  readonly leftMs: () => number;
  /** Loads the rules as they must be now, and calls loaded(). Throws what the kernel says. */
  readonly load: () => void;
  /** Told once when the rules cannot be loaded, and once when they can. */
  readonly failed: (message: string) => void;
  readonly recovered: () => void;
}

export class BootGrace {
  readonly #parts: BootGraceParts;
  #isLoaded: boolean | undefined;
  #isFailing = false;

  constructor(parts: BootGraceParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#parts.leftMs() > 0;
  }

  /** The kernel has taken rules with, or without, a grace. */
  loaded(grace: boolean): void {
    this.#isLoaded = grace;
  }

  /** Once a second: loads the rules again when they are not what they must be now; tried again until it is done. */
  tick(): void {
    if (this.#isLoaded === undefined || this.#isLoaded === this.isRunning) return;
    try {
      this.#parts.load();
      if (this.#isFailing) this.#parts.recovered();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#parts.failed(messageOf(error));
      this.#isFailing = true;
    }
  }
}
