// What IGNORE_FILE names, read: the blocks of addresses that are never held or blocked. The file of the same name with
// ".static" at its end, from which Debian's start script makes IGNORE_FILE, counts too: an entry is in force when it stands
// in either.

import { escapeWord } from "../base/escape.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { type IgnoreFile, readIgnoreFile } from "./ignore-file.ts";
import { keys } from "./keys.ts";
import type { Problem, ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";

export const MAX_IGNORE_FILE_BYTES = 16 * 1024 * 1024;
export const STATIC_SUFFIX = ".static";

export interface Ignored {
  readonly prefixes: readonly Prefix[];
  readonly problems: readonly Problem[];
}

interface IgnoredContext {
  readonly readFile: ReadFile;
  readonly log: ProblemLog;
  /** The file is read as PortSentry 1.2 reads it, which starts with any ignore file and with none. */
  readonly old: boolean;
}

/** A missing file exempts nobody, as in PortSentry; one that is there and cannot be read must not go unnoticed. */
export function loadIgnored(path: string | undefined, line: number, { readFile, log, old }: IgnoredContext): Ignored {
  const none: Ignored = { prefixes: [], problems: [] };
  const key = keys.ignoreFile.name;
  if (log.isBad(key)) return none;
  if (path === undefined) {
    const message = "no IGNORE_FILE is set: no source is exempt; name a file that lists your own addresses";
    log.add({ severity: "warning", line, key, message });
    return none;
  }
  const main = readIgnored(path, readFile);
  const fixed = readIgnored(path + STATIC_SUFFIX, readFile);
  if ("fault" in main) {
    const severity = main.missing || old ? "warning" : "error";
    const nobody = "fault" in fixed ? "no source is exempt" : `only the entries of ${path + STATIC_SUFFIX} count`;
    const remedy = main.missing
      ? `${nobody}; make the file`
      : `${old ? `${nobody}; ` : ""}make it readable, or take the key out`;
    log.add({ severity, line, key, message: `IGNORE_FILE ${escapeWord(path)}: ${main.fault}: ${remedy}` });
  }
  if ("fault" in fixed && !fixed.missing) {
    const message = `${escapeWord(path + STATIC_SUFFIX)}: ${fixed.fault}: its entries do not count; make it readable`;
    log.add({ severity: "warning", line, key, message });
  }
  return joinIgnored(main, fixed);
}

export type IgnoredRead = IgnoreFile | { readonly fault: string; readonly missing: boolean };

/** One ignore file, read and parsed; its bad lines are in `problems`. */
export function readIgnored(path: string, readFile: ReadFile): IgnoredRead {
  const read = tryRead(path, readFile);
  if ("fault" in read) return read;
  if (read.bytes.length > MAX_IGNORE_FILE_BYTES) {
    return { fault: `it has more than ${MAX_IGNORE_FILE_BYTES} bytes; join its entries into networks`, missing: false };
  }
  return readIgnoreFile(Buffer.from(read.bytes).toString("utf8"), path);
}

export function joinIgnored(main: IgnoredRead, fixed: IgnoredRead): Ignored {
  // The administrator's own file first: lists that are cut begin with its entries.
  const files = [fixed, main].flatMap((read) => ("fault" in read ? [] : [read]));
  // Debian's script copies the one into the other: most entries stand in both.
  const distinct = new Map(files.flatMap(({ prefixes }) => prefixes.map((prefix) => [formatPrefix(prefix), prefix])));
  return {
    prefixes: [...distinct.values()],
    problems: files.flatMap(({ problems }) => problems),
  };
}
