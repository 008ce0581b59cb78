// A captured frame of any link type into the Packet record: the link header is taken off, the rest is decode.ts's.
// As there: pure, no allocation, no throw, nothing read outside bytes[at..end).
import { decodeCooked1, decodeCooked2 } from "./cooked.ts";
import { decodePacket } from "./decode.ts";
import { decodeIp, fault } from "./ether-type.ts";
import { decodeEthernet } from "./ethernet.ts";
import { decodeLoopback } from "./loopback.ts";
import { decodeNflog } from "./nflog-frame.ts";
import { DecodeResult, type Packet } from "./packet.ts";
import { decodePpp } from "./ppp.ts";
import { decodeUsualFrame } from "./usual-frame.ts";

/** The link types that are decoded, by the numbers of capture files (LINKTYPE_ of tcpdump.org, DLT_ of libpcap). */
export const LinkType = {
  Null: 0,
  Ethernet: 1,
  Ppp: 9,
  /** DLT_RAW on most systems and on OpenBSD; files should have 101, some have these. */
  RawDlt: 12,
  RawDltOpenBsd: 14,
  /** PPP with the address and control bytes of HDLC (RFC 1662). */
  PppHdlc: 50,
  Raw: 101,
  Loop: 108,
  LinuxSll: 113,
  Ipv4: 228,
  Ipv6: 229,
  Nflog: 239,
  LinuxSll2: 276,
} as const;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];

const known: ReadonlySet<number> = new Set(Object.values(LinkType));

/** Whether decodeFrame can find IP in frames of this type. */
export function isKnownLinkType(linkType: number): boolean {
  return known.has(linkType);
}

/**
 * Decodes the frame at bytes[at..end). NotIp: the frame carries something else, or the link type is none of ours;
 * the record is as new then. ARP gives Ok, with ARP_PROTOCOL. All else is as decodePacket says.
 */
export function decodeFrame(linkType: number, bytes: Uint8Array, at: number, end: number, out: Packet): DecodeResult {
  switch (linkType) {
    case LinkType.Ethernet:
      return decodeUsualFrame(bytes, at, end, out) ? DecodeResult.Ok : decodeEthernet(bytes, at, end, out);
    case LinkType.LinuxSll:
      return decodeCooked1(bytes, at, end, out);
    case LinkType.LinuxSll2:
      return decodeCooked2(bytes, at, end, out);
    case LinkType.RawDlt:
    case LinkType.RawDltOpenBsd:
    case LinkType.Raw:
      return decodePacket(bytes, at, end, out);
    case LinkType.Null:
    case LinkType.Loop:
      return decodeLoopback(bytes, at, end, out);
    case LinkType.Ppp:
    case LinkType.PppHdlc:
      return decodePpp(bytes, at, end, out);
    case LinkType.Nflog:
      return decodeNflog(bytes, at, end, out);
    case LinkType.Ipv4:
      return decodeIp(4, bytes, at, end, out);
    case LinkType.Ipv6:
      return decodeIp(6, bytes, at, end, out);
    default:
      return fault(DecodeResult.NotIp, out);
  }
}
