// Contacts tracked in a thread of their own, while this one judges: a large capture takes three quarters of the time.
import { statSync } from "node:fs";
import { extname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { CaptureError } from "../capture/capture-report.ts";
import { createSharedRing } from "../capture/shared-ring.ts";
import type { ContactSink } from "../detect/tap/contact.ts";
import { ContactQueueReader } from "./contact-queue.ts";
import type { OnProgress, Tracked, Tracking } from "./tracking.ts";
import { TRACKING_WORKER, type TrackingMessage, type TrackingTask } from "./tracking-message.ts";

/** From so many bytes on a second thread saves more than its start costs. */
const THREAD_FROM_BYTES = 8 << 20;
/** Some 20,000 contacts. The tracking side waits when it is full. */
const QUEUE_BYTES = 4 << 20;
/** Contacts in one go before the event loop gets its turn. */
const CONTACTS_PER_TURN = 4_096;
/** The thread has typed arrays, which do not count here, and few objects. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

export class TrackingThread {
  readonly #worker = new Worker(new URL(`./tracking-worker${extname(import.meta.filename)}`, import.meta.url), {
    workerData: TRACKING_WORKER,
    resourceLimits: HEAP_LIMITS,
  });

  /** Rejects when the thread ends, which it does before its work is done only for an error. */
  readonly #ended: Promise<never>;

  /** It loads its modules from now on; a thread that gets no work does not keep the process alive. */
  constructor() {
    this.#ended = new Promise((_, reject) => {
      this.#worker.on("error", reject);
      this.#worker.on("exit", () => reject(new Error("the thread that reads the capture has ended before its time")));
    });
    // It may fail before anybody waits for it.
    this.#ended.catch(() => undefined);
    this.#worker.unref();
  }

  /** As trackContacts, once; the sink is called in this thread, the contacts are tracked in the other. */
  async track(tracking: Tracking, sink: ContactSink, onProgress: OnProgress): Promise<Tracked> {
    const memory = createSharedRing(QUEUE_BYTES);
    const queue = new ContactQueueReader(memory, sink);
    const worker = this.#worker;
    worker.ref();
    try {
      const tracked = await new Promise<Tracked>((resolve, reject) => {
        const judge = (): void => void judgeAll(queue).catch(reject);
        this.#ended.catch(reject);
        worker.on("message", (message: TrackingMessage) => {
          if (message.what === "wake") judge();
          else if (message.what === "progress") onProgress(message.readBytes, message.totalBytes);
          else if (message.what === "done") resolve(message.tracked);
          else reject(new CaptureError(message.code, message.message));
        });
        const task: TrackingTask = { tracking, memory };
        worker.postMessage(task);
      });
      await judgeAll(queue);
      return tracked;
    } finally {
      queue.stop();
      await worker.terminate();
    }
  }
}

/** A thread for the file, if it is so large that two are faster than one; to be begun before anything else is loaded. */
export function threadFor(file: string, fromBytes = THREAD_FROM_BYTES): TrackingThread | undefined {
  return sizeOf(file) < fromBytes ? undefined : new TrackingThread();
}

/** In bytes; 0 for a pipe, and for what cannot be read: whoever reads it says why. */
function sizeOf(file: string): number {
  try {
    const status = file === "-" ? undefined : statSync(file);
    return status?.isFile() === true ? status.size : 0;
  } catch {
    return 0;
  }
}

/** Until the queue is empty and the other side knows that it must wake us. */
async function judgeAll(queue: ContactQueueReader): Promise<void> {
  do {
    while (queue.drain(CONTACTS_PER_TURN) === CONTACTS_PER_TURN) await setImmediate();
  } while (!queue.sleep());
}
