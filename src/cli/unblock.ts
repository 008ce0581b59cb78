// portreeve unblock: lets a source, every source of a network, or all of them in again.

import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { ControlError, DaemonNotRunning } from "../control/errors.ts";
import { connect, tellRefusal } from "./connect.ts";
import { type ClientOptions, defaultConfFile } from "./options.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export interface UnblockOptions extends ClientOptions {
  readonly all?: boolean;
  /** Rules that stay have been taken out by hand: the daemon is to forget them. */
  readonly ruleGone?: boolean;
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
  try {
    const request = { target: target ?? "all", ...(options.ruleGone && { ruleIsGone: true }) };
    const reply = await connect(options).ask("unblock", request);
    if ("refused" in reply) return tellRefusal(terminal, reply.refused);
    const said = options.ruleGone === true ? "forgotten: the rule of" : "unblocked";
    await terminal.write(options.json ? toJsonLine(reply.ok) : describe(said, reply.ok.unblocked, terminal));
    return ExitCode.Ok;
  } catch (error) {
    if (!(error instanceof DaemonNotRunning) || options.ruleGone === true) throw error;
    if (all && process.geteuid?.() === 0) return await unblockAtRest(options, terminal);
    const remedy = all
      ? "run this command as root"
      : '"portreeve unblock --all", run as root, lifts all of them without the daemon';
    throw new ControlError(
      error.code,
      `${error.message}. Blocks stand in the kernel until their time is over: ${remedy}`,
    );
  }
}

/** No daemon runs: what it has left is taken out here. */
async function unblockAtRest({ conf, json }: UnblockOptions, terminal: Terminal): Promise<ExitCode> {
  const { unblockAtRest: liftAll } = await import("../answer/unblock-at-rest.ts");
  const done = await liftAll(conf, defaultConfFile);
  if ("refused" in done)
    throw new ControlError("not-lifted", `not unblocked: ${done.refused}`, { exitCode: done.exitCode });
  const { unblocked, wasInKernel, faults } = done;
  for (const fault of faults) terminal.complain(escapeText(fault));
  const inTable = wasInKernel ? "the kernel's sets of blocks are empty now\n" : "";
  const sources = unblocked.length === 0 && wasInKernel ? "" : describe("unblocked", unblocked, terminal);
  await terminal.write(json ? toJsonLine(done) : sources + inTable);
  return faults.length === 0 ? ExitCode.Ok : ExitCode.No;
}

function describe(said: string, sources: readonly string[], terminal: Terminal): string {
  if (sources.length === 0) return "no source was blocked\n";
  return sources.map((source) => `${paint(terminal, "green", said)} ${escapeText(source)}\n`).join("");
}
