// What a form of log lines (LOG_FORMAT) says: a table of functions, so that recorder.ts need not know what a generation of
// PortSentry says, nor that 2.x tells of a scan only once its outcome is known. Pure.
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

/** What is kept of a probe for a line that may be written later: the probe itself is the engine's one reused record. */
export interface Seen extends Contact {
  readonly hasIpOptions: boolean;
  readonly timeMs: number;
}

/** What one response of PortSentry's (KILL_*) came to; enforce/commands/responder.ts makes these. */
export interface ResponseOutcome {
  readonly step: "run" | "hosts-deny" | "route";
  readonly ok: boolean;
  /** The command or the line of hosts.deny, target filled in. */
  readonly text: string;
  /** Why not: exit code, signal, time-out, errno. */
  readonly detail: string;
}

/** What came of a scan: "logged": BLOCK_*="0"; "unknown": nobody said. */
export type Outcome = "blocked" | "failed" | "logged" | "unknown";

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
  /** Of a finding that finding() did not tell of. */
  outcome(finding: Finding, host: Host, outcome: Outcome): Line[];
  /** Of a source that was found before, and with what outcome. */
  repeat(seen: Seen, host: Host, outcome: Outcome): Line[];
  /** Of a probe that does not make a scan yet (SCAN_TRIGGER). */
  untriggered(seen: Seen, host: Host): Line[];
  blockFailed(host: Host, why: string): Line[];
  response(result: ResponseOutcome, host: Host): Line[];
  /** After responses of which one failed. */
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
