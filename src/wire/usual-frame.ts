// The short way through link.ts and decode.ts for what most frames are: Ethernet, IPv4 without options or fragments, TCP
// with its whole header. One function, each field written once. It decides nothing of its own: what it takes, it decodes
// as the long way does (a test compares), and everything else it leaves to the long way.
import { IPV4_MAPPED_WORD } from "./address.ts";
import { readU8, readU16, readU32 } from "./big-endian.ts";
import { IpProtocol, type Packet } from "./packet.ts";

/** Ethernet (ethernet.ts), then IPv4 (ipv4.ts), then TCP (tcp.ts), none with options. */
const IP_AT = 14;
const TCP_AT = 34;
const USUAL_BYTES = 54;
/** EtherType, version and header length; the byte behind them, the type of service, may be anything. */
const ANY_SERVICE = 0xff;
const ETHER_TYPE_AND_LENGTH = 0x0800_4500 | ANY_SERVICE;
const TCP_HEADER_BYTES = 20;
const IP_HEADER_BYTES = 20;
const FRAGMENT_MASK = 0x3fff;

/** False: nothing was written, decode it the long way. */
export function decodeUsualFrame(bytes: Uint8Array, at: number, end: number, out: Packet): boolean {
  if (end - at < USUAL_BYTES || (readU32(bytes, at + 12) | ANY_SERVICE) !== ETHER_TYPE_AND_LENGTH) return false;
  const ip = at + IP_AT;
  const fragment = readU16(bytes, ip + 6);
  if (readU8(bytes, ip + 9) !== IpProtocol.Tcp || (fragment & FRAGMENT_MASK) !== 0) return false;
  const segmentBytes = readU16(bytes, ip + 2) - IP_HEADER_BYTES;
  const tcp = at + TCP_AT;
  const headerBytes = (readU8(bytes, tcp + 12) >> 4) * 4;
  if (segmentBytes < TCP_HEADER_BYTES || headerBytes < TCP_HEADER_BYTES) return false;

  const endAt = Math.min(end, tcp + segmentBytes);
  out.family = 4;
  out.source0 = 0;
  out.source1 = 0;
  out.source2 = IPV4_MAPPED_WORD;
  out.source3 = readU32(bytes, ip + 12);
  out.destination0 = 0;
  out.destination1 = 0;
  out.destination2 = IPV4_MAPPED_WORD;
  out.destination3 = readU32(bytes, ip + 16);
  out.hopLimit = readU8(bytes, ip + 8);
  out.identification = readU16(bytes, ip + 4);
  out.dontFragment = (fragment >> 14) & 1;
  out.hasIpOptions = 0;
  out.fragmentOffset = 0;
  out.moreFragments = 0;
  out.protocol = IpProtocol.Tcp;
  out.sourcePort = readU16(bytes, tcp);
  out.destinationPort = readU16(bytes, tcp + 2);
  out.tcpFlags = readU8(bytes, tcp + 13);
  out.tcpSequence = readU32(bytes, tcp + 4);
  out.tcpAcknowledgment = readU32(bytes, tcp + 8);
  out.tcpWindow = readU16(bytes, tcp + 14);
  out.tcpOptionsAt = tcp + TCP_HEADER_BYTES;
  out.tcpOptionsBytes = Math.min(headerBytes, endAt - tcp) - TCP_HEADER_BYTES;
  out.icmpType = 0;
  out.icmpCode = 0;
  out.icmpIdentifier = 0;
  out.icmpSequence = 0;
  out.neighbor0 = 0;
  out.neighbor1 = 0;
  out.neighbor2 = 0;
  out.neighbor3 = 0;
  out.sctpChunkType = -1;
  out.payloadBytes = Math.max(0, segmentBytes - headerBytes);
  out.transportAt = tcp;
  out.endAt = endAt;
  return true;
}
