// The DCCP header: ports and payload length. Packet types and options are left alone, nobody here judges by them.
import { readU8, readU16 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 4340 section 5.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          Source port          |       Destination port        |   0
// +---------------+-------+-------+-------------------------------+
// |  Data offset  | CCVal | CsCov |           Checksum            |   4
// +-----+-------+-+-------+-------+-------------------------------+
// | Res | Type  |X|  Sequence number (24 bits; X=1: 48 in 8 bytes)|   8
// +-----+-------+-+-----------------------------------------------+
const HEADER_BYTES = 12;
const DESTINATION_PORT_AT = 2;
const DATA_OFFSET_AT = 4;
const PORTS_END = 4;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its payload; takes the header off. */
export function decodeDccp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  const wholeBytes = out.payloadBytes;
  out.payloadBytes = Math.max(0, wholeBytes - HEADER_BYTES);
  if (end - at < PORTS_END) return DecodeResult.Truncated;
  out.sourcePort = readU16(bytes, at);
  out.destinationPort = readU16(bytes, at + DESTINATION_PORT_AT);
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  const headerBytes = readU8(bytes, at + DATA_OFFSET_AT) * 4;
  if (headerBytes < HEADER_BYTES) return DecodeResult.Malformed;
  out.payloadBytes = Math.max(0, wholeBytes - headerBytes);
  return DecodeResult.Ok;
}
