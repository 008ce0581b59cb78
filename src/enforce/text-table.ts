// Texts that many rows share, each kept once and named by a number: tools, and reasons that are no numbers. A text goes
// with the last row that has it. Bounded: beyond the bound a row says that its text was not kept.

/** Rows name it for "no text". */
export const NO_TEXT = 0;
export const NOT_KEPT = 1;
const MAX_TEXTS = 8_192;
const MAX_CHARS = 1_000;

export class TextTable {
  /** By number; the first two are not given away. */
  readonly #texts: (string | undefined)[] = [undefined, "(no room was left to keep the reason)"];
  readonly #users: number[] = [0, 0];
  readonly #numbers = new Map<string, number>();
  readonly #freed: number[] = [];
  readonly #limit: number;
  /** Rows whose text was not kept. */
  refused = 0;

  readonly #maxChars: number;

  constructor(limit = MAX_TEXTS, maxChars = MAX_CHARS) {
    this.#limit = limit;
    this.#maxChars = maxChars;
  }

  get size(): number {
    return this.#numbers.size;
  }

  /** The number of a text; one row more has it. Give it back with drop(). */
  keep(whole: string | undefined): number {
    if (whole === undefined) return NO_TEXT;
    const text = whole.slice(0, this.#maxChars);
    const known = this.#numbers.get(text);
    if (known !== undefined) {
      this.#users[known] = (this.#users[known] ?? 0) + 1;
      return known;
    }
    if (this.#numbers.size >= this.#limit) {
      this.refused++;
      return NOT_KEPT;
    }
    const number = this.#freed.pop() ?? this.#texts.length;
    this.#texts[number] = text;
    this.#users[number] = 1;
    this.#numbers.set(text, number);
    return number;
  }

  text(number: number): string | undefined {
    return this.#texts[number];
  }

  drop(number: number): void {
    const text = this.#texts[number];
    if (number <= NOT_KEPT || text === undefined) return;
    const users = (this.#users[number] ?? 1) - 1;
    this.#users[number] = users;
    if (users > 0) return;
    this.#texts[number] = undefined;
    this.#numbers.delete(text);
    this.#freed.push(number);
  }
}
