// The IPv4 header: addresses, fragment fields, and where the transport header starts.
// Leaves the transport to decode.ts and the header checksum to the kernel, which has dropped what fails it.
import { IPV4_MAPPED_WORD } from "./address.ts";
import { readU8, readU16, readU32 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 791 section 3.1
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+-------+---------------+-------------------------------+
// |Version|  IHL  |Type of service|         Total length          |   0
// +-------+-------+---------------+-----+-------------------------+
// |        Identification         |0 D M|     Fragment offset     |   4
// +---------------+---------------+-----+-------------------------+
// | Time to live  |   Protocol    |        Header checksum        |   8
// +---------------+---------------+-------------------------------+
// |                        Source address                         |  12
// +---------------------------------------------------------------+
// |                      Destination address                      |  16
// +---------------------------------------------------------------+
// |                Options, if IHL > 5 (0..40 bytes)              |  20
const HEADER_BYTES = 20;
const TOTAL_LENGTH_AT = 2;
const IDENTIFICATION_AT = 4;
const FRAGMENT_AT = 6;
const TTL_AT = 8;
const PROTOCOL_AT = 9;
const SOURCE_AT = 12;
const DESTINATION_AT = 16;

const DONT_FRAGMENT_BIT = 14;
const MORE_FRAGMENTS_BIT = 13;
const FRAGMENT_OFFSET_MASK = 0x1fff;

/**
 * Reads the header at bytes[at..end). Ok means that out.transportAt and out.payloadBytes (what follows this header
 * by its own total length) are set and that the transport header is to be read next.
 */
export function decodeIpv4(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  const fragment = readU16(bytes, at + FRAGMENT_AT);
  out.family = 4;
  out.source2 = IPV4_MAPPED_WORD;
  out.source3 = readU32(bytes, at + SOURCE_AT);
  out.destination2 = IPV4_MAPPED_WORD;
  out.destination3 = readU32(bytes, at + DESTINATION_AT);
  out.hopLimit = readU8(bytes, at + TTL_AT);
  out.identification = readU16(bytes, at + IDENTIFICATION_AT);
  out.dontFragment = (fragment >> DONT_FRAGMENT_BIT) & 1;
  out.moreFragments = (fragment >> MORE_FRAGMENTS_BIT) & 1;
  out.fragmentOffset = (fragment & FRAGMENT_OFFSET_MASK) * 8;
  out.protocol = readU8(bytes, at + PROTOCOL_AT);

  const headerBytes = (readU8(bytes, at) & 15) * 4;
  const totalBytes = readU16(bytes, at + TOTAL_LENGTH_AT);
  if (headerBytes < HEADER_BYTES || totalBytes < headerBytes) return DecodeResult.Malformed;
  out.hasIpOptions = headerBytes > HEADER_BYTES ? 1 : 0;
  out.transportAt = at + headerBytes;
  out.payloadBytes = totalBytes - headerBytes;
  if (end - at < headerBytes) return DecodeResult.Truncated;
  return out.fragmentOffset === 0 ? DecodeResult.Ok : DecodeResult.Fragment;
}
