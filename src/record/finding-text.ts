// A finding in one line, for `blocked`, `why`, the log and the events.
import type { Finding } from "../detect/finding.ts";
import { kindNames, protocolName } from "../detect/probe.ts";
import type { ScorerName } from "../detect/tap/tap-source.ts";

export function describeFinding(finding: Finding): string {
  if (finding.hosts !== undefined) return describeTapFinding(finding, finding.hosts);
  const proof = finding.evidence === undefined ? "" : `; ${finding.evidence}`;
  return `${describeProbes(finding)}${proof}`;
}

function describeProbes({ protocol, port, probes, contacts, policy, firstMs, timeMs, slowSinceMs }: Finding): string {
  const last = port === 0 ? protocolName(protocol) : `${protocolName(protocol)}/${port}`;
  if (probes <= 1) return `a probe of closed port ${last}`;
  if (slowSinceMs !== undefined) {
    return `${contacts} or more different ports ${formatTime(timeMs - slowSinceMs)}, the last ${last}`;
  }
  const what = policy === "trigger" ? `${probes} probes` : `${contacts} different ports in ${probes} probes`;
  return `${what} ${formatTime(timeMs - firstMs)}, the last ${last}`;
}

/** On a mirror port: "30 different ports of 2 hosts in 4 s, nmap; found by the sequential test". */
function describeTapFinding(finding: Finding, hosts: number): string {
  const { kind, protocol, port, contacts, firstMs, timeMs, tool, policy } = finding;
  const of = hosts === 1 ? "1 host" : `${hosts} hosts`;
  const isPortless = port === 0 && contacts <= 1;
  const one = isPortless ? kindNames[kind] : `${protocolName(protocol)}/${port}`;
  const what = contacts <= 1 ? one : `${contacts} different ports`;
  const who = tool === undefined ? "" : `, ${tool}`;
  return `${what} of ${of} ${formatTime(timeMs - firstMs)}${who}; found ${scorerTexts[policy]}`;
}

const scorerTexts: Readonly<Record<ScorerName, string>> = {
  trigger: "by SCAN_TRIGGER",
  score: "by its score",
  sequential: "by the sequential test",
  sweep: "as a sweep",
  breadth: "by breadth alone",
  coordinated: "as part of a coordinated scan",
  tool: "by the mark of its tool",
};

const SPANS = [
  { ms: 86_400_000, unit: "days", from: 2 },
  { ms: 3_600_000, unit: "h", from: 2 },
  { ms: 60_000, unit: "min", from: 10 },
] as const;

function formatTime(ms: number): string {
  const span = SPANS.find(({ ms: unitMs, from }) => ms >= from * unitMs);
  if (span !== undefined) return `in ${Math.round(ms / span.ms)} ${span.unit}`;
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds === 0 ? "within a second" : `in ${seconds} s`;
}
