// Puts an entry into the allow list and takes it out again, for `portreeve allow` and `disallow` and for Debian's helpers. The
// files keep their comments, owner and mode, and are replaced whole or not at all (base/replaced-file.ts).
import { readFileSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { ReplacedFile } from "../base/replaced-file.ts";
import { formatPrefix, IPV4_MAPPED_BITS, isIpv4, type Prefix, prefixContains } from "../wire/address.ts";
import { addEntry, removeEntry } from "./build-ignore.ts";
import { type IgnoredRead, joinIgnored, MAX_IGNORE_FILE_BYTES, readIgnored, STATIC_SUFFIX } from "./ignored.ts";

/** Of a file that is not there yet. */
const NEW_FILE_MODE = 0o644;
/** Another program that edits the same file is waited for by beginning again. */
const MAX_TRIES = 20;
/** A wider entry is more often a slip than meant, as with `portreeve block`. */
const WIDEST = { ipv4: 16, ipv6: 32 } as const;

/** What an edit has changed. */
export interface IgnoreEdit {
  /** The files that have been written. */
  readonly files: readonly string[];
  /** A wider entry that goes on exempting what was taken out. */
  readonly stillWithin?: string;
}

/** Why an edit was not made. */
export interface IgnoreRefusal {
  readonly code: "listed" | "not-listed" | "too-wide" | "file";
  readonly message: string;
}

export type IgnoreEdited = { readonly ok: IgnoreEdit } | { readonly refused: IgnoreRefusal };

export interface AllowOptions {
  /** Written behind the entry as a comment. */
  readonly reason?: string | undefined;
  readonly force?: boolean | undefined;
}

/** `path` is IGNORE_FILE. The entry goes into the file with ".static" at its end where there is one. */
export async function allowIn(path: string, entry: Prefix, options: AllowOptions = {}): Promise<IgnoreEdited> {
  const name = formatPrefix(entry);
  const files = readBoth(path);
  const listed = entryAround(files, entry);
  if (listed !== undefined) {
    const part = listed === name ? "" : ` as part of ${listed}`;
    return refuse("listed", `${name} is on the allow list already${part}`);
  }
  const [bits, widest] = isIpv4(entry) ? [entry.bits - IPV4_MAPPED_BITS, WIDEST.ipv4] : [entry.bits, WIDEST.ipv6];
  if (bits === 0) return refuse("too-wide", `${name} would exempt everybody and switch the defence off`);
  if (bits < widest && options.force !== true)
    return refuse("too-wide", `${name} is wider than a /${widest}; use --force if you mean all of it`);
  const target = isMissing(files.fixed) ? path : path + STATIC_SUFFIX;
  try {
    await change(target, (text) => addEntry(text, entry, options.reason), isMissing(files.main));
  } catch (error) {
    return refuse("file", `cannot write ${target}: ${messageOf(error)}`);
  }
  if (entryAround(readBoth(path), entry) === undefined)
    return refuse("file", `${name} stands in ${target} now and does not count: "portreeve check" says why`);
  return { ok: { files: [target] } };
}

/** Takes the entry out of IGNORE_FILE and of the file with ".static" at its end. */
export async function disallowIn(path: string, entry: Prefix): Promise<IgnoreEdited> {
  const name = formatPrefix(entry);
  const before = readBoth(path);
  const files = [
    { path, read: before.main },
    { path: path + STATIC_SUFFIX, read: before.fixed },
  ].filter(({ read }) => namesOf(read).includes(name));
  const around = entryAround(before, entry);
  if (files.length === 0) {
    const what = around === undefined ? "is not on the allow list" : `is on the allow list as part of ${around}`;
    const remedy = around === undefined ? "" : `: take that out with "portreeve disallow ${around}"`;
    return refuse("not-listed", `${name} ${what}${remedy}`);
  }
  for (const file of files) {
    try {
      await change(file.path, (text) => removeEntry(text, entry), false);
    } catch (error) {
      return refuse("file", `cannot write ${file.path}: ${messageOf(error)}`);
    }
  }
  const stillWithin = entryAround(readBoth(path), entry);
  return { ok: { files: files.map((file) => file.path), ...(stillWithin !== undefined && { stillWithin }) } };
}

/** Reads, changes and replaces; begins again when the file was changed meanwhile. `change` gives undefined for "leave it". */
export async function editFile(path: string, change: (text: string) => string | undefined): Promise<void> {
  const file = fileAt(path);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await file.read();
    if (before === undefined) throw new Error(`${path} is gone`);
    const changed = change(before.bytes.toString());
    if (changed === undefined || (await file.replace(changed, before.stat))) return;
  }
  throw new Error(`${path} is being changed by another program all the time; try again later`);
}

/** An ignore file as one that is replaced whole. */
export function fileAt(path: string): ReplacedFile {
  return new ReplacedFile(path, { mode: NEW_FILE_MODE, maxBytes: MAX_IGNORE_FILE_BYTES, links: "root's" });
}

async function change(path: string, edit: (text: string) => string | undefined, isNew: boolean): Promise<void> {
  if (isNew && (await fileAt(path).read()) === undefined) await fileAt(path).replace(edit("") ?? "");
  else await editFile(path, edit);
}

interface Files {
  readonly main: IgnoredRead;
  readonly fixed: IgnoredRead;
}

function readBoth(path: string): Files {
  const readFile = (file: string) => readFileSync(file);
  return { main: readIgnored(path, readFile), fixed: readIgnored(path + STATIC_SUFFIX, readFile) };
}

function isMissing(read: IgnoredRead): boolean {
  return "fault" in read && read.missing;
}

function namesOf(read: IgnoredRead): string[] {
  return "fault" in read ? [] : read.prefixes.map(formatPrefix);
}

/** The narrowest entry that the given addresses lie in. */
function entryAround({ main, fixed }: Files, entry: Prefix): string | undefined {
  const around = joinIgnored(main, fixed).prefixes.filter((prefix) => prefixContains(prefix, entry));
  const narrowest = around.sort((a, b) => b.bits - a.bits)[0];
  return narrowest === undefined ? undefined : formatPrefix(narrowest);
}

function refuse(code: IgnoreRefusal["code"], message: string): IgnoreEdited {
  return { refused: { code, message } };
}
