// portreeve unblock: lets a source, every source of a network, or all of them in again.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import type { Reply, Unblocked } from "../control/api.ts";
import { ControlError, DaemonNotRunning } from "../control/errors.ts";
import { connect, tellRefusal } from "./connect.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export interface UnblockOptions extends ClientOptions {
  readonly all?: boolean;
}

export async function unblock(
  target: string | undefined,
  options: UnblockOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const all = options.all === true;
  // "all" as a target is refused: letting everybody in must be meant.
  if (all === (target !== undefined) || target === "all") {
    terminal.complain("unblock: name one address or CIDR, or say --all");
    return ExitCode.Usage;
  }
  const reply = await ask(options, target);
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await terminal.write(options.json ? toJsonLine(reply.ok) : describe(reply.ok.unblocked, terminal));
  return ExitCode.Ok;
}

async function ask(options: UnblockOptions, target: string | undefined): Promise<Reply<Unblocked>> {
  try {
    return await connect(options).ask("unblock", { target: target ?? "all" });
  } catch (error) {
    if (!(error instanceof DaemonNotRunning) || target !== undefined) throw error;
    throw new ControlError(
      error.code,
      'the daemon is not running, and lifts nothing: "nft delete table inet portreeve" lifts all blocks of its table until the daemon starts ' +
        'again; to lift them for good, also those of KILL_ROUTE and KILL_HOSTS_DENY, start the daemon ("systemctl start portsentry") and repeat this command',
    );
  }
}

function describe(sources: readonly string[], terminal: Terminal): string {
  if (sources.length === 0) return "no source was blocked\n";
  return sources.map((source) => `${paint(terminal, "green", "unblocked")} ${escapeText(source)}\n`).join("");
}
