// Which control socket a client command talks to, and what a command makes of the daemon's refusals.
import { readFileSync } from "node:fs";
import { errorCode } from "../base/errors.ts";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { Key } from "../config/key.ts";
import { readLines } from "../config/lines.ts";
import { controlSocketKey } from "../config/paths.ts";
import { createProblemLog } from "../config/problems.ts";
import type { ReadFile } from "../config/read.ts";
import { type Refusal, refusalStatus } from "../control/api.ts";
import { ControlClient } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import { type ClientOptions, defaultConfFile } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** HTTP's word for what the caller has written wrongly. */
const BAD_REQUEST = 400;

export function connect({ conf }: ClientOptions): ControlClient {
  return new ControlClient(findControlSocket(conf, readFileSync));
}

/**
 * CONTROL_SOCKET of the file, however wrong its other lines are, else the default: a daemon that runs must be
 * reachable also while its file is being edited. Throws when a file other than the default one cannot be read.
 */
export function findControlSocket(confFile: string, readFile: ReadFile): string {
  return readKey(controlSocketKey, confFile, readFile) ?? controlSocketKey.absent;
}

/** One key of the file; undefined where the file has none that can be read. Throws as findControlSocket() does. */
export function readKey<T>(key: Key<T>, confFile: string, readFile: ReadFile): T | undefined {
  const bytes = tryRead(confFile, readFile);
  const entry = bytes === undefined ? undefined : readLines(bytes, createProblemLog(confFile)).get(key.name);
  const parsed = entry === undefined ? undefined : key.type.parse(entry.value);
  return parsed !== undefined && "ok" in parsed ? parsed.ok : undefined;
}

function tryRead(confFile: string, readFile: ReadFile): Uint8Array | undefined {
  try {
    return readFile(confFile);
  } catch (error) {
    if (confFile === defaultConfFile) return undefined;
    const code = errorCode(error);
    const denied = code === "EACCES" || code === "EPERM";
    const remedy = denied ? "run the command as root" : "name another file with -c";
    throw new ControlError("conf-unreadable", `cannot read the configuration ${confFile}: ${code}; ${remedy}`, {
      exitCode: denied ? ExitCode.NoPermission : ExitCode.Configuration,
      cause: error,
    });
  }
}

/** Says why the daemon refused; returns the exit code. */
export function tellRefusal(terminal: Terminal, refusal: Refusal): ExitCode {
  terminal.complain(escapeText(refusal.message));
  if (refusal.code === "read-only") return ExitCode.NoPermission;
  return refusalStatus[refusal.code] === BAD_REQUEST ? ExitCode.Usage : ExitCode.No;
}
