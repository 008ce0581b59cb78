// portreeve allow and disallow: put an address or a network on the allow list, or take it off. The daemon edits the file, so that
// the change is in force when it answers; while no daemon runs, the file is edited here.

import { readFileSync } from "node:fs";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { AllowListChange, Refusal, Reply } from "../control/api.ts";
import { DaemonNotRunning } from "../control/errors.ts";
import { connect, readKey, tellRefusal } from "./connect.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export interface AllowOptions extends ClientOptions {
  readonly reason?: string;
  readonly force?: boolean;
}

/** `command`: which of the two. */
export async function editAllowList(
  command: "allow" | "disallow",
  source: string,
  options: AllowOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { conf, json, ...request } = options;
  let isRunning = true;
  let reply: Reply<AllowListChange>;
  try {
    reply = await connect(options).ask(command, { source, ...request });
  } catch (error) {
    if (!(error instanceof DaemonNotRunning)) throw error;
    isRunning = false;
    reply = await editFile(command, source, options);
  }
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await terminal.write(json ? toJsonLine(reply.ok) : describe(command, reply.ok, terminal));
  if (!isRunning) terminal.complain("the daemon is not running: the change counts when it starts");
  return ExitCode.Ok;
}

async function editFile(
  command: "allow" | "disallow",
  source: string,
  options: AllowOptions,
): Promise<Reply<AllowListChange>> {
  const [{ keys }, { allowIn, disallowIn }, { readTarget }, { formatPrefix }] = await Promise.all([
    import("../config/keys.ts"),
    import("../config/edit-ignore.ts"),
    import("../control/target.ts"),
    import("../wire/address.ts"),
  ]);
  const parsed = readTarget(source);
  if ("refused" in parsed) return parsed;
  const path = readKey(keys.ignoreFile, options.conf, readFileSync);
  if (path === undefined) return { refused: noList(options.conf) };
  const edited = await (command === "allow" ? allowIn(path, parsed.ok, options) : disallowIn(path, parsed.ok));
  if ("refused" in edited) return edited;
  return { ok: { source: formatPrefix(parsed.ok), ...edited.ok, unblocked: [] } };
}

function noList(conf: string): Refusal {
  return { code: "no-list", message: `${conf} names no IGNORE_FILE: name a file there` };
}

function describe(command: "allow" | "disallow", change: AllowListChange, terminal: Terminal): string {
  const { source, files, unblocked, stillWithin } = change;
  const where = escapeText(files.join(" and "), 8192);
  const lines = unblocked.map((one) => `${paint(terminal, "green", "unblocked")} ${escapeText(one)}`);
  if (command === "allow")
    lines.unshift(
      `${paint(terminal, "green", "allowed")} ${escapeText(source)}: it stands in ${where}, and is never held or blocked`,
    );
  else
    lines.unshift(
      stillWithin === undefined
        ? `${escapeText(source)} is off the allow list (${where}), and is judged like any other source`
        : `${escapeText(source)} is out of ${where}, and stays exempt as part of ${escapeText(stillWithin)}`,
    );
  return `${lines.join("\n")}\n`;
}
