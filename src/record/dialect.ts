// The words of one form of log lines (LOG_FORMAT), as a table of functions: recorder.ts need not know the words of a
// generation of PortSentry, nor that 2.x reports a scan only once its outcome is known. Pure.
import type { Finding } from "../detect/finding.ts";
import type { Verdict } from "../judge/verdict.ts";
import {
  blockedByRouteLine,
  blockedByWrappersLine,
  type CommandFailure,
  type Contact,
  commandRunLine,
  type Line,
} from "./lines.ts";

/** A source as lines name it. */
export interface Host {
  readonly text: string;
  /** Its name, or the same text. */
  readonly name: string;
  /** $MODE$ of the protocol that it was found on. */
  readonly modeName: string;
}

/** The fields of a probe that a later line needs: the probe itself is the engine's one reused record. */
export interface Seen extends Contact {
  readonly hasIpOptions: boolean;
  readonly timeMs: number;
}

/** The outcome of one response of PortSentry's (KILL_*); enforce/commands/responder.ts makes these. */
export interface ResponseOutcome {
  readonly step: "run" | "hosts-deny" | "route";
  readonly ok: boolean;
  /** The command or the line of hosts.deny, target filled in. */
  readonly text: string;
  /** The reason of a failure: exit code, signal, time-out, errno. */
  readonly detail: string;
}

/** The outcome of a scan; "logged": BLOCK_*="0"; "unknown": no outcome was reported. */
export type Outcome = "blocked" | "failed" | "logged" | "unknown";

/** Why nothing is done about a probe: its source is on the allow list, is this host, or is the address that it was sent to. */
export type Spared = "ignored" | "own" | "to itself";

export interface Dialect {
  /** Whether a block's finding is said after its outcome (2.x), not before (1.2). */
  readonly outcomeFirst: boolean;
  readonly starting: (version: string) => readonly Line[];
  readonly listening: Line;
  readonly stopping: readonly Line[];
  notice(message: string): Line;
  warning(message: string): Line;
  finding(verdict: Verdict, host: Host): Line[];
  /** How many lines finding() makes at most; one for a spared source, whose event is the JSON line. */
  findingLineCount(verdict: Verdict): number;
  /** The lines about a finding that finding() did not report. */
  outcome(finding: Finding, host: Host, outcome: Outcome): Line[];
  /** The lines about a further probe of a source that was found before; `outcome` is that finding's. */
  repeat(seen: Seen, host: Host, outcome: Outcome): Line[];
  /** The lines about a probe that does not make a scan yet (SCAN_TRIGGER). */
  untriggered(seen: Seen, host: Host): Line[];
  /** The lines about a probe for which nothing is done; asked for by 2.x's -v and -d alone. */
  spared(seen: Seen, host: Host, because: Spared): Line[];
  sparedBecause(host: Host, because: Spared, ignoreFile: string): Line[];
  /** The lines about a source that is blocked already when it is found. */
  alreadyBlocked(host: Host): Line[];
  blockFailed(host: Host, why: string): Line[];
  response(result: ResponseOutcome, host: Host): Line[];
  /** The lines after responses of which one failed. */
  responsesFailed(host: Host): Line[];
  history(seen: Seen, host: Host, outcome: Outcome): string;
}

/** Both generations have these three lines. */
export function responseLine({ step, text }: ResponseOutcome, host: Host): Line {
  switch (step) {
    case "run":
      return commandRunLine(host.text, text);
    case "hosts-deny":
      return blockedByWrappersLine(host.text, text);
    case "route":
      return blockedByRouteLine(host.text, text);
  }
}

export function purposeOf({ step }: ResponseOutcome): "block host" | "run command" {
  return step === "run" ? "run command" : "block host";
}

export function failureOf({ text, detail }: ResponseOutcome, host: Host): CommandFailure {
  return { sourceText: host.text, command: text, detail };
}
