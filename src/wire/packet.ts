// The one reused record into which every decoder writes: numbers only, so that decoding allocates nothing.
// The holder of a Packet reads it before the next decode; nobody keeps a reference to its contents.

/** IP protocol numbers that the decoders know (IANA "Assigned Internet Protocol Numbers"). */
export const IpProtocol = { Icmp: 1, Tcp: 6, Udp: 17, Icmpv6: 58, Sctp: 132, UdpLite: 136, Dccp: 33 } as const;

/** In Packet.protocol, above all IP protocol numbers: an ARP packet (its EtherType); icmpType is the operation. */
export const ARP_PROTOCOL = 0x0806;

/** TCP flag bits, as in byte 13 of the header (RFC 9293 section 3.1). */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const;

/**
 * What a decoder says. Ok: every header up to the ports (or ICMP type) was read.
 * All other codes are counted by the caller; the fields that were read before the fault are valid.
 */
export const DecodeResult = {
  Ok: 0,
  /** Fewer bytes captured than a header needs. */
  Truncated: 1,
  /** A length or version field that no sender may set. */
  Malformed: 2,
  /** A later fragment: addresses and protocol are known, ports are not in it. */
  Fragment: 3,
  /** A transport protocol without ports that we know; addresses and protocol are valid. */
  OtherProtocol: 4,
  /** A frame that carries neither IP nor ARP: only decodeFrame (link.ts) says it. */
  NotIp: 5,
} as const;
export type DecodeResult = (typeof DecodeResult)[keyof typeof DecodeResult];

/**
 * The fields stand here and in the two functions below, which tests compare with the class; a decoder writes what it reads.
 * Lists, because they are on the packet's path: Object.assign takes 2 us instead of 0.03, accessors over one typed array
 * double the time of a decoder (docs/decisions/0034).
 */
export class Packet {
  /** 4 or 6; 0 when nothing was decoded. */
  family = 0;
  /** Addresses as in address.ts: four words, IPv4 mapped. */
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  /** TTL or hop limit. */
  hopLimit = 0;
  /** IPv4 identification, or that of an IPv6 fragment header; 0 otherwise. */
  identification = 0;
  dontFragment = 0;
  /** 1 if the IPv4 header has options, or an IPv6 hop-by-hop, routing or destination header was walked. */
  hasIpOptions = 0;
  /** In bytes. */
  fragmentOffset = 0;
  moreFragments = 0;
  /** Transport protocol number behind all extension headers. */
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  tcpFlags = 0;
  tcpSequence = 0;
  tcpAcknowledgment = 0;
  tcpWindow = 0;
  /** Where the TCP options lie in the bytes given to the decoder, and how many of their bytes were captured. */
  tcpOptionsAt = 0;
  tcpOptionsBytes = 0;
  icmpType = 0;
  icmpCode = 0;
  /** Of an ICMP or ICMPv6 echo, timestamp or netmask message (RFC 792): what tells one asker's questions apart. */
  icmpIdentifier = 0;
  icmpSequence = 0;
  /** The target of an ICMPv6 neighbour solicitation or advertisement (RFC 4861 section 4.3), as the addresses above. */
  neighbor0 = 0;
  neighbor1 = 0;
  neighbor2 = 0;
  neighbor3 = 0;
  /** First SCTP chunk type (RFC 9260 section 3.2), -1 when none was captured. */
  sctpChunkType = -1;
  /** Transport payload by the header's own lengths, in bytes, captured or not. */
  payloadBytes = 0;
  /** Where the transport header starts in the bytes given to the decoder. */
  transportAt = 0;
  /** Where the packet's captured bytes end in them: what lies behind is padding, or not of this packet at all. */
  endAt = 0;
  /** Where the Ethernet header starts in the bytes, -1 where there is none. */
  ethernetAt = -1;
  /** 1 if the link header is addressed to many, so that no single host is meant, whatever the IP address says. */
  toGroup = 0;
}

/** Every field as in a new Packet, so that nothing of the last packet is taken for a part of this one. */
export function resetPacket(out: Packet): void {
  out.family = 0;
  out.source0 = 0;
  out.source1 = 0;
  out.source2 = 0;
  out.source3 = 0;
  out.destination0 = 0;
  out.destination1 = 0;
  out.destination2 = 0;
  out.destination3 = 0;
  out.hopLimit = 0;
  out.identification = 0;
  out.dontFragment = 0;
  out.hasIpOptions = 0;
  out.fragmentOffset = 0;
  out.moreFragments = 0;
  out.protocol = 0;
  out.sourcePort = 0;
  out.destinationPort = 0;
  out.tcpFlags = 0;
  out.tcpSequence = 0;
  out.tcpAcknowledgment = 0;
  out.tcpWindow = 0;
  out.tcpOptionsAt = 0;
  out.tcpOptionsBytes = 0;
  out.icmpType = 0;
  out.icmpCode = 0;
  out.icmpIdentifier = 0;
  out.icmpSequence = 0;
  out.neighbor0 = 0;
  out.neighbor1 = 0;
  out.neighbor2 = 0;
  out.neighbor3 = 0;
  out.sctpChunkType = -1;
  out.payloadBytes = 0;
  out.transportAt = 0;
  out.endAt = 0;
  out.ethernetAt = -1;
  out.toGroup = 0;
}

/** Every field of a Packet; a test compares. */
export function copyPacket(from: Packet, to: Packet): void {
  to.family = from.family;
  to.source0 = from.source0;
  to.source1 = from.source1;
  to.source2 = from.source2;
  to.source3 = from.source3;
  to.destination0 = from.destination0;
  to.destination1 = from.destination1;
  to.destination2 = from.destination2;
  to.destination3 = from.destination3;
  to.hopLimit = from.hopLimit;
  to.identification = from.identification;
  to.dontFragment = from.dontFragment;
  to.hasIpOptions = from.hasIpOptions;
  to.fragmentOffset = from.fragmentOffset;
  to.moreFragments = from.moreFragments;
  to.protocol = from.protocol;
  to.sourcePort = from.sourcePort;
  to.destinationPort = from.destinationPort;
  to.tcpFlags = from.tcpFlags;
  to.tcpSequence = from.tcpSequence;
  to.tcpAcknowledgment = from.tcpAcknowledgment;
  to.tcpWindow = from.tcpWindow;
  to.tcpOptionsAt = from.tcpOptionsAt;
  to.tcpOptionsBytes = from.tcpOptionsBytes;
  to.icmpType = from.icmpType;
  to.icmpCode = from.icmpCode;
  to.icmpIdentifier = from.icmpIdentifier;
  to.icmpSequence = from.icmpSequence;
  to.neighbor0 = from.neighbor0;
  to.neighbor1 = from.neighbor1;
  to.neighbor2 = from.neighbor2;
  to.neighbor3 = from.neighbor3;
  to.sctpChunkType = from.sctpChunkType;
  to.payloadBytes = from.payloadBytes;
  to.transportAt = from.transportAt;
  to.endAt = from.endAt;
  to.ethernetAt = from.ethernetAt;
  to.toGroup = from.toGroup;
}
