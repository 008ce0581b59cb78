// portreeve confirm: says that all is well on a trial, so that its blocks stay.
import { ExitCode } from "../base/exit-code.ts";
import type { Confirmation } from "../control/api.ts";
import { connect, tellRefusal } from "./connect.ts";
import type { ClientOptions } from "./options.ts";
import { type Terminal, toJsonLine } from "./terminal.ts";

export async function confirm(options: ClientOptions, terminal: Terminal): Promise<ExitCode> {
  const reply = await connect(options).ask("confirm", {});
  if ("refused" in reply) return tellRefusal(terminal, reply.refused);
  await terminal.write(options.json ? toJsonLine(reply.ok) : describe(reply.ok));
  return ExitCode.Ok;
}

function describe({ inTime, kept }: Confirmation): string {
  if (!inTime) return "the trial was over and its blocks are lifted: blocking is on again from now on\n";
  return `confirmed: blocking goes on, and ${kept} ${kept === 1 ? "block stays" : "blocks stay"} until ${kept === 1 ? "its" : "their"} own time\n`;
}
