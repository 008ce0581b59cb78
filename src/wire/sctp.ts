// The SCTP common header and the type of the first chunk: an INIT (1) is what a scan sends, a COOKIE-ECHO (10) too.
import { readU8, readU16 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 9260 section 3.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          Source port          |       Destination port        |   0
// +-------------------------------+-------------------------------+
// |                       Verification tag                        |   4
// +---------------------------------------------------------------+
// |                            CRC32c                             |   8
// +---------------+---------------+-------------------------------+
// |  Chunk type   |  Chunk flags  |         Chunk length          |  12
// +---------------+---------------+-------------------------------+
const HEADER_BYTES = 12;
const DESTINATION_PORT_AT = 2;
const CHUNK_TYPE_AT = 12;
const PORTS_END = 4;

/** Expects out.payloadBytes to be what the IP header leaves for this header and its chunks; takes the header off. */
export function decodeSctp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  out.payloadBytes = Math.max(0, out.payloadBytes - HEADER_BYTES);
  if (end - at < PORTS_END) return DecodeResult.Truncated;
  out.sourcePort = readU16(bytes, at);
  out.destinationPort = readU16(bytes, at + DESTINATION_PORT_AT);
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  if (end - at > CHUNK_TYPE_AT) out.sctpChunkType = readU8(bytes, at + CHUNK_TYPE_AT);
  return DecodeResult.Ok;
}
