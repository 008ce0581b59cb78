// The TCP header: ports, sequence numbers, flags, window, and where the options lie.
// Leaves the meaning of flags and options to detect/.
import { readU8, readU16, readU32 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 9293 section 3.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          Source port          |       Destination port        |   0
// +-------------------------------+-------------------------------+
// |                        Sequence number                        |   4
// +---------------------------------------------------------------+
// |                     Acknowledgment number                     |   8
// +-------+-------+---------------+-------------------------------+
// | Offset|Reserv.|     Flags     |            Window             |  12
// +-------+-------+---------------+-------------------------------+
// |           Checksum            |        Urgent pointer         |  16
// +-------------------------------+-------------------------------+
// |                Options, if offset > 5 (0..40 bytes)           |  20
const HEADER_BYTES = 20;
const DESTINATION_PORT_AT = 2;
const SEQUENCE_AT = 4;
const ACKNOWLEDGMENT_AT = 8;
const DATA_OFFSET_AT = 12;
const FLAGS_AT = 13;
const WINDOW_AT = 14;
/** Bytes needed up to and including the field: a tiny first fragment (nmap -f sends 8 bytes) ends between two of them. */
const PORTS_END = 4;
const SEQUENCE_END = 8;
const ACKNOWLEDGMENT_END = 12;
const WINDOW_END = 16;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its payload; takes the header off. */
export function decodeTcp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  const capturedBytes = end - at;
  if (capturedBytes < HEADER_BYTES) return decodeCutTcp(bytes, at, end, out);
  readStart(bytes, at, out);
  out.tcpAcknowledgment = readU32(bytes, at + ACKNOWLEDGMENT_AT);
  out.tcpFlags = readU8(bytes, at + FLAGS_AT);
  out.tcpWindow = readU16(bytes, at + WINDOW_AT);
  const headerBytes = (readU8(bytes, at + DATA_OFFSET_AT) >> 4) * 4;
  out.payloadBytes = Math.max(0, out.payloadBytes - Math.max(headerBytes, HEADER_BYTES));
  if (headerBytes < HEADER_BYTES) return DecodeResult.Malformed;
  out.tcpOptionsAt = at + HEADER_BYTES;
  out.tcpOptionsBytes = Math.min(headerBytes, capturedBytes) - HEADER_BYTES;
  return DecodeResult.Ok;
}

/** What can be read of a header that is cut short: the result is always Truncated. */
function decodeCutTcp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  const capturedBytes = end - at;
  out.payloadBytes = Math.max(0, out.payloadBytes - HEADER_BYTES);
  if (capturedBytes >= SEQUENCE_END) readStart(bytes, at, out);
  else if (capturedBytes >= PORTS_END) readPorts(bytes, at, out);
  if (capturedBytes >= ACKNOWLEDGMENT_END) out.tcpAcknowledgment = readU32(bytes, at + ACKNOWLEDGMENT_AT);
  if (capturedBytes > FLAGS_AT) out.tcpFlags = readU8(bytes, at + FLAGS_AT);
  if (capturedBytes >= WINDOW_END) out.tcpWindow = readU16(bytes, at + WINDOW_AT);
  return DecodeResult.Truncated;
}

function readStart(bytes: Uint8Array, at: number, out: Packet): void {
  readPorts(bytes, at, out);
  out.tcpSequence = readU32(bytes, at + SEQUENCE_AT);
}

function readPorts(bytes: Uint8Array, at: number, out: Packet): void {
  out.sourcePort = readU16(bytes, at);
  out.destinationPort = readU16(bytes, at + DESTINATION_PORT_AT);
}
