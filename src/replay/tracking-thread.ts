// Contacts tracked in a thread of their own, while this one judges: a large capture is read nearly twice as fast.
import { extname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { CaptureError } from "../capture/capture-report.ts";
import { createSharedRing } from "../capture/shared-ring.ts";
import type { ContactSink } from "../detect/tap/contact.ts";
import { ContactQueueReader } from "./contact-queue.ts";
import type { OnProgress, Tracked, Tracking } from "./tracking.ts";
import type { TrackingMessage, TrackingTask } from "./tracking-message.ts";

/** Some 10,000 contacts. The tracking side waits when it is full. */
const QUEUE_BYTES = 4 << 20;
/** Contacts in one go before the event loop gets its turn. */
const CONTACTS_PER_TURN = 4_096;
/** The thread has typed arrays, which do not count here, and few objects. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** As trackContacts, in a thread of its own; the sink is called in this one. */
export async function trackInThread(tracking: Tracking, sink: ContactSink, onProgress: OnProgress): Promise<Tracked> {
  const memory = createSharedRing(QUEUE_BYTES);
  const queue = new ContactQueueReader(memory, sink);
  const task: TrackingTask = { task: "track-contacts", tracking, memory };
  const worker = new Worker(new URL(`./tracking-worker${extname(import.meta.filename)}`, import.meta.url), {
    workerData: task,
    resourceLimits: HEAP_LIMITS,
  });
  try {
    const tracked = await new Promise<Tracked>((resolve, reject) => {
      const judge = (): void => void judgeAll(queue).catch(reject);
      worker.on("error", reject);
      worker.on("exit", () => reject(new Error("the thread that reads the capture has ended before its time")));
      worker.on("message", (message: TrackingMessage) => {
        if (message.what === "wake") judge();
        else if (message.what === "progress") onProgress(message.readBytes, message.totalBytes);
        else if (message.what === "done") resolve(message.tracked);
        else reject(new CaptureError(message.code, message.message));
      });
    });
    await judgeAll(queue);
    return tracked;
  } finally {
    queue.stop();
    await worker.terminate();
  }
}

/** Until the queue is empty and the other side knows that it must wake us. */
async function judgeAll(queue: ContactQueueReader): Promise<void> {
  do {
    while (queue.drain(CONTACTS_PER_TURN) === CONTACTS_PER_TURN) await setImmediate();
  } while (!queue.sleep());
}
