// What lies behind an EtherType, whichever link header held it: VLAN tags and PPPoE are taken off, IP and ARP decoded.
import { decodeArp } from "./arp.ts";
import { readU8, readU16 } from "./big-endian.ts";
import { decodePacket } from "./decode.ts";
import { DecodeResult, type Packet, resetPacket } from "./packet.ts";

const IPV4 = 0x0800;
const ARP = 0x0806;
const VLAN = 0x8100;
const IPV6 = 0x86dd;
const PPPOE_SESSION = 0x8864;
const PROVIDER_VLAN = 0x88a8;
/** QinQ as it was before IEEE 802.1ad gave it a number. */
const OLD_PROVIDER_VLAN = 0x9100;

/** A tag is two bytes of priority and VLAN number, then the EtherType of what follows (IEEE 802.1Q section 9.6). */
const TAG_BYTES = 4;
/** Two are usual, three and four are seen with providers. */
const MAX_TAGS = 4;

// +-------+-------+---------------+-------------------------------+      RFC 2516 section 4
// |Ver. 1 |Type 1 |   Code 0      |          Session              |   0
// +-------+-------+---------------+-------------------------------+
// |            Length             |  PPP protocol (RFC 1661)      |   4
// +-------------------------------+-------------------------------+
const PPPOE_BYTES = 8;
const PPPOE_VERSION_AND_TYPE = 0x11;
const PPP_PROTOCOL_AT = 6;
/** PPP's protocol numbers (RFC 1332, RFC 5072). */
export const PPP_IPV4 = 0x0021;
export const PPP_IPV6 = 0x0057;

// +---------------+---------------+---------------+                      IEEE 802.2; SNAP: RFC 1042
// |   DSAP  AA    |   SSAP  AA    |  Control  03  |   0
// +---------------+---------------+---------------+---------------+
// |        Organization 00 00 00                  |  EtherType... |   3
const SNAP_BYTES = 8;
const SNAP_TYPE_AT = 6;
const SNAP_SAPS = 0xaaaa;
const SNAP_CONTROL_AND_ORGANIZATION = 0x0300;

/** Decodes what a frame of this EtherType carries at bytes[at..end). */
export function decodeEtherType(type: number, bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (type === IPV4) return decodeIp(4, bytes, at, end, out);
  if (type === IPV6) return decodeIp(6, bytes, at, end, out);
  if (type === ARP) return decodeArp(bytes, at, end, out);
  if (isTag(type)) return decodeTagged(bytes, at, end, out);
  if (type === PPPOE_SESSION) return decodePppoe(bytes, at, end, out);
  return fault(DecodeResult.NotIp, out);
}

/** An IP packet whose version the link header has told: no host takes one that contradicts it. */
export function decodeIp(version: 4 | 6, bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (at < end && readU8(bytes, at) >> 4 !== version) return fault(DecodeResult.Malformed, out);
  return decodePacket(bytes, at, end, out);
}

/** An IEEE 802.2 header: with SNAP it leads to an EtherType, else to something that is not IP. */
export function decodeLlc(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < 2) return fault(DecodeResult.Truncated, out);
  if (readU16(bytes, at) !== SNAP_SAPS) return fault(DecodeResult.NotIp, out);
  if (end - at < SNAP_BYTES) return fault(DecodeResult.Truncated, out);
  const isEtherType = readU16(bytes, at + 2) === SNAP_CONTROL_AND_ORGANIZATION && readU16(bytes, at + 4) === 0;
  if (!isEtherType) return fault(DecodeResult.NotIp, out);
  return decodeEtherType(readU16(bytes, at + SNAP_TYPE_AT), bytes, at + SNAP_BYTES, end, out);
}

/** The result of a frame of which nothing was decoded: the record is as new. */
export function fault(result: DecodeResult, out: Packet): DecodeResult {
  resetPacket(out);
  return result;
}

function isTag(type: number): boolean {
  return type === VLAN || type === PROVIDER_VLAN || type === OLD_PROVIDER_VLAN;
}

/** `at`: behind the first tag's own EtherType. */
function decodeTagged(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  let tagAt = at;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    if (end - tagAt < TAG_BYTES) return fault(DecodeResult.Truncated, out);
    const type = readU16(bytes, tagAt + 2);
    tagAt += TAG_BYTES;
    if (!isTag(type)) return decodeEtherType(type, bytes, tagAt, end, out);
  }
  return fault(DecodeResult.Malformed, out);
}

function decodePppoe(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < PPPOE_BYTES) return fault(DecodeResult.Truncated, out);
  if (readU16(bytes, at) !== PPPOE_VERSION_AND_TYPE << 8) return fault(DecodeResult.Malformed, out);
  const protocol = readU16(bytes, at + PPP_PROTOCOL_AT);
  if (protocol === PPP_IPV4) return decodeIp(4, bytes, at + PPPOE_BYTES, end, out);
  if (protocol === PPP_IPV6) return decodeIp(6, bytes, at + PPPOE_BYTES, end, out);
  return fault(DecodeResult.NotIp, out);
}
