// The beginning of what a command prints, bounded, as text that is safe in a log. Line ends stay, for the caller to split at.
import { escapeText } from "../../base/escape.ts";

const USUAL_BYTES = 4096;

export class OutputHead {
  readonly #bytes: Buffer;
  #length = 0;

  constructor(maxBytes = USUAL_BYTES) {
    this.#bytes = Buffer.alloc(maxBytes);
  }

  /** Takes what still fits; the rest is gone. */
  add(bytes: Buffer): void {
    this.#length += bytes.copy(this.#bytes, this.#length);
  }

  text(): string {
    const lines = this.#bytes.toString("utf8", 0, this.#length).split("\n");
    return lines.map((line) => escapeText(line)).join("\n");
  }
}
