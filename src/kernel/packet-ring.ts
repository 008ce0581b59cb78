// The mapped ring of a packet socket (Documentation/networking/packet_mmap.rst, TPACKET_V3): blocks that the kernel fills
// and hands over whole, read in place. The thread that makes a MappedRing must be the one that walks it, and nothing of
// it may be read after close(): the memory is gone then.
//
//   block: | status, packets, offset of the first | tpacket3_hdr, sockaddr_ll, packet | tpacket3_hdr ... |
import koffi from "koffi";
import { errnoName, KernelError } from "./errors.ts";
import * as P from "./packet-constants.ts";
import type { RingGeometry } from "./packet-socket.ts";

const libc = koffi.load("libc.so.6");
const c = {
  mmap: libc.func("void *mmap(void *address, size_t bytes, int protection, int flags, int fd, int64_t offset)"),
  munmap: libc.func("int munmap(void *address, size_t bytes)"),
  poll: libc.func("int poll(void *fds, unsigned long count, int timeoutMs)"),
};
const MAP_FAILED = -1n;

/** The packet at hand; one record is reused for all. */
export class RingPacket {
  /** Where it begins in MappedRing.words, in bytes, and how much of it was taken. */
  at = 0;
  bytes = 0;
  seconds = 0;
  nanoseconds = 0;
  /** sll_pkttype: the target of the frame. */
  packetType = 0;
  /** sll_hatype: ARPHRD_* of its interface. */
  hardwareType = 0;
}

export class MappedRing {
  /** The whole ring. Little endian, as every machine that we run on. */
  readonly words: Int32Array;
  readonly #pointer: bigint;
  readonly #packet = new RingPacket();
  readonly #blockBytes: number;
  readonly #blocks: number;
  #next = 0;

  /** Throws KernelError. */
  constructor(fd: number, { blockBytes, blocks }: Pick<RingGeometry, "blockBytes" | "blocks">) {
    const bytes = blockBytes * blocks;
    this.#blockBytes = blockBytes;
    this.#blocks = blocks;
    const pointer: unknown = c.mmap(null, bytes, P.PROT_READ_WRITE, P.MAP_SHARED, fd, 0);
    if (typeof pointer !== "bigint" || BigInt.asIntN(64, pointer) === MAP_FAILED)
      throw new KernelError("cannot map the packet ring", errnoName(koffi.errno()));
    this.#pointer = pointer;
    this.words = new Int32Array(koffi.view(pointer, bytes));
  }

  /**
   * Visits the packets of every block that is ours, at most once around, and gives each block back. Returns the number
   * of blocks. The packet is valid during the call only.
   */
  walk(visit: (packet: RingPacket) => void): number {
    let blocks = 0;
    while (blocks < this.#blocks) {
      const base = this.#next * this.#blockBytes;
      const status = (base + P.BLOCK_STATUS_AT) >> 2;
      // An acquire: the kernel writes the packets first (smp_wmb) and the status last, so nothing of the block may be
      // read before this load. Atomics are sequentially consistent, which is more than that, on every processor.
      if ((Atomics.load(this.words, status) & P.TP_STATUS_USER) === 0) break;
      this.#walkBlock(base, visit);
      // A release: what was read of the block was read before the kernel may write to it again.
      Atomics.store(this.words, status, P.TP_STATUS_KERNEL);
      this.#next = this.#next + 1 === this.#blocks ? 0 : this.#next + 1;
      blocks++;
    }
    return blocks;
  }

  #walkBlock(base: number, visit: (packet: RingPacket) => void): void {
    const { words } = this;
    const packet = this.#packet;
    const count = words[(base + P.BLOCK_PACKETS_AT) >> 2] ?? 0;
    let header = base + (words[(base + P.BLOCK_FIRST_AT) >> 2] ?? 0);
    for (let index = 0; index < count; index++) {
      packet.seconds = words[(header + P.TP_SECONDS_AT) >> 2] ?? 0;
      packet.nanoseconds = words[(header + P.TP_NANOSECONDS_AT) >> 2] ?? 0;
      packet.bytes = words[(header + P.TP_SNAP_BYTES_AT) >> 2] ?? 0;
      // Of type SOCK_DGRAM the two are one.
      packet.at = header + ((words[(header + P.TP_MAC_AT) >> 2] ?? 0) & 0xffff);
      const link = words[(header + P.TP_ADDRESS_AT + SLL_HARDWARE_AT) >> 2] ?? 0;
      packet.hardwareType = link & 0xffff;
      packet.packetType = (link >>> 16) & 0xff;
      visit(packet);
      header += words[(header + P.TP_NEXT_AT) >> 2] ?? 0;
    }
  }

  close(): void {
    c.munmap(this.#pointer, this.#blockBytes * this.#blocks);
  }
}

/** u16 sll_hatype, u8 sll_pkttype, u8 sll_halen */
const SLL_HARDWARE_AT = 8;

/** Which of several descriptors have something: poll(2), which blocks the thread. */
export class PollSet {
  readonly #entries: Buffer;
  readonly #count: number;

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#entries = Buffer.alloc(fds.length * POLLFD_BYTES);
    for (const [index, fd] of fds.entries()) {
      this.#entries.writeInt32LE(fd, index * POLLFD_BYTES);
      this.#entries.writeInt16LE(P.POLLIN, index * POLLFD_BYTES + 4);
    }
  }

  /** Returns when one has something; never, if none ever has. */
  wait(): void {
    c.poll(this.#entries, this.#count, -1);
  }

  /** POLLERR and the like: takeSocketError() says what happened to the socket. */
  hasFailed(index: number): boolean {
    return (this.#entries.readInt16LE(index * POLLFD_BYTES + 6) & ~P.POLLIN) !== 0;
  }
}

/** struct pollfd: s32 fd, s16 events, s16 what happened. */
const POLLFD_BYTES = 8;
