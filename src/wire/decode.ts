// One captured IP packet into the one reused Packet record: version, IP header, transport header.
// Pure and allocation-free: it never throws, never reads outside bytes[at..end), and says by a code what it met.
import { readU8 } from "./big-endian.ts";
import { decodeDccp } from "./dccp.ts";
import { decodeIcmp } from "./icmp.ts";
import { decodeIpv4 } from "./ipv4.ts";
import { decodeIpv6 } from "./ipv6.ts";
import { DecodeResult, IpProtocol, type Packet, resetPacket } from "./packet.ts";
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
  out.endAt = out.transportAt === 0 ? 0 : Math.min(end, out.transportAt + out.payloadBytes);
  if (result !== DecodeResult.Ok) return result;
  return decodeTransport(bytes, out.transportAt, out.endAt, out);
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
