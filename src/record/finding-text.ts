// A finding in one line, for `blocked`, `why`, the log and the events; and its numbers again from such a line, so that
// what a store has kept of a block takes no more room than what was found just now.

import { plural } from "../base/plural.ts";
import type { CrowdScorerName, Finding, SilenceProof } from "../detect/finding.ts";
import { Kind, kinds } from "../detect/kinds.ts";
import { protocolName, protocolNames } from "../detect/probe.ts";
import type { ScorerName } from "../detect/tap/tap-source.ts";
import { type FindingReason, type Reason, reasonOf } from "../judge/reason.ts";
import { formatPrefix, isIpv4, type Prefix } from "../wire/address.ts";
import { ARP_PROTOCOL } from "../wire/packet.ts";

export function describeFinding(finding: Finding): string {
  if (finding.members !== undefined) return describeMembers(finding, finding.members);
  const text = describeReason(reasonOf(finding));
  return finding.habits === undefined ? text : `${text}: ${finding.habits.join(", ")}`;
}

/** Why a finding is a block. A finding about many sources is its text: there are few of them. */
export function reasonFor(finding: Finding): Reason {
  return finding.members === undefined ? reasonOf(finding) : describeFinding(finding);
}

export function describeReason(reason: Reason): string {
  if (typeof reason === "string") return reason;
  if (reason.hosts !== undefined) return describeTapFinding(reason, reason.hosts);
  const proof = reason.proof === undefined ? "" : `; ${describeProof(reason.proof)}`;
  const evidence = reason.evidence === undefined ? "" : `; ${reason.evidence}`;
  return `${describeProbes(reason)}${proof}${evidence}`;
}

/** "16 addresses of 203.0.113.0/24 have each tried a port in 12 s: 14 different ports, the last tcp/81". */
function describeMembers(finding: Finding, members: number): string {
  const { contacts, firstMs, timeMs, isOnLink, policy } = finding;
  const time = formatTime(timeMs - firstMs);
  // Of neighbours the ports are counted by a sketch, which never has too many.
  const least = policy === "scattered" ? "" : "at least ";
  const ports = `${least}${contacts} different ports, the last ${lastPort(finding)}`;
  if (policy === "scattered") {
    return `${members} sources from anywhere have each tried a port or two ${time}: ${ports}; they are one scan, or forged`;
  }
  const where = isOnLink === true ? ", on a link of this host," : "";
  return `${membersText(finding.source, members)}${where} have each tried a port ${time}: ${ports}`;
}

/** How many sources of a network: those of a /48 and a /32 are counted by a sketch, which never has too many. */
export function membersText(network: Prefix, members: number): string {
  const text = formatPrefix(network);
  if (isIpv4(network) || network.bits === 64) return `${members} addresses of ${text}`;
  return `${members} /${network.bits > 40 ? 64 : 48} networks of ${text}`;
}

function lastPort({ protocol, port, host }: Pick<Finding, "protocol" | "port" | "host">): string {
  const text = port === 0 ? protocolName(protocol) : `${protocolName(protocol)}/${port}`;
  return host === undefined ? text : `${text} of ${formatPrefix(host)}, behind this host`;
}

function describeProbes(reason: FindingReason): string {
  const { probes, contacts, policy, spanMs, isSlow, proof } = reason;
  const last = lastPort(reason);
  if (policy === "tolerated") {
    return `tolerated ports of ${contacts} kinds, which nobody tries by habit, the last ${last}`;
  }
  if (policy === "single-shot") {
    return `${contacts} ports asked by one SYN each and none asked again ${formatTime(spanMs)}, the last ${last}`;
  }
  if (probes <= 1) return `a probe of closed port ${last}`;
  if (isSlow) return `${contacts} or more different ports ${formatTime(spanMs)}, the last ${last}`;
  // A scorer counts no further than it must; the silence test has met each of its ports once.
  const ports = Math.max(contacts, proof === undefined ? 0 : proof.answeredPorts + proof.silentPorts);
  const different = `${probes > ports ? "at least " : ""}${ports} different ports in ${probes} probes`;
  const what = policy === "trigger" ? `${probes} probes` : different;
  return `${what} ${formatTime(spanMs)}, the last ${last}`;
}

function describeProof(counts: SilenceProof): string {
  const { answeredPorts, answeredRepeated, silentPorts, silentRepeated, bits } = counts;
  return (
    `the source sees the answers of this host: it repeated ${silentRepeated} of ${silentPorts} ports that were left unanswered, ` +
    `and ${answeredRepeated} of ${answeredPorts} answered ones (2^${Math.floor(bits)} to 1)`
  );
}

/** On a mirror port: "30 different ports of 2 hosts in 4 s, nmap; found by the sequential test". */
function describeTapFinding(reason: FindingReason, hosts: number): string {
  const { kind, protocol, port, contacts, spanMs, tool, policy } = reason;
  const of = plural(hosts, "host");
  const isPortless = port === 0 && contacts <= 1;
  const one = isPortless ? kinds[kind].name : `${protocolName(protocol)}/${port}`;
  const what = contacts <= 1 ? one : `${contacts} different ports`;
  const who = tool === undefined ? "" : `, ${tool}`;
  return `${what} of ${of} ${formatTime(spanMs)}${who}; found ${scorerTexts[policy]}`;
}

const scorerTexts: Readonly<Record<ScorerName | CrowdScorerName, string>> = {
  trigger: "by SCAN_TRIGGER",
  score: "by its score",
  sequential: "by the sequential test",
  sweep: "as a sweep",
  breadth: "by breadth alone",
  coordinated: "as part of a coordinated scan",
  tool: "by the mark of its tool",
  neighbours: "by its neighbours",
  scattered: "as part of a scan by many",
  tolerated: "by tolerated ports alone",
  "single-shot": "by first contacts that it did not repeat",
};

/** `smallerMs`: of the next smaller unit. What that one would round up to a whole of this one is told in this one. */
const SPANS = [
  { ms: 86_400_000, unit: "days", from: 2, smallerMs: 3_600_000 },
  { ms: 3_600_000, unit: "h", from: 2, smallerMs: 60_000 },
  { ms: 60_000, unit: "min", from: 10, smallerMs: 1_000 },
] as const;

function formatTime(ms: number): string {
  const span = SPANS.find(({ ms: unitMs, from, smallerMs }) => Math.round(ms / smallerMs) * smallerMs >= from * unitMs);
  if (span !== undefined) return `in ${Math.round(ms / span.ms)} ${span.unit}`;
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds === 0 ? "within a second" : `in ${seconds} s`;
}

const onHost =
  /^(?:a probe of closed port|(?:(\d+) or more different ports|(?:(?:at least )?(\d+) different ports in )?(\d+) probes) (within a second|in \d+ (?:s|min|h|days)),) ?(?:the last )?([a-z0-9-]+)(?:\/(\d+))?(?:; the source sees the answers of this host: it repeated (\d+) of (\d+) ports that were left unanswered, and (\d+) of (\d+) answered ones \(2\^(\d+) to 1\))?(?:; (.+))?$/;

/**
 * The numbers of a finding on a host, from what describeReason() made of them; any other text as it is. describeReason()
 * makes the given text again from the result.
 */
export function parseReason(text: string): Reason {
  const match = onHost.exec(text);
  if (match === null) return text;
  const [, slowPorts, ports, probes, time, protocolText, port, ...rest] = match;
  const [silentRepeated, silentPorts, answeredRepeated, answeredPorts, bits, evidence] = rest;
  const protocol = protocolOf(protocolText ?? "");
  if (protocol === undefined) return text;
  const reason: FindingReason = {
    policy: probes !== undefined && ports === undefined ? "trigger" : "score",
    kind: Kind.Unknown,
    protocol,
    port: Number(port ?? 0),
    probes: time === undefined ? 1 : Number(probes ?? 2),
    contacts: Number(slowPorts ?? ports ?? 0),
    spanMs: spanOf(time),
    isSlow: slowPorts !== undefined,
    ...(silentPorts !== undefined && {
      proof: {
        answeredPorts: Number(answeredPorts),
        answeredRepeated: Number(answeredRepeated),
        silentPorts: Number(silentPorts),
        silentRepeated: Number(silentRepeated),
        bits: Number(bits),
      },
    }),
    ...(evidence !== undefined && { evidence }),
  };
  return describeReason(reason) === text ? reason : text;
}

const protocolsByName = new Map(Object.entries(protocolNames).map(([number, name]) => [name, Number(number)]));

function protocolOf(name: string): number | undefined {
  if (name === "arp") return ARP_PROTOCOL;
  const plain = /^ip-(\d{1,3})$/.exec(name)?.[1];
  return plain === undefined ? protocolsByName.get(name) : Number(plain);
}

function spanOf(time: string | undefined): number {
  const [, count, unit] = /^in (\d+) (.+)$/.exec(time ?? "") ?? [];
  const unitMs = unit === "s" ? 1000 : (SPANS.find((span) => span.unit === unit)?.ms ?? 0);
  return Number(count ?? 0) * unitMs;
}
