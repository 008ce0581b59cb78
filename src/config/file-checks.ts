// Checks the files that a configuration names: no two of them may be one, files of others are not written to, and a file that
// others than root may write is reported. The functions that the caller gives look at the files.
import { normalize } from "node:path";
import { escapeText, escapeWord } from "../base/escape.ts";
import { missingPrograms } from "./command.ts";
import { STATIC_SUFFIX } from "./ignored.ts";
import type { Key } from "./key.ts";
import { keys } from "./keys.ts";
import type { Entry } from "./lines.ts";
import type { FileQuestions } from "./options.ts";
import type { ProblemLog } from "./problems.ts";
import type { Settings } from "./settings.ts";

/** The modes of 1.2, whose lists have them at the end of their name. */
const suffixes: readonly string[] = ["tcp", "udp", "stcp", "sudp", "atcp", "audp"];
/** What lies in STATE_DIR. */
const stateFiles = ["portreeve.db", "portreeve.lock", "learned", "learned-ring"];

export interface FileContext {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly log: ProblemLog;
  /** With an old configuration the daemon starts all the same, and does not write the file that would destroy another. */
  readonly old: boolean;
  /** Absent: nothing is said of what is there now. */
  readonly files?: FileQuestions | undefined;
}

interface Named {
  /** Absent: the configuration file itself. */
  readonly key: Key<unknown> | undefined;
  readonly path: string;
  readonly use: "append" | "replace" | "edit" | "own" | "read";
}

/** Adds what is wrong to the log. Returns the settings, without the files that must not be written. */
export function checkFiles(settings: Settings, context: FileContext): Settings {
  const named = filesOf(settings);
  const dropped = new Set(clashes(named, context));
  for (const each of named) if (!dropped.has(each.key)) tellRisk(each, context);
  tellPrograms(settings, context);
  return {
    ...settings,
    historyFile: dropped.has(keys.historyFile) ? undefined : settings.historyFile,
    blockedFile: dropped.has(keys.blockedFile) ? undefined : settings.blockedFile,
  };
}

/** In the order in which they are worth keeping: of two that are one, the later is at fault. */
function filesOf(settings: Settings): readonly Named[] {
  const { file, ignoreFile, tap, historyFile, blockedFile, responses, stateDir, controlSocket, tcp, udp } = settings;
  const named: Named[] = [];
  const add = (key: Named["key"], use: Named["use"], ...paths: readonly (string | undefined)[]) => {
    for (const path of paths) if (path !== undefined) named.push({ key, use, path: normalize(path) });
  };
  add(undefined, "read", file);
  add(keys.ignoreFile, "read", ignoreFile, ignoreFile === undefined ? undefined : ignoreFile + STATIC_SUFFIX);
  add(keys.knownScanners, "read", tap.knownScanners);
  add(keys.stateDir, "own", ...stateFiles.map((name) => `${stateDir}/${name}`));
  add(keys.controlSocket, "own", controlSocket);
  if (responses.hostsDeny !== undefined) add(keys.hostsDeny, "edit", responses.hostsDenyFile);
  add(keys.historyFile, "append", historyFile);
  if (blockedFile !== undefined) {
    const modes = [tcp, udp].filter(({ active }) => active).map(({ modeName }) => modeName);
    const paths = modes.map((mode) => (suffixes.includes(mode) ? `${blockedFile}.${mode}` : blockedFile));
    add(keys.blockedFile, "replace", ...new Set(paths));
  }
  return named;
}

/** The keys whose files are another key's too. */
function clashes(named: readonly Named[], { entries, log, old }: FileContext): readonly Named["key"][] {
  const first = new Map<string, Named>();
  const at: Named["key"][] = [];
  for (const each of named) {
    const before = first.get(each.path);
    first.set(each.path, before ?? each);
    if (before === undefined || (before.use === "read" && each.use === "read")) continue;
    const isOptional = each.key === keys.historyFile || each.key === keys.blockedFile;
    const what = `${nameOf(each)} and ${nameOf(before)} are the same file (${escapeText(each.path, 200)})`;
    const remedy = old && isOptional ? "it is not written; name another file" : "name another file";
    const severity = old && isOptional ? "warning" : "error";
    log.add({ severity, ...placeOf(each.key, entries), message: `${what}: ${remedy}` });
    at.push(each.key);
  }
  return at;
}

function tellRisk(named: Named, { entries, log, files }: FileContext): void {
  if (files === undefined) return;
  const { key, path, use } = named;
  const tell = (what: string) => {
    const message = `${nameOf(named)}: ${escapeText(path, 200)}: ${what}`;
    log.add({ severity: "warning", ...placeOf(key, entries), message });
  };
  if (use === "read") {
    const risk = files.riskOfReading(path);
    if (risk !== "")
      tell(
        `${risk}, and so could decide which sources are spared and which commands run as root; give the file to root alone`,
      );
    return;
  }
  // Said once for STATE_DIR, and the socket is no regular file.
  if (use === "own" && !path.endsWith(`/${stateFiles[0]}`)) return;
  const { refusal, risk } = files.riskOfWriting(path, use === "edit" ? "root's" : "refuse");
  if (refusal !== "" && use !== "own") tell(`${refusal}: it is not written; ${remedyOf(use)}`);
  else if (risk !== "") tell(`${risk}; use a folder that only root may write, such as /var/lib/portsentry`);
}

function remedyOf(use: Named["use"]): string {
  return use === "edit" ? "make it a file of root's" : "move it away, or name another file";
}

/** Programs that are run as root, and that others may change. */
function tellPrograms({ responses }: Settings, { entries, log, files }: FileContext): void {
  if (files === undefined) return;
  const { killRoute, unkillRoute, runCommand } = responses;
  const commands: readonly (readonly [Key<unknown>, string | undefined])[] = [
    [keys.killRoute, killRoute],
    [keys.unkillRoute, unkillRoute],
    [keys.runCommand, runCommand],
  ];
  for (const [key, template] of commands) {
    const risky = missingPrograms(template ?? "", (program) => files.riskOfReading(program) === "");
    for (const program of risky) {
      const risk = files.riskOfReading(program);
      if (risk === "") continue;
      const message = `${key.name}: ${escapeWord(program)} is run as root, and ${risk}; make it root's alone`;
      log.add({ severity: "warning", ...placeOf(key, entries), message });
    }
  }
}

function nameOf({ key }: Named): string {
  return key === undefined ? "the configuration file" : key.name;
}

function placeOf(key: Named["key"], entries: ReadonlyMap<string, Entry>): { line: number; key?: string } {
  return key === undefined ? { line: 0 } : { line: entries.get(key.name)?.line ?? 0, key: key.name };
}
