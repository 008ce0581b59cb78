// The IPv6 header and every extension header behind it: addresses, fragment fields, and where the transport starts.
// A scanner may put any chain of them before its SYN; what is not walked here is not seen. Leaves the transport to decode.ts.
import { isIpv4Words } from "./address.ts";
import { readU8, readU16, readU32 } from "./big-endian.ts";
import { DecodeResult, type Packet } from "./packet.ts";

//  0                   1                   2                   3      RFC 8200 section 3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+---------------+---------------------------------------+
// |Version| Traffic class |              Flow label               |   0
// +-------+---------------+-------+---------------+---------------+
// |        Payload length         |  Next header  |   Hop limit   |   4
// +-------------------------------+---------------+---------------+
// |                   Source address (16 bytes)                   |   8
// |                 Destination address (16 bytes)                |  24
// +---------------------------------------------------------------+
const HEADER_BYTES = 40;
const PAYLOAD_LENGTH_AT = 4;
const NEXT_HEADER_AT = 6;
const HOP_LIMIT_AT = 7;
const SOURCE_AT = 8;
const DESTINATION_AT = 24;

// Extension headers (RFC 8200 section 4, AH: RFC 4302 section 2). None is shorter than 8 bytes.
// +---------------+---------------+-------------------------------+
// |  Next header  |    Length     |  Data; length in 8-byte units |   without the first 8 bytes: 0 is legal
// +---------------+---------------+-------------------------------+
// |  Next header  |    Length     |  AH;   length in 4-byte units |   without the first 8 bytes
// +---------------+---------------+-------------------------+---+-+
// |  Next header  |   Reserved    |     Fragment offset     |Res|M|   fragment header: always 8 bytes
// +---------------+---------------+-------------------------+---+-+
// |                        Identification                         |   4
// +---------------------------------------------------------------+
const EXTENSION_MIN_BYTES = 8;
const EXTENSION_LENGTH_AT = 1;
const FRAGMENT_OFFSET_AT = 2;
const FRAGMENT_IDENTIFICATION_AT = 4;
const FRAGMENT_OFFSET_MASK = 0xfff8;
/** More than any stack sends or accepts, and few enough that a hostile chain costs nothing. */
const MAX_EXTENSION_HEADERS = 32;

// Next header values that are extension headers (IANA "IPv6 Extension Header Types"). ESP (50) and
// "no next header" (59) end the chain: nothing readable follows them, decode.ts calls them OtherProtocol.
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;
const EXPERIMENT_1 = 253;
const EXPERIMENT_2 = 254;

/**
 * Reads the header and its extensions at bytes[at..end). Ok means that out.protocol, out.transportAt and
 * out.payloadBytes (what follows the last extension header) are set and the transport header is to be read next.
 */
export function decodeIpv6(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  out.family = 6;
  out.hopLimit = readU8(bytes, at + HOP_LIMIT_AT);
  out.protocol = readU8(bytes, at + NEXT_HEADER_AT);
  out.transportAt = at + HEADER_BYTES;
  // Length 0 is a jumbogram (RFC 2675) or the kernel's own merged packet, longer than 64 KiB: all that was captured is it.
  const payloadBytes = readU16(bytes, at + PAYLOAD_LENGTH_AT);
  out.payloadBytes = payloadBytes === 0 ? end - out.transportAt : payloadBytes;
  if (isMapped(bytes, at + SOURCE_AT) || isMapped(bytes, at + DESTINATION_AT)) return DecodeResult.Malformed;
  readAddresses(bytes, at, out);
  return walkExtensions(bytes, Math.min(end, out.transportAt + out.payloadBytes), out);
}

/**
 * True for ::ffff:a.b.c.d in a real IPv6 header. Such an address never travels (RFC 4291 section 2.5.5.2 knows it only
 * inside a host), and here it would be taken for the IPv4 address a.b.c.d: a forger's way to get that one blocked.
 */
function isMapped(bytes: Uint8Array, at: number): boolean {
  return isIpv4Words(readU32(bytes, at), readU32(bytes, at + 4), readU32(bytes, at + 8));
}

function readAddresses(bytes: Uint8Array, at: number, out: Packet): void {
  out.source0 = readU32(bytes, at + SOURCE_AT);
  out.source1 = readU32(bytes, at + SOURCE_AT + 4);
  out.source2 = readU32(bytes, at + SOURCE_AT + 8);
  out.source3 = readU32(bytes, at + SOURCE_AT + 12);
  out.destination0 = readU32(bytes, at + DESTINATION_AT);
  out.destination1 = readU32(bytes, at + DESTINATION_AT + 4);
  out.destination2 = readU32(bytes, at + DESTINATION_AT + 8);
  out.destination3 = readU32(bytes, at + DESTINATION_AT + 12);
}

/** Moves out.protocol, out.transportAt and out.payloadBytes behind the last extension header. */
function walkExtensions(bytes: Uint8Array, end: number, out: Packet): DecodeResult {
  let walked = 0;
  while (isExtension(out.protocol)) {
    if (walked === MAX_EXTENSION_HEADERS) return DecodeResult.Malformed;
    walked++;
    const at = out.transportAt;
    if (end - at < EXTENSION_MIN_BYTES) return DecodeResult.Truncated;
    const kind = out.protocol;
    const headerBytes = extensionBytes(bytes, at, kind);
    if (kind === HOP_BY_HOP || kind === ROUTING || kind === DESTINATION_OPTIONS) out.hasIpOptions = 1;
    if (kind === FRAGMENT) readFragment(bytes, at, out);
    out.protocol = readU8(bytes, at);
    out.transportAt = at + headerBytes;
    out.payloadBytes = Math.max(0, out.payloadBytes - headerBytes);
    if (out.fragmentOffset > 0) return DecodeResult.Fragment;
    // The next header's kind is known even where its bytes were not captured: out.protocol says it.
    if (end - at < headerBytes) return DecodeResult.Truncated;
  }
  return DecodeResult.Ok;
}

function extensionBytes(bytes: Uint8Array, at: number, kind: number): number {
  if (kind === FRAGMENT) return EXTENSION_MIN_BYTES;
  const unitBytes = kind === AUTHENTICATION ? 4 : 8;
  return EXTENSION_MIN_BYTES + readU8(bytes, at + EXTENSION_LENGTH_AT) * unitBytes;
}

function readFragment(bytes: Uint8Array, at: number, out: Packet): void {
  const field = readU16(bytes, at + FRAGMENT_OFFSET_AT);
  out.fragmentOffset = field & FRAGMENT_OFFSET_MASK;
  out.moreFragments = field & 1;
  out.identification = readU32(bytes, at + FRAGMENT_IDENTIFICATION_AT);
}

function isExtension(nextHeader: number): boolean {
  switch (nextHeader) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
    case EXPERIMENT_1:
    case EXPERIMENT_2:
      return true;
    default:
      return false;
  }
}
