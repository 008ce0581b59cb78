// ARP for IPv4: one host asks for another. The sender's address is the source, the target's the destination, as if it were IP.
import { IPV4_MAPPED_WORD } from "./address.ts";
import { readU8, readU16, readU32 } from "./big-endian.ts";
import { ARP_PROTOCOL, DecodeResult, type Packet, resetPacket } from "./packet.ts";

//  0                   1                   2                   3      RFC 826
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |        Hardware type          |  Protocol type (0800: IPv4)   |   0
// +---------------+---------------+-------------------------------+
// | Hardware len h| Protocol len 4|          Operation            |   4
// +---------------+---------------+-------------------------------+
// | Sender hardware address (h), sender protocol address (4)      |   8
// | Target hardware address (h), target protocol address (4)      |   12 + h
const HEADER_BYTES = 8;
const PROTOCOL_TYPE_AT = 2;
const HARDWARE_LENGTH_AT = 4;
const PROTOCOL_LENGTH_AT = 5;
const OPERATION_AT = 6;
const IPV4_TYPE = 0x0800;
const IPV4_BYTES = 4;

/** Like decodePacket, for the ARP packet at bytes[at..end): icmpType is the operation (1 asks, 2 answers). */
export function decodeArp(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  resetPacket(out);
  if (end - at < HEADER_BYTES) return DecodeResult.Truncated;
  if (readU16(bytes, at + PROTOCOL_TYPE_AT) !== IPV4_TYPE) return DecodeResult.NotIp;
  if (readU8(bytes, at + PROTOCOL_LENGTH_AT) !== IPV4_BYTES) return DecodeResult.Malformed;
  const hardwareBytes = readU8(bytes, at + HARDWARE_LENGTH_AT);
  const sourceAt = at + HEADER_BYTES + hardwareBytes;
  const destinationAt = sourceAt + IPV4_BYTES + hardwareBytes;
  if (end < destinationAt + IPV4_BYTES) return DecodeResult.Truncated;
  out.family = 4;
  out.protocol = ARP_PROTOCOL;
  out.icmpType = readU16(bytes, at + OPERATION_AT);
  out.source2 = IPV4_MAPPED_WORD;
  out.source3 = readU32(bytes, sourceAt);
  out.destination2 = IPV4_MAPPED_WORD;
  out.destination3 = readU32(bytes, destinationAt);
  out.transportAt = at;
  out.endAt = destinationAt + IPV4_BYTES;
  return DecodeResult.Ok;
}
