// portreeve run: the daemon in the foreground. What it does is daemon/'s; this only turns the command line into its options.
import type { RunOptions } from "../service/run-options.ts";

/** Resolves with the exit code once the daemon has stopped. */
export type RunDaemon = (options: RunOptions) => Promise<number>;

export interface RunCommandOptions {
  readonly conf: string;
  readonly log: RunOptions["log"];
  readonly block?: boolean;
  /** Milliseconds. */
  readonly trial?: number;
  /** "off": this protocol is not watched. Absent, as for both: as the file says. */
  readonly tcpMode?: "tcp" | "stcp" | "atcp" | "off";
  readonly udpMode?: "udp" | "sudp" | "audp" | "off";
}

export function run(options: RunCommandOptions, runDaemon: RunDaemon): Promise<number> {
  const { conf: confFile, log, block = false, trial, tcpMode = "off", udpMode = "off" } = options;
  return runDaemon({
    confFile,
    log,
    forceBlock: block,
    ...(trial !== undefined && { trialMs: trial }),
    // One mode alone means that the other protocol is off (LoadOptions).
    ...(tcpMode !== "off" && { tcpMode }),
    ...(udpMode !== "off" && { udpMode }),
  });
}
