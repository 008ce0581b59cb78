// Writes PortSentry's list of blocked sources for the programs that read it: in 1.2's text or in 2.x's records, the file
// replaced whole; 2.x's list has a new source at once, before its "Scan from" line tells of it.
// The store knows the blocks: this file is never read back at a restart. blocked-import.ts reads the lists of PortSentry.
import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, statSync, writeSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { ReplacedFile } from "../base/replaced-file.ts";
import { openOurs } from "../base/trust.ts";
import type { Prefix } from "../wire/address.ts";
import { blockedSuffixes } from "./blocked-import.ts";
import { blockedRecord } from "./blocked-records.ts";
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

export interface BlockedEntry extends HistoryEntry {
  readonly source: Prefix;
}

/** 1.2's lines, or 2.x's records. */
export type BlockedForm = "lines" | "records";

/** The file as we write it: the sources that are blocked now, oldest first. */
export class BlockedFile {
  /** blockedFileLeftOut: sources beyond MAX_WRITTEN at the last write. */
  readonly counters = { blockedFileErrors: 0, blockedFileLeftOut: 0 };
  readonly #path: string;
  readonly #file: ReplacedFile;
  readonly #listener: BlockedFileListener;
  readonly form: BlockedForm;
  #troubled = false;
  /** The hash of what the file holds, as far as we know. */
  #written: Hash | undefined;
  /** The newest list that waits for the write before it. */
  #next: Buffer | undefined;
  /** How many lists were given, and which of them is being written. */
  #given = 0;
  #writing = 0;
  /** What was added while older lists were being written, which do not have it; each with the number of the last of these. */
  #late: { readonly source: Prefix; readonly given: number }[] = [];
  #working: Promise<void> | undefined;

  constructor(path: string, listener: BlockedFileListener, form: BlockedForm = "lines") {
    this.#path = path;
    this.form = form;
    // 0600 as 1.2's umask 077.
    this.#file = new ReplacedFile(path, { mode: 0o600, maxBytes: Number.POSITIVE_INFINITY, links: "refuse" });
    this.#listener = listener;
  }

  /**
   * Replaces the list, given oldest first; `older` blocks are not among them. Writes nothing when the file holds this list already.
   * Resolves when the newest list is written, or its failure reported; never rejects.
   */
  write(entries: Iterable<BlockedEntry>, older = 0): Promise<void> {
    // Of each entry only its line, or its record, is kept.
    const records: Buffer[] = [];
    const lines: string[] = [];
    for (const entry of entries)
      if (this.form === "records") records.push(blockedRecord(entry.source));
      else lines.push(`${historyLine(entry)}\n`);
    this.counters.blockedFileLeftOut = older + Math.max(0, records.length + lines.length - MAX_WRITTEN);
    this.#next =
      this.form === "records"
        ? Buffer.concat(records.slice(-MAX_WRITTEN))
        : Buffer.from(lines.slice(-MAX_WRITTEN).join(""));
    this.#given = this.#given + 1;
    this.#working ??= this.#work();
    return this.#working;
  }

  /** Adds the record of one source at once. The next write() makes the list whole again, whatever became of this. */
  add(source: Prefix): void {
    if (this.#working !== undefined && this.#late.length < MAX_WRITTEN) this.#late.push({ source, given: this.#given });
    this.#append(source);
  }

  #append(source: Prefix): void {
    const record = blockedRecord(source);
    try {
      const fd = openOurs(this.#path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
      try {
        writeSync(fd, record);
        this.#written?.update(record);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.#written = undefined;
      this.#fail(error);
    }
  }

  async #work(): Promise<void> {
    for (let list = this.#next; list !== undefined; list = this.#next) {
      this.#next = undefined;
      this.#writing = this.#given;
      await this.#replace(list);
      this.#late = this.#late.filter(({ given }) => given >= this.#writing);
      for (const { source } of this.#late) this.#append(source);
    }
    this.#late = [];
    this.#working = undefined;
  }

  async #replace(list: Buffer): Promise<void> {
    const hash = createHash("sha256").update(list);
    try {
      if (isSame(hash, this.#written) && !this.#troubled && isThere(this.#path)) return;
      await this.#file.replace(list);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#written = hash;
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

function isSame(a: Hash, b: Hash | undefined): boolean {
  return b !== undefined && a.copy().digest().equals(b.copy().digest());
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
