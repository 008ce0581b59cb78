// A finding in one line, for `blocked`, `why` and the events.
import type { Finding } from "../detect/finding.ts";
import { protocolName } from "../detect/probe.ts";

export function describeFinding(finding: Finding): string {
  const proof = finding.evidence === undefined ? "" : `; ${finding.evidence}`;
  return `${describeProbes(finding)}${proof}`;
}

function describeProbes(finding: Finding): string {
  const { protocol, port, probes, contacts, policy, firstMs, timeMs } = finding;
  const last = port === 0 ? protocolName(protocol) : `${protocolName(protocol)}/${port}`;
  if (probes <= 1) return `a probe of closed port ${last}`;
  const what = policy === "trigger" ? `${probes} probes` : `${contacts} different ports in ${probes} probes`;
  const seconds = Math.max(0, Math.round((timeMs - firstMs) / 1000));
  return seconds === 0 ? `${what} within a second, the last ${last}` : `${what} in ${seconds} s, the last ${last}`;
}
