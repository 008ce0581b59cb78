// One network interface as a forger uses it: whole IP packets of one family out in any name, and what comes in looked at.
// For programs in a namespace of the lab; needs root.
import * as K from "../../src/kernel/constants.ts";
import { bindSocket, closeFd, openSocket, receive, sendTo, setSocketOption } from "../../src/kernel/libc.ts";
import { interfaceIndex } from "./interface-index.ts";

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const IPV6_BYTES = 40;
const ETHERNET_BYTES = 14;
const TCP = 6;
const PACKET_OUTGOING = 4;
const PACKET_IGNORE_OUTGOING = 23;
const SOL_PACKET = 263;
const RECEIVE_BYTES = 8_388_608;

/** A TCP segment; IPv6 addresses are eight groups without leading zeros. */
export interface Segment {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** What of its headers is the same for all that one system answers, as text (see formOf). */
  readonly form: string;
}

export class RawLink {
  readonly #fd: number;
  readonly #address: Uint8Array;
  readonly #buffer = Buffer.alloc(2_048);
  readonly #header: Uint8Array;

  /** `mac`: whom the frames are for. */
  constructor(device: string, mac: string, family: 4 | 6 = 4) {
    const index = interfaceIndex(device);
    const etherType = family === 4 ? ETH_P_IP : ETH_P_IPV6;
    const protocol = ((etherType & 0xff) << 8) | (etherType >> 8);
    this.#fd = openSocket(K.AF_PACKET, K.SOCK_RAW, protocol);
    // struct sockaddr_ll: family, protocol (network order), index.
    const address = Buffer.alloc(20);
    address.writeUInt16LE(K.AF_PACKET, 0);
    address.writeUInt16BE(etherType, 2);
    address.writeInt32LE(index, 4);
    address.writeUInt8(PACKET_OUTGOING, 10);
    this.#address = address;
    setSocketOption(this.#fd, K.SOL_SOCKET, K.SO_RCVBUF, RECEIVE_BYTES);
    setSocketOption(this.#fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    bindSocket(this.#fd, address, device);
    const bytes = mac.split(":").map((part) => Number.parseInt(part, 16));
    this.#header = Uint8Array.from([...bytes, 0x02, 0, 0, 0, 0xf0, 0x0e, etherType >> 8, etherType & 0xff]);
  }

  send(packet: Uint8Array): void {
    const sent = sendTo(this.#fd, Buffer.concat([this.#header, packet]), this.#address);
    if (sent < 0) throw new Error(`raw link: cannot send: errno ${-sent}`);
  }

  /** The next TCP segment that has come; undefined when there is none now. */
  next(): Segment | undefined {
    for (;;) {
      const got = receive(this.#fd, this.#buffer, K.MSG_DONTWAIT);
      if (got <= 0) return undefined;
      const segment = segmentOf(this.#buffer, got);
      if (segment !== undefined) return segment;
    }
  }

  close(): void {
    closeFd(this.#fd);
  }
}

function segmentOf(frame: Buffer, length: number): Segment | undefined {
  const ip = ETHERNET_BYTES;
  const isFour = frame.readUInt16BE(ip - 2) === ETH_P_IP;
  if (length < ip + 40 || frame[ip + (isFour ? 9 : 6)] !== TCP) return undefined;
  const tcp = ip + (isFour ? ((frame[ip] ?? 0) & 15) * 4 : IPV6_BYTES);
  if (length < tcp + 20) return undefined;
  const text4 = (at: number) => frame.subarray(at, at + 4).join(".");
  const text6 = (at: number) =>
    Array.from({ length: 8 }, (_, index) => frame.readUInt16BE(at + 2 * index).toString(16)).join(":");
  return {
    source: isFour ? text4(ip + 12) : text6(ip + 8),
    destination: isFour ? text4(ip + 16) : text6(ip + 24),
    sourcePort: frame.readUInt16BE(tcp),
    destinationPort: frame.readUInt16BE(tcp + 2),
    flags: frame[tcp + 13] ?? 0,
    sequence: frame.readUInt32BE(tcp + 4),
    acknowledgment: frame.readUInt32BE(tcp + 8),
    form: formOf(frame, ip, tcp),
  };
}

/** Type of service, identification and fragment bits (or traffic class), lifetime, TCP header length, flags, window, options. */
function formOf(frame: Buffer, ip: number, tcp: number): string {
  const isFour = tcp - ip !== IPV6_BYTES;
  const network = isFour
    ? `${frame.toString("hex", ip, ip + 2)} ${frame.toString("hex", ip + 4, ip + 9)}`
    : `${frame.toString("hex", ip, ip + 1)} ${frame[ip + 7]}`;
  const end = tcp + ((frame[tcp + 12] ?? 0) >> 4) * 4;
  return `${network} ${frame.toString("hex", tcp + 12, tcp + 16)} ${frame.toString("hex", tcp + 18, end)}`;
}

/** Sleeps in earnest: these programs have no other work. */
export function sleep(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
