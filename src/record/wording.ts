// Turns a verdict or a probe into an event: its fields and its one sentence. Pure; the lines are in dialect.ts, and
// recorder.ts decides whether they are wanted (budgets, policy).

import { isoTime } from "../base/clock.ts";
import { hostOf } from "../detect/behind.ts";
import type { Finding } from "../detect/finding.ts";
import { kinds } from "../detect/kinds.ts";
import { type Probe, protocolName } from "../detect/probe.ts";
import type { Block } from "../judge/block.ts";
import type { Verdict } from "../judge/verdict.ts";
import { formatPrefix, formatWords, type Prefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { Seen } from "./dialect.ts";
import type { Event } from "./event.ts";
import { describeFinding, describeReason } from "./finding-text.ts";
import type { Contact } from "./lines.ts";

export function sourceOf(probe: Probe): string {
  const { source0, source1, source2, source3, sourceBits } = probe;
  return formatPrefix(prefixOfWords(source0, source1, source2, source3, sourceBits));
}

/** `wallMs`: an event has the wall clock's time. */
export function eventBase<T extends Event["type"]>(type: T, wallMs: number, sourceText: string | undefined) {
  return { time: isoTime(wallMs), type, ...(sourceText !== undefined && { source: sourceText }) };
}

/** The protocols without ports, for the kinds that come over several protocols. */
const portlessProtocols: readonly number[] = [IpProtocol.Icmp, IpProtocol.Icmpv6];

export function contactFields(contact: Contact) {
  const hasPort = kinds[contact.kind].hasPort !== false && !portlessProtocols.includes(contact.protocol);
  return {
    protocol: protocolName(contact.protocol),
    ...(hasPort && { port: contact.port }),
    ...(contact.host !== undefined && { host: formatPrefix(contact.host) }),
    kind: kinds[contact.kind].name,
  };
}

/** A complaint to the source's provider needs both ends of a probe. */
export function probeFields(probe: Probe) {
  const { sourcePort, target0, target1, target2, target3 } = probe;
  const isTargetKnown = (target0 | target1 | target2 | target3) !== 0;
  return {
    ...contactFields(seenOf(probe)),
    ...(sourcePort !== 0 && { sourcePort }),
    ...(isTargetKnown && { target: formatWords(target0, target1, target2, target3) }),
  };
}

/** The names of a source: its tool, and its name in KNOWN_SCANNERS. */
export function nameFields({ tool, known }: Pick<Finding, "tool" | "known">) {
  return { ...(tool !== undefined && { tool }), ...(known !== undefined && { known }) };
}

/** Copied: the probe is the engine's one reused record. */
export function seenOf(probe: Probe): Seen {
  const { kind, protocol, port, tcpFlags, hasIpOptions, timeMs } = probe;
  return { kind, protocol, port, tcpFlags, hasIpOptions: hasIpOptions !== 0, timeMs, ...hostOf(probe) };
}

export function findingEvent(wallMs: number, verdict: Verdict, sourceText: string): Event {
  const { finding } = verdict;
  return {
    ...eventBase("finding", wallMs, sourceText),
    ...contactFields(finding),
    ...nameFields(finding),
    ...("grade" in verdict && { grade: verdict.grade }),
    action: verdict.action === "spare" ? verdict.because : verdict.action,
    message: describeFinding(finding),
  };
}

export function blockEvent(wallMs: number, block: Block, finding: Finding | undefined): Event {
  return {
    ...eventBase("block", wallMs, formatPrefix(block.source)),
    ...(finding !== undefined && contactFields(finding)),
    ...(finding?.tool !== undefined && { tool: finding.tool }),
    grade: block.grade,
    action: block.soft ? "soft" : "block",
    message: describeReason(block.reason),
  };
}

interface Failure {
  readonly why: string;
  readonly finding: Finding | undefined;
  /** The source is blocked all the same. */
  readonly stands?: boolean;
}

export function failureEvent(wallMs: number, sourceText: string, { why, finding, stands }: Failure): Event {
  const about = { ...eventBase("warning", wallMs, sourceText), ...(finding !== undefined && contactFields(finding)) };
  return { ...about, action: stands === true ? "command-failed" : "block-failed", message: why };
}

interface Ran {
  readonly texts: readonly string[];
  readonly finding: Finding | undefined;
}

/** BLOCK_*="2": a command ran, and nothing is blocked by us. */
export function runEvent(wallMs: number, sourceText: string, { texts, finding }: Ran): Event {
  const about = { ...eventBase("finding", wallMs, sourceText), ...(finding !== undefined && contactFields(finding)) };
  return { ...about, action: "ran", message: texts.join("; ") };
}

/** Of an outgoing scan; `source` is an address of ours, or of a host behind this one. */
export interface OutgoingNews {
  readonly source: Prefix;
  readonly protocol: number;
  readonly port: number;
  readonly action: "found" | "ended";
  readonly message: string;
}

export function outgoingEvent(wallMs: number, { source, protocol, port, action, message }: OutgoingNews): Event {
  const about = { protocol: protocolName(protocol), port };
  return { ...eventBase("outgoing", wallMs, formatPrefix(source)), ...about, action, message };
}
