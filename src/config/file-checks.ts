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
const stateFiles = ["portreeve.db", "portreeve.lock", "learned", "learned-ring", "rules-left"];

export interface FileContext {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly log: ProblemLog;
  /** The command line's. Where it is not said, the file is checked for both. */
  readonly generation?: 1 | 2 | undefined;
  /** Absent: nothing is said of what is there now. */
  readonly files?: FileQuestions | undefined;
}

interface Named {
  /** Absent: the configuration file itself. */
  readonly key: Key<unknown> | undefined;
  readonly path: string;
  readonly use: "append" | "replace" | "edit" | "own" | "read";
}

/** Adds what is wrong to the log. */
export function checkFiles(settings: Settings, context: FileContext): void {
  const named = filesOf(settings, context.generation);
  const clashing = new Set(tellClashes(named, context));
  for (const each of named) if (!clashing.has(each.key)) tellRisk(each, context);
  tellPrograms(settings, context);
  tellGroup(settings, context);
  tellReadOnly(settings, context);
}

/** In the order in which they are worth keeping: of two that are one, the later is at fault. */
function filesOf(settings: Settings, generation: 1 | 2 | undefined): readonly Named[] {
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
    // 2.x's list has the name that it was given: it would be written over the history.
    if (generation === undefined && normalize(blockedFile) === normalize(historyFile ?? "")) paths.push(blockedFile);
    add(keys.blockedFile, "replace", ...new Set(paths));
  }
  return named;
}

/** Tells and gives the keys whose files are another key's too: what is written there would destroy the other. */
function tellClashes(named: readonly Named[], { entries, log }: FileContext): readonly Named["key"][] {
  const first = new Map<string, Named>();
  const at: Named["key"][] = [];
  for (const each of named) {
    const before = first.get(each.path);
    first.set(each.path, before ?? each);
    if (before === undefined || (before.use === "read" && each.use === "read")) continue;
    const what = `${nameOf(each)} and ${nameOf(before)} are the same file (${escapeText(each.path, 200)})`;
    log.add({ severity: "error", ...placeOf(each.key, entries), message: `${what}: name another file` });
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

function tellGroup({ controlGroup }: Settings, { entries, log, files }: FileContext): void {
  if (files === undefined || controlGroup === "" || files.hasGroup(controlGroup)) return;
  const message = `CONTROL_GROUP: there is no group ${escapeWord(controlGroup)} in /etc/group; only root can ask the daemon`;
  log.add({ severity: "warning", ...placeOf(keys.controlGroup, entries), message });
}

function tellReadOnly({ stateDir }: Settings, { entries, log, files }: FileContext): void {
  if (files?.isOnReadOnly?.(stateDir) !== true) return;
  const message =
    `STATE_DIR: ${escapeText(stateDir, 200)} is on a read-only file system: blocks, events and known pairs are kept in memory, and ` +
    "are gone when the daemon ends; mount the file system writable (mount -o remount,rw), or name another folder";
  log.add({ severity: "warning", ...placeOf(keys.stateDir, entries), message });
}

function nameOf({ key }: Named): string {
  return key === undefined ? "the configuration file" : key.name;
}

function placeOf(key: Named["key"], entries: ReadonlyMap<string, Entry>): { line: number; key?: string } {
  return key === undefined ? { line: 0 } : { line: entries.get(key.name)?.line ?? 0, key: key.name };
}
