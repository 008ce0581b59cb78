// Names the kind of a question's packet where only the packets can be seen, and says which kinds only a scan sends.
import { readU8, readU32 } from "../../wire/big-endian.ts";
import { IpProtocol, type Packet, TcpFlag } from "../../wire/packet.ts";
import { kindOfTcpFlags } from "../classify.ts";
import { Kind } from "../kinds.ts";

// nmap -O (nmap-os-db; "TCP/IP Fingerprinting Methods Supported by Nmap"): packets that no other scan of nmap sends.
const T2_WINDOW = 128;
const T3_FLAGS = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Urg | TcpFlag.Psh;
const T3_WINDOW = 256;
const T7_FLAGS = TcpFlag.Fin | TcpFlag.Psh | TcpFlag.Urg;
const T7_WINDOW = 65_535;
const ECHO_CODE = 9;
const U1_PAYLOAD_BYTES = 300;
const U1_BYTE = 0x43;
/** This many bytes of the payload of U1 are looked at; a capture may hold fewer. */
const U1_LOOK_BYTES = 16;
const UDP_HEADER_BYTES = 8;
const HTTP = 80;
const HTTPS = 443;
const FIRST_UNPRIVILEGED_PORT = 1_024;
/** hping's, nmap's and scapy's. */
const scannerWindows: ReadonlySet<number> = new Set([0, 512, 1_024, 2_048, 3_072, 4_096, 8_192]);
/** Option kinds of TCP (RFC 9293 section 3.2, RFC 7323 section 3.2). */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const TIMESTAMP = 8;
const TIMESTAMP_BYTES = 10;
const ECHO_AT = 6;
/** Where traceroute's datagrams go: a port each, 100 of them at most, with few hops to live. */
const TRACEROUTE_FROM = 33_434;
const TRACEROUTE_TO = 33_533;
const TRACEROUTE_HOPS = 30;
const NETBIOS_NAMES = 137;
const SIP = 5_060;
/** "SUBS" of SUBSCRIBE (RFC 6665); scanners send OPTIONS, REGISTER and INVITE. */
const SUBSCRIBE = 0x53554253;

/** The kind of a TCP packet that asks. */
export function kindOfTcp(packet: Packet): Kind {
  return isOsTcp(packet) ? Kind.OsDetection : kindOfTcpFlags(packet.tcpFlags);
}

/** The name of a lone segment with ACK: data segments carry PSH, and the last one FIN as well. */
export function kindOfSegment(tcpFlags: number): Kind {
  if ((tcpFlags & TcpFlag.Urg) !== 0) return Kind.Unknown;
  return (tcpFlags & TcpFlag.Fin) !== 0 ? Kind.Maimon : Kind.Ack;
}

/**
 * A lone segment that only a connection can have: it has a time stamp, which is agreed upon in the handshake, or it ends one
 * with a web server, in the words of a kernel. Scanners' segments have no options, and windows that are round and small.
 */
export function isRemnant(packet: Packet, bytes: Uint8Array, kind: Kind): boolean {
  if (hasTimestamp(packet, bytes)) return true;
  const { sourcePort, destinationPort, tcpWindow } = packet;
  const isToWeb = destinationPort === HTTP || destinationPort === HTTPS;
  return kind === Kind.Maimon && isToWeb && sourcePort >= FIRST_UNPRIVILEGED_PORT && !scannerWindows.has(tcpWindow);
}

function hasTimestamp({ tcpOptionsAt, tcpOptionsBytes }: Packet, bytes: Uint8Array): boolean {
  const end = tcpOptionsAt + tcpOptionsBytes;
  for (let at = tcpOptionsAt; at < end; ) {
    const option = readU8(bytes, at);
    // The other side's stamp is in it, behind one's own.
    if (option === TIMESTAMP) return at + TIMESTAMP_BYTES <= end && readU32(bytes, at + ECHO_AT) !== 0;
    if (option === END_OF_OPTIONS) return false;
    const length = option === NO_OPERATION || at + 1 >= end ? 1 : readU8(bytes, at + 1);
    if (length === 0) return false;
    at += length;
  }
  return false;
}

/** T2: NULL, window 128, DF. T3: SYN, FIN, URG, PSH, window 256. T7: FIN, PSH, URG, window 65535. */
function isOsTcp(packet: Packet): boolean {
  switch (packet.tcpFlags) {
    case 0:
      // Over IPv6 there is no DF.
      return packet.tcpWindow === T2_WINDOW && (packet.dontFragment === 1 || packet.family === 6);
    case T3_FLAGS:
      return packet.tcpWindow === T3_WINDOW;
    case T7_FLAGS:
      return packet.tcpWindow === T7_WINDOW;
    default:
      return false;
  }
}

/** IE: an echo request whose code is not 0 (RFC 792 knows no other); nmap uses 9. */
export function isOsEcho(packet: Packet): boolean {
  return packet.icmpCode === ECHO_CODE;
}

/** A datagram that looks for the way, not for a service: no stack begins with so few hops to live. */
export function isTraceroute({ destinationPort, hopLimit }: Packet): boolean {
  return destinationPort >= TRACEROUTE_FROM && destinationPort <= TRACEROUTE_TO && hopLimit <= TRACEROUTE_HOPS;
}

export function isNetbiosName({ destinationPort }: Packet): boolean {
  return destinationPort === NETBIOS_NAMES;
}

/** The question whether somebody is there whom the asker knows: presence of SIP. */
export function isPresence(packet: Packet, bytes: Uint8Array): boolean {
  const at = packet.transportAt + UDP_HEADER_BYTES;
  return packet.destinationPort === SIP && packet.endAt - at >= 4 && readU32(bytes, at) === SUBSCRIBE;
}

/** U1: a datagram of 300 times "C" to a closed port. */
export function isOsDatagram(packet: Packet, bytes: Uint8Array): boolean {
  if (packet.protocol !== IpProtocol.Udp || packet.payloadBytes !== U1_PAYLOAD_BYTES) return false;
  const from = packet.transportAt + UDP_HEADER_BYTES;
  const to = Math.min(from + U1_LOOK_BYTES, packet.endAt);
  if (to <= from) return false;
  for (let at = from; at < to; at++) if (readU8(bytes, at) !== U1_BYTE) return false;
  return true;
}
