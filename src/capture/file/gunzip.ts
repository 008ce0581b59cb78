// Takes gzip off a capture, in slices. All of a damaged file that lies before the damage is given, as far as zlib can find
// it: zlib's stream loses what it had made of the slice in which it fails, so that a file is read a second time up to there
// and then byte by byte.
import { createGunzip } from "node:zlib";

/** Small, as this much may have to be fed byte by byte. */
export const SLICE_BYTES = 16_384;
const OUTPUT_BYTES = 131_072;

/** The next bytes, at most `bytes` of them; empty at the end. */
export type SliceReader = (bytes: number) => Uint8Array | Promise<Uint8Array>;

export interface GunzipFault {
  /** Where in the compressed file, to the slice. */
  readonly at: number;
  readonly message: string;
  /** The file is cut off: all that it holds was given. */
  readonly isEnd: boolean;
}

/** Gives what is unpacked to `output`, whose error ends it all. Answers with the fault that ended it early, if any. */
export async function gunzip(
  read: SliceReader,
  output: (bytes: Uint8Array) => void,
  reopen?: () => SliceReader,
): Promise<GunzipFault | undefined> {
  let given = 0;
  const fault = await run(read, Number.POSITIVE_INFINITY, (bytes) => {
    given += bytes.length;
    output(bytes);
  });
  if (fault === undefined || fault.isEnd || reopen === undefined) return fault;
  // Once more: what was given already is passed over.
  let known = given;
  const again = await run(reopen(), fault.at, (bytes) => {
    const fresh = bytes.subarray(Math.min(known, bytes.length));
    known -= bytes.length - fresh.length;
    if (fresh.length > 0) output(fresh);
  });
  return again ?? fault;
}

/** From `carefulFrom` on, byte by byte. */
async function run(
  read: SliceReader,
  carefulFrom: number,
  output: (bytes: Uint8Array) => void,
): Promise<GunzipFault | undefined> {
  const stream = new Unpacker(output);
  let at = 0;
  try {
    for (;;) {
      const isCareful = at >= carefulFrom;
      const slice = await read(isCareful ? 1 : SLICE_BYTES);
      const isEnd = slice.length === 0;
      const fault = isEnd ? await stream.end() : await stream.write(slice);
      if (fault !== undefined) return { at, message: fault.message, isEnd };
      if (isEnd) return undefined;
      at += slice.length;
    }
  } finally {
    stream.close();
  }
}

/** zlib's stream, one write after the other. */
class Unpacker {
  readonly #stream = createGunzip({ chunkSize: OUTPUT_BYTES });
  #fault: Error | undefined;
  #outputError: unknown;
  #settle: () => void = () => {};

  constructor(output: (bytes: Uint8Array) => void) {
    this.#stream.on("error", (error) => this.#done(error));
    this.#stream.on("end", () => this.#done());
    this.#stream.on("data", (bytes: Uint8Array) => {
      // Thrown from here it would end the process.
      try {
        if (this.#outputError === undefined) output(bytes);
      } catch (error) {
        this.#outputError = error;
      }
    });
  }

  /** Answers when all that the slice holds was given out. */
  write(slice: Uint8Array): Promise<Error | undefined> {
    return this.#wait(() => this.#stream.write(slice, (error) => this.#done(error)));
  }

  end(): Promise<Error | undefined> {
    return this.#wait(() => this.#stream.end());
  }

  close(): void {
    this.#stream.destroy();
  }

  #done(error?: Error | null): void {
    this.#fault ??= error ?? undefined;
    this.#settle();
  }

  async #wait(begin: () => void): Promise<Error | undefined> {
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      begin();
    });
    if (this.#outputError !== undefined) throw this.#outputError;
    return this.#fault;
  }
}
