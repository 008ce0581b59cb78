// Decides how strictly a file is read. A file without any key of Portreeve's own is an old PortSentry configuration: an
// administrator who only replaced the package must get a daemon that starts, so whatever PortSentry 1.2 starts with is a warning
// there. In every other file it is an error, because a mistyped line may be the one that was to protect the host. 2.x is
// strict itself, so an old file that is read for its command line is an error where 2.x would not start.
// docs/decisions/0006 has the reasons.

import { escapeText, escapeWord } from "../base/escape.ts";
import { findKey, keyNames, portSentryKeyNames } from "./keys.ts";
import type { Entry } from "./lines.ts";
import type { Problem, ProblemLog } from "./problems.ts";
import { hasTypographicQuotes, unquote } from "./quotes.ts";
import { suggestName } from "./suggest.ts";

/** A file with more unknown keys than this is no configuration of ours; looking for what each may mean takes time. */
const MAX_SUGGESTIONS = 50;
const MAX_PROPOSED = 1_000;

type Entries = ReadonlyMap<string, Entry>;

/** As PortSentry 1.2 or 2.x reads its own file, or as a file of ours is read. */
export type Strictness = "1.2" | "2.x" | "ours";

interface Reporting {
  readonly strictness: Strictness;
  /** What readLines found. */
  readonly lineLog: ProblemLog;
  readonly log: ProblemLog;
}

/** `generation` is the command line's. */
export function strictnessOf(entries: Entries, generation: 1 | 2 | undefined): Strictness {
  for (const name of entries.keys()) {
    const key = findKey(name);
    if (key?.origin === "portreeve" && key.inOldFiles !== true) return "ours";
  }
  return generation === 2 ? "2.x" : "1.2";
}

/** Reports malformed lines and unknown keys in `log`; gives the entries that count. */
export function reportLines(found: Entries, { strictness, lineLog, log }: Reporting): Entries {
  const broken = new Set<number>();
  const flawedAt = new Map<number, Entry[]>();
  for (const entry of found.values()) {
    if (entry.flawed) flawedAt.set(entry.line, [...(flawedAt.get(entry.line) ?? []), entry]);
  }
  for (const problem of lineLog.list()) {
    if (isTolerated(problem, strictness)) log.add(tolerate(problem, flawedAt.get(problem.line) ?? []));
    else {
      log.add({ ...problem, passedOver: false, startsIn: undefined });
      broken.add(problem.line);
    }
  }
  const entries = new Map<string, Entry>();
  for (const [name, entry] of found) {
    if (!entry.flawed || !broken.has(entry.line)) entries.set(name, withoutTypographic(entry, { strictness, log }));
  }
  let unknown = 0;
  for (const entry of entries.values()) {
    const key = findKey(entry.key);
    if (key === undefined) {
      if (!entry.flawed) reportUnknown(entry, { strictness, search: ++unknown <= MAX_SUGGESTIONS }, log);
      continue;
    }
    if (strictness !== "ours" && entry.unseen) {
      const why = "what stands before it, or the tab behind it, hides this line from PortSentry 1.2; here it counts";
      log.add({ severity: "warning", line: entry.line, key: key.name, message: `${key.name}: ${why}` });
    }
  }
  return entries;
}

function isTolerated({ startsIn }: Problem, strictness: Strictness): boolean {
  if (strictness === "ours" || startsIn === undefined) return false;
  return strictness === "1.2" || startsIn === "1.2 and 2.x";
}

/** `entries`: what is read from the line all the same. */
function tolerate(problem: Problem, entries: readonly Entry[]): Problem {
  const { startsIn: _, ...rest } = problem;
  const known = entries.filter(({ key }) => findKey(key) !== undefined);
  if (known.length === 0) return { ...rest, severity: "warning", ...(entries.length > 0 && { passedOver: true }) };
  const counts = known.map(({ key, value }) => `${key} is "${escapeWord(value)}"`).join(" and ");
  // Letters beyond ASCII are read here, and end the value in PortSentry; of two keys in a line it reads one value.
  const isLike = known.length === 1 && /^[ -~]*$/.test(known[0]?.value ?? "");
  return {
    ...rest,
    severity: "warning",
    message: `${problem.message}; until then ${counts}${isLike ? ", as in PortSentry" : ""}`,
  };
}

interface Typography {
  readonly strictness: Strictness;
  readonly log: ProblemLog;
}

/** `BLOCK_TCP="”1″"`, which one gets who puts quotes around the wrong ones, has no value in PortSentry 1.2. */
function withoutTypographic(entry: Entry, { strictness, log }: Typography): Entry {
  const { key, value, line } = entry;
  const isQuoted = hasTypographicQuotes(value.slice(0, 1)) && hasTypographicQuotes(value.slice(-1));
  if (!isQuoted) return entry;
  const isOld = strictness === "1.2";
  const counts = isOld ? "; until then the value is empty, as in PortSentry" : "";
  const message = `${key}: typographic quotes stand in the value; write ${key}="${escapeText(unquote(value), MAX_PROPOSED)}"`;
  log.add({ severity: isOld ? "warning" : "error", line, key, message: `${message}${counts}` });
  return isOld ? { ...entry, value: "" } : entry;
}

interface UnknownKey {
  readonly strictness: Strictness;
  readonly search: boolean;
}

function reportUnknown({ key: name, line }: Entry, { strictness, search }: UnknownKey, log: ProblemLog): void {
  const near = search ? nearest(name, strictness) : undefined;
  const remedy = near === undefined ? "remove the line, or put # before it" : `did you mean ${near}?`;
  const isIdle = strictness === "1.2";
  const what = isIdle ? "is no known key and does nothing, as in PortSentry" : "is no known key";
  const message = `${escapeWord(name)} ${what}; ${remedy}`;
  log.add({ severity: isIdle ? "warning" : "error", line, key: name, message, passedOver: isIdle });
}

/** In PortSentry's file a key of PortSentry's is meant, if one is near. */
function nearest(name: string, strictness: Strictness): string | undefined {
  const all = [...portSentryKeyNames, ...keyNames];
  return (strictness === "ours" ? undefined : suggestName(name, portSentryKeyNames)) ?? suggestName(name, all);
}
