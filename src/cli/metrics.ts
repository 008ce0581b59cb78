// portreeve metrics: the daemon's figures for Prometheus, on standard output or as a file for node_exporter's textfile collector.
import { messageOf } from "../base/errors.ts";
import { ExitCode } from "../base/exit-code.ts";
import { ReplacedFile } from "../base/replaced-file.ts";
import { ControlError } from "../control/errors.ts";
import { connect, tellRefusal } from "./connect.ts";
import { exposition, expositionOfNone } from "./exposition.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine } from "./terminal.ts";

export interface MetricsOptions extends ClientOptions {
  readonly textfile?: string;
}

/** node_exporter runs as a user of its own. */
const TEXTFILE = { mode: 0o644, maxBytes: 4 * 1024 * 1024, links: "refuse" } as const;

export async function metrics({ textfile, ...options }: MetricsOptions, terminal: Terminal): Promise<ExitCode> {
  const client = connect(options);
  try {
    const status = await client.ask("status", {});
    if ("refused" in status) return tellRefusal(terminal, status.refused);
    const figures = await client.ask("figures", {});
    if ("refused" in figures) return tellRefusal(terminal, figures.refused);
    if (options.json) {
      await terminal.write(toJsonLine({ status: status.ok, figures: figures.ok }));
      return ExitCode.Ok;
    }
    return await put(exposition(status.ok, figures.ok, Math.floor(terminal.nowMs() / 1000)), textfile, terminal);
  } catch (error) {
    // An old file would go on saying that all is well.
    if (textfile !== undefined && error instanceof ControlError) await put(expositionOfNone(), textfile, terminal);
    throw error;
  }
}

async function put(text: string, textfile: string | undefined, terminal: Terminal): Promise<ExitCode> {
  if (textfile === undefined) {
    await terminal.write(text);
    return ExitCode.Ok;
  }
  try {
    await new ReplacedFile(textfile, TEXTFILE).replace(Buffer.from(text));
    return ExitCode.Ok;
  } catch (error) {
    terminal.complain(`${textfile} cannot be written: ${messageOf(error)}`);
    return ExitCode.CannotCreate;
  }
}
