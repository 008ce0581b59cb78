// The Ethernet header: EtherType, or the length of an IEEE 802.3 frame with an LLC header in it.
import { readU8, readU16 } from "./big-endian.ts";
import { decodeEtherType, decodeLlc, fault } from "./ether-type.ts";
import { DecodeResult, type Packet } from "./packet.ts";

// +-----------------------+-----------------------+---------------+
// | Destination (6 bytes) |   Source (6 bytes)    | Type or length|
// +-----------------------+-----------------------+---------------+
const HEADER_BYTES = 14;
const TYPE_AT = 12;
/** In the first byte of an address (IEEE 802.3 section 3.2.3): a group, or all. */
const GROUP_BIT = 1;
/** Smaller values are lengths (IEEE 802.3 section 3.2.6). */
const FIRST_ETHER_TYPE = 0x0600;

export function decodeEthernet(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < HEADER_BYTES) return fault(DecodeResult.Truncated, out);
  const result = decodeBody(bytes, at, end, out);
  if (out.family === 0) return result;
  out.ethernetAt = at;
  out.toGroup = readU8(bytes, at) & GROUP_BIT;
  return result;
}

function decodeBody(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  const type = readU16(bytes, at + TYPE_AT);
  if (type >= FIRST_ETHER_TYPE) return decodeEtherType(type, bytes, at + HEADER_BYTES, end, out);
  // What lies behind the frame's own length is padding.
  return decodeLlc(bytes, at + HEADER_BYTES, Math.min(end, at + HEADER_BYTES + type), out);
}
