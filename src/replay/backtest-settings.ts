// The two sides of a backtest: the settings of the file, and the same with other values for the keys that say what counts
// as a scan. Values are parsed by the configuration's own table of keys.
import { readFileSync } from "node:fs";
import { formatDuration } from "../base/duration.ts";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { parseWhen, whenExamples } from "../base/when.ts";
import type { Key } from "../config/key.ts";
import { keyNames, keys } from "../config/keys.ts";
import { loadSettings } from "../config/load.ts";
import { formatPorts } from "../config/ports.ts";
import { formatProblem } from "../config/problems.ts";
import type { Settings } from "../config/settings.ts";
import { suggestName } from "../config/suggest.ts";
import { ControlError } from "../control/errors.ts";
import type { PortRange } from "../wire/port-range.ts";

/** A key that changes which sources count as scanners, and that the record has all the facts for. */
interface Change {
  readonly name: string;
  /** Throws what is wrong with the text, in the words of `portreeve check`. */
  apply(settings: Settings, text: string): Settings;
}

function change<T>(key: Key<T>, put: (settings: Settings, value: T) => Settings): Change {
  return {
    name: key.name,
    apply(settings, text) {
      const parsed = key.type.parse(text);
      if ("ok" in parsed) return put(settings, parsed.ok);
      throw usage(`${key.name}="${escapeText(text)}": ${parsed.error}`);
    },
  };
}

const tolerate = (watch: "tcp" | "udp") => (settings: Settings, tolerated: readonly PortRange[]) => ({
  ...settings,
  [watch]: { ...settings[watch], tolerated },
});

const changes: readonly Change[] = [
  change(keys.policy, (settings, policy) => ({ ...settings, policy })),
  change(keys.scorePorts, (settings, scorePorts) => ({ ...settings, scorePorts })),
  change(keys.scoreWindowMs, (settings, scoreWindowMs) => ({ ...settings, scoreWindowMs })),
  change(keys.slowScorePorts, (settings, slowScorePorts) => ({ ...settings, slowScorePorts })),
  change(keys.slowScoreWindowMs, (settings, slowScoreWindowMs) => ({ ...settings, slowScoreWindowMs })),
  change(keys.scanTrigger, (settings, scanTrigger) => ({ ...settings, scanTrigger })),
  change(keys.toleratedTcp, tolerate("tcp")),
  change(keys.toleratedUdp, tolerate("udp")),
];

/** The settings of the file as they are now. Throws ControlError with the first error of the file. */
export function readPresent(conf: string): Settings {
  const { settings, problems } = loadSettings(conf, readFileSync);
  if (settings !== undefined) return settings;
  const first = problems.find(({ severity }) => severity === "error");
  const what = first === undefined ? `${conf} cannot be used` : formatProblem(first);
  throw new ControlError("configuration", `${what} ("portreeve check" lists every problem)`, {
    exitCode: ExitCode.Configuration,
  });
}

/** `sets`: KEY=VALUE, each key once. Throws ControlError. */
export function proposeSettings(present: Settings, policy: string | undefined, sets: readonly string[]): Settings {
  const all = policy === undefined ? sets : [`${keys.policy.name}=${policy}`, ...sets];
  const seen = new Set<string>();
  let settings = present;
  for (const text of all) {
    const [, name = text, value = ""] = /^(.*?)=(.*)$/s.exec(text) ?? [];
    const found = text.includes("=") ? changes.find((one) => one.name === name) : undefined;
    if (found === undefined) throw usage(unknownKey(text, name));
    if (seen.has(name)) throw usage(`${name} is given twice; which of them is meant?`);
    seen.add(name);
    // KEY="VALUE" as in the file, if the shell has left the quotes there.
    settings = found.apply(settings, /^"(.*)"$/s.exec(value)?.[1] ?? value);
  }
  return settings;
}

function unknownKey(text: string, name: string): string {
  const known = changes.map((one) => one.name);
  if (!text.includes("=")) return `--set ${escapeText(text)}: write KEY=VALUE, as in SCORE_PORTS=4`;
  if (keyNames.includes(name)) return `--set ${name}: it changes nothing here; these do: ${known.join(", ")}`;
  const near = suggestName(name, known);
  const remedy = near === undefined ? `these can be set: ${known.join(", ")}` : `did you mean ${near}?`;
  return `--set ${escapeText(name)} is no known key; ${remedy}`;
}

/** Since when, in ms since the epoch: "7d" before now, or a date. Throws ControlError. */
export function parseSince(text: string, nowMs: number): number {
  const sinceMs = parseWhen(text, nowMs);
  if (sinceMs !== undefined) return sinceMs;
  throw usage(`--since ${escapeText(text)}: write a time like ${whenExamples}`);
}

/** The policy of the scorers. */
/** The keys that decide under this policy, as they would stand in a file. */
export function describeSettings(settings: Settings): Readonly<Record<string, string>> {
  const { policy, tcp, udp } = settings;
  const score = {
    [keys.scorePorts.name]: String(settings.scorePorts),
    [keys.scoreWindowMs.name]: formatDuration(settings.scoreWindowMs),
    [keys.slowScorePorts.name]: String(settings.slowScorePorts),
    [keys.slowScoreWindowMs.name]: settings.slowScoreWindowMs === 0 ? "0" : formatDuration(settings.slowScoreWindowMs),
  };
  return {
    [keys.policy.name]: policy,
    ...(policy === "score" ? score : { [keys.scanTrigger.name]: String(settings.scanTrigger) }),
    [keys.toleratedTcp.name]: formatPorts(tcp.tolerated),
    [keys.toleratedUdp.name]: formatPorts(udp.tolerated),
  };
}

function usage(message: string): ControlError {
  return new ControlError("usage", message, { exitCode: ExitCode.Usage });
}
