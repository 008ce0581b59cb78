// The packet inside an ICMP or ICMPv6 error: what somebody sent, and a router or the host itself could not serve.
// The quote is cut short as a rule (RFC 792: IP header and 8 bytes), so Truncated is its usual result; the ports are
// read then, and TCP's sequence number.
import { decodePacket } from "./decode.ts";
import { DecodeResult, IpProtocol, type Packet, resetPacket } from "./packet.ts";

/** Behind type, code, checksum and the word that says the pointer or the MTU. */
const QUOTE_AT = 8;

// RFC 792; RFC 4443 section 3. A redirect quotes a packet too, but is no error: the packet went on.
const DESTINATION_UNREACHABLE_4 = 3;
const TIME_EXCEEDED_4 = 11;
const PARAMETER_PROBLEM_4 = 12;
const FIRST_ERROR_6 = 1;
/** Destination unreachable, packet too big, time exceeded, parameter problem. */
const LAST_ERROR_6 = 4;

/** True if the decoded packet is an ICMP or ICMPv6 message that reports a fault of another packet and quotes it. */
export function isIcmpError(packet: Packet): boolean {
  const type = packet.icmpType;
  if (packet.protocol === IpProtocol.Icmp && packet.family === 4) {
    return type === DESTINATION_UNREACHABLE_4 || type === TIME_EXCEEDED_4 || type === PARAMETER_PROBLEM_4;
  }
  const isIcmpv6 = packet.protocol === IpProtocol.Icmpv6 && packet.family === 6;
  return isIcmpv6 && type >= FIRST_ERROR_6 && type <= LAST_ERROR_6;
}

/**
 * Decodes the quoted packet of `icmpPacket`, which was decoded from these same bytes with the result Ok. NotIp if it
 * is no error; Malformed if the quote is of the other IP family. Nothing behind the ICMP packet's captured bytes is read.
 */
export function decodeQuoted(bytes: Uint8Array, icmpPacket: Packet, out: Packet): DecodeResult {
  const { family, endAt } = icmpPacket;
  if (!isIcmpError(icmpPacket)) {
    resetPacket(out);
    return DecodeResult.NotIp;
  }
  const result = decodePacket(bytes, icmpPacket.transportAt + QUOTE_AT, endAt, out);
  if (out.family === family || out.family === 0) return result;
  resetPacket(out);
  return DecodeResult.Malformed;
}
