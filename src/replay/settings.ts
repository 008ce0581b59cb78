// The settings of a replay: the shipped ones, or those of the file that --conf names; our networks; the source to
// explain. Every fault is reported with the value and the remedy.
import { readFileSync } from "node:fs";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import { loadResearchFile } from "../config/research-file.ts";
import type { Settings } from "../config/settings.ts";
import { renderShippedFile } from "../config/shipped-file.ts";
import { ResearchList } from "../detect/research-list.ts";
import { type ScorerName, scorerNames } from "../detect/tap/tap-source.ts";
import type { TapLimits } from "../policy/tap-policy.ts";
import { type Prefix, parseAddress, parsePrefix } from "../wire/address.ts";

/** With the exit code of sysexits.h that a command ends with. */
export class ReplayError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = "ReplayError";
    this.exitCode = exitCode;
  }
}

export interface ReplayChoices {
  readonly home?: readonly string[];
  readonly conf?: string;
  readonly policy?: string;
  readonly explain?: string;
  readonly known?: string;
}

export interface ReplaySettings {
  readonly settings: Settings;
  /** Empty: probes of every host count. */
  readonly homes: readonly Prefix[];
  /** Which scorers may call a source a scanner. */
  readonly scorers: ReadonlySet<ScorerName>;
  readonly explain: Prefix | undefined;
  readonly known: ResearchList;
  /** Absent: the usual ones. */
  readonly limits?: TapLimits;
}

/** Stands for the file in problems that it cannot have. */
const SHIPPED = "(the shipped settings)";

/** Throws ReplayError. */
export function readReplaySettings(choices: ReplayChoices, warn: (message: string) => void): ReplaySettings {
  const read = choices.conf === undefined ? shippedSettings() : settingsOf(choices.conf, warn);
  const { policy } = choices;
  const settings: Settings = policy === "trigger" || policy === "score" ? { ...read, policy } : read;
  return {
    settings,
    homes: choices.home === undefined ? settings.tap.homes : homesOf(choices.home),
    scorers: scorersOf(policy ?? "all", settings),
    explain: choices.explain === undefined ? undefined : mustParseAddress(choices.explain),
    known: choices.known === undefined ? new ResearchList(settings.tap.known) : knownOf(choices.known, warn),
  };
}

/** The settings of a fresh installation; its allow list is the file of some host, not of the capture's. */
export function shippedSettings(): Settings {
  const text = renderShippedFile().replace(/^IGNORE_FILE=.*$/m, "");
  const { settings } = loadSettings(SHIPPED, () => Buffer.from(text));
  if (settings === undefined) throw new Error("the shipped settings are wrong: conf/portsentry.conf does not load");
  return settings;
}

function settingsOf(conf: string, warn: (message: string) => void): Settings {
  const { settings, problems } = loadSettings(conf, readFileSync);
  for (const problem of problems) warn(formatProblem(problem));
  if (settings !== undefined) return settings;
  throw new ReplayError(`${escapeText(conf)} cannot be used; "portreeve check -c" says more`, ExitCode.Configuration);
}

/** "score" and "trigger" are the configuration's policies; the others judge only where both sides are seen. */
function scorersOf(policy: string, settings: Settings): ReadonlySet<ScorerName> {
  if (policy === "all")
    return new Set(scorerNames.filter((name) => name !== (settings.policy === "score" ? "trigger" : "score")));
  const found = scorerNames.find((name) => name === policy);
  if (found === undefined) {
    throw new ReplayError(
      `--policy ${escapeText(policy)} is none; write all, ${scorerNames.join(", ")}`,
      ExitCode.Usage,
    );
  }
  return new Set([found]);
}

function homesOf(texts: readonly string[]): Prefix[] {
  return texts.map((text) => mustParse(text, "--home", "192.0.2.0/24"));
}

function mustParse(text: string, option: string, example: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) {
    throw new ReplayError(
      `${option} ${escapeText(text)} is no address or CIDR; write it like ${example}`,
      ExitCode.Usage,
    );
  }
  return prefix;
}

function mustParseAddress(text: string): Prefix {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new ReplayError(`--explain ${escapeText(text)} is no address; write it like 192.0.2.7`, ExitCode.Usage);
}

function knownOf(path: string, warn: (message: string) => void): ResearchList {
  const { entries, problems } = loadResearchFile(path, readFileSync);
  const fault = problems.find(({ severity }) => severity === "error");
  if (fault !== undefined) throw new ReplayError(formatProblem(fault), ExitCode.NoInput);
  for (const problem of problems) warn(formatProblem(problem));
  return new ResearchList(entries);
}
