// The header that all ICMP and ICMPv6 messages share: type and code. The rest of a message is left alone.
import { readU8 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 792; RFC 4443 section 2.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |     Type      |     Code      |           Checksum            |   0
// +---------------+---------------+-------------------------------+
// |             Depends on the type; every message has it         |   4
// +---------------------------------------------------------------+
const HEADER_BYTES = 8;
const CODE_AT = 1;
const CODE_END = 2;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its payload; takes the header off. */
export function decodeIcmp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  out.payloadBytes = Math.max(0, out.payloadBytes - HEADER_BYTES);
  if (end - at < CODE_END) return DecodeResult.Truncated;
  out.icmpType = readU8(bytes, at);
  out.icmpCode = readU8(bytes, at + CODE_AT);
  return end - at < HEADER_BYTES ? DecodeResult.Truncated : DecodeResult.Ok;
}
