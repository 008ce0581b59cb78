import type { ExitCode } from "./exit-code.ts";

/** Why the daemon did not start, with the exit code of sysexits.h that says so. */
export class StartError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}
