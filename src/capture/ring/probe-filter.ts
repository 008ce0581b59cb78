// The socket filters of the ring, which run in the kernel on every packet: on a host only packets that can be probes pass, on
// a tap also the answers that show an outcome. Offsets count from behind the link's header and the outermost VLAN tag,
// which the kernel has taken off: on a host because the sockets are of type SOCK_DGRAM, on a tap by SKF_NET_OFF.
import { Ancillary, BpfAssembler } from "../../kernel/bpf.ts";
import {
  ARPHRD_LOOPBACK,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  ETH_P_IPV6,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OUTGOING,
  SKF_NET_OFF,
  VLAN_HLEN,
  VLAN_VID_MASK,
} from "../../kernel/packet-constants.ts";
import { ARP_PROTOCOL, IpProtocol, TcpFlag } from "../../wire/packet.ts";

/** The inner tag of a frame with two tags, when the kernel has taken off the outer one. */
const vlanTypes = [ETH_P_8021Q, ETH_P_8021AD, 0x9100] as const;
/** Ethernet, and two tags below the one that the kernel has taken off. */
const LINK_BYTES = 22;
/** Offsets of a tap's filter. */
const NET = SKF_NET_OFF;

const IPV4_FRAGMENT_AT = 6;
const IPV4_PROTOCOL_AT = 9;
const IPV4_LENGTH_AT = 2;
const IPV4_DESTINATION_AT = 16;
/** 224.0.0.0/4, and 255.255.255.255. */
const FIRST_IPV4_GROUP = 224;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;
/** The offset, in units of eight bytes, of the fragment behind a first one that ends before the TCP flags. */
const SECOND_OF_EIGHT_BYTES = 1;
const IPV6_LENGTH_AT = 4;
const IPV6_NEXT_AT = 6;
const IPV6_DESTINATION_AT = 24;
const IPV6_GROUP = 0xff;
const IPV6_BYTES = 40;
const FLAGS_AT = 13;
const TCP_BYTES = 20;
/** Hop-by-hop, routing, fragment, authentication, destination options: rare, and for the decoders to walk. */
const extensionHeaders = [0, 43, 44, 51, 60] as const;
const ANSWER = TcpFlag.Syn | TcpFlag.Ack;

/** A packet behind extension headers is taken as it is: they may be longer than any bound of ours. */
const WHOLE_BYTES = 65_535;

/** A conditional jump reaches 255 instructions: longer lists would not fit. */
export const MAX_SKIPPED_INTERFACES = 32;
export const MAX_SERVED_UDP = 32;
/** Ranges of reserved ports: each takes two steps for a datagram. */
const MAX_RESERVED = 16;

export interface LinkFilter {
  /** Bytes of a packet that are taken, from the IP header on; on a tap those of the link come on top. */
  readonly snapBytes: number;
  readonly skipLoopback: boolean;
  /** Indices of interfaces whose packets come once more on another (parts of a bridge or bond). */
  readonly skipInterfaces: readonly number[];
}

export interface HostFilter extends LinkFilter {
  /** ip_local_port_range: no UDP trap. */
  readonly ephemeral: { readonly first: number; readonly last: number };
  /** Ports in `ephemeral` that no client has; beyond MAX_RESERVED they count as clients'. Absent: none. */
  readonly reserved?: readonly { readonly first: number; readonly last: number }[];
  /** UDP ports served on every address: none of their datagrams is a probe. */
  readonly servedUdp: readonly number[];
}

export interface TapFilter extends LinkFilter {
  /** Segments with ACK and nothing else that carry data or options: the bulk of all traffic. */
  readonly passBulk: boolean;
}

export function buildHostFilter(filter: HostFilter): Uint8Array {
  const b = new BpfAssembler();
  skipLinks(b, filter);
  // A tagged frame is for the VLAN's own interface, which shows it again; a tag that names no VLAN is a priority only.
  b.loadAncillary(Ancillary.VlanTagPresent).ifEqual(0, "untagged");
  b.loadAncillary(Ancillary.VlanTag).ifBits(VLAN_VID_MASK, "drop", "untagged");
  b.label("untagged").loadAncillary(Ancillary.PacketType).ifEqual(PACKET_OUTGOING, "out");
  b.ifEqual(PACKET_HOST, "host").ifGreater(PACKET_MULTICAST, "drop");
  toEverybody(b);
  b.label("host");
  inbound(b, filter);
  b.label("drop").take(0);
  b.label("pass").take(filter.snapBytes);
  b.label("whole").take(WHOLE_BYTES);
  b.label("out");
  outbound(b, filter);
  return b.assemble();
}

function skipLinks(b: BpfAssembler, { skipLoopback, skipInterfaces }: LinkFilter): void {
  if (skipLoopback) b.loadAncillary(Ancillary.HardwareType).ifEqual(ARPHRD_LOOPBACK, "drop");
  if (skipInterfaces.length === 0) return;
  b.loadAncillary(Ancillary.InterfaceIndex);
  for (const index of skipInterfaces.slice(0, MAX_SKIPPED_INTERFACES)) b.ifEqual(index, "drop");
}

const otherWithPorts = [IpProtocol.Sctp, IpProtocol.Dccp, IpProtocol.UdpLite] as const;

/** A frame to everybody or to a group: UDP, and nothing else, takes what it carries to an address of ours. */
function toEverybody(b: BpfAssembler): void {
  b.loadAncillary(Ancillary.Protocol).ifEqual(ETH_P_IPV6, "every6").ifEqual(ETH_P_IP, undefined, "host");
  b.loadByte(IPV4_PROTOCOL_AT).ifEqual(IpProtocol.Tcp, "drop");
  b.loadByte(IPV4_DESTINATION_AT).ifAtLeast(FIRST_IPV4_GROUP, "drop", "host");
  b.label("every6").loadByte(IPV6_NEXT_AT).ifEqual(IpProtocol.Tcp, "drop");
  b.loadByte(IPV6_DESTINATION_AT).ifEqual(IPV6_GROUP, "drop");
}

function inbound(b: BpfAssembler, filter: HostFilter): void {
  b.loadAncillary(Ancillary.Protocol).ifEqual(ETH_P_IPV6, "in6").ifEqual(ETH_P_IP, "in4");
  b.ifEqual(ETH_P_8021Q, "tagged").ifEqual(ETH_P_8021AD, undefined, "drop");
  // Behind a tag that names no VLAN the kernel takes off as many more as there are.
  b.label("tagged").loadHalf(0).ifBits(VLAN_VID_MASK, "drop", "whole");
  b.label("in4");
  b.loadHalf(IPV4_FRAGMENT_AT).ifBits(FRAGMENT_OFFSET, "later");
  b.headerLengthX(0).loadByte(IPV4_PROTOCOL_AT).ifEqual(IpProtocol.Tcp, "tcp4").ifEqual(IpProtocol.Udp, "udp4");
  for (const protocol of otherWithPorts) b.ifEqual(protocol, "pass");
  b.jump("drop");
  // A first fragment may end before the flags; nobody but a scanner cuts a TCP header (RFC 1858).
  b.label("later").and(FRAGMENT_OFFSET).ifEqual(SECOND_OF_EIGHT_BYTES, undefined, "drop");
  b.loadByte(IPV4_PROTOCOL_AT).ifEqual(IpProtocol.Tcp, "pass", "drop");
  b.label("tcp4").loadHalf(IPV4_FRAGMENT_AT).ifBits(MORE_FRAGMENTS, "pass");
  b.loadByteX(FLAGS_AT).jump("flags");
  b.label("udp4").loadHalfX(2).jump("port");
  b.label("in6").loadByte(IPV6_NEXT_AT).ifEqual(IpProtocol.Tcp, "tcp6").ifEqual(IpProtocol.Udp, "udp6");
  for (const protocol of otherWithPorts) b.ifEqual(protocol, "pass");
  // A kilobyte of options may stand before the ports.
  for (const protocol of extensionHeaders) b.ifEqual(protocol, "whole");
  b.jump("drop");
  b.label("tcp6")
    .loadByte(IPV6_BYTES + FLAGS_AT)
    .jump("flags");
  b.label("udp6").loadHalf(IPV6_BYTES + 2);
  b.label("port");
  ephemeralOrServed(b, filter, "drop");
  b.jump("pass");
  // With ACK or RST the packet belongs to a conversation, or that cannot be told; but a SYN+ACK shows a host that answers us.
  b.label("flags").ifBits(TcpFlag.Ack | TcpFlag.Rst, undefined, "pass");
  b.and(ANSWER | TcpFlag.Rst | TcpFlag.Fin).ifEqual(ANSWER, "pass", "drop");
}

function ephemeralOrServed(b: BpfAssembler, filter: HostFilter, target: string): void {
  const { ephemeral, servedUdp, reserved = [] } = filter;
  const own = `beyond ${target}`;
  for (const [index, { first, last }] of reserved.slice(0, MAX_RESERVED).entries()) {
    const next = `behind ${index} of ${target}`;
    b.ifAtLeast(first, undefined, next).ifGreater(last, undefined, own);
    b.label(next);
  }
  b.ifAtLeast(ephemeral.first, undefined, own).ifGreater(ephemeral.last, undefined, target);
  b.label(own);
  for (const port of servedUdp.slice(0, MAX_SERVED_UDP)) b.ifEqual(port, target);
}

/** Our own questions, so that their answers are no probes, and SYN+ACK: the port is served, by whichever host. */
function outbound(b: BpfAssembler, filter: HostFilter): void {
  b.loadAncillary(Ancillary.Protocol).ifEqual(ETH_P_IPV6, "out6").ifEqual(ETH_P_IP, undefined, "keep");
  b.loadHalf(IPV4_FRAGMENT_AT).ifBits(FRAGMENT_OFFSET, "keep");
  b.headerLengthX(0).loadByte(IPV4_PROTOCOL_AT).ifEqual(IpProtocol.Tcp, "outTcp4");
  b.ifEqual(IpProtocol.Udp, undefined, "keep").loadHalfX(0).jump("outPort");
  b.label("outTcp4").loadByteX(FLAGS_AT).jump("outFlags");
  b.label("out6").loadByte(IPV6_NEXT_AT).ifEqual(IpProtocol.Tcp, "outTcp6");
  b.ifEqual(IpProtocol.Udp, undefined, "keep").loadHalf(IPV6_BYTES);
  b.label("outPort");
  ephemeralOrServed(b, filter, "keep");
  b.jump("tell");
  b.label("outTcp6").loadByte(IPV6_BYTES + FLAGS_AT);
  b.label("outFlags").ifBits(TcpFlag.Syn, "tell");
  b.label("keep").take(0);
  b.label("tell").take(filter.snapBytes);
}

export function buildTapFilter({ snapBytes, ...more }: TapFilter): Uint8Array {
  const filter: TapFilter = { ...more, snapBytes: snapBytes + LINK_BYTES };
  const b = new BpfAssembler();
  skipLinks(b, filter);
  b.loadAncillary(Ancillary.Protocol).ifEqual(ETH_P_IP, "four").ifEqual(ETH_P_IPV6, "six");
  b.ifEqual(ARP_PROTOCOL, "pass");
  for (const type of vlanTypes) b.ifEqual(type, "tagged");
  b.label("drop").take(0);
  b.label("pass").take(filter.snapBytes);
  b.label("tagged")
    .loadHalf(NET + 2)
    .ifEqual(ETH_P_IP, "taggedFour")
    .ifEqual(ETH_P_IPV6, "taggedSix");
  b.ifEqual(ARP_PROTOCOL, "taggedPass");
  // More tags than two: for the decoders.
  for (const type of vlanTypes) b.ifEqual(type, "taggedPass");
  b.take(0).label("taggedPass").take(filter.snapBytes);
  tapIpv4(b, "four", NET, filter);
  tapIpv4(b, "taggedFour", NET + VLAN_HLEN, filter);
  tapIpv6(b, "six", NET, filter);
  tapIpv6(b, "taggedSix", NET + VLAN_HLEN, filter);
  return b.assemble();
}

function tapIpv4(b: BpfAssembler, label: string, at: number, filter: TapFilter): void {
  const [pass, bulk] = [`${label} pass`, `${label} bulk`];
  b.label(label)
    .loadByte(at + IPV4_PROTOCOL_AT)
    .ifEqual(IpProtocol.Tcp, undefined, pass);
  b.loadHalf(at + IPV4_FRAGMENT_AT).ifBits(MORE_FRAGMENTS | FRAGMENT_OFFSET, pass);
  b.headerLengthX(at).loadByteX(at + FLAGS_AT);
  onlyAck(b, pass, bulk);
  b.label(bulk)
    .loadHalf(at + IPV4_LENGTH_AT)
    .subtractX();
  endTap(b, pass, filter);
}

function tapIpv6(b: BpfAssembler, label: string, at: number, filter: TapFilter): void {
  const [pass, bulk] = [`${label} pass`, `${label} bulk`];
  const [known, whole] = [`${label} tcp`, `${label} whole`];
  b.label(label)
    .loadByte(at + IPV6_NEXT_AT)
    .ifEqual(IpProtocol.Tcp, known);
  for (const header of extensionHeaders) b.ifEqual(header, whole);
  b.jump(pass).label(whole).take(WHOLE_BYTES).label(known);
  b.loadByte(at + IPV6_BYTES + FLAGS_AT);
  onlyAck(b, pass, bulk);
  b.label(bulk).loadHalf(at + IPV6_LENGTH_AT);
  endTap(b, pass, filter);
}

function onlyAck(b: BpfAssembler, pass: string, bulk: string): void {
  b.ifBits(TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg, pass).ifBits(TcpFlag.Ack, bulk, pass);
}

/** A = what is behind the IP header. A bare ACK of 20 bytes is what ACK scans send. */
function endTap(b: BpfAssembler, pass: string, { passBulk, snapBytes }: TapFilter): void {
  if (!passBulk) b.ifEqual(TCP_BYTES, pass).take(0);
  b.label(pass).take(snapBytes);
}
