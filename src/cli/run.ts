// portreeve run: the daemon in the foreground. What it does is daemon/'s; this only turns the command line into its options.
import type { RunOptions } from "../daemon/run.ts";

/** Resolves with the exit code once the daemon has stopped. */
export type RunDaemon = (options: RunOptions) => Promise<number>;

export interface RunCommandOptions {
  readonly conf: string;
  readonly log: RunOptions["log"];
  readonly block?: boolean;
}

export function run(options: RunCommandOptions, runDaemon: RunDaemon): Promise<number> {
  return runDaemon({ confFile: options.conf, log: options.log, forceBlock: options.block === true });
}
