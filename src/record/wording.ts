// What a verdict or a probe becomes as an event: its fields and its one sentence. Pure; the lines are in dialect.ts,
// whether they are wanted (budgets, policy) is for recorder.ts.
import type { Finding } from "../detect/finding.ts";
import { kindNames, type Probe, protocolName } from "../detect/probe.ts";
import { formatPrefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Event } from "./event.ts";
import type { Contact } from "./lines.ts";

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
