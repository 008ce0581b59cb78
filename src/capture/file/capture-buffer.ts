// The part of a capture that is in memory: a fixed buffer that slides over the file. A parser takes whole records from
// its front; what it leaves is kept and more is read behind it.

/** Read at once. */
export const CHUNK_BYTES = 1_048_576;
/** As much as a parser may ask to see at once: two of pcapng's largest blocks (pcapng.ts), or four of pcap's records. */
const MAX_KEPT_BYTES = 3 * CHUNK_BYTES;
const BUFFER_BYTES = MAX_KEPT_BYTES + CHUNK_BYTES;

export class CaptureBuffer {
  readonly bytes = new Uint8Array(BUFFER_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  /** Where in the capture bytes[0] lies. */
  offset = 0;
  /** The bytes that were read end here. */
  end = 0;
  /** True when no byte follows behind `end`. */
  isLast = false;

  /** Drops what lies before `at`, which may be behind the end: the bytes between are answered, to be skipped. */
  keepFrom(at: number): number {
    const from = Math.min(at, this.end);
    if (from > 0) this.bytes.copyWithin(0, from, this.end);
    this.offset += from;
    this.end -= from;
    if (this.end > MAX_KEPT_BYTES) throw new Error(`capture buffer: a parser left ${this.end} bytes`);
    return at - from;
  }
}

/** Takes records from a buffer. */
export interface CaptureParser {
  readonly packets: number;
  readonly interfaces: number;
  /** True when the rest of the file is of no use. */
  readonly isDone: boolean;
  /**
   * Hands on what is whole from `at` on, and answers where it stopped: the bytes before are done with, more is needed
   * behind the others. An answer behind the buffer's end skips. When the buffer is the last, all of it is dealt with.
   */
  parse(at: number): number;
}
