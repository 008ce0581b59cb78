// `run --trial 5m`: an administrator who switches blocking on from afar, and has shut himself out, only has to wait. No
// block that is made on trial outlasts it, in the kernel either, so that a killed daemon leaves nobody locked out;
// commands that would outlast it (KILL_ROUTE, KILL_HOSTS_DENY, KILL_RUN_CMD) are not run. This is its state;
// trial-steps.ts acts on it.

import { formatDuration } from "../base/duration.ts";
import { plural } from "../base/plural.ts";
import { blocksByFirewall, blocksByResponse } from "../config/enforcement.ts";
import type { Settings, WatchSettings } from "../config/settings.ts";

/** "over": not confirmed in time; scans are logged only until it is, or until the daemon starts again. */
export type TrialPhase = "running" | "over" | "confirmed";

const WARNING_MS = 60_000;
const REMEDY = 'unless "portreeve confirm" comes before';

export class Trial {
  readonly #clockMs: () => number;
  readonly #lengthMs: number;
  readonly #endMs: number;
  #phase: TrialPhase = "running";
  #isWarned = false;
  #file: Settings | undefined;

  /** The clock is one that nobody sets: a correction of the time must not prolong a trial. */
  constructor(lengthMs: number, clockMs: () => number) {
    this.#clockMs = clockMs;
    this.#lengthMs = lengthMs;
    this.#endMs = clockMs() + lengthMs;
  }

  get phase(): TrialPhase {
    return this.#phase;
  }

  get #leftMs(): number {
    return Math.max(0, this.#endMs - this.#clockMs());
  }

  /** What the configuration file means while the trial is in this phase. */
  apply(file: Settings): Settings {
    this.#file = file;
    if (this.#phase === "confirmed") return file;
    // Blocks that commands would make are the built-in table's on trial: it ends them by itself.
    const firewall = blocksByResponse(file) && !blocksByFirewall(file) ? "nftables" : file.firewall;
    if (this.#phase === "running") return { ...file, firewall };
    return { ...file, firewall, tcp: loggedOnly(file.tcp), udp: loggedOnly(file.udp) };
  }

  /** The file's settings in this phase, with what has changed since they were read. */
  current(running: Settings): Settings {
    return { ...this.apply(this.#file ?? running), ignored: running.ignored };
  }

  /** The latest end of a block that is made now; undefined: any. */
  limitMs(nowMs: number): number | undefined {
    return this.#phase === "running" ? nowMs + this.#leftMs : undefined;
  }

  /** Whether scanners may be blocked. */
  get mayBlock(): boolean {
    return this.#phase !== "over";
  }

  /** Whether commands may be run that nobody takes back when the daemon is killed. */
  get mayRun(): boolean {
    return this.#phase === "confirmed";
  }

  /** "warn" once, a minute before the end (half way of a short trial); "end" once. */
  tick(): "warn" | "end" | undefined {
    if (this.#phase !== "running") return undefined;
    if (this.#leftMs === 0) {
      this.#phase = "over";
      return "end";
    }
    if (this.#isWarned || this.#leftMs > Math.min(WARNING_MS, this.#lengthMs / 2)) return undefined;
    this.#isWarned = true;
    return "warn";
  }

  confirm(): void {
    this.#phase = "confirmed";
  }

  startLines(settings: Settings): string[] {
    const length = formatDuration(this.#lengthMs);
    const { killRoute, hostsDeny, runCommand } = settings.responses;
    const hasCommands = [killRoute, hostsDeny, runCommand].some((text) => text !== undefined);
    return [
      `Trial: in ${length} every block made from now on is lifted, and scans are only logged, ${REMEDY}.`,
      "Trial: blocks from before stay. If this daemon is killed, the kernel lifts the trial's blocks at the same time.",
      ...(hasCommands
        ? [
            "Trial: KILL_ROUTE, KILL_HOSTS_DENY and KILL_RUN_CMD are not run until it is confirmed; nftables blocks meanwhile.",
          ]
        : []),
    ];
  }

  /** One minute before the end. */
  warning(blocks: number): string {
    return `the trial ends in ${this.#leftText}: ${plural(blocks, "block")} will be lifted, and scans only logged, ${REMEDY}`;
  }

  /** For `status`. */
  troubles(): string[] {
    switch (this.#phase) {
      case "running":
        return [
          `TRIAL: ends in ${this.#leftText}; its blocks are lifted then and scans only logged: portreeve confirm`,
        ];
      case "over":
        return ["TRIAL: over and not confirmed; scans are only logged until portreeve confirm or a restart"];
      case "confirmed":
        return [];
    }
  }

  get #leftText(): string {
    return `${Math.ceil(this.#leftMs / 1_000)} s`;
  }
}

function loggedOnly(watch: WatchSettings): WatchSettings {
  return { ...watch, block: false, runOnly: false };
}
