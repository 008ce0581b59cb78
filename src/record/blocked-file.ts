// Writes PortSentry's list of blocked sources for the programs that read it: in 1.2's text, the file replaced whole.
// The store knows the blocks: this file is never read back at a restart. blocked-import.ts reads the lists of PortSentry.
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { ReplacedFile } from "../base/replaced-file.ts";
import { blockedSuffixes } from "./blocked-import.ts";
import { type HistoryEntry, historyLine } from "./history.ts";

export { type ImportedBlock, importBlocked } from "./blocked-import.ts";

/** Each change rewrites the file: beyond this only the newest stand in it (6 MB). */
export const MAX_WRITTEN = 65_536;

/** Where a protocol's list stands: 1.2 adds the mode's name, 2.x (stealth, connect) nothing. */
export function blockedFilePath(base: string, modeName: string): string {
  return blockedSuffixes.some((suffix) => suffix === `.${modeName}`) ? `${base}.${modeName}` : base;
}

export interface BlockedFileListener {
  /** Called once when writing begins to fail. */
  onTrouble(message: string): void;
  /** Called once when a write works again. */
  onRecovered(message: string): void;
}

/** The file as we write it: the sources that are blocked now, oldest first, in 1.2's lines. */
export class BlockedFile {
  /** blockedFileLeftOut: sources beyond MAX_WRITTEN at the last write. */
  readonly counters = { blockedFileErrors: 0, blockedFileLeftOut: 0 };
  readonly #path: string;
  readonly #file: ReplacedFile;
  readonly #listener: BlockedFileListener;
  #troubled = false;
  /** A hash of the text that was written last. */
  #written: string | undefined;
  /** The newest text that waits for the write before it. */
  #next: string | undefined;
  #working: Promise<void> | undefined;

  constructor(path: string, listener: BlockedFileListener) {
    this.#path = path;
    // 0600 as 1.2's umask 077.
    this.#file = new ReplacedFile(path, { mode: 0o600, maxBytes: Number.POSITIVE_INFINITY, links: "refuse" });
    this.#listener = listener;
  }

  /**
   * Replaces the list, given oldest first; `older` blocks are not among them. Writes nothing when the file holds this list already.
   * Resolves when the newest list is written, or its failure reported; never rejects.
   */
  write(entries: readonly HistoryEntry[], older = 0): Promise<void> {
    this.counters.blockedFileLeftOut = older + Math.max(0, entries.length - MAX_WRITTEN);
    const newest = entries.slice(-MAX_WRITTEN);
    const text = newest.map((entry) => `${historyLine(entry)}\n`).join("");
    this.#next = text;
    this.#working ??= this.#work();
    return this.#working;
  }

  async #work(): Promise<void> {
    for (let text = this.#next; text !== undefined; text = this.#next) {
      this.#next = undefined;
      await this.#replace(text);
    }
    this.#working = undefined;
  }

  async #replace(text: string): Promise<void> {
    const digest = createHash("sha256").update(text).digest("base64");
    try {
      if (digest === this.#written && !this.#troubled && isThere(this.#path)) return;
      await this.#file.replace(text);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#written = digest;
    if (!this.#troubled) return;
    this.#troubled = false;
    this.#listener.onRecovered(`blocked file ${this.#path}: writing works again`);
  }

  #fail(error: unknown): void {
    this.counters.blockedFileErrors++;
    if (this.#troubled) return;
    this.#troubled = true;
    const why = messageOf(error);
    this.#listener.onTrouble(
      `cannot write blocked file ${this.#path}: ${why}; blocking goes on, and programs that read this file see an old list`,
    );
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
