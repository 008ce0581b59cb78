// The short way through link.ts and decode.ts for what most frames are: Ethernet, IPv4 without options or fragments, TCP
// with its whole header, in one function. It decides nothing of its own: what it takes, it decodes
// as the long way does (a test compares), and everything else it leaves to the long way.
import { IPV4_MAPPED_WORD } from "./address.ts";
import { IpProtocol, type Packet, resetPacket } from "./packet.ts";

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

/** Of the bytes that were given last: a capture's frames lie in the same ones, and a view of them reads words at once. */
let viewed: Uint8Array = new Uint8Array();
let view = new DataView(viewed.buffer);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes === viewed) return view;
  viewed = bytes;
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view;
}

/** False: nothing was written, decode it the long way. */
export function decodeUsualFrame(bytes: Uint8Array, at: number, end: number, out: Packet): boolean {
  if (end - at < USUAL_BYTES) return false;
  const words = viewOf(bytes);
  if ((words.getInt32(at + 12) | ANY_SERVICE) !== ETHER_TYPE_AND_LENGTH) return false;
  const ip = at + IP_AT;
  const fragment = words.getUint16(ip + 6);
  if (words.getUint8(ip + 9) !== IpProtocol.Tcp || (fragment & FRAGMENT_MASK) !== 0) return false;
  const segmentBytes = words.getUint16(ip + 2) - IP_HEADER_BYTES;
  const tcp = at + TCP_AT;
  const headerBytes = (words.getUint8(tcp + 12) >> 4) * 4;
  if (segmentBytes < TCP_HEADER_BYTES || headerBytes < TCP_HEADER_BYTES) return false;

  const endAt = Math.min(end, tcp + segmentBytes);
  resetPacket(out);
  out.family = 4;
  out.source2 = IPV4_MAPPED_WORD;
  out.source3 = words.getUint32(ip + 12);
  out.destination2 = IPV4_MAPPED_WORD;
  out.destination3 = words.getUint32(ip + 16);
  out.hopLimit = words.getUint8(ip + 8);
  out.identification = words.getUint16(ip + 4);
  out.dontFragment = (fragment >> 14) & 1;
  out.protocol = IpProtocol.Tcp;
  out.sourcePort = words.getUint16(tcp);
  out.destinationPort = words.getUint16(tcp + 2);
  out.tcpFlags = words.getUint8(tcp + 13);
  out.tcpSequence = words.getUint32(tcp + 4);
  out.tcpAcknowledgment = words.getUint32(tcp + 8);
  out.tcpWindow = words.getUint16(tcp + 14);
  out.tcpOptionsAt = tcp + TCP_HEADER_BYTES;
  out.tcpOptionsBytes = Math.min(headerBytes, endAt - tcp) - TCP_HEADER_BYTES;
  out.payloadBytes = Math.max(0, segmentBytes - headerBytes);
  out.transportAt = tcp;
  out.endAt = endAt;
  out.ethernetAt = at;
  out.toGroup = words.getUint8(at) & 1;
  return true;
}
