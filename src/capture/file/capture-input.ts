// Where the bytes of a capture come from: a regular file, read at once and told its size, or a stream. An error in the
// middle of it ends the bytes and is a problem of the report: what was read before it counts.
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import type { Readable } from "node:stream";
import { CaptureError, type CaptureProblems } from "./capture-report.ts";

type OnProgress = (bytesRead: number, totalBytes: number | undefined) => void;

const NOTHING = new Uint8Array();
const MAGIC_BYTES = 2;

/** RFC 1952 section 2.3.1. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

export type CaptureInput = FileInput | StreamInput;

interface InputOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly stdin?: Readable | undefined;
}

/** Opens the file, or takes standard input for "-". */
export async function openInput(
  source: string,
  problems: CaptureProblems,
  options: InputOptions,
): Promise<CaptureInput> {
  const onProgress = options.onProgress ?? (() => {});
  if (source === "-") {
    const stdin = options.stdin ?? process.stdin;
    if ("isTTY" in stdin && stdin.isTTY === true) {
      throw new CaptureError("unreadable", "standard input is a terminal: give a file, or a pipe");
    }
    return await StreamInput.open("standard input", stdin, problems, onProgress);
  }
  const fd = openFile(source);
  try {
    const status = fstatSync(fd);
    if (status.isFile()) return new FileInput(source, fd, status.size, problems, onProgress);
    if (status.isDirectory()) throw new CaptureError("unreadable", `${source}: is a directory`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return await StreamInput.open(source, createReadStream("", { fd }), problems, onProgress);
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw new CaptureError("unreadable", `${path}: ${reasonOf(error)}`, error);
  }
}

export class FileInput {
  readonly name: string;
  readonly head = new Uint8Array(MAGIC_BYTES);
  bytesRead = 0;
  readonly #fd: number;
  readonly #totalBytes: number;
  readonly #problems: CaptureProblems;
  readonly #onProgress: OnProgress;

  constructor(name: string, fd: number, totalBytes: number, problems: CaptureProblems, onProgress: OnProgress) {
    this.name = name;
    this.#fd = fd;
    this.#totalBytes = totalBytes;
    this.#problems = problems;
    this.#onProgress = onProgress;
    this.#readAt(this.head, 0, MAGIC_BYTES, 0);
  }

  /** Reads the next bytes into bytes[at..at + length); 0 at the end. */
  readInto(bytes: Uint8Array, at: number, length: number): number {
    const count = this.#readAt(bytes, at, length, this.bytesRead);
    this.bytesRead += count;
    this.#onProgress(this.bytesRead, this.#totalBytes);
    return count;
  }

  read(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, this.readInto(bytes, 0, length));
  }

  /** Reads the file from its beginning once more, without counting. */
  again(): (length: number) => Uint8Array {
    let position = 0;
    return (length) => {
      const bytes = new Uint8Array(length);
      const count = this.#readAt(bytes, 0, length, position);
      position += count;
      return bytes.subarray(0, count);
    };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readAt(bytes: Uint8Array, at: number, length: number, position: number): number {
    try {
      return readSync(this.#fd, bytes, at, length, position);
    } catch (error) {
      this.#problems.note(position, `cannot be read further: ${reasonOf(error)}`);
      return 0;
    }
  }
}

export class StreamInput {
  readonly name: string;
  /** The first bytes, before they are read. */
  head: Uint8Array = NOTHING;
  bytesRead = 0;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<unknown>;
  readonly #problems: CaptureProblems;
  readonly #onProgress: OnProgress;

  private constructor(name: string, stream: Readable, problems: CaptureProblems, onProgress: OnProgress) {
    this.name = name;
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#problems = problems;
    this.#onProgress = onProgress;
  }

  static async open(name: string, stream: Readable, problems: CaptureProblems, onProgress: OnProgress) {
    const input = new StreamInput(name, stream, problems, onProgress);
    while (input.head.length < MAGIC_BYTES) {
      const chunk = await input.#next();
      if (chunk.length === 0) break;
      input.head = input.head.length === 0 ? chunk : Buffer.concat([input.head, chunk]);
    }
    return input;
  }

  /** The next bytes, as many as come; none at the end. */
  async read(): Promise<Uint8Array> {
    const chunk = this.head.length > 0 ? this.head : await this.#next();
    this.head = NOTHING;
    this.bytesRead += chunk.length;
    this.#onProgress(this.bytesRead, undefined);
    return chunk;
  }

  close(): void {
    this.#stream.destroy();
  }

  async #next(): Promise<Uint8Array> {
    try {
      const { value, done } = await this.#chunks.next();
      return done !== true && value instanceof Uint8Array ? value : NOTHING;
    } catch (error) {
      this.#problems.note(this.bytesRead, `cannot be read further: ${reasonOf(error)}`);
      return NOTHING;
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "ENOENT") return "no such file";
  if ("code" in error && error.code === "EACCES") return "permission denied";
  return error.message;
}
