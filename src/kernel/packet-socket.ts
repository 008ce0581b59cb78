// Packet sockets (packet(7)) with a mapped receive ring of version 3: opened, bound, filtered and counted here; walked in
// packet-ring.ts, perhaps by another thread, as the descriptor belongs to the process. Needs CAP_NET_RAW in the network
// namespace, and nothing else.
import koffi from "koffi";
import * as K from "./constants.ts";
import { errnoName, KernelError } from "./errors.ts";
import { bindSocket, closeFd, openSocket, setSocketOption } from "./libc.ts";
import * as P from "./packet-constants.ts";

const libc = koffi.load("libc.so.6");
const sockFprog = koffi.struct({ count: "uint16_t", filter: "void *" });
const c = {
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)"),
  attach: libc.func("setsockopt", "int", ["int", "int", "int", koffi.pointer(sockFprog), "uint32_t"]),
  getsockopt: libc.func("int getsockopt(int fd, int level, int name, void *value, void *bytes)"),
};
const SOCK_FPROG_BYTES = 16;

export interface RingGeometry {
  /** A power of two, at least a page. */
  readonly blockBytes: number;
  readonly blocks: number;
  /** A block with packets in it is handed over after so long at the latest. */
  readonly retireMs: number;
}

/** Whole frames, of which the kernel keeps the outermost VLAN tag; or packets from the IP header on. */
export type RingContent = "frames" | "packets";

function setFilter(fd: number, program: Uint8Array): boolean {
  const value = { count: program.length / P.SOCK_FILTER_BYTES, filter: program };
  return c.attach(fd, K.SOL_SOCKET, P.SO_ATTACH_FILTER, value, SOCK_FPROG_BYTES) === 0;
}

/** The same for a socket of another kind. Throws KernelError. */
export function attachFilter(fd: number, program: Uint8Array, what: string): void {
  if (!setFilter(fd, program)) throw new KernelError(`cannot filter ${what}`, errnoName(koffi.errno()));
}

export class PacketSocket {
  readonly fd: number;
  readonly #what: string;
  readonly #statistics = Buffer.alloc(P.TPACKET_STATS_V3_BYTES);
  readonly #length = Buffer.alloc(4);
  #dropped = 0;
  #seen = 0;

  /** Hears nothing until bind(). `what`: for messages. Throws KernelError. */
  constructor(what: string, content: RingContent, geometry: RingGeometry) {
    this.#what = what;
    this.fd = openPacketSocket(what, content === "frames" ? K.SOCK_RAW : K.SOCK_DGRAM);
    try {
      setSocketOption(this.fd, P.SOL_PACKET, P.PACKET_VERSION, P.TPACKET_V3);
      this.#set(P.SOL_PACKET, P.PACKET_RX_RING, ringRequest(geometry), "make its ring");
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
  }

  /** Takes effect with the next packet; another filter is replaced in one step. Throws KernelError. */
  attach(program: Uint8Array): void {
    if (!setFilter(this.fd, program)) this.#refuse("attach its filter");
  }

  /** Hears the interface of this index from now on, or all of them (0). Throws KernelError: ENODEV, ENETDOWN. */
  bind(index: number): void {
    this.#bind(index, K.ETH_P_ALL);
  }

  /** Hears nothing any more, until bind(). */
  unbind(): void {
    // Protocol 0 would mean the one before. This one is reserved (RFC 1701), and no frame has it.
    this.#bind(0, 0xffff);
  }

  #bind(index: number, protocol: number): void {
    const address = Buffer.alloc(P.SOCKADDR_LL_BYTES);
    address.writeUInt16LE(K.AF_PACKET, 0);
    address.writeUInt16BE(protocol, 2);
    address.writeInt32LE(index, 4);
    bindSocket(this.fd, address, this.#what);
  }

  /** The interface takes in frames for other hosts too, until the socket is closed. Throws KernelError. */
  listenToAll(index: number): void {
    const request = Buffer.alloc(P.PACKET_MREQ_BYTES);
    request.writeInt32LE(index, 0);
    request.writeUInt16LE(P.PACKET_MR_PROMISC, 4);
    this.#set(P.SOL_PACKET, P.PACKET_ADD_MEMBERSHIP, request, "make the interface promiscuous");
  }

  /** Packets that found no room in the ring, since it was opened. */
  get dropped(): number {
    this.#readStatistics();
    return this.#dropped;
  }

  /** Packets that passed the filter, those dropped among them. */
  get seen(): number {
    this.#readStatistics();
    return this.#seen;
  }

  /** The kernel counts from 0 after each reading. */
  #readStatistics(): void {
    this.#length.writeUInt32LE(this.#statistics.length);
    if (c.getsockopt(this.fd, P.SOL_PACKET, P.PACKET_STATISTICS, this.#statistics, this.#length) !== 0) return;
    this.#seen += this.#statistics.readUInt32LE(0);
    this.#dropped += this.#statistics.readUInt32LE(4);
  }

  #set(level: number, name: number, value: Uint8Array, what: string): void {
    if (c.setsockopt(this.fd, level, name, value, value.length) !== 0) this.#refuse(what);
  }

  #refuse(what: string): never {
    const code = errnoName(koffi.errno());
    const remedy = code === "ENOMEM" ? "the kernel has no memory for it" : "";
    throw new KernelError(`${this.#what}: cannot ${what}`, code, remedy);
  }

  close(): void {
    closeFd(this.fd);
  }
}

/** The errno of what happened to the socket since it was last asked (ENETDOWN: its interface is gone or down), or 0. */
export function takeSocketError(fd: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(4);
  return c.getsockopt(fd, K.SOL_SOCKET, P.SO_ERROR, value, length) === 0 ? value.readInt32LE() : 0;
}

function openPacketSocket(what: string, type: number): number {
  try {
    // Protocol 0: it hears nothing before it has its ring, its filter and its interface.
    return openSocket(K.AF_PACKET, type, 0);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const isRight = error.code === "EPERM" || error.code === "EACCES";
    throw new KernelError(`${what}: no packet socket`, error.code, isRight ? "needs root, or CAP_NET_RAW" : "");
  }
}

function ringRequest({ blockBytes, blocks, retireMs }: RingGeometry): Uint8Array {
  const request = Buffer.alloc(P.TPACKET_REQ3_BYTES);
  // The frame size bounds nothing in version 3; the kernel only checks that it divides a block.
  const words = [blockBytes, blocks, FRAME_BYTES, (blockBytes / FRAME_BYTES) * blocks, retireMs, 0, 0];
  for (const [index, word] of words.entries()) request.writeUInt32LE(word, index * 4);
  return request;
}

const FRAME_BYTES = 2_048;
