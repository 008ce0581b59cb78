// Frames of `tcpdump -i nflog:N`: what netfilter's log sends to its listeners, as attributes, of which one is the packet.
// Lengths and types are in the byte order of the host that captured, which the file's own header does not tell here.
import { readU8, readU16 } from "./big-endian.ts";
import { decodeIp, fault } from "./ether-type.ts";
import { DecodeResult, type Packet } from "./packet.ts";

// +---------------+---------------+-------------------------------+      LINKTYPE_NFLOG
// | Family        | Version 0     | Resource (group, big endian)  |   0
// +---------------+---------------+-------------------------------+
// | Length (the 4 bytes of both included) | Type | Value, padded to 4 bytes ...
const HEADER_BYTES = 4;
const VERSION_AT = 1;
const ATTRIBUTE_BYTES = 4;
const TYPE_AT = 2;
/** NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h. */
const PAYLOAD = 9;
/** Above these types are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER). */
const TYPE_MASK = 0x3fff;
const AF_INET = 2;
/** Only Linux has this log. */
const AF_INET6 = 10;
/** An attribute's highest type is far below: a larger number is one of the other byte order. */
const MOST_TYPES = 0xff;

export function decodeNflog(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < HEADER_BYTES) return fault(DecodeResult.Truncated, out);
  const family = readU8(bytes, at);
  if (readU8(bytes, at + VERSION_AT) !== 0) return fault(DecodeResult.Malformed, out);
  if (family !== AF_INET && family !== AF_INET6) return fault(DecodeResult.NotIp, out);
  let next = at + HEADER_BYTES;
  while (end - next >= ATTRIBUTE_BYTES) {
    const isLittle = readU16(bytes, next + TYPE_AT) > MOST_TYPES;
    const length = read(bytes, next, isLittle);
    if (length < ATTRIBUTE_BYTES) return fault(DecodeResult.Malformed, out);
    if ((read(bytes, next + TYPE_AT, isLittle) & TYPE_MASK) === PAYLOAD) {
      return decodeIp(family === AF_INET ? 4 : 6, bytes, next + ATTRIBUTE_BYTES, Math.min(end, next + length), out);
    }
    next += (length + 3) & ~3;
  }
  return fault(DecodeResult.Truncated, out);
}

function read(bytes: Uint8Array, at: number, isLittle: boolean): number {
  const value = readU16(bytes, at);
  return isLittle ? ((value & 0xff) << 8) | (value >> 8) : value;
}
