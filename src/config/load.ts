// The configuration file -> Settings, or everything that is wrong with it. Reads the configuration and the ignore files
// through the function that it is given, changes nothing, and never throws for what stands in them.
import { checkSettings, limitBlockTime } from "./checks.ts";
import { checkFiles, fileOrNone } from "./file-checks.ts";
import { loadIgnored } from "./ignored.ts";
import type { Key } from "./key.ts";
import { keys } from "./keys.ts";
import { loadKnown } from "./known.ts";
import { type Entry, readLines } from "./lines.ts";
import type { LoadOptions } from "./options.ts";
import { createProblemLog, escapeText, type Problem, type ProblemLog } from "./problems.ts";
import { type ReadFile, tryRead } from "./read.ts";
import { takeResponses } from "./responses.ts";
import type { Settings, TapSettings } from "./settings.ts";
import { isOldFile, reportLines } from "./strictness.ts";
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
  const old = isOldFile(found);
  const entries = reportLines(found, { old, lineLog, log });
  const take = <T>(key: Key<T>): T => takeValue(key, entries, log);

  const ignoreFile = take(keys.ignoreFile);
  const ignored = loadIgnored(ignoreFile, entries.get(keys.ignoreFile.name)?.line ?? 0, { readFile, log });
  const taken = takeSettings(take, entries, { file, log, options });
  const known = loadKnown(taken.tap.knownScanners, entries.get(keys.knownScanners.name)?.line ?? 0, { readFile, log });
  const asked: Settings = {
    ...taken,
    tap: { ...taken.tap, known: known.entries },
    ignored: ignored.prefixes,
    ignoreFile,
  };
  const settings = checkFiles(asked, { entries, log, old, files: options.files });
  checkSettings(settings, entries, { log, old, fileExists: options.fileExists, generation: options.generation });
  const problems = [...log.list(), ...ignored.problems, ...known.problems];
  return problems.some(({ severity }) => severity === "error") ? { problems } : { settings, problems };
}

interface Context {
  readonly file: string;
  readonly log: ProblemLog;
  readonly options: LoadOptions;
}

type Entries = ReadonlyMap<string, Entry>;

function takeSettings(
  take: <T>(key: Key<T>) => T,
  entries: Entries,
  { file, log, options }: Context,
): Omit<Settings, "ignored" | "ignoreFile"> {
  const generation = options.generation ?? 1;
  const blockTimeMaxMs = take(keys.blockTimeMax);
  const logFormat = take(keys.logFormat);
  return {
    file,
    tcp: watchTcp(take, options, generation),
    udp: watchUdp(take, options, generation),
    generation,
    firewall: withCapture(take(keys.firewall), take(keys.capture)),
    capture: take(keys.capture),
    responses: takeResponses(take, entries, log),
    policy: take(keys.policy),
    scanTrigger: take(keys.scanTrigger),
    scorePorts: take(keys.scorePorts),
    scoreWindowMs: take(keys.scoreWindow),
    slowScorePorts: take(keys.slowScorePorts),
    slowScoreWindowMs: take(keys.slowScoreWindow),
    proof: take(keys.proof),
    answer: take(keys.answer),
    decoyMark: take(keys.decoyMark),
    maxUnprovenPerSecond: take(keys.maxUnproven),
    maxBlocksPerSecond: take(keys.maxBlocks),
    blockTimeMs: limitBlockTime(take(keys.blockTime), blockTimeMaxMs, entries, log),
    blockTimeFactor: take(keys.blockTimeFactor),
    blockTimeMaxMs,
    neighbours: take(keys.neighbours),
    slowNeighbours: take(keys.slowNeighbours),
    scatteredSources: take(keys.scatteredSources),
    toleratedKinds: take(keys.toleratedKinds),
    softBlockTimeMs: take(keys.softBlockTime),
    sharedConnections: take(keys.sharedConnections),
    blockWider: take(keys.blockWider),
    latelyOpenMs: take(keys.latelyOpen),
    bootGraceMs: take(keys.bootGrace),
    guardSsh: take(keys.guardSsh),
    guardMs: take(keys.guardTime),
    historyFile: fileOrNone(take(keys.historyFile)),
    blockedFile: fileOrNone(take(keys.blockedFile)),
    banner: take(keys.portBanner),
    resolveHost: take(keys.resolveHost),
    stateDir: take(keys.stateDir),
    controlSocket: take(keys.controlSocket),
    syslogIdent: take(keys.syslogIdent),
    logFormat: logFormat ?? options.logFormat ?? (generation === 2 ? "portsentry2" : "portsentry1"),
    interfaces:
      options.interfaces === undefined || options.interfaces.length === 0 ? take(keys.interface) : options.interfaces,
    tap: takeTap(take),
    maxSources: take(keys.maxSources),
    maxEvents: take(keys.maxEvents),
  };
}

/** The ring loads no table, so "auto" finds none to block with; that "nftables" cannot be had then is told by checks.ts. */
function withCapture(firewall: Settings["firewall"], capture: Settings["capture"]): Settings["firewall"] {
  return capture === "ring" && firewall === "auto" ? "none" : firewall;
}

function takeTap(take: <T>(key: Key<T>) => T): TapSettings {
  return {
    homes: take(keys.homeNetworks),
    knownScanners: take(keys.knownScanners),
    known: [],
    sequentialAlpha: take(keys.sequentialAlpha),
    sequentialBeta: take(keys.sequentialBeta),
    sequentialTheta0: take(keys.sequentialTheta0),
    sequentialTheta1: take(keys.sequentialTheta1),
    sequentialClientGapMs: take(keys.sequentialClientGap),
    sequentialScannerGapMs: take(keys.sequentialScannerGap),
    sweepHosts: take(keys.sweepHosts),
    linkSweepHosts: take(keys.linkSweepHosts),
    sweepPardon: take(keys.sweepPardon),
    sweepQuietMs: take(keys.sweepQuiet),
    breadthContacts: take(keys.breadthContacts),
    breadthWindowMs: take(keys.breadthWindow),
    pingedHosts: take(keys.pingedHosts),
    unknownHosts: take(keys.unknownHosts),
    coordinatedMembers: take(keys.coordinatedMembers),
    coordinatedOverlap: take(keys.coordinatedOverlap),
    coordinatedAlpha: take(keys.coordinatedAlpha),
    coordinatedWindowMs: take(keys.coordinatedWindow),
    widerSources: take(keys.widerSources),
    widerBlocks: take(keys.widerBlocks),
    widerSites: take(keys.widerSites),
    widerWindowMs: take(keys.widerWindow),
  };
}

/** The key's value; where it cannot be read, that is reported and the value of an absent key goes on. */
function takeValue<T>(key: Key<T>, entries: Entries, log: ProblemLog): T {
  const entry = entries.get(key.name);
  if (entry !== undefined) {
    const parsed = key.type.parse(entry.value);
    const tell = (severity: "error" | "warning", what: string) => {
      const message = `${key.name}="${escapeText(entry.value)}": ${what}`;
      log.add({ severity, line: entry.line, key: key.name, message });
    };
    if ("ok" in parsed) {
      if (parsed.note !== undefined) tell("warning", parsed.note);
      return parsed.ok;
    }
    tell("error", parsed.error);
  }
  const parsed = key.type.parse(key.absent);
  if ("ok" in parsed) return parsed.ok;
  throw new Error(`the table of keys is wrong: ${key.name}="${key.absent}": ${parsed.error}`);
}
