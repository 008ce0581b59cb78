// Sends the RST with which a closed port answers a SYN (RFC 9293 section 3.5.2), in the name of the address that was
// asked: raw sockets with our own IP header, for the daemon answers packets that the kernel has dropped.
//
//   IPv4: | header 20 | TCP 20 |     IPv6: | header 40 | TCP 20 |      never larger than the SYN that provoked it
import * as K from "./constants.ts";
import * as I from "./inet-constants.ts";
import { closeFd, openSocket, sendTo, setSocketOption } from "./libc.ts";

/** netinet/in.h, linux/in6.h */
const IPPROTO_RAW = 255;
const IPV6_HDRINCL = 36;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const HOP_LIMIT = 64;
const RST_ACK = 0x14;

/** The SYN that is answered; addresses as four words, IPv4 mapped. */
export interface AnsweredSyn {
  readonly family: number;
  readonly source0: number;
  readonly source1: number;
  readonly source2: number;
  readonly source3: number;
  readonly destination0: number;
  readonly destination1: number;
  readonly destination2: number;
  readonly destination3: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpSequence: number;
}

export class ResetSender {
  readonly #fd4: number;
  readonly #fd6: number;
  readonly #packet4 = Buffer.alloc(IPV4_BYTES + TCP_BYTES);
  readonly #packet6 = Buffer.alloc(IPV6_BYTES + TCP_BYTES);
  readonly #to4 = Buffer.alloc(I.SOCKADDR_IN_BYTES);
  readonly #to6 = Buffer.alloc(I.SOCKADDR_IN6_BYTES);
  /** Answers that the kernel did not take. */
  refused = 0;
  sent = 0;

  /** Throws KernelError; needs CAP_NET_RAW. */
  constructor() {
    this.#fd4 = openSocket(K.AF_INET, K.SOCK_RAW | K.SOCK_NONBLOCK, IPPROTO_RAW);
    try {
      this.#fd6 = openSocket(K.AF_INET6, K.SOCK_RAW | K.SOCK_NONBLOCK, IPPROTO_RAW);
      setSocketOption(this.#fd6, I.IPPROTO_IPV6, IPV6_HDRINCL, 1);
    } catch (error) {
      closeFd(this.#fd4);
      throw error;
    }
    this.#to4.writeUInt16LE(K.AF_INET, 0);
    this.#to6.writeUInt16LE(K.AF_INET6, 0);
  }

  answer(syn: AnsweredSyn): void {
    const sent = syn.family === 4 ? this.#answer4(syn) : this.#answer6(syn);
    if (sent < 0) this.refused++;
    else this.sent++;
  }

  #answer4(syn: AnsweredSyn): number {
    const packet = this.#packet4;
    packet.fill(0);
    packet.writeUInt8(0x45, 0);
    packet.writeUInt16BE(packet.length, 2);
    // Don't fragment, identification 0: as Linux's own RST.
    packet.writeUInt16BE(0x4000, 6);
    packet.writeUInt8(HOP_LIMIT, 8);
    packet.writeUInt8(I.IPPROTO_TCP, 9);
    packet.writeUInt32BE(syn.destination3, 12);
    packet.writeUInt32BE(syn.source3, 16);
    packet.writeUInt16BE(fold(sum(packet, 0, IPV4_BYTES)), 10);
    writeTcp(packet, IPV4_BYTES, syn);
    const checksum = sum(packet, 12, 20) + I.IPPROTO_TCP + TCP_BYTES + sum(packet, IPV4_BYTES, packet.length);
    packet.writeUInt16BE(fold(checksum), IPV4_BYTES + 16);
    this.#to4.writeUInt32BE(syn.source3, I.SOCKADDR_IN_ADDRESS_AT);
    return sendTo(this.#fd4, packet, this.#to4);
  }

  #answer6(syn: AnsweredSyn): number {
    const packet = this.#packet6;
    packet.fill(0);
    packet.writeUInt8(0x60, 0);
    packet.writeUInt16BE(TCP_BYTES, 4);
    packet.writeUInt8(I.IPPROTO_TCP, 6);
    packet.writeUInt8(HOP_LIMIT, 7);
    writeWords(packet, 8, syn.destination0, syn.destination1, syn.destination2, syn.destination3);
    writeWords(packet, 24, syn.source0, syn.source1, syn.source2, syn.source3);
    writeTcp(packet, IPV6_BYTES, syn);
    const checksum = sum(packet, 8, IPV6_BYTES) + I.IPPROTO_TCP + TCP_BYTES + sum(packet, IPV6_BYTES, packet.length);
    packet.writeUInt16BE(fold(checksum), IPV6_BYTES + 16);
    writeWords(this.#to6, I.SOCKADDR_IN6_ADDRESS_AT, syn.source0, syn.source1, syn.source2, syn.source3);
    return sendTo(this.#fd6, packet, this.#to6);
  }

  close(): void {
    closeFd(this.#fd4);
    closeFd(this.#fd6);
  }
}

function writeWords(into: Buffer, at: number, ...words: number[]): void {
  for (const [index, word] of words.entries()) into.writeUInt32BE(word >>> 0, at + 4 * index);
}

function writeTcp(packet: Buffer, at: number, syn: AnsweredSyn): void {
  packet.writeUInt16BE(syn.destinationPort, at);
  packet.writeUInt16BE(syn.sourcePort, at + 2);
  // SEG.SEQ + SEG.LEN, and a SYN counts one.
  packet.writeUInt32BE((syn.tcpSequence + 1) >>> 0, at + 8);
  packet.writeUInt8((TCP_BYTES / 4) << 4, at + 12);
  packet.writeUInt8(RST_ACK, at + 13);
}

/** Sum of the 16-bit words (RFC 1071), not folded; the lengths here are even. */
function sum(bytes: Buffer, at: number, end: number): number {
  let total = 0;
  for (let index = at; index < end; index += 2) total += bytes.readUInt16BE(index);
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}
