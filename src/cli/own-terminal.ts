// The terminal of this process, and what becomes of an error that ends a command.
import { errorCode } from "../base/errors.ts";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { ControlError } from "../control/errors.ts";
import { createTerminal, type Terminal } from "./terminal.ts";

export const terminal: Terminal = createTerminal(process);
process.stdout.on("error", endAtOutputError);
// When nobody reads standard error any more, the exit code still says what happened.
process.stderr.on("error", () => {});

/** For the daemon, which goes on guarding the host when nobody reads its lines any more. */
export function outliveOutput(): void {
  process.stdout.off("error", endAtOutputError).on("error", () => {});
}

/** The reader of our output may stop early (`| head`): that is no failure, and nothing more is to be done. */
function endAtOutputError(error: Error): void {
  if (errorCode(error) === "EPIPE") process.exit(ExitCode.Ok);
  terminal.complain(`cannot write the output: ${error.message}`);
  process.exit(ExitCode.Io);
}

/** An unexpected error is thrown again, with its stack. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ControlError)) throw error;
  terminal.complain(escapeText(error.message));
  return error.exitCode;
}
