// The configuration file -> Settings, or everything that is wrong with it. Reads two files through the function that
// it is given (the configuration and IGNORE_FILE), changes nothing, and never throws for what stands in them.
import { checkSettings, limitBlockTime } from "./checks.ts";
import { loadIgnored } from "./ignored.ts";
import { findKey, type Key, keyNames, keys } from "./keys.ts";
import { type Entry, readLines } from "./lines.ts";
import { createProblemLog, escapeText, type Problem, type ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";
import type { Settings } from "./settings.ts";
import { suggestName } from "./suggest.ts";
import { watchTcp, watchUdp } from "./watch.ts";

/** A file with more unknown keys than this is no configuration of ours; looking for what each may mean takes time. */
const MAX_SUGGESTIONS = 50;

export interface Loaded {
  /** Absent when any problem is an error. */
  readonly settings?: Settings;
  readonly problems: readonly Problem[];
}

/** `readFile` throws as fs.readFileSync does; an error's `code` decides what a missing file means. */
export function loadSettings(file: string, readFile: ReadFile): Loaded {
  const log = createProblemLog(file);
  const read = tryRead(file, readFile);
  if ("fault" in read) {
    const message = `cannot read the configuration: ${read.fault}; name another file with -c`;
    log.add({ severity: "error", line: 0, message });
    return { problems: log.list() };
  }
  const entries = readLines(read.bytes, log);
  reportKeys(entries, log);
  const take = <T>(key: Key<T>): T => takeValue(key, entries, log);

  const ignoreFile = take(keys.ignoreFile);
  const ignored = loadIgnored(ignoreFile, entries.get(keys.ignoreFile.name)?.line ?? 0, { readFile, log });
  const blockTimeMaxMs = take(keys.blockTimeMax);
  const settings: Settings = {
    file,
    tcp: watchTcp(take),
    udp: watchUdp(take),
    firewall: take(keys.firewall),
    policy: take(keys.policy),
    scanTrigger: take(keys.scanTrigger),
    scorePorts: take(keys.scorePorts),
    scoreWindowMs: take(keys.scoreWindow),
    proof: take(keys.proof),
    blockTimeMs: limitBlockTime(take(keys.blockTime), blockTimeMaxMs, entries, log),
    blockTimeFactor: take(keys.blockTimeFactor),
    blockTimeMaxMs,
    softBlockTimeMs: take(keys.softBlockTime),
    latelyOpenMs: take(keys.latelyOpen),
    bootGraceMs: take(keys.bootGrace),
    ignored: ignored.prefixes,
    ignoreFile,
    historyFile: take(keys.historyFile),
    stateDir: take(keys.stateDir),
    controlSocket: take(keys.controlSocket),
    syslogIdent: take(keys.syslogIdent),
    logFormat: take(keys.logFormat),
    maxSources: take(keys.maxSources),
    maxEvents: take(keys.maxEvents),
  };
  checkSettings(settings, entries, log);
  const problems = [...log.list(), ...ignored.problems];
  return problems.some(({ severity }) => severity === "error") ? { problems } : { settings, problems };
}

/** Keys that do not exist, and keys that exist and are not carried out. */
function reportKeys(entries: ReadonlyMap<string, Entry>, log: ProblemLog): void {
  let unknown = 0;
  for (const { key: name, line } of entries.values()) {
    const key = findKey(name);
    if (key === undefined) {
      unknown++;
      const near = unknown <= MAX_SUGGESTIONS ? suggestName(name, keyNames) : undefined;
      const remedy = near === undefined ? "remove the line, or put # before it" : `did you mean ${near}?`;
      log.add({ severity: "error", line, key: name, message: `${escapeText(name)} is no known key; ${remedy}` });
    } else if (!key.carriedOut) {
      const message = `${name} is read and not carried out by this version (${key.meaning.replace(/\.$/, "")})`;
      log.add({ severity: "warning", line, key: name, message });
    }
  }
}

/** The key's value; where it cannot be read, that is reported and the value of an absent key goes on. */
function takeValue<T>(key: Key<T>, entries: ReadonlyMap<string, Entry>, log: ProblemLog): T {
  const entry = entries.get(key.name);
  if (entry !== undefined) {
    const parsed = key.type.parse(entry.value);
    if ("ok" in parsed) return parsed.ok;
    const message = `${key.name}="${escapeText(entry.value)}": ${parsed.error}`;
    log.add({ severity: "error", line: entry.line, key: key.name, message });
  }
  const parsed = key.type.parse(key.absent);
  if ("ok" in parsed) return parsed.ok;
  throw new Error(`the table of keys is wrong: ${key.name}="${key.absent}": ${parsed.error}`);
}
