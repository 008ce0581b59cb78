// Reads captures that lie in memory, and keeps what came out of them.
import { CaptureIntake } from "../../../src/capture/file/capture-intake.ts";
import { type CaptureProblem, CaptureProblems, type FrameSink } from "../../../src/capture/file/capture-report.ts";

export interface CollectedFrame {
  readonly bytes: Uint8Array;
  readonly linkType: number;
  readonly timeMs: number;
}

export class FrameCollector implements FrameSink {
  readonly frames: CollectedFrame[] = [];

  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void {
    this.frames.push({ bytes: bytes.slice(at, end), linkType, timeMs });
  }
}

export interface Collected {
  readonly frames: readonly CollectedFrame[];
  readonly problems: readonly CaptureProblem[];
  readonly interfaces: number;
}

/** Reads a whole capture, given in pieces of `pieceBytes`. */
export function collect(capture: Uint8Array, pieceBytes = capture.length): Collected {
  const collector = new FrameCollector();
  const problems = new CaptureProblems();
  const intake = new CaptureIntake(collector, problems);
  for (let at = 0; at < capture.length; at += pieceBytes) intake.push(capture.subarray(at, at + pieceBytes));
  intake.finish();
  return { frames: collector.frames, problems: problems.list, interfaces: intake.interfaces };
}
