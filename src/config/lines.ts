// Reads the lines of PortSentry's own format, KEY="value", from bytes. Every malformed line is reported and the rest
// is kept; load.ts decides whether a key exists and what it means. The first of two equal keys wins, as in PortSentry.
import { isUtf8 } from "node:buffer";
import { escapeWord, hasControl } from "../base/escape.ts";
import type { ProblemLog } from "./problems.ts";

export interface Entry {
  readonly key: string;
  /** Between the first quote and the next; no escapes exist in this format. */
  readonly value: string;
  readonly line: number;
  /** Blanks stand before the key: PortSentry passes over such a line. */
  readonly indented: boolean;
  /** PortSentry reads this value; the line was reported all the same (with passedOver), because of the rest of the line. */
  readonly flawed: boolean;
}

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_LINE_BYTES = 4096;

const EXPECTED = 'write KEY="value"';
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = "\ufeff";

/** The entries by key. Never throws, whatever the bytes are. */
export function readLines(bytes: Uint8Array, log: ProblemLog): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  if (bytes.length > MAX_FILE_BYTES) {
    const message = `the file has ${bytes.length} bytes, more than ${MAX_FILE_BYTES}; is this the right file?`;
    log.add({ severity: "error", line: 0, message });
    return entries;
  }
  for (let at = 0, line = 1; at < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, at);
    const next = newline < 0 ? bytes.length : newline;
    const end = next > at && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
    const entry = readLine(bytes.subarray(at, end), line, log);
    if (entry !== undefined) keepFirst(entries, entry, log);
    at = next + 1;
  }
  return entries;
}

/** PortSentry sees no indented key: one at the start of its line counts before it. */
function keepFirst(entries: Map<string, Entry>, entry: Entry, log: ProblemLog): void {
  const { key, line } = entry;
  const first = entries.get(key);
  if (first === undefined) {
    entries.set(key, entry);
    return;
  }
  const replaces = first.indented && !entry.indented;
  if (replaces) entries.set(key, entry);
  const message = replaces
    ? `${key} stands also in line ${line}, without blanks before it, and that line counts; remove one of the two`
    : `${key} stands already in line ${first.line}, and that line counts; remove one of the two`;
  const at = replaces ? first : entry;
  // A flawed line was reported already.
  if (!at.flawed) log.add({ severity: "warning", line: at.line, key, message });
}

function readLine(bytes: Uint8Array, line: number, log: ProblemLog): Entry | undefined {
  // Bytes that are no UTF-8 are most likely Latin-1: the banner of an old file.
  const encoding = isUtf8(bytes) ? "utf8" : "latin1";
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_LINE_BYTES)).toString(encoding);
  const whole = line === 1 && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(1) : raw;
  const text = whole.replace(/^[ \t]+/, "");
  // An old file may hold a comment in Latin-1: that is no reason to leave a host without its defence.
  const isComment = text.startsWith("#");
  const key = /^[A-Za-z0-9_]+/.exec(text)?.[0];
  const severe = severeFault(bytes);
  const fault = severe ?? (encoding === "utf8" ? undefined : NO_UTF8);
  if (fault !== undefined && (isComment || severe !== undefined)) {
    const severity = isComment ? "warning" : "error";
    log.add({ severity, line, key, message: isComment ? `in a comment: ${fault}` : fault });
    return undefined;
  }
  if (isComment || text.trim() === "") return undefined;
  const read = readAssignment(text);
  const reading = fault === undefined || read.fault !== undefined ? read : { ...read, fault };
  if (reading.fault !== undefined) {
    log.add({ severity: "error", line, key: reading.key, message: reading.fault, passedOver: reading.severe !== true });
  }
  if (reading.key === undefined || reading.value === undefined) return undefined;
  const { key: name, value } = reading;
  return { key: name, value, line, indented: text.length < whole.length, flawed: reading.fault !== undefined };
}

const NO_UTF8 = "the line holds bytes that are no UTF-8 text; save the file as UTF-8";

function severeFault(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_LINE_BYTES) {
    return `the line has ${bytes.length} bytes, more than ${MAX_LINE_BYTES}; shorten it (port lists may hold ranges: "1-1023")`;
  }
  if (bytes.includes(0)) return "the line holds a NUL byte; remove it";
  return undefined;
}

interface Reading {
  readonly key?: string;
  readonly value?: string;
  readonly fault?: string;
  /** PortSentry would act on this line in a way that must not be guessed. */
  readonly severe?: true;
}

function readAssignment(text: string): Reading {
  const equals = text.indexOf("=");
  // PortSentry takes a blank for "=".
  const blank = /^([A-Za-z0-9_]+)[ \t]+(".*)$/.exec(text);
  if (blank?.[1] !== undefined && blank[2] !== undefined) {
    const shown = escapeWord(blank[1]);
    return { ...readValue(blank[1], blank[2]), fault: `${shown}: no "=" before the value; write ${shown}="value"` };
  }
  if (equals < 0)
    return { fault: `"${escapeWord(text.trimEnd())}" has no "="; ${EXPECTED}, or begin a comment with #` };

  const key = text.slice(0, equals).replace(/[ \t]+$/, "");
  if (key === "") return { fault: `no key before "="; ${EXPECTED}` };
  if (!/^[A-Za-z0-9_]+$/.test(key)) {
    return { fault: `"${escapeWord(key)}" is no key: only letters, digits and _ can stand before "="` };
  }
  return readValue(key, text.slice(equals + 1).replace(/^[ \t]+/, ""));
}

/** `rest` is what follows "=". */
function readValue(key: string, rest: string): Reading {
  const shown = escapeWord(key);
  if (!rest.startsWith('"')) {
    const bare = escapeWord(rest.trimEnd());
    return {
      key,
      fault: `${shown}: quotes missing from ${bare}; write ${shown}="${bare.includes('"') ? "value" : bare}"`,
    };
  }
  const close = rest.indexOf('"', 1);
  if (close < 0) return { key, fault: `${shown}: no closing quote after ${escapeWord(rest.trimEnd())}` };

  const value = rest.slice(1, close);
  if (hasControl(value, "allowed")) {
    return { key, fault: `${shown}: a control character in "${escapeWord(value)}"; remove it`, severe: true };
  }
  const after = rest.slice(close + 1).trim();
  if (after === "" || after.startsWith("#")) return { key, value };
  return {
    key,
    value,
    fault: `${shown}: text after the closing quote: "${escapeWord(after)}"; remove it, or put # before it`,
  };
}
