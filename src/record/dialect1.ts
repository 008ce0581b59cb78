// Reports scans as PortSentry 1.2 does; the words are in lines.ts.
import { type Dialect, failureOf, type Host, purposeOf, responseLine } from "./dialect.ts";
import { historyLine } from "./history.ts";
import type { Contact, Line } from "./lines.ts";
import * as one from "./lines.ts";

export const dialect1: Dialect = {
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
  spared: () => [],
  sparedBecause: () => [],
  alreadyBlocked: (host) => [one.alreadyBlockedLine(host.text, host.name, host.modeName)],
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
  history: ({ timeMs, protocol, port, host }, { text, name }) =>
    historyLine({ timeMs, sourceText: text, protocol, port, name, host }),
};

/** Detection, then 1.2's remark about IP options. */
function contactLines(seen: Contact & { readonly hasIpOptions: boolean }, { text, name }: Host): Line[] {
  const detection = one.detectionLine(seen, text, name);
  return seen.hasIpOptions ? [detection, one.ipOptionsLine(seen, text, name)] : [detection];
}
