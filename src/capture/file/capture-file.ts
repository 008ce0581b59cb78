// Reads a capture, pcap or pcapng, gzip around it or not, from a file, a pipe or standard input, and hands on its frames.
// Memory is bounded whatever the file. Readable parts are read; damaged parts are in the report, with their offset.
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { type CaptureInput, FileInput, isGzip, openInput, type StreamInput } from "./capture-input.ts";
import { CaptureIntake } from "./capture-intake.ts";
import { CaptureError, CaptureProblems, type CaptureReport, type FrameSink } from "./capture-report.ts";
import { gunzip } from "./gunzip.ts";

/** The bytes of a file that are read at once: they are still in the second-level cache when they are parsed. CHUNK_BYTES at most. */
const READ_BYTES = 262_144;

export interface ReadOptions {
  /** Called after every piece; `totalBytes` is undefined where it is not known (a pipe). */
  readonly onProgress?: ((bytesRead: number, totalBytes: number | undefined) => void) | undefined;
  /** The stream that "-" means; by default the process's own standard input. */
  readonly stdin?: Readable | undefined;
}

/**
 * Hands every frame of the capture to the sink; `source` is a path, or "-" for standard input. Throws CaptureError when
 * nothing can be read at all; an error of the sink passes through.
 */
export async function readCapture(source: string, sink: FrameSink, options: ReadOptions = {}): Promise<CaptureReport> {
  const problems = new CaptureProblems();
  const intake = new CaptureIntake(sink, problems);
  const input = await openInput(source, problems, options);
  try {
    if (isGzip(input.head)) await readGzip(input, intake, problems);
    else if (input instanceof FileInput) await readFile(input, intake);
    else await readStream(input, intake);
    intake.finish();
  } catch (error) {
    if (error instanceof CaptureError) throw new CaptureError(error.code, `${input.name}: ${error.message}`, error);
    throw error;
  } finally {
    input.close();
  }
  return {
    packets: intake.packets,
    bytesRead: input.bytesRead,
    interfaces: intake.interfaces,
    problems: problems.list,
    furtherProblems: problems.further,
  };
}

/** The fast way: from the page cache into the buffer that is parsed, without another copy. */
async function readFile(input: FileInput, intake: CaptureIntake): Promise<void> {
  while (!intake.isDone) {
    const { bytes, at } = intake.room();
    const count = input.readInto(bytes, at, READ_BYTES);
    if (count === 0) return;
    intake.took(count);
    // Timers, signals and the terminal have their turn.
    await setImmediate();
  }
}

async function readStream(input: StreamInput, intake: CaptureIntake): Promise<void> {
  while (!intake.isDone) {
    const chunk = await input.read();
    if (chunk.length === 0) return;
    intake.push(chunk);
  }
}

async function readGzip(input: CaptureInput, intake: CaptureIntake, problems: CaptureProblems): Promise<void> {
  let unpackedBytes = 0;
  const output = (bytes: Uint8Array): void => {
    unpackedBytes += bytes.length;
    intake.push(bytes);
  };
  const reopen = input instanceof FileInput ? () => input.again() : undefined;
  const read = (bytes: number) => (intake.isDone ? new Uint8Array() : input.read(bytes));
  const fault = await gunzip(read, output, reopen);
  if (fault === undefined || intake.isDone) return;
  if (unpackedBytes === 0) throw new CaptureError("unreadable", `gzip: ${fault.message}`);
  problems.note(unpackedBytes, `gzip: ${fault.message} at byte ${fault.at} of the compressed file`);
}
