// Finds faults in the responses of a file: placeholders that nothing replaces, programs that are not there, a
// reaction that has nothing to run.

import { escapeText, escapeWord } from "../base/escape.ts";
import { recognizeList } from "../command/command-list.ts";
import { EXAMPLE_GATEWAY, missingPrograms, packageOf, unknownPlaceholders } from "./command.ts";
import type { Key } from "./key.ts";
import { keys } from "./keys.ts";
import type { Entry } from "./lines.ts";
import type { ProblemLog } from "./problems.ts";
import type { Settings } from "./settings.ts";

type Entries = ReadonlyMap<string, Entry>;

export interface ResponseContext {
  readonly log: ProblemLog;
  /** The file is read as PortSentry 1.2 reads it. */
  readonly old: boolean;
  readonly fileExists?: ((path: string) => boolean) | undefined;
}

const commandKeys: readonly (readonly [Key<string | undefined>, "killRoute" | "unkillRoute" | "runCommand"])[] = [
  [keys.killRoute, "killRoute"],
  [keys.unkillRoute, "unkillRoute"],
  [keys.runCommand, "runCommand"],
];

export function checkResponses(settings: Settings, entries: Entries, context: ResponseContext): void {
  const { responses } = settings;
  for (const [key, field] of commandKeys) {
    const template = responses[field];
    if (template === undefined) continue;
    warnPlaceholders(key, template, entries, context);
    warnPrograms(key, template, entries, context);
  }
  if (responses.killRoute !== undefined) warnRoute(responses.killRoute, responses.unkillRoute, entries, context);
  if (responses.hostsDeny !== undefined) warnPlaceholders(keys.hostsDeny, responses.hostsDeny, entries, context);
  if (responses.unkillRoute !== undefined && responses.killRoute === undefined) {
    warn(keys.unkillRoute, "UNKILL_ROUTE is never run, because KILL_ROUTE is not set", entries, context);
  }
  checkRunOnly(keys.blockTcp, settings.tcp.runOnly, { settings, entries, context });
  checkRunOnly(keys.blockUdp, settings.udp.runOnly, { settings, entries, context });
}

function warnPlaceholders(key: Key<unknown>, template: string, entries: Entries, context: ResponseContext): void {
  for (const unknown of unknownPlaceholders(template)) {
    const message = `${key.name}: nothing replaces ${unknown}; the placeholders are $TARGET$, $PORT$ and $MODE$`;
    warn(key, message, entries, context);
  }
  if (template.includes(EXAMPLE_GATEWAY)) {
    const message = `${key.name}: ${EXAMPLE_GATEWAY} is no address; put the address of a dead host of your network there`;
    warn(key, message, entries, context);
  }
}

function warnRoute(
  killRoute: string,
  unkillRoute: string | undefined,
  entries: Entries,
  context: ResponseContext,
): void {
  // It is faulty in another way, which has been said.
  if (context.log.isBad(keys.killRoute.name)) return;
  const list = recognizeList(killRoute);
  if ("unknown" in list && unkillRoute === undefined) {
    const message =
      `KILL_ROUTE: what undoes "${escapeText(list.unknown, 200)}" is not known, and UNKILL_ROUTE is not set: what the ` +
      "command did stays when a block ends; write the command that undoes it into UNKILL_ROUTE";
    warn(keys.killRoute, message, entries, context);
  }
  const level = /--log-level[ =]["']?([A-Z]+)/.exec(killRoute)?.[1];
  if (level !== undefined) {
    const message = `KILL_ROUTE: iptables refuses --log-level ${level}; write it in small letters, ${level.toLowerCase()}`;
    warn(keys.killRoute, message, entries, context);
  }
}

function warnPrograms(key: Key<unknown>, template: string, entries: Entries, context: ResponseContext): void {
  if (context.fileExists === undefined) return;
  for (const program of missingPrograms(template, context.fileExists)) {
    const debian = packageOf(program);
    const what = debian === undefined ? "install it" : `install it (Debian: ${debian})`;
    const remedy = `${what}, or name one that is there; until then the command fails each time`;
    warn(key, `${key.name}: ${escapeWord(program)} is not there or cannot be run; ${remedy}`, entries, context);
  }
}

function warn(key: Key<unknown>, message: string, entries: Entries, { log }: ResponseContext): void {
  log.add({ severity: "warning", line: entries.get(key.name)?.line ?? 0, key: key.name, message });
}

interface RunOnlyContext {
  readonly settings: Settings;
  readonly entries: Entries;
  readonly context: ResponseContext;
}

/** 2.x refuses such a file; 1.2 starts with it. */
function checkRunOnly(key: Key<unknown>, runOnly: boolean, { settings, entries, context }: RunOnlyContext): void {
  if (!runOnly || settings.responses.runCommand !== undefined || context.log.isBad(keys.runCommand.name)) return;
  context.log.add({
    severity: context.old ? "warning" : "error",
    line: entries.get(key.name)?.line ?? 0,
    key: key.name,
    message: `${key.name} is "2" and there is no KILL_RUN_CMD to run: scans are logged only; set KILL_RUN_CMD, or write "0" or "1"`,
  });
}
