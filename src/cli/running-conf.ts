// Which configuration file a command reads that is given none: that of the running daemon, as the daemon may have been started with
// another than the default one (`npm start`).
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ControlClient } from "../control/client.ts";
import { ControlError } from "../control/errors.ts";
import { findControlSocket } from "./connect.ts";

/** The file that was named on the command line, else the running daemon's, else the default one. */
export async function confOf(command: Command): Promise<string> {
  const { conf } = command.opts<{ readonly conf: string }>();
  return command.getOptionValueSource("conf") === "default" ? runningConf(conf) : conf;
}

async function runningConf(usual: string): Promise<string> {
  try {
    const reply = await new ControlClient(findControlSocket(usual, readFileSync)).ask("status", {});
    return "ok" in reply ? reply.ok.configuration : usual;
  } catch (error) {
    // None runs, or it may not be asked.
    if (error instanceof ControlError) return usual;
    throw error;
  }
}
