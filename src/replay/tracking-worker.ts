// The thread that reads a capture and tracks its contacts, for tracking-thread.ts.
import { parentPort, workerData } from "node:worker_threads";
import { CaptureError } from "../capture/capture-report.ts";
import { ContactQueueWriter } from "./contact-queue.ts";
import { trackContacts } from "./tracking.ts";
import { TRACKING_WORKER, type TrackingMessage, type TrackingTask } from "./tracking-message.ts";

/** Of the file between two looks of the judging side: waking it costs as much as tracking some hundred packets. */
const PUBLISH_BYTES = 4 << 20;

async function run({ tracking, memory }: TrackingTask): Promise<void> {
  const writer = new ContactQueueWriter(memory, () => tell({ what: "wake" }));
  let publishAtBytes = 0;
  try {
    const tracked = await trackContacts(tracking, writer, (readBytes, totalBytes) => {
      if (readBytes < publishAtBytes) return;
      publishAtBytes = readBytes + PUBLISH_BYTES;
      tell({ what: "progress", readBytes, totalBytes });
      writer.publish();
    });
    writer.publish();
    tell({ what: "done", tracked });
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    tell({ what: "failed", code: error.code, message: error.message });
  }
}

function tell(message: TrackingMessage): void {
  parentPort?.postMessage(message);
}

if (workerData === TRACKING_WORKER) parentPort?.once("message", (task: TrackingTask) => void run(task));
