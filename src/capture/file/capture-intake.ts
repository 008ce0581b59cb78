// Where the bytes of a capture go in, in pieces of any size: knows the format by the first bytes and hands on frames.
// Does no reading itself. The same bytes give the same frames and problems however they are cut into pieces.
import { CaptureBuffer, type CaptureParser, CHUNK_BYTES } from "./capture-buffer.ts";
import { CaptureError, type CaptureProblems, type FrameSink } from "./capture-report.ts";
import { PCAP_HEADER_BYTES, PcapParser, pcapFormat } from "./pcap.ts";
import { isPcapng, PcapngParser } from "./pcapng.ts";

export class CaptureIntake {
  readonly #buffer = new CaptureBuffer();
  readonly #sink: FrameSink;
  readonly #problems: CaptureProblems;
  #parser: CaptureParser | undefined;
  /** Bytes that a parser will not look at. */
  #skipBytes = 0;

  constructor(sink: FrameSink, problems: CaptureProblems) {
    this.#sink = sink;
    this.#problems = problems;
  }

  get packets(): number {
    return this.#parser?.packets ?? 0;
  }

  get interfaces(): number {
    return this.#parser?.interfaces ?? 0;
  }

  /** True when further bytes would not be looked at. */
  get isDone(): boolean {
    return this.#parser?.isDone ?? false;
  }

  /** Where the next CHUNK_BYTES bytes may be written without a copy: bytes[at..at + CHUNK_BYTES). Then call took(). */
  room(): { readonly bytes: Uint8Array; readonly at: number } {
    return { bytes: this.#buffer.bytes, at: this.#buffer.end };
  }

  took(count: number): void {
    const buffer = this.#buffer;
    buffer.end += count;
    const skipped = Math.min(this.#skipBytes, buffer.end);
    this.#skipBytes -= skipped;
    this.#parse(skipped);
  }

  /** Any number of bytes; they are copied. */
  push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length && !this.isDone; from += CHUNK_BYTES) {
      const piece = chunk.subarray(from, from + CHUNK_BYTES);
      this.#buffer.bytes.set(piece, this.#buffer.end);
      this.took(piece.length);
    }
  }

  /** Called after the last byte: deals with the rest. Throws when the bytes were no capture at all. */
  finish(): void {
    this.#buffer.isLast = true;
    if (this.#skipBytes > 0) {
      this.#problems.note(this.#buffer.offset, `the file ends inside a block: ${this.#skipBytes} bytes are missing`);
    } else {
      this.#parse(0);
    }
    if (this.#parser === undefined) throw notACapture(this.#buffer.end);
  }

  #parse(from: number): void {
    const buffer = this.#buffer;
    if (this.#parser === undefined) {
      // 24 bytes tell every format, and no capture is shorter.
      if (buffer.end < PCAP_HEADER_BYTES) return;
      this.#parser = this.#newParser();
    }
    this.#skipBytes += buffer.keepFrom(this.isDone ? buffer.end : this.#parser.parse(from));
  }

  #newParser(): CaptureParser {
    const format = pcapFormat(this.#buffer.view);
    if (format !== undefined) return new PcapParser(this.#buffer, this.#sink, this.#problems, format);
    if (isPcapng(this.#buffer)) return new PcapngParser(this.#buffer, this.#sink, this.#problems);
    throw notACapture(this.#buffer.end);
  }
}

function notACapture(bytes: number): CaptureError {
  const what = bytes === 0 ? "it is empty" : "it begins like no capture file";
  return new CaptureError("not-a-capture", `${what}; pcap and pcapng are read, gzip around them too`);
}
