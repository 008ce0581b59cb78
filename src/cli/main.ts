// The entry point of `portreeve`: runs the command line that the process was given and sets its exit code.
import { createRequire } from "node:module";
import { escapeText } from "../base/escape.ts";
import { ControlError, ExitCode, errorCode } from "../control/errors.ts";
import { readVersion } from "../control/version.ts";
import { createProgram } from "./program.ts";
import type { RunDaemon } from "./run.ts";
import { createTerminal } from "./terminal.ts";

// By require: see program.ts.
const { CommanderError }: typeof import("commander") = createRequire(import.meta.url)("commander");
const terminal = createTerminal(process);
process.stdout.on("error", endAtOutputError);
// When nobody hears the complaints any more, the exit code still tells.
process.stderr.on("error", () => {});

const program = createProgram({
  terminal,
  version: readVersion(),
  loadDaemon,
  done: (exitCode) => {
    process.exitCode = exitCode;
  },
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Whoever reads our output may stop early (`| head`): that is no failure, and nothing more is to be done. */
function endAtOutputError(error: Error): void {
  if (errorCode(error) === "EPIPE") process.exit(ExitCode.Ok);
  terminal.complain(`cannot write the output: ${error.message}`);
  process.exit(ExitCode.Io);
}

/** Loaded only here, with everything that it needs of the kernel. */
async function loadDaemon(): Promise<RunDaemon> {
  // The daemon goes on guarding the host when nobody reads its lines any more.
  process.stdout.off("error", endAtOutputError).on("error", () => {});
  const { runDaemon } = await import("../daemon/run.ts");
  return runDaemon;
}

/** Commander has told its own errors already; what nobody expected keeps its stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
  if (error instanceof ControlError) {
    terminal.complain(escapeText(error.message));
    return error.exitCode;
  }
  throw error;
}
