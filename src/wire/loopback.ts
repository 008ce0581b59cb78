// BSD loopback frames: four bytes of address family, in the byte order of the machine that captured (DLT_NULL) or in
// network order (DLT_LOOP). Files of both kinds are about in both orders, so either is read.
import { readU32 } from "./big-endian.ts";
import { decodeIp, fault } from "./ether-type.ts";
import { DecodeResult, type Packet } from "./packet.ts";

const HEADER_BYTES = 4;
const AF_INET = 2;
/** AF_INET6 differs from system to system. */
const AF_INET6_NETBSD = 24;
const AF_INET6_FREEBSD = 28;
const AF_INET6_DARWIN = 30;
const AF_INET6_LINUX = 10;

export function decodeLoopback(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < HEADER_BYTES) return fault(DecodeResult.Truncated, out);
  const word = readU32(bytes, at);
  // Families are small: a set upper half can only be the other order.
  const family =
    word <= 0xffff ? word : (((word & 0xff00) << 8) | (word << 24) | (word >>> 24) | ((word >>> 8) & 0xff00)) >>> 0;
  switch (family) {
    case AF_INET:
      return decodeIp(4, bytes, at + HEADER_BYTES, end, out);
    case AF_INET6_NETBSD:
    case AF_INET6_FREEBSD:
    case AF_INET6_DARWIN:
    case AF_INET6_LINUX:
      return decodeIp(6, bytes, at + HEADER_BYTES, end, out);
    default:
      return fault(DecodeResult.NotIp, out);
  }
}
