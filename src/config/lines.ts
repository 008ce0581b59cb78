// Reads the lines of PortSentry's own format, KEY="value", from bytes. Every malformed line is reported and the rest
// is kept; load.ts decides whether a key exists and what it means. The first of two equal keys wins, as in PortSentry. Where
// PortSentry 1.2 reads a value from a malformed line, the value is kept beside the report; strictness.ts decides what counts.
import { isUtf8 } from "node:buffer";
import { escapeText, escapeWord, hasControl } from "../base/escape.ts";
import { readAsPortSentry, readJoined, valueOfPortSentry } from "./old-lines.ts";
import type { ProblemLog, StartsIn } from "./problems.ts";
import { hasTypographicQuotes, unquote } from "./quotes.ts";

export interface Entry {
  readonly key: string;
  /** Between the first quote and the next; no escapes exist in this format. */
  readonly value: string;
  readonly line: number;
  /** Blanks or a byte order mark stand before the key, or a tab after it: PortSentry passes over such a line. */
  readonly unseen: boolean;
  /** PortSentry 1.2 reads this value; the line was reported all the same, because of the rest of it. */
  readonly flawed: boolean;
}

export const MAX_FILE_BYTES = 1024 * 1024;
export const MAX_LINE_BYTES = 4096;
/** PortSentry reads lines into a buffer of this size and its end. */
const OLD_LINE_BYTES = 1023;

const MAX_PROPOSED_CHARS = 1_000;
const EXPECTED = 'write KEY="value"';
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = "\ufeff";

/** The entries by key. Never throws, whatever the bytes are. */
export function readLines(bytes: Uint8Array, log: ProblemLog): ReadonlyMap<string, Entry> {
  const found: Found = { entries: new Map(), lost: new Map() };
  const whole = faultOfFile(bytes);
  if (whole !== undefined) {
    log.add({ severity: "error", line: 0, message: whole });
    return found.entries;
  }
  for (let at = 0, line = 1; at < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, at);
    const next = newline < 0 ? bytes.length : newline;
    const end = next > at && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
    for (const read of readLine(bytes.subarray(at, end), line, log)) keepFirst(found, read, log);
    at = next + 1;
  }
  return found.entries;
}

function faultOfFile(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_FILE_BYTES) {
    return `the file has ${bytes.length} bytes, more than ${MAX_FILE_BYTES}; is this the right file?`;
  }
  const [a, b, c, d] = bytes;
  const hasMark = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  const isWide = (a === 0 && c === 0) || (b === 0 && d === 0);
  return hasMark || isWide ? "the file is UTF-16 text, of which no line can be read; save it as UTF-8" : undefined;
}

interface Found {
  readonly entries: Map<string, Entry>;
  /** The lines of keys without any quotes: PortSentry looks for such a key no further. */
  readonly lost: Map<string, number>;
}

/** A line that was read: with a value, or a key that PortSentry finds without one. */
type Line = Entry | { readonly key: string; readonly line: number; readonly value: undefined };

/** PortSentry sees no indented key: one at the start of its line counts before it. */
function keepFirst({ entries, lost }: Found, read: Line, log: ProblemLog): void {
  const { key, line } = read;
  const first = entries.get(key);
  if (read.value === undefined) {
    if (!lost.has(key) && (first === undefined || first.unseen)) lost.set(key, line);
    if (first?.unseen === true) entries.delete(key);
    return;
  }
  const without = lost.get(key);
  if (without !== undefined) {
    const message = `${key} stands already in line ${without}, without quotes, and PortSentry looks no further; remove one of the two`;
    if (!read.flawed) log.add({ severity: "error", line, key, message, startsIn: "1.2", passedOver: true });
    return;
  }
  if (first === undefined) {
    entries.set(key, read);
    return;
  }
  const replaces = first.unseen && !read.unseen;
  if (replaces) entries.set(key, read);
  const message = replaces
    ? `${key} stands also in line ${line}, without blanks before it, and that line counts; remove one of the two`
    : `${key} stands already in line ${first.line}, and that line counts; remove one of the two`;
  const at = replaces ? first : read;
  // A flawed line was reported already.
  if (!at.flawed) log.add({ severity: "warning", line: at.line, key, message });
}

/** None, one, or of two lines that have run into one both. */
function readLine(bytes: Uint8Array, line: number, log: ProblemLog): readonly Line[] {
  const long = bytes.length > MAX_LINE_BYTES ? faultOfLength(bytes.length) : undefined;
  const taken = long === undefined ? bytes : bytes.subarray(0, OLD_LINE_BYTES);
  // Bytes that are no UTF-8 are most likely Latin-1: the banner of an old file. A cut may have parted a character.
  const isText = isUtf8(taken) || (long !== undefined && isUtf8(bytes));
  const raw = Buffer.from(taken.buffer, taken.byteOffset, taken.length).toString(isText ? "utf8" : "latin1");
  const whole = line === 1 && raw.startsWith(BYTE_ORDER_MARK) ? raw.slice(1) : raw;
  const text = whole.replace(/^[ \t]+/, "");
  const nul = bytes.includes(0) ? "the line holds a NUL byte; remove it" : undefined;
  const fault = long ?? nul ?? (isText ? undefined : NO_UTF8);
  if (text.startsWith("#")) {
    // An old file may hold a comment in Latin-1: that is no reason to leave a host without its defence.
    if (fault !== undefined) log.add({ severity: "warning", line, message: `in a comment: ${fault}` });
    return [];
  }
  if (text.trim() === "") return [];

  const strict = readAssignment(text);
  const isWhole = strict.value !== undefined && long === undefined && nul === undefined;
  const said = long ?? nul ?? strict.fault ?? fault;
  const asOld = isWhole ? undefined : readAsPortSentry(text);
  const key = strict.key ?? asOld?.key ?? /^[A-Za-z0-9_]+/.exec(text)?.[0];
  const value = isWhole ? strict.value : asOld?.value;
  if (said !== undefined) {
    const startsIn: StartsIn = isWhole ? "1.2 and 2.x" : "1.2";
    log.add({
      severity: "error",
      line,
      key: strict.key,
      message: said,
      startsIn,
      passedOver: value === undefined,
    });
  }
  const unseen = text.length < raw.length || /^[A-Za-z0-9_]+\t/.test(text);
  if (key === undefined) return [];
  if (value === undefined) return asOld !== undefined && !unseen ? [{ key, line, value: undefined }] : [];
  const first = { key, value, line, unseen, flawed: said !== undefined };
  const second = isWhole && strict.fault !== undefined ? readJoined(text) : undefined;
  return second === undefined ? [first] : [first, { ...first, ...second }];
}

const NO_UTF8 = "the line holds bytes that are no UTF-8 text; save the file as UTF-8";

function faultOfLength(length: number): string {
  return `the line has ${length} bytes, more than ${MAX_LINE_BYTES}; shorten it (port lists may hold ranges: "1-1023")`;
}

interface Reading {
  readonly key?: string;
  readonly value?: string;
  readonly fault?: string;
}

function readAssignment(text: string): Reading {
  const equals = text.indexOf("=");
  // PortSentry takes a blank for "=".
  const blank = /^([A-Za-z0-9_]+)[ \t]+(".*)$/.exec(text);
  if (blank?.[1] !== undefined) {
    const shown = escapeWord(blank[1]);
    return { key: blank[1], fault: `${shown}: no "=" before the value; write ${shown}="value"` };
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
  if (!rest.startsWith('"')) return { key, fault: `${shown}: ${tellUnquoted(shown, rest.trimEnd())}` };
  const close = rest.indexOf('"', 1);
  if (close < 0) {
    const proposed = propose(valueOfPortSentry(rest));
    return { key, fault: `${shown}: no closing quote after ${escapeWord(rest.trimEnd())}; write ${shown}=${proposed}` };
  }

  const value = rest.slice(1, close);
  if (hasControl(value, "allowed")) {
    return { key, fault: `${shown}: a control character in "${escapeWord(value)}"; remove it` };
  }
  const after = rest.slice(close + 1).trim();
  if (after === "" || after.startsWith("#")) return { key, value };
  return {
    key,
    value,
    fault: `${shown}: text after the closing quote: "${escapeWord(after)}"; remove it, or put # before it`,
  };
}

function tellUnquoted(shown: string, rest: string): string {
  const what = hasTypographicQuotes(rest)
    ? `typographic quotes in ${escapeWord(rest)}, where PortSentry's format has "`
    : `quotes missing from ${escapeWord(rest)}`;
  return `${what}; write ${shown}=${propose(rest)}`;
}

/** The value that is meant, in the right quotes. */
function propose(text: string): string {
  const bare = unquote(text);
  return `"${bare.includes('"') ? "value" : escapeText(bare, MAX_PROPOSED_CHARS)}"`;
}
