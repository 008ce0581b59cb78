// Which PortSentry's words the daemon speaks (LOG_FORMAT). One table of functions for each generation, so that
// recorder.ts need not know what they say, nor that 2.x tells of a scan only once its outcome is known. Pure.
import type { Finding } from "../detect/finding.ts";
import type { Verdict } from "../judge/verdict.ts";
import { historyLine } from "./history.ts";
import type { LogFormat } from "./journal.ts";
import type { Contact, Line } from "./lines.ts";
import * as one from "./lines.ts";
import * as two from "./lines2.ts";

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

export function dialectOf(format: LogFormat): Dialect {
  switch (format) {
    case "portsentry1":
    case "json":
      return dialect1;
    case "portsentry2":
      return dialect2;
  }
}

const dialect1: Dialect = {
  outcomeFirst: false,
  starting: () => [one.startingLine],
  listening: one.listeningLine,
  stopping: one.shuttingDownLines,
  notice: one.noticeLine,
  warning: one.warningLine,
  // 1.2 says nothing of ignored hosts, and readers of its lines act on what they find there.
  finding: (verdict, host) => {
    const { finding } = verdict;
    if (verdict.action === "spare") return [];
    const about = contactLines(finding, host);
    return verdict.action === "log" ? [...about, one.ignoringResponseLine(finding.protocol)] : about;
  },
  findingLineCount: ({ action, finding }) =>
    action === "spare" ? 1 : 1 + (finding.hasIpOptions ? 1 : 0) + (action === "log" ? 1 : 0),
  outcome: () => [],
  repeat: (seen, host) => [...contactLines(seen, host), one.alreadyBlockedLine(host.text, host.name, host.modeName)],
  untriggered: () => [],
  blockFailed: (host, why) => [
    one.couldNotBlockLine(host.text, host.name, host.modeName),
    one.warningLine(`cannot block ${host.text}: ${why}`),
  ],
  response: (result, host) => {
    if (result.ok) return [responseLine(result, host)];
    const failed = one.commandFailedLine(purposeOf(result), failureOf(result, host));
    return result.step === "hosts-deny" ? [failed, one.wrappersFailedLine(host.text)] : [failed];
  },
  responsesFailed: (host) => [one.couldNotBlockLine(host.text, host.name, host.modeName)],
  history: ({ timeMs, protocol, port }, { text, name }) =>
    historyLine({ timeMs, sourceText: text, protocol, port, name }),
};

/** Detection, then 1.2's remark about IP options. */
function contactLines(seen: Contact & { readonly hasIpOptions: boolean }, { text, name }: Host): Line[] {
  const detection = one.detectionLine(seen, text, name);
  return seen.hasIpOptions ? [detection, one.ipOptionsLine(seen, text, name)] : [detection];
}

/** Both generations have these three lines. */
function responseLine({ step, text }: ResponseOutcome, host: Host): Line {
  switch (step) {
    case "run":
      return one.commandRunLine(host.text, text);
    case "hosts-deny":
      return one.blockedByWrappersLine(host.text, text);
    case "route":
      return one.blockedByRouteLine(host.text, text);
  }
}

function purposeOf({ step }: ResponseOutcome): "block host" | "run command" {
  return step === "run" ? "run command" : "block host";
}

function failureOf({ text, detail }: ResponseOutcome, host: Host): one.CommandFailure {
  return { sourceText: host.text, command: text, detail };
}

const dialect2: Dialect = {
  outcomeFirst: true,
  starting: (version) => [two.versionLine(version)],
  listening: two.listeningLine2,
  stopping: [two.shuttingDownLine2],
  notice: two.plainLine,
  warning: (message) => two.errorLine(`WARNING: ${message}`),
  finding: (verdict, host) => {
    const { action, finding } = verdict;
    switch (action) {
      case "spare":
        return [two.scanLine(factsOf(finding, host, { ignored: true }))];
      case "log":
        return [two.scanLine(factsOf(finding, host, flagsOf("logged")))];
      case "run":
      case "soft":
      case "block":
        return [];
    }
  },
  findingLineCount: () => 1,
  outcome: (finding, host, outcome) => [two.scanLine(factsOf(finding, host, flagsOf(outcome)))],
  repeat: (seen, host, outcome) => [
    ...(outcome === "blocked" ? [two.alreadyBlockedLine2(host.text, host.name)] : []),
    two.scanLine(factsOf(seen, host, flagsOf(outcome))),
  ],
  untriggered: (seen, host) => [two.scanLine(factsOf(seen, host, { ignored: false, triggered: false }))],
  blockFailed: (host, why) => [
    two.disposeFailedLine(host.text, host.name),
    two.errorLine(`WARNING: cannot block ${host.text}: ${why}`),
  ],
  response: (result, host) => [
    result.ok ? responseLine(result, host) : two.commandFailedLine2(purposeOf(result), failureOf(result, host)),
  ],
  responsesFailed: (host) => [two.disposeFailedLine(host.text, host.name)],
  // What is in the history is a scan and was never ignored: fail2ban bans on the line.
  history: (seen, host, outcome) => two.scanHistoryLine(seen.timeMs, factsOf(seen, host, flagsOf(outcome))),
};

/** Of a packet that was not ignored and reached the trigger. */
function flagsOf(outcome: Outcome): two.ScanFlags {
  const triggered = { ignored: false, triggered: true, noblock: outcome === "logged" };
  return outcome === "unknown" ? triggered : { ...triggered, blocked: outcome === "blocked" };
}

function factsOf(contact: Contact & { readonly hasIpOptions: boolean }, host: Host, flags: two.ScanFlags) {
  return { contact, hasIpOptions: contact.hasIpOptions, sourceText: host.text, name: host.name, flags };
}
