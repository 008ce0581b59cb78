// Timers and notifications of a daemon that runs. What a task throws is said and ends nothing.
import { messageOf } from "../base/errors.ts";
import { watchReadable } from "../kernel/libc.ts";

export class Loops {
  readonly #warn: (message: string) => void;
  readonly #closers: (() => void)[] = [];

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** The task as one that never throws; `what` names it in the warning. */
  guarded(what: string, task: () => void): () => void {
    return () => {
      try {
        task();
      } catch (error) {
        this.#warn(`${what}: ${messageOf(error)}`);
      }
    };
  }

  every(intervalMs: number, what: string, task: () => void): void {
    const timer = setInterval(this.guarded(what, task), intervalMs);
    this.onClose(() => clearInterval(timer));
  }

  /** Whenever the file descriptor can be read. */
  watch(fd: number, what: string, task: () => void): void {
    const handle = watchReadable(fd, task, (error) => this.#warn(`${what}: ${messageOf(error)}`));
    this.onClose(() => handle.close());
  }

  onClose(close: () => void): void {
    this.#closers.push(close);
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }
}
