// The configuration file -> Settings, or everything that is wrong with it. Reads the configuration and the ignore files
// through the function that it is given, changes nothing, and never throws for what stands in them.

import { resolve } from "node:path";
import { escapeWord } from "../base/escape.ts";
import { checkSettings, limitBlockTime } from "./checks.ts";
import { checkFiles } from "./file-checks.ts";
import { loadIgnored } from "./ignored.ts";
import { type Key, type Take, takeEach } from "./key.ts";
import { keys, plainKeys } from "./keys.ts";
import { loadKnown } from "./known.ts";
import { type Entry, readLines } from "./lines.ts";
import type { LoadOptions } from "./options.ts";
import { createProblemLog, type Problem, type ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";
import { takeResponses } from "./responses.ts";
import type { Settings } from "./settings.ts";
import { reportLines, strictnessOf } from "./strictness.ts";
import { tapKeys } from "./tap-keys.ts";
import { watchTcp, watchUdp } from "./watch.ts";

export interface Loaded {
  /** Absent when any problem is an error. */
  readonly settings?: Settings;
  readonly problems: readonly Problem[];
}

/** `readFile` throws as fs.readFileSync does; an error's `code` decides what a missing file means. */
export function loadSettings(file: string, readFile: ReadFile, options: LoadOptions = {}): Loaded {
  const log = createProblemLog(file);
  const read = tryRead(file, readFile);
  if ("fault" in read) {
    const message = `cannot read the configuration: ${read.fault}; name another file with -c`;
    log.add({ severity: "error", line: 0, message });
    return { problems: log.list() };
  }
  const lineLog = createProblemLog(file);
  const found = readLines(read.bytes, lineLog);
  const strictness = strictnessOf(found, options.generation);
  const entries = absolutePaths(reportLines(found, { strictness, lineLog, log }), options.folder);
  const old = strictness === "1.2";
  const take: Take = (key, isUsed = true) => takeValue(key, entries, { log, old, isUsed });

  const taken = takeSettings(take, entries, { file, log, options });
  const reads = { readFile, log, old };
  const ignored = loadIgnored(taken.ignoreFile, entries.get(keys.ignoreFile.name)?.line ?? 0, reads);
  const known = loadKnown(taken.tap.knownScanners, entries.get(keys.knownScanners.name)?.line ?? 0, reads);
  const settings: Settings = { ...taken, tap: { ...taken.tap, known: known.entries }, ignored: ignored.prefixes };
  checkFiles(settings, { entries, log, files: options.files, generation: options.generation });
  checkSettings(settings, entries, { log, old, fileExists: options.fileExists });
  const problems = [...log.list(), ...ignored.problems, ...known.problems];
  return problems.some(({ severity }) => severity === "error") ? { problems } : { settings, problems };
}

interface Context {
  readonly file: string;
  readonly log: ProblemLog;
  readonly options: LoadOptions;
}

type Entries = ReadonlyMap<string, Entry>;

function takeSettings(take: Take, entries: Entries, { file, log, options }: Context): Settings {
  const generation = options.generation ?? 1;
  const { interfaces = [] } = options;
  const plain = takeEach(plainKeys, take);
  const responses = takeResponses(take, entries, log);
  return {
    ...plain,
    file,
    generation,
    tcp: watchTcp(take, options, generation),
    udp: watchUdp(take, options, generation),
    switches: options.switches ?? noSwitches,
    firewall: withCapture(asSecond(plain.firewall, responses, generation), plain.capture),
    responses: generation === 2 ? { ...responses, takesIpv6: true } : responses,
    blockTimeMs: limitBlockTime(plain.blockTimeMs, plain.blockTimeMaxMs, entries, log),
    logFormat: plain.logFormat ?? options.logFormat ?? (generation === 2 ? "portsentry2" : "portsentry1"),
    interfaces: interfaces.length === 0 ? plain.interfaces : interfaces,
    // The files are read once their names are known.
    ignored: [],
    tap: { ...takeEach(tapKeys, take), known: [] },
  };
}

const noSwitches: Settings["switches"] = { countsOwn: false, countsServed: false, verbose: false, debug: false };
const pathKeys: readonly string[] = [keys.ignoreFile.name, keys.historyFile.name, keys.blockedFile.name];

/** 2.x opens the files of a configuration from the folder in which it was started. */
function absolutePaths(entries: Entries, folder: string | undefined): Entries {
  if (folder === undefined) return entries;
  const absolute = (entry: Entry) =>
    pathKeys.includes(entry.key) && entry.value.trim() !== ""
      ? { ...entry, value: resolve(folder, entry.value) }
      : entry;
  return new Map([...entries].map(([name, entry]) => [name, absolute(entry)]));
}

/** Where a file says how to block in 2.x's way, 2.x blocks in no other; FIREWALL="nftables" has the table block beside it. */
function asSecond(
  firewall: Settings["firewall"],
  { killRoute, hostsDeny }: Settings["responses"],
  generation: 1 | 2,
): Settings["firewall"] {
  const saysHow = killRoute !== undefined || hostsDeny !== undefined;
  return generation === 2 && firewall === "auto" && saysHow ? "none" : firewall;
}

/** The ring loads no table, so "auto" finds none to block with; checks.ts reports that "nftables" cannot be had then. */
function withCapture(firewall: Settings["firewall"], capture: Settings["capture"]): Settings["firewall"] {
  return capture === "ring" && firewall === "auto" ? "none" : firewall;
}

interface Taking {
  readonly log: ProblemLog;
  /** The file is read as PortSentry 1.2 reads it. */
  readonly old: boolean;
  readonly isUsed: boolean;
}

/** The key's value; where it cannot be read, that is reported and the value of an absent key goes on. */
function takeValue<T>(key: Key<T>, entries: Entries, { log, old, isUsed }: Taking): T {
  const entry = entries.get(key.name);
  if (entry !== undefined) {
    const parsed = (old ? key.oldReading?.(entry.value) : undefined) ?? key.type.parse(entry.value);
    const tell = (severity: "error" | "warning", what: string) => {
      const message = `${key.name}="${escapeWord(entry.value)}": ${what}`;
      if (isUsed || !old) log.add({ severity, line: entry.line, key: key.name, message });
    };
    if ("ok" in parsed) {
      if (parsed.note !== undefined) tell("warning", parsed.note);
      return parsed.ok;
    }
    if (old) tell("warning", `${parsed.error}; until then the line does nothing`);
    else tell("error", parsed.error);
  }
  const parsed = key.type.parse(key.absent);
  if ("ok" in parsed) return parsed.ok;
  throw new Error(`the table of keys is wrong: ${key.name}="${key.absent}": ${parsed.error}`);
}
