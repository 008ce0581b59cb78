// The header that all ICMP and ICMPv6 messages share: type, code and the word behind them,
// which holds identifier and sequence number where a message is a question or its answer.
import { readU8, readU16 } from "./big-endian.ts";
import { decodeNeighbor } from "./neighbor.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 792; RFC 4443 section 2.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |     Type      |     Code      |           Checksum            |   0
// +---------------+---------------+-------------------------------+
// | Echo, timestamp: identifier   |        Sequence number        |   4
// +---------------------------------------------------------------+
const HEADER_BYTES = 8;
const CODE_AT = 1;
const CODE_END = 2;
const IDENTIFIER_AT = 4;
const SEQUENCE_AT = 6;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its payload; takes the header off. */
export function decodeIcmp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  out.payloadBytes = Math.max(0, out.payloadBytes - HEADER_BYTES);
  if (end - at < CODE_END) return DecodeResult.Truncated;
  out.icmpType = readU8(bytes, at);
  out.icmpCode = readU8(bytes, at + CODE_AT);
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  out.icmpIdentifier = readU16(bytes, at + IDENTIFIER_AT);
  out.icmpSequence = readU16(bytes, at + SEQUENCE_AT);
  return out.family === 6 ? decodeNeighbor(bytes, at, end, out) : DecodeResult.Ok;
}
