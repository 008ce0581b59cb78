// The fields of a classified packet: the vocabulary of detect/, judge/, enforce/ and record/.
// The numbers stand in tables and on the packet path; the names are what users read in JSON (design section 7).
import { ARP_PROTOCOL } from "../wire/packet.ts";
import { isSentToClosedByScansOnly, Kind } from "./kinds.ts";

/** The worth of a probe (design section 4). Weak evidence alone never holds or blocks. */
export const Evidence = { Weak: 0, Direct: 1 } as const;
export type Evidence = (typeof Evidence)[keyof typeof Evidence];

/**
 * The decision of the kernel's sensor when it logged the packet; its log prefix (table/log-rules.ts) says which.
 * Probe: closed, watched port. Held: from a held source, to a served port or a quiet one; dropped, no new evidence.
 * Quiet: closed but tolerated or lately open. Stray: ACK or RST without a flow. Other: SCTP, DCCP, UDP-Lite.
 * Delegated: KILL_ROUTE is this source's block. Guarded: closed, watched port, but the source is in the guard.
 */
export const Disposition = { Probe: 0, Held: 1, Quiet: 2, Stray: 3, Other: 4, Delegated: 5, Guarded: 6 } as const;
export type Disposition = (typeof Disposition)[keyof typeof Disposition];
/** In the order of the numbers; they stand in stored events. */
export const dispositionNames = ["probe", "held", "quiet", "stray", "other", "delegated", "guarded"] as const;
export type DispositionName = (typeof dispositionNames)[number];

/**
 * The worth of a packet by itself. Guarded and Delegated are closed ports too, so the packet is worth the same; scorers.ts
 * and judge/ leave its source alone.
 */
export function evidenceOf(kind: Kind, protocol: number, tcpFlags: number, disposition: Disposition): Evidence {
  const isClosed =
    disposition === Disposition.Probe || disposition === Disposition.Guarded || disposition === Disposition.Delegated;
  return isClosed && isSentToClosedByScansOnly(kind, protocol, tcpFlags) ? Evidence.Direct : Evidence.Weak;
}

/** One classified packet; a single record is reused for all, like Packet. */
export class Probe {
  /** The source's key: the address, or the /64 of an IPv6 source that is not on a link of ours. */
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  sourceBits = 128;
  /** Transport protocol number; 6 TCP, 17 UDP, 132 SCTP ... */
  protocol = 0;
  /** Destination port; 0 for protocols without one. */
  port = 0;
  kind: Kind = Kind.Unknown;
  evidence: Evidence = Evidence.Weak;
  disposition: Disposition = Disposition.Probe;
  /** For LOG_FORMAT portsentry1, whose "Unknown Type" line prints them. */
  tcpFlags = 0;
  hasIpOptions = 0;
  /** 0 for protocols without ports, and where that is not known. */
  sourcePort = 0;
  /** The address that was asked; all 0 where that is not known. */
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;
  timeMs = 0;
  /** 1: the target is not this host, but one behind it (PROTECT). */
  isBehind = 0;
}

export const protocolNames: Readonly<Record<number, string>> = {
  6: "tcp",
  17: "udp",
  132: "sctp",
  33: "dccp",
  136: "udplite",
  1: "icmp",
  58: "icmpv6",
};

export function protocolName(protocol: number): string {
  if (protocol === ARP_PROTOCOL) return "arp";
  return protocolNames[protocol] ?? `ip-${protocol}`;
}
