// A progress bar on standard error, only where somebody looks: nothing is written into a pipe or a file.
import type { Writable } from "node:stream";

const WIDTH = 30;
/** Between two drawings. */
const EVERY_MS = 100;
/** A run that ends sooner draws nothing. */
const QUIET_MS = 300;
const MIB = 1 << 20;

export interface Progress {
  /** Bytes read so far, and the total; undefined: the total is not known (standard input). */
  at(readBytes: number, totalBytes: number | undefined): void;
  /** Wipes it away. */
  end(): void;
}

export function createProgress(
  stream: Writable & { readonly isTTY?: boolean },
  isWanted: boolean,
  nowMs: () => number = () => performance.now(),
): Progress {
  if (!isWanted || stream.isTTY !== true) return { at: () => undefined, end: () => undefined };
  const startMs = nowMs();
  let drawnMs = startMs + QUIET_MS - EVERY_MS;
  let isDrawn = false;
  return {
    at(readBytes, totalBytes) {
      const now = nowMs();
      if (now - drawnMs < EVERY_MS) return;
      drawnMs = now;
      isDrawn = true;
      const megabytes = `${(readBytes / MIB).toFixed(0)} MiB`;
      const rate = `${(readBytes / MIB / ((now - startMs) / 1000)).toFixed(0)} MiB/s`;
      stream.write(`\r\x1b[K${totalBytes === undefined ? "" : `${bar(readBytes / totalBytes)} `}${megabytes}  ${rate}`);
    },
    end() {
      if (isDrawn) stream.write("\r\x1b[K");
    },
  };
}

function bar(share: number): string {
  const clamped = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  const full = Math.round(clamped * WIDTH);
  return `[${"#".repeat(full)}${".".repeat(WIDTH - full)}] ${String(Math.floor(clamped * 100)).padStart(3)} %`;
}
