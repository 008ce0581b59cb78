// The job of the ring's thread.
import type { RingGeometry } from "../../kernel/packet-socket.ts";
import type { SharedRingMemory } from "./shared-ring.ts";

export interface RingJob {
  readonly job: "packet-ring";
  readonly fds: readonly number[];
  /** Readable when the thread is to end. */
  readonly stopFd: number;
  /** To be signalled when the reader sleeps and there is something to read. */
  readonly wakeFd: number;
  readonly geometry: RingGeometry;
  readonly isTap: boolean;
  readonly memory: SharedRingMemory;
}

/** Worker data comes from ring.ts alone; another worker that loads this module has other data, and is left alone. */
export function isRingJob(data: unknown): data is RingJob {
  return typeof data === "object" && data !== null && "job" in data && data.job === "packet-ring";
}
