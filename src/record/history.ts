// PortSentry's history file, byte for byte: fail2ban's shipped [portsentry] jail bans on each line of it.
// Lines are gathered and written by flush(); a failure is counted and said once, never thrown. A link is not followed, and
// another user's file is not written: its owner could write further lines, on which fail2ban would ban.
import { closeSync, constants, fstatSync, lstatSync, writeSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { openOurs } from "../base/trust.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { hostPair, protocolLabel } from "./lines.ts";

export interface HistoryEntry {
  readonly timeMs: number;
  readonly sourceText: string;
  readonly protocol: number;
  readonly port: number;
  /** The source's name, when one is known. */
  readonly name?: string;
  /** The host behind this one that was asked. Absent: this host. */
  readonly host?: Prefix | undefined;
}

/** "1795340071 - 11/22/2026 09:34:31 Host: 127.0.0.2/127.0.0.2 Port: 11 TCP Blocked"; the date is local time. */
export function historyLine(entry: HistoryEntry): string {
  const time = new Date(entry.timeMs);
  const date = `${two(time.getMonth() + 1)}/${two(time.getDate())}/${String(time.getFullYear()).padStart(4, "0")}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const what = `Host: ${hostPair(entry.sourceText, entry.name)} Port: ${entry.port} ${protocolLabel(entry.protocol)} Blocked`;
  // In front: fail2ban's jail asks for "/ADDRESS Port: 11 TCP Blocked" at the end of the line.
  const where = entry.host === undefined ? "" : `Behind: ${formatPrefix(entry.host)} `;
  return `${Math.floor(entry.timeMs / 1000)} - ${date} ${clock} ${where}${what}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

export interface HistoryListener {
  /** Called once when writing begins to fail. */
  onTrouble(message: string): void;
  /** Called once when a write works again. */
  onRecovered(message: string): void;
}

/** Pending text is written at once beyond this, so that a burst cannot gather memory. */
const PENDING_CHARS = 65_536;

export class HistoryFile {
  readonly counters = { historyErrors: 0, historyLinesLost: 0 };
  readonly #path: string;
  readonly #listener: HistoryListener;
  #fd = -1;
  #pending = "";
  #pendingLines = 0;
  #troubled = false;
  /** The last write ended inside a line (disk full): the next one starts a new line. */
  #torn = false;

  constructor(path: string, listener: HistoryListener) {
    this.#path = path;
    this.#listener = listener;
  }

  append(line: string): void {
    this.#pending += `${line}\n`;
    this.#pendingLines++;
    if (this.#pending.length >= PENDING_CHARS) this.flush();
  }

  flush(): void {
    if (this.#pendingLines === 0) return;
    const bytes = Buffer.from(this.#torn ? `\n${this.#pending}` : this.#pending);
    const lines = this.#pendingLines;
    this.#pending = "";
    this.#pendingLines = 0;
    let at = 0;
    try {
      const fd = this.#current();
      while (at < bytes.length) at += writeSync(fd, bytes, at);
    } catch (error) {
      this.#fail(error, lines - newlines(bytes, at, this.#torn));
      if (at > 0) this.#torn = bytes[at - 1] !== 0x0a;
      return;
    }
    this.#torn = false;
    if (!this.#troubled) return;
    this.#troubled = false;
    this.#listener.onRecovered(`history file ${this.#path}: writing works again`);
  }

  close(): void {
    this.flush();
    this.#release();
  }

  /** The open file, opened anew when logrotate or an administrator has put another one (or none) in its place. */
  #current(): number {
    if (this.#fd >= 0) {
      const there = lstatSync(this.#path, { throwIfNoEntry: false });
      const ours = fstatSync(this.#fd);
      if (there !== undefined && there.ino === ours.ino && there.dev === ours.dev) return this.#fd;
      this.#release();
      this.#torn = false;
    }
    // 0600 is 1.2's umask 077.
    this.#fd = openOurs(this.#path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
    return this.#fd;
  }

  #fail(error: unknown, lines: number): void {
    this.counters.historyErrors++;
    this.counters.historyLinesLost += lines;
    if (this.#troubled) return;
    this.#troubled = true;
    const why = messageOf(error);
    this.#listener.onTrouble(
      `cannot write history file ${this.#path}: ${why}; its lines are lost until the file can be written`,
    );
  }

  #release(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      closeSync(fd);
    } catch {
      this.counters.historyErrors++;
    }
  }
}

/** How many whole lines were written: those that end before `end`, less the newline that only mends a torn line. */
function newlines(bytes: Buffer, end: number, torn: boolean): number {
  let count = 0;
  for (let i = torn ? 1 : 0; i < end; i++) if (bytes[i] === 0x0a) count++;
  return count;
}
