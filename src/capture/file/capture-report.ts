// The types that the readers of capture files share: the sink of frames, the report on a file, and its faults.

/** Longer than any frame that is captured (tcpdump's own limit): a record that claims more is damaged. */
export const MAX_FRAME_BYTES = 262_144;
/** Beyond this no damaged place is searched for the next sound record. */
export const MAX_SEARCH_BYTES = 67_108_864;
const MAX_PROBLEMS = 20;

/** Gets frames one by one, in the order of the file. */
export interface FrameSink {
  /**
   * bytes[at..end) is the frame as captured; the bytes are the reader's own, valid during the call only.
   * `linkType`: LINKTYPE_ number of the interface. `timeMs`: milliseconds since the epoch, with fraction.
   */
  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void;
}

/** `offset`: in the capture's own bytes, which behind gzip are the uncompressed ones. */
export interface CaptureProblem {
  readonly offset: number;
  readonly message: string;
}

export interface CaptureReport {
  readonly packets: number;
  /** The size of the file as it is, compressed or not. */
  readonly bytesRead: number;
  readonly interfaces: number;
  /** The first 20. */
  readonly problems: readonly CaptureProblem[];
  readonly furtherProblems: number;
}

/** Keeps the first problems of a file and counts the others. */
export class CaptureProblems {
  readonly list: CaptureProblem[] = [];
  further = 0;

  note(offset: number, message: string): void {
    if (this.list.length < MAX_PROBLEMS) this.list.push({ offset, message });
    else this.further++;
  }
}

/** The problem of a file, or of one interface in it, whose frames decodeFrame cannot read. */
export function unknownLinkType(linkType: number): string {
  return `link type ${linkType} is not known: its frames are counted, not looked into`;
}

/** Why nothing of a file could be read. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
  readonly code: "unreadable" | "not-a-capture";

  constructor(code: CaptureError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
