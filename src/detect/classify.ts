// Gives a decoded packet its name, its worth and its source key. Pure and without memory: scorers.ts weighs a probe together
// with the others of its source. `Connect` is never named here: only a listener sees a connection.
import type { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol, type Packet, TcpFlag } from "../wire/packet.ts";
import { Kind } from "./kinds.ts";
import { type Disposition, evidenceOf, type Probe } from "./probe.ts";
import { writeSourceKey } from "./source-key.ts";

/** ECE and CWR name no scan: an ECN-capable host sets them on an ordinary SYN (RFC 3168 section 6.1.1). */
const NAMING_FLAGS = TcpFlag.Fin | TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Psh | TcpFlag.Ack | TcpFlag.Urg;
const XMAS_FLAGS = TcpFlag.Fin | TcpFlag.Psh | TcpFlag.Urg;

export function kindOfTcpFlags(tcpFlags: number): Kind {
  const flags = tcpFlags & NAMING_FLAGS;
  switch (flags) {
    case 0:
      return Kind.Null;
    case TcpFlag.Fin:
      return Kind.Fin;
    case XMAS_FLAGS:
      return Kind.Xmas;
    case TcpFlag.Syn:
      return Kind.Syn;
    case TcpFlag.Ack:
    case TcpFlag.Ack | TcpFlag.Psh:
      return Kind.Ack;
    case TcpFlag.Fin | TcpFlag.Ack:
      return Kind.Maimon;
  }
  // Whatever else it carries: no stack sends SYN and FIN together.
  const opening = flags & (TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Ack | TcpFlag.Rst);
  return opening === (TcpFlag.Syn | TcpFlag.Fin) ? Kind.SynFin : Kind.Unknown;
}

const SCTP_INIT = 1;
const SCTP_COOKIE_ECHO = 10;

function kindOf(packet: Packet): Kind {
  switch (packet.protocol) {
    case IpProtocol.Tcp:
      return kindOfTcpFlags(packet.tcpFlags);
    case IpProtocol.Udp:
      return Kind.Udp;
    case IpProtocol.Sctp:
      if (packet.sctpChunkType === SCTP_INIT) return Kind.SctpInit;
      return packet.sctpChunkType === SCTP_COOKIE_ECHO ? Kind.SctpCookieEcho : Kind.Unknown;
    default:
      return Kind.Unknown;
  }
}

export function hasPorts(protocol: number): boolean {
  return (
    protocol === IpProtocol.Tcp ||
    protocol === IpProtocol.Udp ||
    protocol === IpProtocol.Sctp ||
    protocol === IpProtocol.Dccp ||
    protocol === IpProtocol.UdpLite
  );
}

/** Writes every field of `out` except `timeMs` and the host's words; `near` is for source-key.ts. */
export function classify(packet: Packet, disposition: Disposition, near: AddressRanges, out: Probe): void {
  // The family decides, not the words: an IPv6 packet from ::ffff:192.0.2.1 must not pass for that IPv4 host.
  const byAddress =
    packet.family === 4 || near.contains(packet.source0, packet.source1, packet.source2, packet.source3);
  writeSourceKey(packet, byAddress, out);

  const isTcp = packet.protocol === IpProtocol.Tcp;
  out.protocol = packet.protocol;
  out.port = hasPorts(packet.protocol) ? packet.destinationPort : 0;
  out.tcpFlags = isTcp ? packet.tcpFlags : 0;
  out.hasIpOptions = packet.hasIpOptions;
  out.sourcePort = packet.sourcePort;
  out.target0 = packet.destination0;
  out.target1 = packet.destination1;
  out.target2 = packet.destination2;
  out.target3 = packet.destination3;
  out.disposition = disposition;
  out.isBehind = 0;

  out.kind = kindOf(packet);
  out.evidence = evidenceOf(out.kind, packet.protocol, packet.tcpFlags, disposition);
}
