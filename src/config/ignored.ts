// What IGNORE_FILE names, read: the blocks of addresses that are never held or blocked.
import type { Prefix } from "../wire/address.ts";
import { readIgnoreFile } from "./ignore-file.ts";
import { keys } from "./keys.ts";
import { escapeText, type Problem, type ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";

const MAX_IGNORE_FILE_BYTES = 16 * 1024 * 1024;

export interface Ignored {
  readonly prefixes: readonly Prefix[];
  readonly problems: readonly Problem[];
}

/** A missing file exempts nobody, as in PortSentry; one that is there and cannot be read must not go unnoticed. */
export function loadIgnored(
  path: string | undefined,
  line: number,
  { readFile, log }: { readonly readFile: ReadFile; readonly log: ProblemLog },
): Ignored {
  const none: Ignored = { prefixes: [], problems: [] };
  const key = keys.ignoreFile.name;
  if (log.isBad(key)) return none;
  if (path === undefined) {
    const message = "no IGNORE_FILE is set: no source is exempt; name a file that lists your own addresses";
    log.add({ severity: "warning", line, key, message });
    return none;
  }
  const read = tryRead(path, readFile);
  if ("fault" in read) {
    const severity = read.missing ? "warning" : "error";
    const remedy = read.missing ? "no source is exempt; make the file" : "make it readable, or take the key out";
    log.add({ severity, line, key, message: `IGNORE_FILE ${escapeText(path)}: ${read.fault}: ${remedy}` });
    return none;
  }
  if (read.bytes.length > MAX_IGNORE_FILE_BYTES) {
    const message = `IGNORE_FILE ${escapeText(path)} has more than ${MAX_IGNORE_FILE_BYTES} bytes; join its entries into networks`;
    log.add({ severity: "error", line, key, message });
    return none;
  }
  return readIgnoreFile(Buffer.from(read.bytes).toString("utf8"), path);
}
