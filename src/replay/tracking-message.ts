// What the two threads of a replay say to each other beside the contacts themselves.
import type { CaptureError } from "../capture/capture-report.ts";
import type { SharedRingMemory } from "../capture/shared-ring.ts";
import type { Tracked, Tracking } from "./tracking.ts";

/** Worker data of the tracking thread; another worker that loads its module is left alone. */
export const TRACKING_WORKER = "track-contacts";

/** What the thread is given to do. */
export interface TrackingTask {
  readonly tracking: Tracking;
  readonly memory: SharedRingMemory;
}

export type TrackingMessage =
  /** There are contacts to judge. */
  | { readonly what: "wake" }
  | { readonly what: "progress"; readonly readBytes: number; readonly totalBytes: number | undefined }
  /** Every contact is in the queue. */
  | { readonly what: "done"; readonly tracked: Tracked }
  | { readonly what: "failed"; readonly code: CaptureError["code"]; readonly message: string };
