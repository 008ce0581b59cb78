// A finding in one line, for `blocked`, `why`, the log and the events.
import type { Finding } from "../detect/finding.ts";
import { protocolName } from "../detect/probe.ts";

export function describeFinding(finding: Finding): string {
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
