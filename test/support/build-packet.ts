// Whole IP packets with right lengths and checksums, for decoder tests and for the lab's raw sockets.
// The family follows the addresses' text. Nothing is checked beyond that: tests must be able to build nonsense.
import { isIpv4, type Prefix, parseAddress } from "../../src/wire/address.ts";
import { IpProtocol, TcpFlag } from "../../src/wire/packet.ts";
import { checksumCrc32c, checksumInternet } from "./checksum.ts";

/** A whole extension header of 8n bytes (AH: 4n); its first byte, the next header, is filled in by the builder. */
export interface ExtensionHeader {
  readonly type: number;
  readonly bytes: readonly number[] | Uint8Array;
}

export interface IpOptions {
  readonly source: string;
  readonly destination: string;
  /** TTL or hop limit; 64 unless told. */
  readonly ttl?: number;
  /** IPv4 only: identification, flags, fragment offset in bytes, options (padded to 4 bytes with zeros). */
  readonly identification?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  readonly fragmentOffset?: number;
  readonly ipOptions?: readonly number[];
  /** IPv6 only. */
  readonly extensionHeaders?: readonly ExtensionHeader[];
}

export interface PortOptions extends IpOptions {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface TcpOptions extends PortOptions {
  /** TcpFlag bits; SYN unless told. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  readonly window?: number;
  /** Padded to 4 bytes with zeros (end of list). */
  readonly tcpOptions?: readonly number[];
  readonly payload?: Uint8Array;
}

export interface UdpOptions extends PortOptions {
  readonly payload?: Uint8Array;
}

export interface IcmpOptions extends IpOptions {
  readonly type: number;
  readonly code: number;
  /** Bytes 4..8 of the header: identifier and sequence of an echo, zero in an unreachable. */
  readonly rest?: readonly [number, number, number, number];
  readonly payload?: Uint8Array;
}

export interface SctpOptions extends PortOptions {
  readonly verificationTag?: number;
  /** All chunks behind the common header; one INIT unless told. */
  readonly chunks?: Uint8Array;
}

export function buildTcp(options: TcpOptions): Uint8Array {
  const tcpOptions = padToWords(options.tcpOptions ?? []);
  const segment = Uint8Array.from([
    ...ports(options),
    ...u32(options.sequence ?? 0),
    ...u32(options.acknowledgment ?? 0),
    ((20 + tcpOptions.length) / 4) << 4,
    options.flags ?? TcpFlag.Syn,
    ...u16(options.window ?? 1024),
    0,
    0,
    0,
    0,
    ...tcpOptions,
    ...(options.payload ?? []),
  ]);
  putU16(segment, 16, transportChecksum(options, IpProtocol.Tcp, segment));
  return buildIp(options, IpProtocol.Tcp, segment);
}

export function buildUdp(options: UdpOptions): Uint8Array {
  const payload = options.payload ?? new Uint8Array();
  const datagram = Uint8Array.from([...ports(options), ...u16(8 + payload.length), 0, 0, ...payload]);
  // 0 would mean "no checksum" (RFC 768), so that a sum of 0 is sent as its other form.
  putU16(datagram, 6, transportChecksum(options, IpProtocol.Udp, datagram) || 0xffff);
  return buildIp(options, IpProtocol.Udp, datagram);
}

/** ICMP or ICMPv6, by the family of the addresses. */
export function buildIcmp(options: IcmpOptions): Uint8Array {
  const message = Uint8Array.from([
    options.type,
    options.code,
    0,
    0,
    ...(options.rest ?? [0, 0, 0, 0]),
    ...(options.payload ?? []),
  ]);
  if (isIpv4(address(options.source))) {
    putU16(message, 2, checksumInternet([message]));
    return buildIp(options, IpProtocol.Icmp, message);
  }
  putU16(message, 2, transportChecksum(options, IpProtocol.Icmpv6, message));
  return buildIp(options, IpProtocol.Icmpv6, message);
}

export function buildSctp(options: SctpOptions): Uint8Array {
  const message = Uint8Array.from([
    ...ports(options),
    ...u32(options.verificationTag ?? 0),
    0,
    0,
    0,
    0,
    ...(options.chunks ?? initChunk()),
  ]);
  const crc = checksumCrc32c(message);
  // RFC 9260 appendix A: the CRC goes out with its least significant byte first.
  message.set([crc & 255, (crc >>> 8) & 255, (crc >>> 16) & 255, crc >>> 24], 8);
  return buildIp(options, IpProtocol.Sctp, message);
}

/** Any payload under any protocol number, without a transport checksum. */
export function buildIp(options: IpOptions, protocol: number, payload: Uint8Array): Uint8Array {
  const source = address(options.source);
  const destination = address(options.destination);
  if (isIpv4(source) !== isIpv4(destination)) {
    throw new Error(`cannot build a packet from ${options.source} to ${options.destination}: two families`);
  }
  return isIpv4(source) ? buildIpv4(options, protocol, payload) : buildIpv6(options, protocol, payload);
}

function buildIpv4(options: IpOptions, protocol: number, payload: Uint8Array): Uint8Array {
  const ipOptions = padToWords(options.ipOptions ?? []);
  const headerBytes = 20 + ipOptions.length;
  const flags = (options.dontFragment ? 0x4000 : 0) | (options.moreFragments ? 0x2000 : 0);
  const header = Uint8Array.from([
    0x40 | (headerBytes / 4),
    0,
    ...u16(headerBytes + payload.length),
    ...u16(options.identification ?? 0),
    ...u16(flags | ((options.fragmentOffset ?? 0) / 8)),
    options.ttl ?? 64,
    protocol,
    0,
    0,
    ...addressBytes(options.source),
    ...addressBytes(options.destination),
    ...ipOptions,
  ]);
  putU16(header, 10, checksumInternet([header]));
  return Uint8Array.from([...header, ...payload]);
}

function buildIpv6(options: IpOptions, protocol: number, payload: Uint8Array): Uint8Array {
  const chain = options.extensionHeaders ?? [];
  const types = [...chain.map((header) => header.type), protocol];
  const extensions = chain.flatMap((header, index) => [types[index + 1] ?? protocol, ...header.bytes.slice(1)]);
  return Uint8Array.from([
    0x60,
    0,
    0,
    0,
    ...u16(extensions.length + payload.length),
    types[0] ?? protocol,
    options.ttl ?? 64,
    ...addressBytes(options.source),
    ...addressBytes(options.destination),
    ...extensions,
    ...payload,
  ]);
}

/** Over the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1) and the segment, whose own field is still 0. */
function transportChecksum(options: IpOptions, protocol: number, segment: Uint8Array): number {
  const pseudoHeader = Uint8Array.from([
    ...addressBytes(options.source),
    ...addressBytes(options.destination),
    ...u32(segment.length),
    ...u32(protocol),
  ]);
  return checksumInternet([pseudoHeader, segment]);
}

/** INIT with the fields of nmap -sY: tag, receive window 32768, 10 streams out, 2048 in, first TSN. */
function initChunk(): Uint8Array {
  return Uint8Array.from([1, 0, 0, 20, ...u32(0x01020304), ...u32(32768), ...u16(10), ...u16(2048), ...u32(1)]);
}

function ports(options: PortOptions): number[] {
  return [...u16(options.sourcePort), ...u16(options.destinationPort)];
}

function address(text: string): Prefix {
  const prefix = parseAddress(text);
  if (prefix === undefined) throw new Error(`cannot build a packet: "${text}" is no address`);
  return prefix;
}

function addressBytes(text: string): number[] {
  const prefix = address(text);
  const low = u32(prefix.w3);
  return isIpv4(prefix) ? low : [...u32(prefix.w0), ...u32(prefix.w1), ...u32(prefix.w2), ...low];
}

function padToWords(bytes: readonly number[]): number[] {
  return [...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0)];
}

function u16(value: number): [number, number] {
  return [(value >>> 8) & 255, value & 255];
}

function u32(value: number): [number, number, number, number] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set(u16(value), at);
}
