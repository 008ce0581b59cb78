// Datagrams that answer a question nobody asked: the services that amplifiers abuse (US-CERT TA14-017A). Only a datagram that
// is large, like the answers of an attack, or an answer by its own bytes counts: a scan's small questions from source
// port 53 must not pass for DNS.
import { readU8, readU32 } from "../../wire/big-endian.ts";
import type { Packet } from "../../wire/packet.ts";

const UDP_HEADER_BYTES = 8;

const Port = {
  Quote: 17,
  Chargen: 19,
  Dns: 53,
  DhcpServer: 67,
  DhcpClient: 68,
  Tftp: 69,
  Portmap: 111,
  Ntp: 123,
  Netbios: 137,
  Snmp: 161,
  Ldap: 389,
  Rip: 520,
  DhcpClient6: 546,
  DhcpServer6: 547,
  Ssdp: 1900,
  WsDiscovery: 3702,
  Mdns: 5353,
  Coap: 5683,
  Memcached: 11211,
} as const;

const amplifierPorts: ReadonlySet<number> = new Set(Object.values(Port));

// How much of a payload is needed before it can be told for an answer.
const DNS_HEADER_BYTES = 12;
const RPC_REPLY_BYTES = 24;
const NTP_CONTROL_BYTES = 8;
const MIN_BER_BYTES = 16;
const MIN_TEXT_BYTES = 32;
/** No scan's question is so long: U1 of nmap -O comes nearest, and is asked for before (tap-kinds.ts). */
const LARGE_BYTES = 200;
const RESPONSE_BIT = 0x80;
const BER_SEQUENCE = 0x30;

/** For UDP; `bytes` are those that the packet was decoded from. */
export function isAmplified(packet: Packet, bytes: Uint8Array): boolean {
  const at = packet.transportAt + UDP_HEADER_BYTES;
  const captured = Math.min(packet.payloadBytes, packet.endAt - at);
  if (packet.payloadBytes >= LARGE_BYTES) return isAmplifierPort(packet.sourcePort);
  switch (packet.sourcePort) {
    case Port.Dns:
    case Port.Netbios:
    case Port.Mdns:
      // RFC 1035 section 4.1.1: QR. NetBIOS and mDNS have the same header.
      return captured >= DNS_HEADER_BYTES && (readU8(bytes, at + 2) & RESPONSE_BIT) !== 0;
    case Port.Ntp:
      return isNtpAnswer(bytes, at, captured);
    case Port.Portmap:
      // RFC 5531 section 9: the message type is 1 in a reply.
      return captured >= RPC_REPLY_BYTES && readU32(bytes, at + 4) === 1;
    case Port.Snmp:
    case Port.Ldap:
      return captured >= MIN_BER_BYTES && isBerAnswer(bytes, at, packet.sourcePort, captured);
    case Port.Ssdp:
      // "HTTP/1.1 200 OK"; a question begins with "M-SEARCH".
      return captured >= MIN_TEXT_BYTES && readU32(bytes, at) === 0x48545450;
    case Port.Memcached:
      // Eight bytes of frame header, then "STAT", "VALUE" or what else is no command.
      return captured >= MIN_TEXT_BYTES && readU8(bytes, at + 8) >= 0x41 && readU8(bytes, at + 8) <= 0x5a;
    case Port.Tftp:
      return captured >= 4 && readU8(bytes, at) === 0 && readU8(bytes, at + 1) >= 3;
    case Port.Rip:
      return captured >= 4 && readU8(bytes, at) === 2;
    case Port.Coap:
      // RFC 7252 section 3: version 1, and a response's class is 2 to 5.
      return captured >= 4 && readU8(bytes, at) >> 6 === 1 && readU8(bytes, at + 1) >> 5 >= 2;
    case Port.Chargen:
    case Port.Quote:
    case Port.WsDiscovery:
      return packet.payloadBytes >= MIN_TEXT_BYTES;
    default:
      return false;
  }
}

function isAmplifierPort(port: number): boolean {
  return port !== Port.DhcpServer && port !== Port.DhcpServer6 && amplifierPorts.has(port);
}

/** A server's offer goes to an address that has asked from none (RFC 2131 section 4.1; RFC 8415 section 7.2). */
export function isDhcpAnswer(packet: Packet): boolean {
  return (
    (packet.sourcePort === Port.DhcpServer && packet.destinationPort === Port.DhcpClient) ||
    (packet.sourcePort === Port.DhcpServer6 && packet.destinationPort === Port.DhcpClient6)
  );
}

/** Mode 4 is a server; in control (6) and private (7) messages a bit says response (RFC 9327 section 2). */
function isNtpAnswer(bytes: Uint8Array, at: number, captured: number): boolean {
  if (captured < NTP_CONTROL_BYTES) return false;
  const first = readU8(bytes, at);
  const mode = first & 7;
  if (mode === 4) return true;
  if (mode === 6) return (readU8(bytes, at + 1) & RESPONSE_BIT) !== 0;
  return mode === 7 && (first & RESPONSE_BIT) !== 0;
}

/** The tag that says response: SNMP's 0xa2 (RFC 3416), LDAP's 0x64 and 0x65 (RFC 4511), behind lengths and a version. */
function isBerAnswer(bytes: Uint8Array, at: number, port: number, captured: number): boolean {
  if (readU8(bytes, at) !== BER_SEQUENCE) return false;
  const end = at + Math.min(captured, 64);
  let next = at + 2 + longLengthBytes(readU8(bytes, at + 1));
  // SNMP: version and community come first; LDAP: the message's number.
  const skipped = port === Port.Snmp ? 2 : 1;
  for (let element = 0; element < skipped && next + 1 < end; element++) next += 2 + readU8(bytes, next + 1);
  if (next >= end) return false;
  const tag = readU8(bytes, next);
  return port === Port.Snmp ? tag === 0xa2 : tag === 0x64 || tag === 0x65;
}

function longLengthBytes(length: number): number {
  return length < 0x80 ? 0 : length & 0x7f;
}
