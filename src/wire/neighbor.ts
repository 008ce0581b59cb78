// The target of an ICMPv6 neighbour solicitation or advertisement: a host's link address is asked for, or told. A source
// that asks for one address after the other sweeps a network from inside it.
import { isIpv4Words } from "./address.ts";
import { readU32 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

/** ICMPv6 types (RFC 4861 sections 4.3 and 4.4). */
export const NEIGHBOR_SOLICITATION = 135;
export const NEIGHBOR_ADVERTISEMENT = 136;

//  0                   1                   2                   3      RFC 4861 section 4.3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |  135 or 136   |       0       |           Checksum            |   0
// +---------------+---------------+-------------------------------+
// |                  Reserved, or flags of an answer              |   4
// +---------------------------------------------------------------+
// |                   Target address (16 bytes)                   |   8
const TARGET_AT = 8;
const TARGET_END = 24;

/** Reads the target of the ICMPv6 message at bytes[at..end) where it is of the two types; else leaves all as it is. */
export function decodeNeighbor(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (out.icmpType !== NEIGHBOR_SOLICITATION && out.icmpType !== NEIGHBOR_ADVERTISEMENT) return DecodeResult.Ok;
  if (end - at < TARGET_END) return DecodeResult.Truncated;
  const w0 = readU32(bytes, at + TARGET_AT);
  const w1 = readU32(bytes, at + TARGET_AT + 4);
  const w2 = readU32(bytes, at + TARGET_AT + 8);
  // As in ipv6.ts: a mapped address would be taken for an IPv4 host, and no link has such a neighbour.
  if (isIpv4Words(w0, w1, w2)) return DecodeResult.Malformed;
  out.neighbor0 = w0;
  out.neighbor1 = w1;
  out.neighbor2 = w2;
  out.neighbor3 = readU32(bytes, at + TARGET_AT + 12);
  return DecodeResult.Ok;
}
