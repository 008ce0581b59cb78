// The beginning of what a command prints, bounded, as text that is safe in a log: what could drive a terminal or
// forge a line is written as \xNN. Line ends stay, for the caller to split at.

const USUAL_BYTES = 4096;
const unsafe = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

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
    return this.#bytes
      .toString("utf8", 0, this.#length)
      .replace(unsafe, (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`);
  }
}
