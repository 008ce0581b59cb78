// A damaged place of a capture: from where it is, and the way to the next sound record or block behind it.
import type { CaptureBuffer } from "./capture-buffer.ts";
import { type CaptureProblems, MAX_SEARCH_BYTES } from "./capture-report.ts";

/** Looks for the beginning of something sound in the buffer. */
interface Search {
  /** Negative: there is none from `from` up to `to`, or more bytes are needed to say; then `stoppedAt` tells how far it came. */
  find(from: number, to: number): number;
  readonly stoppedAt: number;
}

export class CaptureDamage {
  /** True when nothing sound follows. */
  isEnd = false;
  readonly #buffer: CaptureBuffer;
  readonly #problems: CaptureProblems;
  readonly #search: Search;
  readonly #unit: "record" | "block";
  /** Where in the file it begins; -1 when all is well. */
  #from = -1;
  #what = "";

  constructor(buffer: CaptureBuffer, problems: CaptureProblems, search: Search, unit: "record" | "block") {
    this.#buffer = buffer;
    this.#problems = problems;
    this.#search = search;
    this.#unit = unit;
  }

  get isOpen(): boolean {
    return this.#from >= 0;
  }

  /** What begins at `at` is damaged; answers where to search on. */
  begin(at: number, what: string): number {
    this.#from = this.#buffer.offset + at;
    this.#what = what;
    return at + 1;
  }

  /** Answers where something sound begins, or how far there is none: those bytes are done with. */
  searchOn(at: number): number {
    const { end, isLast, offset } = this.#buffer;
    const found = this.#search.find(at, end);
    if (found >= 0) {
      this.#end(`went on at offset ${offset + found}`);
      return found;
    }
    if (isLast) this.#end(`no other ${this.#unit} follows`);
    else if (offset + end - this.#from > MAX_SEARCH_BYTES) {
      this.#end(`none in the next ${MAX_SEARCH_BYTES} bytes: given up`);
    } else return this.#search.stoppedAt;
    this.isEnd = true;
    return end;
  }

  #end(how: string): void {
    this.#problems.note(this.#from, `${this.#what}; ${how}`);
    this.#from = -1;
  }
}
