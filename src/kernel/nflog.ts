// nfnetlink_log (linux/netfilter/nfnetlink_log.h): how a log group is bound and how its packets arrive.
// One datagram holds many packet messages; parsing walks them in place, without a copy or an object per packet.
import { readFileSync } from "node:fs";
import * as K from "./constants.ts";
import { KernelError } from "./errors.ts";
import * as libc from "./libc.ts";
import { align4, NetlinkSocket, NetlinkWriter } from "./netlink.ts";

export interface NflogGroupOptions {
  /** Group number, as in `log group N`. */
  readonly group: number;
  /** How much of each packet is copied, in bytes from the IP header on. */
  readonly copyBytes: number;
  /** Packets per datagram: 1 delivers at once. */
  readonly queueThreshold: number;
  /** The kernel's buffer for one datagram, at most 131,072 bytes. It is allocated whole, so small for threshold 1. */
  readonly bufferBytes: number;
  /** After how many hundredths of a second a part-filled datagram is sent. */
  readonly timeoutCentiseconds: number;
  readonly receiveBufferBytes: number;
}

/** A packet that no socket of this host sent. */
export const NO_UID = -1;

/** Gets each logged packet; bytes[at..end) is valid during the call only. */
export interface NflogVisitor {
  /** `tag` is the first byte of the rule's log prefix, 0 without one; `uid` the user whose socket sent it, NO_UID without one. */
  packet(bytes: Uint8Array, at: number, end: number, tag: number, uid: number): void;
}

/** Binds a group on a socket of its own. Throws KernelError; EBUSY when another process has the group. */
export function openNflogGroup(options: NflogGroupOptions): NetlinkSocket {
  const socket = new NetlinkSocket({
    name: `nfnetlink_log group ${options.group}`,
    protocol: K.NETLINK_NETFILTER,
    receiveBufferBytes: options.receiveBufferBytes,
    datagramBytes: 262_144,
  });
  try {
    configure(socket, options);
    libc.setSocketOption(socket.fd, K.SOL_NETLINK, K.NETLINK_NO_ENOBUFS, 1);
    return socket;
  } catch (error) {
    socket.close();
    if (error instanceof KernelError && isBound(options.group)) {
      const what = `log group ${options.group} is taken by another process`;
      throw new KernelError(what, "EBUSY", "is another Portreeve running in this network namespace?");
    }
    throw error;
  }
}

/** How a bound group delivers from its next datagram on. If the kernel refuses, which it has no reason to, all stays as it was. */
export function setDelivery(
  socket: NetlinkSocket,
  group: number,
  { queueThreshold, bufferBytes }: Pick<NflogGroupOptions, "queueThreshold" | "bufferBytes">,
): void {
  // Without an acknowledgement: packets are waiting in front of it.
  const message = new NetlinkWriter()
    .begin((K.NFNL_SUBSYS_ULOG << 8) | K.NFULNL_MSG_CONFIG, K.NLM_F_REQUEST, socket.nextSequence())
    .nfgen(0, group)
    .u32be(K.NFULA_CFG_NLBUFSIZ, bufferBytes)
    .u32be(K.NFULA_CFG_QTHRESH, queueThreshold)
    .finish();
  libc.send(socket.fd, message, 0);
}

/** The kernel says EPERM both of a group that another socket has and of a lacking capability; this file tells which. */
function isBound(group: number): boolean {
  try {
    const lines = readFileSync("/proc/net/netfilter/nfnetlink_log", "latin1").split("\n");
    return lines.some((line) => Number(/^\s*(\d+)/.exec(line)?.[1]) === group);
  } catch {
    return false;
  }
}

function configure(socket: NetlinkSocket, options: NflogGroupOptions): void {
  const writer = new NetlinkWriter();
  const mode = Buffer.alloc(6);
  mode.writeUInt32BE(options.copyBytes, 0);
  mode.writeUInt8(K.NFULNL_COPY_PACKET, 4);
  const begin = () =>
    writer
      .begin((K.NFNL_SUBSYS_ULOG << 8) | K.NFULNL_MSG_CONFIG, K.NLM_F_REQUEST | K.NLM_F_ACK, socket.nextSequence())
      .nfgen(0, options.group);
  socket.request(begin().u8(K.NFULA_CFG_CMD, K.NFULNL_CFG_CMD_BIND).finish());
  socket.request(begin().attribute(K.NFULA_CFG_MODE, mode).finish());
  socket.request(begin().u32be(K.NFULA_CFG_NLBUFSIZ, options.bufferBytes).finish());
  socket.request(begin().u32be(K.NFULA_CFG_TIMEOUT, options.timeoutCentiseconds).finish());
  socket.request(begin().u32be(K.NFULA_CFG_QTHRESH, options.queueThreshold).finish());
  socket.request(begin().u16be(K.NFULA_CFG_FLAGS, K.NFULNL_CFG_F_SEQ).finish());
}

const PACKET_TYPE = (K.NFNL_SUBSYS_ULOG << 8) | K.NFULNL_MSG_PACKET;

/** Walks datagrams of one group and counts what its sequence numbers say was lost. */
export class NflogParser {
  /** Packets that the kernel logged and could not deliver. */
  lost = 0;
  /** Messages that were not as the header says; never seen so far, counted all the same. */
  malformed = 0;
  #expected = -1;

  /**
   * Walks the datagram from `from` on, `packets` messages at most; answers where to go on, `length` or more at its end.
   */
  parse(bytes: Uint8Array, length: number, visitor: NflogVisitor, { from = 0, packets = length } = {}): number {
    let at = from;
    for (let left = packets; left > 0 && at + K.NLMSG_HEADER_BYTES <= length; left--) {
      const size = u32(bytes, at);
      if (size < K.NLMSG_HEADER_BYTES || at + size > length) {
        this.malformed++;
        return length;
      }
      const type = u16(bytes, at + 4);
      if (type === PACKET_TYPE) this.#packet(bytes, at + K.NLMSG_HEADER_BYTES + K.NFGENMSG_BYTES, at + size, visitor);
      else if (type !== K.NLMSG_DONE) this.malformed++;
      at += align4(size);
    }
    return at + K.NLMSG_HEADER_BYTES <= length ? at : length;
  }

  #packet(bytes: Uint8Array, at: number, end: number, visitor: NflogVisitor): void {
    let cursor = at;
    let payloadAt = 0;
    let payloadEnd = 0;
    let tag = 0;
    let uid = NO_UID;
    while (cursor + K.NLA_HEADER_BYTES <= end) {
      const length = u16(bytes, cursor);
      if (length < K.NLA_HEADER_BYTES || cursor + length > end) {
        this.malformed++;
        return;
      }
      const valueAt = cursor + K.NLA_HEADER_BYTES;
      switch (u16(bytes, cursor + 2) & K.NLA_TYPE_MASK) {
        case K.NFULA_PAYLOAD:
          payloadAt = valueAt;
          payloadEnd = cursor + length;
          break;
        case K.NFULA_PREFIX:
          tag = bytes[valueAt] ?? 0;
          break;
        case K.NFULA_UID:
          uid = u32be(bytes, valueAt);
          break;
        case K.NFULA_SEQ:
          this.#sequence(u32be(bytes, valueAt));
          break;
        default:
      }
      cursor += align4(length);
    }
    if (payloadEnd === 0) this.malformed++;
    else visitor.packet(bytes, payloadAt, payloadEnd, tag, uid);
  }

  #sequence(sequence: number): void {
    if (this.#expected >= 0 && sequence !== this.#expected) {
      const gap = (sequence - this.#expected) >>> 0;
      // A number from the past means that the group was bound anew, not that 4 thousand million were lost.
      if (gap < 0x80000000) this.lost += gap;
    }
    this.#expected = (sequence + 1) >>> 0;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

function u32be(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}
