// Standard output and error: the lines of one turn of the event loop leave in one system call. In a flood a call for each line
// cost more than what the lines tell of (docs/reference/measured.md).
import type { LineSink } from "./journal.ts";

/** Written at once when so much waits. */
const MAX_WAITING = 65_536;
export const STDOUT = 1;
export const STDERR = 2;

export interface TurnOutputParts {
  /** Bytes written, or an error thrown: fs.writeSync. */
  readonly write: (fd: number, bytes: Uint8Array) => number;
  /** So many lines did not leave, or not whole: the reader went away (EPIPE), or a pipe is full (EAGAIN). */
  readonly lost: (lines: number) => void;
}

export class TurnOutput implements LineSink {
  readonly #parts: TurnOutputParts;
  /** All for one descriptor. */
  #waiting = "";
  #lines = 0;
  #fd = STDOUT;
  /** Descriptors whose last line was cut off: the next one must not be joined to it. */
  readonly #cut = new Set<number>();

  constructor(parts: TurnOutputParts) {
    this.#parts = parts;
  }

  /** `error`: one of 2.x's error lines, for standard error. Answers true: what is lost is told by `lost`. */
  write(text: string, _newline: boolean, error = false): boolean {
    const fd = error ? STDERR : STDOUT;
    // The two are often one file, in which the lines stay in their order.
    if (fd !== this.#fd) this.flush();
    this.#fd = fd;
    if (this.#lines === 0) queueMicrotask(() => this.flush());
    this.#waiting += `${text}\n`;
    this.#lines++;
    if (this.#waiting.length >= MAX_WAITING) this.flush();
    return true;
  }

  /** Never throws: a reader that went away or a full pipe must not stop the defence. */
  flush(): void {
    const lines = this.#lines;
    if (lines === 0) return;
    const fd = this.#fd;
    const bytes = Buffer.from(this.#cut.delete(fd) ? `\n${this.#waiting}` : this.#waiting);
    this.#waiting = "";
    this.#lines = 0;
    let at = 0;
    try {
      while (at < bytes.length) at += this.#parts.write(fd, bytes.subarray(at));
    } catch {
      if (at > 0 && bytes[at - 1] !== NEWLINE) this.#cut.add(fd);
      this.#parts.lost(Math.min(lines, linesIn(bytes.subarray(at))));
    }
  }

  close(): void {
    this.flush();
  }
}

const NEWLINE = 10;

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines++;
  return lines;
}
