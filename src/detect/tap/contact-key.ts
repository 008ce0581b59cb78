// The key of a contact: the asking host, the asked host and the service. One reused record for either direction of a packet.
import { NEIGHBOR_SOLICITATION } from "../../wire/neighbor.ts";
import { ARP_PROTOCOL, IpProtocol, type Packet } from "../../wire/packet.ts";
import { hasPorts } from "../classify.ts";
import type { HashSeed } from "../keyed-hash.ts";

/** Words of a key: an IPv4 contact has the last three only. */
export const KEY_WORDS = 9;
const IPV4_FROM = 6;
export const SOURCE3_AT = 6;
export const HOST3_AT = 7;
export const WHAT_AT = 8;

/** What the hash takes in last, behind the key: its length in bytes. */
const LENGTH_AT = KEY_WORDS;
const IPV4_LENGTH = 12 << 24;
const IPV6_LENGTH = 36 << 24;

const PROTOCOL_AT = 16;
/** Set in `what` where it is about lone fragments of the protocol, or datagrams sent to a group. */
export const FRAGMENT_WHAT = 1 << 28;
export const GROUP_WHAT = 1 << 29;

/** The port, or ICMP type, and the protocol (12 bits: ARP's number is one of them). */
export function whatOf(protocol: number, port: number): number {
  return (protocol << PROTOCOL_AT) | port;
}

export function protocolOf(what: number): number {
  return (what >>> PROTOCOL_AT) & 0xfff;
}

/** 0 if it is about something without ports. */
export function portOf(what: number): number {
  return (what & FRAGMENT_WHAT) === 0 && hasPorts(protocolOf(what)) ? what & 0xffff : 0;
}

/** Questions that the whole link hears, though a switch shows their answers only to the asking host. */
export function isLinkQuestion(what: number): boolean {
  return protocolOf(what) === ARP_PROTOCOL || what === whatOf(IpProtocol.Icmpv6, NEIGHBOR_SOLICITATION);
}

export class ContactKey {
  //  word  0    1    2    3    4    5    6    7    8      9
  //      +----+----+----+----+----+----+----+----+------+--------+
  //      | s0 | s1 | s2 | h0 | h1 | h2 | s3 | h3 | what | length |
  //      +----+----+----+----+----+----+----+----+------+--------+
  //        IPv6 only; not written for IPv4
  readonly words = new Int32Array(KEY_WORDS + 1);
  isIpv4 = false;
  /** Set by the caller that looks the key up. */
  hash = 0;

  /** The last words; `isIpv4` is set before, and the first words are the caller's to write where it is not. */
  setEnds(source3: number, host3: number, what: number): void {
    this.words[SOURCE3_AT] = source3;
    this.words[HOST3_AT] = host3;
    this.words[WHAT_AT] = what;
    this.words[LENGTH_AT] = this.isIpv4 ? IPV4_LENGTH : IPV6_LENGTH;
  }

  /** The sender of this packet asks. */
  setForward(packet: Packet, what: number): void {
    const words = this.words;
    words[SOURCE3_AT] = packet.source3;
    words[HOST3_AT] = packet.destination3;
    words[WHAT_AT] = what;
    this.isIpv4 = packet.family === 4;
    words[LENGTH_AT] = this.isIpv4 ? IPV4_LENGTH : IPV6_LENGTH;
    if (this.isIpv4) return;
    words[0] = packet.source0;
    words[1] = packet.source1;
    words[2] = packet.source2;
    words[3] = packet.destination0;
    words[4] = packet.destination1;
    words[5] = packet.destination2;
  }

  /** The receiver of this packet has asked. */
  setReverse(packet: Packet, what: number): void {
    const words = this.words;
    words[SOURCE3_AT] = packet.destination3;
    words[HOST3_AT] = packet.source3;
    words[WHAT_AT] = what;
    this.isIpv4 = packet.family === 4;
    words[LENGTH_AT] = this.isIpv4 ? IPV4_LENGTH : IPV6_LENGTH;
    if (this.isIpv4) return;
    words[0] = packet.destination0;
    words[1] = packet.destination1;
    words[2] = packet.destination2;
    words[3] = packet.source0;
    words[4] = packet.source1;
    words[5] = packet.source2;
  }

  /** The host in a neighbour message is its target, not the group that it is sent to. */
  setNeighborHost(packet: Packet): void {
    const words = this.words;
    words[3] = packet.neighbor0;
    words[4] = packet.neighbor1;
    words[5] = packet.neighbor2;
    words[HOST3_AT] = packet.neighbor3;
  }

  /** Any host. */
  clearHost(): void {
    const words = this.words;
    words[3] = 0;
    words[4] = 0;
    words[5] = 0;
    words[HOST3_AT] = 0;
  }
}

/** HalfSipHash-1-3 (keyed-hash.ts) over the key: three words for IPv4, nine for IPv6. 32 bits, signed. */
export function hashKey(seed: HashSeed, key: ContactKey): number {
  const words = key.words;
  let v0 = seed.k0 | 0;
  let v1 = seed.k1 | 0;
  let v2 = 0x6c796765 ^ seed.k0;
  let v3 = 0x74656462 ^ seed.k1;
  for (let at = key.isIpv4 ? IPV4_FROM : 0; at <= LENGTH_AT; at++) {
    const message = words[at] ?? 0;
    v3 ^= message;

    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);

    v0 ^= message;
  }
  v2 ^= 0xff;
  // The same three times: without a message, and without looking for one.
  for (let round = 0; round < 3; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
