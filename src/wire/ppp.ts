// PPP frames, as pppd and modems hand them out: with or without the address and control bytes of HDLC, and a protocol
// number of two bytes, or of one where the two ends have agreed to leave its zero out (RFC 1661 section 6.5).
import { readU8, readU16 } from "./big-endian.ts";
import { decodeIp, fault, PPP_IPV4, PPP_IPV6 } from "./ether-type.ts";
import { DecodeResult, type Packet } from "./packet.ts";

/** All stations, unnumbered information (RFC 1662 section 3.1). */
const ADDRESS_AND_CONTROL = 0xff03;

export function decodePpp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < 2) return fault(DecodeResult.Truncated, out);
  const isFramed = readU16(bytes, at) === ADDRESS_AND_CONTROL;
  const protocolAt = isFramed ? at + 2 : at;
  if (protocolAt >= end) return fault(DecodeResult.Truncated, out);
  // The last byte of a protocol number is odd, and no other (RFC 1661 section 2).
  const isShort = (readU8(bytes, protocolAt) & 1) === 1;
  if (!isShort && end - protocolAt < 2) return fault(DecodeResult.Truncated, out);
  const protocol = isShort ? readU8(bytes, protocolAt) : readU16(bytes, protocolAt);
  const packetAt = isShort ? protocolAt + 1 : protocolAt + 2;
  if (protocol === PPP_IPV4) return decodeIp(4, bytes, packetAt, end, out);
  if (protocol === PPP_IPV6) return decodeIp(6, bytes, packetAt, end, out);
  return fault(DecodeResult.NotIp, out);
}
