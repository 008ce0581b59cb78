// portreeve block: shuts a source out by hand, and says what the kernel holds afterwards.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { keys } from "../config/keys.ts";
import type { BlockedEntry, BlockRequest } from "../control/api.ts";
import { connect, tellRefusal } from "./connect.ts";
import { formatSpan, formatTime, ordinal } from "./format.ts";
import type { ClientOptions } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export interface BlockOptions extends ClientOptions {
  /** As typed: "1h", "0". */
  readonly for?: string;
  readonly reason?: string;
  readonly force?: boolean;
}

/** `session`: where the caller is logged in from (own-session.ts); the daemon refuses to shut that out. */
export async function block(
  source: string,
  options: BlockOptions,
  terminal: Terminal,
  session: readonly string[] = [],
): Promise<ExitCode> {
  const request = toRequest(source, options, session);
  if ("error" in request) {
    terminal.complain(request.error);
    return ExitCode.Usage;
  }
  const reply = await connect(options).ask("block", request.ok);
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  const entry = reply.ok;
  await terminal.write(options.json ? toJsonLine(entry) : describe(entry, terminal));
  if (entry.enforced) return ExitCode.Ok;
  terminal.complain(`the kernel does not hold ${escapeText(entry.source)}: it is NOT shut out; see the daemon's log`);
  return ExitCode.No;
}

function toRequest(
  source: string,
  options: BlockOptions,
  session: readonly string[],
): { ok: BlockRequest } | { error: string } {
  const span = readFor(options);
  if ("error" in span) return span;
  return {
    ok: {
      source,
      ...span.ok,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
      ...(options.force === undefined ? {} : { force: options.force }),
      ...(session.length === 0 ? {} : { session }),
    },
  };
}

/** --for, with the same times as BLOCK_TIME of the configuration. */
export function readFor({ for: text }: Pick<BlockOptions, "for">): { ok: { forMs?: number } } | { error: string } {
  if (text === undefined) return { ok: {} };
  const span = keys.blockTimeMs.type.parse(text);
  return "error" in span ? { error: `--for "${escapeText(text)}": ${span.error}` } : { ok: { forMs: span.ok } };
}

function describe(entry: BlockedEntry, terminal: Terminal): string {
  const until =
    entry.until === null
      ? "for ever"
      : `until ${formatTime(entry.until)} (${formatSpan(Date.parse(entry.until) - terminal.nowMs())})`;
  const again = entry.offences > 1 ? `, for the ${ordinal(entry.offences)} time` : "";
  return `${paint(terminal, "red", "blocked")} ${escapeText(`${entry.source} ${until}${again}: ${entry.reason}`)}\n`;
}
