// Lines of ours in /etc/hosts.deny: added once, taken away again, never at the price of what others wrote. What comes
// while the file is being written waits and is written together, so a burst of sources costs a few writes.
import { messageOf } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import { editLines, hasLine, type LineEdit } from "./deny-lines.ts";
import { readTextFile, removeLockFile, replaceFile } from "./replace-file.ts";

export interface HostsDenyOptions {
  readonly maxBytes?: number;
  readonly lockWaitMs?: number;
  readonly lock?: (path: string) => { close(): void } | undefined;
  readonly queueLimit?: number;
}

interface Waiting {
  readonly edit: LineEdit;
  /** Told "" or why it failed. */
  readonly done: (failure: string) => void;
}

export class HostsDeny {
  readonly path: string;
  readonly #maxBytes: number;
  readonly #lockWaitMs: number;
  readonly #lock: (path: string) => { close(): void } | undefined;
  readonly #queueLimit: number;
  #queue: Waiting[] = [];
  #working = false;
  /** How often too many changes waited already. */
  refused = 0;

  constructor(path: string, options: HostsDenyOptions = {}) {
    const { maxBytes = 16 * 1024 * 1024, lockWaitMs = 5000, lock = lockFile, queueLimit = 65_536 } = options;
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#lockWaitMs = lockWaitMs;
    this.#lock = lock;
    this.#queueLimit = queueLimit;
  }

  /** Adds a line unless it is there. "" or why not; the file is then as it was. */
  add(line: string): Promise<string> {
    if (/[\n\r\0]|\\$/.test(line)) return Promise.resolve("the line holds or continues over a line end");
    return this.#enqueue({ kind: "add", line: toBytes(line) });
  }

  /** Removes every line that is, or matches, `line`; none there is no failure. "" or why not. */
  remove(line: string | RegExp): Promise<string> {
    return this.#enqueue({ kind: "remove", line: toBytes(line) });
  }

  /** Whether the line stands in the file; undefined if the file cannot be read. */
  async has(line: string | RegExp): Promise<boolean | undefined> {
    try {
      const text = await readTextFile(this.path, this.#maxBytes);
      return text !== undefined && hasLine(text, toBytes(line));
    } catch {
      return undefined;
    }
  }

  /** Leaves nothing of ours beside the file. */
  async leave(): Promise<void> {
    await removeLockFile(this.path, this.#maxBytes);
  }

  #enqueue(edit: LineEdit): Promise<string> {
    if (this.#queue.length >= this.#queueLimit) {
      this.refused++;
      return Promise.resolve(`${this.#queueLimit} changes of ${this.path} wait already`);
    }
    return new Promise((done) => {
      this.#queue.push({ edit, done });
      if (!this.#working) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const failure = await this.#write(batch.map(({ edit }) => edit));
      for (const { done } of batch) done(failure);
    }
    this.#working = false;
  }

  async #write(edits: readonly LineEdit[]): Promise<string> {
    const options = { maxBytes: this.#maxBytes, lockWaitMs: this.#lockWaitMs, lock: this.#lock };
    try {
      await replaceFile(this.path, (text) => editLines(text, edits), options);
      return "";
    } catch (error) {
      return `cannot change ${this.path}: ${messageOf(error)}`;
    }
  }
}

/** The file is handled byte for byte, as latin1. */
function toBytes(line: string): string;
function toBytes(line: string | RegExp): string | RegExp;
function toBytes(line: string | RegExp): string | RegExp {
  const bytes = Buffer.from(typeof line === "string" ? line : line.source, "utf8").toString("latin1");
  return typeof line === "string" ? bytes : new RegExp(bytes);
}
