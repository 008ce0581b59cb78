// Decides how strictly a file is read. A file without any key of Portreeve's own is an old PortSentry configuration: an
// administrator who only replaced the package must get a daemon that starts, so a line that PortSentry passed over is a
// warning there. In every other file such a line is an error, because a mistyped line may be the one that was to protect the host.
// docs/decisions/0006 has the reasons.

import { escapeWord } from "../base/escape.ts";
import { findKey, keyNames, portSentryKeyNames } from "./keys.ts";
import type { Entry } from "./lines.ts";
import type { ProblemLog } from "./problems.ts";
import { suggestName } from "./suggest.ts";

/** A file with more unknown keys than this is no configuration of ours; looking for what each may mean takes time. */
const MAX_SUGGESTIONS = 50;

type Entries = ReadonlyMap<string, Entry>;

interface Reporting {
  readonly old: boolean;
  /** What readLines found. */
  readonly lineLog: ProblemLog;
  readonly log: ProblemLog;
}

export function isOldFile(entries: Entries): boolean {
  for (const name of entries.keys()) if (findKey(name)?.origin === "portreeve") return false;
  return true;
}

/** Reports malformed lines and unknown keys in `log`; gives the entries that count. */
export function reportLines(found: Entries, { old, lineLog, log }: Reporting): Entries {
  for (const problem of lineLog.list()) {
    if (problem.passedOver === true && old) log.add({ ...problem, severity: "warning" });
    else log.add({ ...problem, passedOver: false });
  }
  const entries = new Map([...found].filter(([, entry]) => old || !entry.flawed));
  let unknown = 0;
  for (const entry of entries.values()) {
    const key = findKey(entry.key);
    if (key === undefined) reportUnknown(entry, { old, search: ++unknown <= MAX_SUGGESTIONS }, log);
    else if (old && entry.indented && !entry.flawed) {
      const message = `${key.name} has blanks before it, for which PortSentry passed over this line; here it counts`;
      log.add({ severity: "warning", line: entry.line, key: key.name, message });
    }
  }
  return entries;
}

function reportUnknown({ key: name, line }: Entry, how: { old: boolean; search: boolean }, log: ProblemLog): void {
  const near = how.search ? suggestName(name, keyNames) : undefined;
  const remedy = near === undefined ? "remove the line, or put # before it" : `did you mean ${near}?`;
  // No old file holds a key that only looks like one of ours: an administrator has begun to use our keys, and mistyped one.
  const meantOurs = near !== undefined && !portSentryKeyNames.includes(near);
  const isError = !how.old || meantOurs;
  const what = isError ? "is no known key" : "is no known key and does nothing, as in PortSentry";
  const message = `${escapeWord(name)} ${what}; ${remedy}`;
  log.add({ severity: isError ? "error" : "warning", line, key: name, message, passedOver: !isError });
}
