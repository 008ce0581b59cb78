// One captured IP packet into the one reused Packet record: version, IP header, transport header.
// Pure and allocation-free: it never throws, never reads outside bytes[at..end), and says by a code what it met.
import { readU8 } from "./big-endian.ts";
import { decodeDccp } from "./dccp.ts";
import { decodeIcmp } from "./icmp.ts";
import { decodeIpv4 } from "./ipv4.ts";
import { decodeIpv6 } from "./ipv6.ts";
import { DecodeResult, IpProtocol, type Packet } from "./packet.ts";
import { decodeSctp } from "./sctp.ts";
import { decodeTcp } from "./tcp.ts";
import { decodeUdp, decodeUdpLite } from "./udp.ts";

/**
 * Decodes the packet whose captured bytes are bytes[at..end), end <= bytes.length. The capture may end before the
 * packet does: that is Truncated only if it cuts a header that is needed. What lies behind the IP length (Ethernet
 * padding) is not looked at. Whatever the result, the fields read before the fault are valid, the others reset.
 */
export function decodePacket(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  resetPacket(out);
  const result = decodeIp(bytes, at, end, out);
  if (result !== DecodeResult.Ok) return result;
  return decodeTransport(bytes, out.transportAt, Math.min(end, out.transportAt + out.payloadBytes), out);
}

function decodeIp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (at >= end) return DecodeResult.Truncated;
  const version = readU8(bytes, at) >> 4;
  if (version === 4) return decodeIpv4(bytes, at, end, out);
  if (version === 6) return decodeIpv6(bytes, at, end, out);
  return DecodeResult.Malformed;
}

function decodeTransport(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  switch (out.protocol) {
    case IpProtocol.Tcp:
      return decodeTcp(bytes, at, end, out);
    case IpProtocol.Udp:
      return decodeUdp(bytes, at, end, out);
    // Each ICMP belongs to one family; in the other its number means nothing.
    case IpProtocol.Icmp:
      return out.family === 4 ? decodeIcmp(bytes, at, end, out) : DecodeResult.OtherProtocol;
    case IpProtocol.Icmpv6:
      return out.family === 6 ? decodeIcmp(bytes, at, end, out) : DecodeResult.OtherProtocol;
    case IpProtocol.Sctp:
      return decodeSctp(bytes, at, end, out);
    case IpProtocol.UdpLite:
      return decodeUdpLite(bytes, at, end, out);
    case IpProtocol.Dccp:
      return decodeDccp(bytes, at, end, out);
    default:
      return DecodeResult.OtherProtocol;
  }
}

/** Every field as in a new Packet, so that nothing of the last packet is taken for a part of this one. */
function resetPacket(out: Packet): void {
  out.family = 0;
  out.source0 = 0;
  out.source1 = 0;
  out.source2 = 0;
  out.source3 = 0;
  out.destination0 = 0;
  out.destination1 = 0;
  out.destination2 = 0;
  out.destination3 = 0;
  out.hopLimit = 0;
  out.identification = 0;
  out.dontFragment = 0;
  out.hasIpOptions = 0;
  out.fragmentOffset = 0;
  out.moreFragments = 0;
  out.protocol = 0;
  out.sourcePort = 0;
  out.destinationPort = 0;
  out.tcpFlags = 0;
  out.tcpSequence = 0;
  out.tcpAcknowledgment = 0;
  out.tcpWindow = 0;
  out.tcpOptionsAt = 0;
  out.tcpOptionsBytes = 0;
  out.icmpType = 0;
  out.icmpCode = 0;
  out.icmpIdentifier = 0;
  out.icmpSequence = 0;
  out.sctpChunkType = -1;
  out.payloadBytes = 0;
  out.transportAt = 0;
}
