// The entry point of `portreeve`: runs the command line that the process was given and sets its exit code.
import { errorCode } from "../base/errors.ts";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { ControlError } from "../control/errors.ts";
import { type PlainCall, readPlainCall } from "./plain-call.ts";
import type { RunDaemon } from "./run.ts";
import { createTerminal } from "./terminal.ts";

const terminal = createTerminal(process);
process.stdout.on("error", endAtOutputError);
// When nobody reads standard error any more, the exit code still says what happened.
process.stderr.on("error", () => {});

const call = readPlainCall(process.argv.slice(2));
try {
  if (call === undefined) await runProgram();
  else process.exitCode = await runPlain(call);
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

async function runPlain({ command, operand, options }: PlainCall): Promise<ExitCode> {
  switch (command) {
    case "status":
      return (await import("./status.ts")).status(options, terminal);
    case "blocked":
      return (await import("./blocked.ts")).blocked(options, terminal);
    case "guard":
      return (await import("./guard.ts")).guard(options, terminal);
    case "why":
      return (await import("./why.ts")).why(operand, options, terminal);
  }
}

async function runProgram(): Promise<void> {
  const [{ createProgram, exitCodeOfCommander }, { readVersion }] = await Promise.all([
    import("./program.ts"),
    import("../control/version.ts"),
  ]);
  const done = (exitCode: number) => {
    process.exitCode = exitCode;
  };
  try {
    await createProgram({ terminal, version: readVersion(), loadDaemon, done }).parseAsync();
  } catch (error) {
    const exitCode = exitCodeOfCommander(error);
    if (exitCode === undefined) throw error;
    process.exitCode = exitCode;
  }
}

/** The reader of our output may stop early (`| head`): that is no failure, and nothing more is to be done. */
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

/** An unexpected error keeps its stack. */
function exitCodeOf(error: unknown): number {
  if (!(error instanceof ControlError)) throw error;
  terminal.complain(escapeText(error.message));
  return error.exitCode;
}
