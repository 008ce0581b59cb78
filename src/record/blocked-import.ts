// Reads PortSentry's lists of blocked sources: 1.2's text and 2.x's binary records. For the one import when a PortSentry
// was replaced (docs/decisions/0006); whether an imported source is blocked is for the caller. Hostile input is safe.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { codeOf } from "../base/errors.ts";
import { IPV4_MAPPED_WORD, isIpv4, type Prefix, parseAddress, parsePrefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import { AF_INET, AF_INET6 } from "./blocked-records.ts";

/** 1.2 has a list for each mode. */
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

/** The sources that the file, and the files with 1.2's suffixes, name; each source once. Never throws. */
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

/** Undefined: no such file. A text: why it is not trusted. A user who can write the file could have innocents blocked. */
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
