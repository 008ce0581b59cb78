// PortSentry's list of blocked sources. Reads 1.2's text and 2.x's binary records; writes 1.2's text, the file replaced
// whole, for programs that read it. What is blocked is known by the store: this file is never read back at a restart,
// only imported once where a PortSentry was replaced (docs/decisions/0006).
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { IPV4_MAPPED_WORD, isIpv4, type Prefix, parseAddress, parsePrefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { type HistoryEntry, historyLine } from "./history.ts";

export const blockedSuffixes = [".tcp", ".udp", ".stcp", ".sudp", ".atcp", ".audp"] as const;

export interface ImportedBlock {
  readonly source: Prefix;
  /** 1.2 only: when PortSentry first saw it. */
  readonly sinceMs?: number;
  /** 1.2 only. Its line stands there with BLOCK_*="0" too: whether this protocol blocks is for the caller to ask. */
  readonly protocol?: typeof IpProtocol.Tcp | typeof IpProtocol.Udp;
}

export interface Imported {
  readonly blocks: readonly ImportedBlock[];
  /** For the administrator: files that were refused, lines and records that say nothing. */
  readonly troubles: readonly string[];
}

const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_BLOCKS = 1_000_000;
/** Each change rewrites the file: beyond this only the newest stand in it (6 MB). */
const MAX_WRITTEN = 65_536;
/** Linux's numbers of the families, the first two bytes of a record; little-endian, as on every platform we run on. */
const AF_INET = 2;
const AF_INET6 = 10;

/** Where a protocol's list stands: 1.2 adds the mode's name, 2.x (stealth, connect) nothing. */
export function blockedFilePath(base: string, modeName: string): string {
  return blockedSuffixes.some((suffix) => suffix === `.${modeName}`) ? `${base}.${modeName}` : base;
}

/** What the file, and those with 1.2's suffixes, name; each source once. Never throws. */
export function importBlocked(base: string): Imported {
  const bySource = new Map<string, ImportedBlock>();
  const troubles: string[] = [];
  for (const path of [base, ...blockedSuffixes.map((suffix) => base + suffix)]) {
    const read = readTrusted(path);
    if (read === undefined) continue;
    if (typeof read === "string") {
      troubles.push(`${path} is not imported: ${read}`);
      continue;
    }
    const { blocks, faults } = parseBlocked(read);
    if (faults > 0) troubles.push(`${path}: ${faults} entries cannot be read and are left out`);
    for (const block of blocks) {
      const { w0, w1, w2, w3, bits } = block.source;
      const key = `${w0},${w1},${w2},${w3}/${bits}`;
      if (bySource.size >= MAX_BLOCKS && !bySource.has(key)) continue;
      bySource.set(key, bySource.get(key) ?? block);
    }
  }
  return { blocks: [...bySource.values()], troubles };
}

export interface ParsedBlocked {
  readonly blocks: readonly ImportedBlock[];
  readonly faults: number;
}

/** Either format, told apart by its first bytes: a text line begins with a digit, a record with a family. */
export function parseBlocked(bytes: Uint8Array): ParsedBlocked {
  const family = bytes.length < 2 ? -1 : (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  return family === AF_INET || family === AF_INET6 ? parseRecords(bytes) : parseText(bytes);
}

/*
 *  +--------+--------+----------------------------+
 *  | family (LE)     | 4 or 16 bytes of address   |
 *  +--------+--------+----------------------------+
 */
function parseRecords(bytes: Uint8Array): ParsedBlocked {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: ImportedBlock[] = [];
  let at = 0;
  while (at + 2 <= bytes.length && blocks.length < MAX_BLOCKS) {
    const family = view.getUint16(at, true);
    const end = at + 2 + (family === AF_INET ? 4 : 16);
    // Records have no mark to find the next one by: after a bad one the rest is lost.
    if ((family !== AF_INET && family !== AF_INET6) || end > bytes.length) return { blocks, faults: 1 };
    const word = (index: number) => view.getUint32(at + 2 + index * 4);
    const source =
      family === AF_INET
        ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128)
        : prefixOfWords(word(0), word(1), word(2), word(3), 128);
    blocks.push({ source });
    at = end;
  }
  return { blocks, faults: at < bytes.length ? 1 : 0 };
}

const LINE = /^(\d{1,12}) - [\d/]+ [\d:]+ Host: (.{0,300})\/([0-9a-fA-F.:]{2,45}) Port: (\d{1,5}) (TCP|UDP) Blocked$/;

function parseText(bytes: Uint8Array): ParsedBlocked {
  const blocks: ImportedBlock[] = [];
  let faults = 0;
  let at = 0;
  while (at < bytes.length && blocks.length < MAX_BLOCKS) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline;
    // The name in a line comes from the network: only what stands around it is read. A line is never long.
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(end - at, 600))
      .toString("latin1")
      .trimEnd();
    at = end + 1;
    if (line === "") continue;
    const block = parseLine(line);
    if (block === undefined) faults++;
    else blocks.push(block);
  }
  return { blocks, faults };
}

function parseLine(line: string): ImportedBlock | undefined {
  const [, epoch, name, address, , protocol] = LINE.exec(line) ?? [];
  if (epoch === undefined || name === undefined || address === undefined) return undefined;
  const single = parseAddress(address);
  if (single === undefined) return undefined;
  return {
    source: networkOf(name, single) ?? single,
    sinceMs: Number(epoch) * 1000,
    protocol: protocol === "UDP" ? IpProtocol.Udp : IpProtocol.Tcp,
  };
}

/** Our own lines name IPv6 networks "2001:db8::/64/2001:db8::". A name of a host must not widen what is blocked. */
function networkOf(name: string, single: Prefix): Prefix | undefined {
  const network = parsePrefix(name);
  if (network === undefined || isIpv4(network) || network.bits < 48) return undefined;
  const { w0, w1, w2, w3 } = network;
  return w0 === single.w0 && w1 === single.w1 && w2 === single.w2 && w3 === single.w3 ? network : undefined;
}

/** Undefined: no such file. A text: why it is not trusted. Whoever can write the file could have innocents blocked. */
function readTrusted(path: string): Uint8Array | string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? undefined : code === "ELOOP" ? "it is a link" : code;
  }
  try {
    const stat = fstatSync(fd);
    const { uid, mode, size } = stat;
    if (!stat.isFile()) return "it is no regular file";
    if (uid !== 0 && uid !== process.geteuid?.()) return `it belongs to user ${uid}`;
    if ((mode & 0o022) !== 0) return "others than its owner may write it";
    if (size > MAX_FILE_BYTES) return `it has more than ${MAX_FILE_BYTES} bytes`;
    return readWhole(fd, size);
  } catch (error) {
    return codeOf(error);
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const got = readSync(fd, bytes, at, size - at, at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return String(error);
}

export interface BlockedFileListener {
  /** Called once when writing begins to fail. */
  onTrouble(message: string): void;
  /** Called once when a write works again. */
  onRecovered(message: string): void;
}

/** The file as we write it: the sources that are blocked now, oldest first, in 1.2's lines. */
export class BlockedFile {
  /** leftOut: sources beyond MAX_WRITTEN at the last write. */
  readonly counters = { blockedFileErrors: 0, leftOut: 0 };
  readonly #path: string;
  readonly #listener: BlockedFileListener;
  #troubled = false;
  /** Of the text that was written last. */
  #written: string | undefined;

  constructor(path: string, listener: BlockedFileListener) {
    this.#path = path;
    this.#listener = listener;
  }

  /** Replaces the list, given oldest first. Writes nothing when it stands there already. Never throws. */
  write(entries: readonly HistoryEntry[]): void {
    this.counters.leftOut = Math.max(0, entries.length - MAX_WRITTEN);
    const newest = entries.slice(-MAX_WRITTEN);
    const text = newest.map((entry) => `${historyLine(entry)}\n`).join("");
    const digest = createHash("sha256").update(text).digest("base64");
    try {
      if (digest === this.#written && !this.#troubled && isThere(this.#path)) return;
      replace(this.#path, text);
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
    const why = error instanceof Error ? error.message : String(error);
    this.#listener.onTrouble(
      `cannot write blocked file ${this.#path}: ${why}; blocking goes on, and programs that read this file see an old list`,
    );
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** By a new file beside it, which no link of somebody else (2.x's default is in /tmp) can lead elsewhere; 0600 as 1.2. */
function replace(path: string, text: string): void {
  const draft = join(dirname(path), `.${basename(path)}.new`);
  rmSync(draft, { force: true });
  try {
    writeFileSync(draft, text, { flag: "wx", mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
