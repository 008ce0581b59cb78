// The UDP header, and that of UDP-Lite, which differs in one field: ports and payload length.
import { readU16 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 768; UDP-Lite: RFC 3828 section 3.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          Source port          |       Destination port        |   0
// +-------------------------------+-------------------------------+
// | Length (UDP-Lite: coverage)   |           Checksum            |   4
// +-------------------------------+-------------------------------+
const HEADER_BYTES = 8;
const DESTINATION_PORT_AT = 2;
const LENGTH_AT = 4;
const PORTS_END = 4;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its payload; takes the header off. */
export function decodeUdp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (!readHeader(bytes, at, end, out)) return DecodeResult.Truncated;
  const lengthBytes = readU16(bytes, at + LENGTH_AT);
  // Over IPv6 length 0 means "as long as IP says" (RFC 2675 section 4), and Linux accepts it in any IPv6 packet,
  // jumbogram or not: refusing it here would hide such a probe.
  if (lengthBytes === 0 && out.family === 6) return DecodeResult.Ok;
  if (lengthBytes < HEADER_BYTES) return DecodeResult.Malformed;
  out.payloadBytes = lengthBytes - HEADER_BYTES;
  return DecodeResult.Ok;
}

/** As decodeUdp; the field behind the ports says how much the checksum covers: 0 for all, else at least the header. */
export function decodeUdpLite(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (!readHeader(bytes, at, end, out)) return DecodeResult.Truncated;
  const coverageBytes = readU16(bytes, at + LENGTH_AT);
  return coverageBytes > 0 && coverageBytes < HEADER_BYTES ? DecodeResult.Malformed : DecodeResult.Ok;
}

/** False when the header is cut; the ports are read if they were captured. */
function readHeader(bytes: Uint8Array, at: number, end: number, out: Packet): boolean {
  out.payloadBytes = Math.max(0, out.payloadBytes - HEADER_BYTES);
  if (end - at < PORTS_END) return false;
  out.sourcePort = readU16(bytes, at);
  out.destinationPort = readU16(bytes, at + DESTINATION_PORT_AT);
  return end - at >= HEADER_BYTES;
}
