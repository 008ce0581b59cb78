// Names the kind of a question's packet where only the packets can be seen, and says which kinds only a scan sends.
import { readU8 } from "../../wire/big-endian.ts";
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

/** The kind of a TCP packet that asks. */
export function kindOfTcp(packet: Packet): Kind {
  return isOsTcp(packet) ? Kind.OsDetection : kindOfTcpFlags(packet.tcpFlags);
}

/** The name of a lone segment with ACK: data segments carry PSH, and the last one FIN as well. */
export function kindOfSegment(tcpFlags: number): Kind {
  if ((tcpFlags & TcpFlag.Urg) !== 0) return Kind.Unknown;
  return (tcpFlags & TcpFlag.Fin) !== 0 ? Kind.Maimon : Kind.Ack;
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

/** U1: a datagram of 300 times "C" to a closed port. */
export function isOsDatagram(packet: Packet, bytes: Uint8Array): boolean {
  if (packet.protocol !== IpProtocol.Udp || packet.payloadBytes !== U1_PAYLOAD_BYTES) return false;
  const from = packet.transportAt + UDP_HEADER_BYTES;
  const to = Math.min(from + U1_LOOK_BYTES, packet.endAt);
  if (to <= from) return false;
  for (let at = from; at < to; at++) if (readU8(bytes, at) !== U1_BYTE) return false;
  return true;
}
