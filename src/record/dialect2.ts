// Reports scans as PortSentry 2.x does; the words are in lines2.ts.
import { type Dialect, failureOf, type Host, type Outcome, purposeOf, responseLine } from "./dialect.ts";
import type { Contact } from "./lines.ts";
import * as two from "./lines2.ts";

export const dialect2: Dialect = {
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
  spared: (seen, host, because) => {
    const beyond = because === "ignored" ? {} : { triggered: true, noblock: true, blocked: false };
    return [two.scanLine(factsOf(seen, host, { ignored: true, ...beyond }))];
  },
  sparedBecause: ({ text }, because, ignoreFile) => [
    because === "ignored" ? two.ignoredLine2(text, ignoreFile) : two.ownSourceLine2(text, because === "to itself"),
  ],
  alreadyBlocked: (host) => [two.alreadyBlockedLine2(host.text, host.name)],
  blockFailed: (host, why) => [
    two.disposeFailedLine(host.text, host.name),
    two.errorLine(`WARNING: cannot block ${host.text}: ${why}`),
  ],
  response: (result, host) => [
    result.ok ? responseLine(result, host) : two.commandFailedLine2(purposeOf(result), failureOf(result, host)),
  ],
  responsesFailed: (host) => [two.disposeFailedLine(host.text, host.name)],
  // A source in the history has scanned and was never ignored, because fail2ban bans on the line.
  history: (seen, host, outcome) => two.scanHistoryLine(seen.timeMs, factsOf(seen, host, flagsOf(outcome))),
};

/** The fields of a packet that was not ignored and reached the trigger. */
function flagsOf(outcome: Outcome): two.ScanFlags {
  const triggered = { ignored: false, triggered: true, noblock: outcome === "logged" };
  return outcome === "unknown" ? triggered : { ...triggered, blocked: outcome === "blocked" };
}

function factsOf(contact: Contact & { readonly hasIpOptions: boolean }, host: Host, flags: two.ScanFlags) {
  return { contact, hasIpOptions: contact.hasIpOptions, sourceText: host.text, name: host.name, flags };
}
