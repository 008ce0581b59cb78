// What the two threads of a replay say to each other beside the contacts themselves.
import type { CaptureError } from "../capture/capture-report.ts";
import type { SharedRingMemory } from "../capture/shared-ring.ts";
import type { Tracked, Tracking } from "./tracking.ts";

export interface TrackingTask {
  readonly task: "track-contacts";
  readonly tracking: Tracking;
  readonly memory: SharedRingMemory;
}

/** Worker data comes from tracking-thread.ts alone; another worker that loads the module is left alone. */
export function isTrackingTask(data: unknown): data is TrackingTask {
  return typeof data === "object" && data !== null && "task" in data && data.task === "track-contacts";
}

export type TrackingMessage =
  /** There are contacts to judge. */
  | { readonly what: "wake" }
  | { readonly what: "progress"; readonly readBytes: number; readonly totalBytes: number | undefined }
  /** Every contact is in the queue. */
  | { readonly what: "done"; readonly tracked: Tracked }
  | { readonly what: "failed"; readonly code: CaptureError["code"]; readonly message: string };
