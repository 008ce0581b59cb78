// Linux "cooked" frames (tcpdump -i any): a header made by libpcap from what the kernel tells of every kind of device.
import { readU8, readU16 } from "./big-endian.ts";
import { decodeEtherType, decodeLlc, fault } from "./ether-type.ts";
import { DecodeResult, type Packet } from "./packet.ts";

// +-------------------------------+-------------------------------+      LINKTYPE_LINUX_SLL, version 1
// |         Packet type           |   Device type (ARPHRD_)       |   0
// +-------------------------------+-------------------------------+
// |       Address length          |     Address (8 bytes) ...     |   4
// +-------------------------------+-------------------------------+
// |                               |           Protocol            |  12
// +-------------------------------+-------------------------------+
const V1_BYTES = 16;
const V1_PACKET_TYPE_AT = 0;
const V1_DEVICE_TYPE_AT = 2;
const V1_PROTOCOL_AT = 14;

// +-------------------------------+-------------------------------+      LINKTYPE_LINUX_SLL2, version 2
// |           Protocol            |          Reserved             |   0
// +-------------------------------+-------------------------------+
// |                       Interface index                         |   4
// +-------------------------------+---------------+---------------+
// |   Device type (ARPHRD_)       |  Packet type  | Address length|   8
// +-------------------------------+---------------+---------------+
// |                      Address (8 bytes)                        |  12
const V2_BYTES = 20;
const V2_DEVICE_TYPE_AT = 8;
const V2_PACKET_TYPE_AT = 10;
/** PACKET_BROADCAST and PACKET_MULTICAST of linux/if_packet.h. */
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;

/** Linux's ETH_P_802_2: a protocol number of its own for a frame that begins with an LLC header. */
const ETH_P_802_2 = 0x0004;
/** On these the protocol is no EtherType: radio captures, frame relay, netlink monitors. */
const ARPHRD_FRAD = 770;
const ARPHRD_IEEE80211_RADIOTAP = 803;
const ARPHRD_NETLINK = 824;

export function decodeCooked1(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < V1_BYTES) return fault(DecodeResult.Truncated, out);
  const deviceType = readU16(bytes, at + V1_DEVICE_TYPE_AT);
  const protocol = readU16(bytes, at + V1_PROTOCOL_AT);
  const result = decodeCooked(deviceType, protocol, bytes, at + V1_BYTES, end, out);
  return withPacketType(readU16(bytes, at + V1_PACKET_TYPE_AT), result, out);
}

export function decodeCooked2(bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  if (end - at < V2_BYTES) return fault(DecodeResult.Truncated, out);
  const deviceType = readU16(bytes, at + V2_DEVICE_TYPE_AT);
  const result = decodeCooked(deviceType, readU16(bytes, at), bytes, at + V2_BYTES, end, out);
  return withPacketType(readU8(bytes, at + V2_PACKET_TYPE_AT), result, out);
}

function withPacketType(type: number, result: DecodeResult, out: Packet): DecodeResult {
  if (out.family !== 0 && (type === PACKET_BROADCAST || type === PACKET_MULTICAST)) out.toGroup = 1;
  return result;
}

function decodeCooked(
  deviceType: number,
  protocol: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Packet,
): DecodeResult {
  if (deviceType === ARPHRD_NETLINK || deviceType === ARPHRD_IEEE80211_RADIOTAP || deviceType === ARPHRD_FRAD) {
    return fault(DecodeResult.NotIp, out);
  }
  if (protocol === ETH_P_802_2) return decodeLlc(bytes, at, end, out);
  return decodeEtherType(protocol, bytes, at, end, out);
}
