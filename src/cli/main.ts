// The program with commander: runs the command line that the process was given and sets its exit code. client.ts begins with it
// for every command line that it does not answer itself.
import { readVersion } from "../control/version.ts";
import { exitCodeOf, outliveOutput, terminal } from "./own-terminal.ts";
import { createProgram, exitCodeOfCommander } from "./program.ts";
import type { RunDaemon } from "./run.ts";

const done = (exitCode: number) => {
  process.exitCode = exitCode;
};
try {
  await createProgram({ terminal, version: readVersion(), loadDaemon, done }).parseAsync();
} catch (error) {
  process.exitCode = exitCodeOfCommander(error) ?? exitCodeOf(error);
}

/** Loaded only here, with everything that it needs of the kernel. */
async function loadDaemon(): Promise<RunDaemon> {
  outliveOutput();
  const { runDaemon } = await import("../service/run.ts");
  return runDaemon;
}
