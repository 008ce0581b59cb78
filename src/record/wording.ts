// What a verdict or a probe becomes: the lines of PortSentry's wording that belong together, and the fields of its
// event. Pure; whether they are wanted (budgets, policy) is for recorder.ts.
import type { Finding } from "../detect/finding.ts";
import { kindNames, type Probe, protocolName } from "../detect/probe.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Event } from "./event.ts";
import { type Contact, detectionLine, ignoringResponseLine, ipOptionsLine, type Line } from "./lines.ts";

/** 1.2 says nothing of ignored hosts, and readers of its lines act on what they find there. */
export function findingLines(verdict: Verdict, sourceText: string): Line[] {
  const { finding } = verdict;
  if (verdict.action === "spare") return [];
  const about = contactLines(finding, sourceText, finding.hasIpOptions);
  return verdict.action === "log" ? [...about, ignoringResponseLine(finding.protocol)] : about;
}

/** How many lines findingLines() makes; one for a spared source, whose event is the JSON line. */
export function findingLineCount(verdict: Verdict): number {
  if (verdict.action === "spare") return 1;
  return 1 + (verdict.finding.hasIpOptions ? 1 : 0) + (verdict.action === "log" ? 1 : 0);
}

/** Detection, then 1.2's remark about IP options. */
export function contactLines(contact: Contact, sourceText: string, hasIpOptions: boolean): Line[] {
  const detection = detectionLine(contact, sourceText);
  return hasIpOptions ? [detection, ipOptionsLine(contact, sourceText)] : [detection];
}

export function findingMessage(finding: Finding): string {
  const { probes, contacts, policy, firstMs, timeMs } = finding;
  const seconds = Math.max(0, (timeMs - firstMs) / 1000).toFixed(1);
  return `${probes} probes of ${contacts} ports in ${seconds} s (policy ${policy})`;
}

export function sourceOf(probe: Probe): string {
  const { source0, source1, source2, source3, sourceBits } = probe;
  return formatPrefix(prefixOfWords(source0, source1, source2, source3, sourceBits));
}

export function eventBase<T extends Event["type"]>(type: T, timeMs: number, sourceText: string | undefined) {
  return { time: isoTime(timeMs), type, ...(sourceText !== undefined && { source: sourceText }) };
}

/** Dates outside of what ECMAScript can print (a hostile capture file) must not throw. */
function isoTime(timeMs: number): string {
  const time = new Date(timeMs);
  return Number.isNaN(time.getTime()) ? "1970-01-01T00:00:00.000Z" : time.toISOString();
}

const portlessProtocols: readonly number[] = [IpProtocol.Icmp, IpProtocol.Icmpv6];

export function contactFields(contact: Contact) {
  const hasPort = !portlessProtocols.includes(contact.protocol);
  return {
    protocol: protocolName(contact.protocol),
    ...(hasPort && { port: contact.port }),
    kind: kindNames[contact.kind],
  };
}
