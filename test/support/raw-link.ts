// One network interface as a forger uses it: whole IPv4 packets out in any name, and what comes in looked at. For programs
// in a namespace of the lab; needs root.
import * as K from "../../src/kernel/constants.ts";
import {
  bindSocket,
  closeFd,
  interfaceIndex,
  openSocket,
  receive,
  sendTo,
  setSocketOption,
} from "../../src/kernel/libc.ts";

const ETH_P_IP = 0x0800;
const ETHERNET_BYTES = 14;
const TCP = 6;
const PACKET_OUTGOING = 4;
const PACKET_IGNORE_OUTGOING = 23;
const SOL_PACKET = 263;
const RECEIVE_BYTES = 8_388_608;

/** A TCP segment over IPv4. */
export interface Segment {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgment: number;
}

export class RawLink {
  readonly #fd: number;
  readonly #address: Uint8Array;
  readonly #buffer = Buffer.alloc(2_048);
  readonly #header: Uint8Array;

  /** `mac`: whom the frames are for. */
  constructor(device: string, mac: string) {
    const index = interfaceIndex(device);
    const protocol = ((ETH_P_IP & 0xff) << 8) | (ETH_P_IP >> 8);
    this.#fd = openSocket(K.AF_PACKET, K.SOCK_RAW, protocol);
    // struct sockaddr_ll: family, protocol (network order), index.
    const address = Buffer.alloc(20);
    address.writeUInt16LE(K.AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_IP, 2);
    address.writeInt32LE(index, 4);
    address.writeUInt8(PACKET_OUTGOING, 10);
    this.#address = address;
    setSocketOption(this.#fd, K.SOL_SOCKET, K.SO_RCVBUF, RECEIVE_BYTES);
    setSocketOption(this.#fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    bindSocket(this.#fd, address, device);
    const bytes = mac.split(":").map((part) => Number.parseInt(part, 16));
    this.#header = Uint8Array.from([...bytes, 0x02, 0, 0, 0, 0xf0, 0x0e, ETH_P_IP >> 8, ETH_P_IP & 0xff]);
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
  if (length < ip + 40 || frame[ip + 9] !== TCP) return undefined;
  const tcp = ip + ((frame[ip] ?? 0) & 15) * 4;
  if (length < tcp + 20) return undefined;
  const text = (at: number) => frame.subarray(at, at + 4).join(".");
  return {
    source: text(ip + 12),
    destination: text(ip + 16),
    sourcePort: frame.readUInt16BE(tcp),
    destinationPort: frame.readUInt16BE(tcp + 2),
    flags: frame[tcp + 13] ?? 0,
    sequence: frame.readUInt32BE(tcp + 4),
    acknowledgment: frame.readUInt32BE(tcp + 8),
  };
}

/** Sleeps in earnest: these programs have no other work. */
export function sleep(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
