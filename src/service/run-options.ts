// What the command line asks of the daemon.
import type { LoadOptions } from "../config/options.ts";

/** LoadOptions: what the command line says instead of the file (PortSentry's modes). */
export interface RunOptions extends LoadOptions {
  readonly confFile: string;
  readonly log: "stdout" | "syslog";
  /** `--block`: as if BLOCK_TCP and BLOCK_UDP were "1". */
  readonly forceBlock: boolean;
  /** What `ps` shows: 2.x's command line as it was typed. Absent: "portsentry". */
  readonly title?: string;
  /** `--trial`: what is blocked is let go after so long, unless confirmed. */
  readonly trialMs?: number;
  /** True: only what PortSentry itself says at start is said, without the explanations. */
  readonly terse?: boolean;
  /** Called once, when the daemon is active and listening: a parent that started it in the background waits for this. */
  readonly daemonReady?: () => void;
  /** Where it goes what keeps the daemon from starting; standard error by default. */
  readonly complain?: (text: string) => void;
}
