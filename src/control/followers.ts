// Those who watch events live, as server-sent events. One subscription to the daemon feeds them all; each has a
// bounded queue, and what a slow reader could not be given is counted and told to it as one event.
import type { Event } from "../record/event.ts";
import type { DaemonApi } from "./endpoints.ts";
import type { ControlLimits } from "./limits.ts";

export interface FollowRequest {
  readonly wants: (event: Event) => boolean;
  /** Told first: what happened before. */
  readonly backlog: readonly FollowedEvent[];
}

/** With its number in the record, where that is known: a reader who comes back with the number (Last-Event-ID) misses nothing. */
export interface FollowedEvent {
  readonly event: Event;
  readonly number?: number | undefined;
}

interface Follower {
  readonly wants: (event: Event) => boolean;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  queue: string[];
  queuedChars: number;
  missed: number;
}

export interface FollowersOptions {
  readonly follow: DaemonApi["follow"];
  readonly limits: ControlLimits;
  readonly nowMs: () => number;
}

/** Owns the subscription to the daemon's events and the heartbeat timer, both only while somebody follows. */
export class Followers {
  /**
   * Readers who came when there were too many, and events that a slow reader could not be given; the reader is told their
   * number, too.
   */
  readonly counters = { followersRefused: 0, followerEventsMissed: 0 };
  readonly #options: FollowersOptions;
  readonly #followers = new Set<Follower>();
  readonly #encoder = new TextEncoder();
  #stop: (() => void) | undefined;

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#followers.size >= this.#options.limits.followers;
  }

  /** The body of the answer to a new follower. The caller has asked `full` first. */
  open(request: FollowRequest): ReadableStream<Uint8Array> {
    let follower: Follower | undefined;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const queue = request.backlog.map(textOf);
        follower = { wants: request.wants, controller, queue, queuedChars: 0, missed: 0 };
        this.#followers.add(follower);
        this.#subscribe();
      },
      pull: () => {
        if (follower !== undefined) this.#flush(follower);
      },
      cancel: () => {
        if (follower !== undefined) this.#remove(follower);
      },
    });
  }

  close(): void {
    for (const follower of [...this.#followers]) {
      this.#remove(follower);
      follower.controller.close();
    }
  }

  #subscribe(): void {
    if (this.#stop !== undefined) return;
    const unfollow = this.#options.follow((event, number) => this.#tell({ event, number }));
    const heartbeat = setInterval(() => this.#beat(), this.#options.limits.heartbeatMs);
    heartbeat.unref();
    this.#stop = () => {
      clearInterval(heartbeat);
      unfollow();
    };
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  #tell(followed: FollowedEvent): void {
    let text: string | undefined;
    for (const follower of this.#followers) {
      if (!follower.wants(followed.event)) continue;
      text ??= textOf(followed);
      this.#push(follower, text);
    }
  }

  /** Straight on if the reader waits for more, else into its queue, else counted. */
  #push(follower: Follower, text: string): void {
    if (follower.queue.length === 0 && follower.missed === 0 && (follower.controller.desiredSize ?? 0) > 0) {
      follower.controller.enqueue(this.#encoder.encode(text));
    } else if (follower.missed === 0 && follower.queuedChars + text.length <= this.#options.limits.followerQueueChars) {
      follower.queue.push(text);
      follower.queuedChars += text.length;
    } else {
      follower.missed++;
      this.counters.followerEventsMissed++;
    }
  }

  #flush(follower: Follower): void {
    if (follower.queue.length === 0 && follower.missed === 0) return;
    let text = follower.queue.join("");
    if (follower.missed > 0) text += `data: ${JSON.stringify(this.#missedEvent(follower.missed))}\n\n`;
    follower.queue = [];
    follower.queuedChars = 0;
    follower.missed = 0;
    follower.controller.enqueue(this.#encoder.encode(text));
  }

  #missedEvent(missed: number): Event {
    return {
      time: new Date(this.#options.nowMs()).toISOString(),
      type: "warning",
      action: "missed",
      message: `missed ${missed} events: this reader is too slow`,
    };
  }

  /** A comment, so that both ends notice a dead connection; a reader that is behind needs none. */
  #beat(): void {
    for (const follower of this.#followers) {
      if ((follower.controller.desiredSize ?? 0) > 0) follower.controller.enqueue(this.#encoder.encode(": alive\n\n"));
    }
  }
}

function textOf({ event, number }: FollowedEvent): string {
  const id = number === undefined ? "" : `id: ${number}\n`;
  return `${id}data: ${JSON.stringify(event)}\n\n`;
}
