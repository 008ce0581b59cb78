// sock_diag: all connections that stand, where they are not too many, or with a filter that runs in the kernel
// (linux/inet_diag.h, "bytecode") those with given remote addresses. The kernel walks all of its sockets for each call, some 0.15 us of CPU a socket and family, and tells of those that fit.
import { IPV4_MAPPED_WORD, isIpv4, type Prefix, prefixContains, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter } from "./netlink.ts";

/** The remotes of one call: each is a condition that the kernel tries on each socket. */
export const MAX_REMOTES = 16;

/** A connection that stands, by the place of its remote address in the list that was asked for, and its port here. */
export interface ConnectedFrom {
  readonly index: number;
  readonly port: number;
}

/**
 * Established TCP connections with any of the remotes (addresses or prefixes, at most MAX_REMOTES), at most `limit`. An
 * IPv4 remote may be connected to a socket of either family, so it takes two walks. Throws KernelError.
 */
export function listConnectedFrom(remotes: readonly Prefix[], limit: number): ConnectedFrom[] {
  if (remotes.length === 0) return [];
  if (remotes.length > MAX_REMOTES) throw new RangeError(`${remotes.length} remotes: at most ${MAX_REMOTES} at once`);
  const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  try {
    const found: ConnectedFrom[] = [];
    for (const family of remotes.some(isIpv4) ? [K.AF_INET, K.AF_INET6] : [K.AF_INET6]) {
      socket.request(requestOf(socket, family, remotes), ({ bytes, at, end }) => {
        if (end - at < K.INET_DIAG_MSG_BYTES || found.length >= limit) return;
        const remote = remoteAt(bytes, at);
        const index = remotes.findIndex((prefix) => prefixContains(prefix, remote));
        if (index >= 0) found.push({ index, port: bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT) });
      });
    }
    return found;
  } finally {
    socket.close();
  }
}

/**
 * Visits every established TCP connection, of both families, as long as there are no more than `limit`; false when there are
 * more, of which the rest is not read. Throws KernelError.
 */
export function visitConnections(limit: number, visit: (remote: Prefix, port: number) => void): boolean {
  let count = 0;
  for (const family of [K.AF_INET, K.AF_INET6]) {
    const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
    try {
      const isWhole = socket.queryUntil(requestOf(socket, family, []), ({ bytes, at, end }) => {
        if (end - at < K.INET_DIAG_MSG_BYTES) return true;
        if (++count > limit) return false;
        visit(remoteAt(bytes, at), bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT));
        return true;
      });
      if (!isWhole) return false;
    } finally {
      socket.close();
    }
  }
  return true;
}

function remoteAt(bytes: Buffer, at: number): Prefix {
  const word = (index: number) => bytes.readUInt32BE(at + K.INET_DIAG_MSG_DST_AT + 4 * index);
  return bytes.readUInt8(at) === K.AF_INET
    ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128)
    : prefixOfWords(word(0), word(1), word(2), word(3), 128);
}

/** Without remotes: of all connections. */
function requestOf(socket: NetlinkSocket, family: number, remotes: readonly Prefix[]): Uint8Array {
  const request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);
  request.writeUInt8(family, 0);
  request.writeUInt8(IpProtocol.Tcp, 1);
  request.writeUInt32LE(1 << K.TCP_ESTABLISHED, 4);
  const writer = new NetlinkWriter()
    .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST | K.NLM_F_DUMP, socket.nextSequence())
    .raw(request);
  if (remotes.length > 0) writer.attribute(K.INET_DIAG_REQ_BYTECODE, filterOf(remotes));
  return writer.finish();
}

/** struct inet_diag_bc_op: u8 code, u8 yes, u16 no; the latter two are how many bytes to go on by. */
const OP_BYTES = 4;
/** struct inet_diag_hostcond: u8 family, u8 prefix length, u16 padding, i32 port (-1: any), then the address. */
const CONDITION_BYTES = 8;

/**
 * Any of them: each is a condition, behind which a jump goes to the end, where a socket is listed; a condition that does
 * not hold goes on behind that jump. The last one needs no jump, and leads past the end when it does not hold: the socket
 * is not listed.
 */
function filterOf(remotes: readonly Prefix[]): Uint8Array {
  const sizes = remotes.map((remote) => OP_BYTES + CONDITION_BYTES + (isIpv4(remote) ? 4 : 16));
  const total = sizes.reduce((sum, size) => sum + size, 0) + OP_BYTES * (remotes.length - 1);
  const filter = Buffer.alloc(total);
  let at = 0;
  for (const [index, remote] of remotes.entries()) {
    const size = sizes[index] ?? 0;
    filter.writeUInt8(K.INET_DIAG_BC_D_COND, at);
    filter.writeUInt8(size, at + 1);
    filter.writeUInt16LE(size + OP_BYTES, at + 2);
    writeCondition(filter, at + OP_BYTES, remote);
    at += size;
    if (index === remotes.length - 1) break;
    filter.writeUInt8(K.INET_DIAG_BC_JMP, at);
    filter.writeUInt8(OP_BYTES, at + 1);
    filter.writeUInt16LE(total - at, at + 2);
    at += OP_BYTES;
  }
  return filter;
}

function writeCondition(filter: Buffer, at: number, remote: Prefix): void {
  const isFour = isIpv4(remote);
  filter.writeUInt8(isFour ? K.AF_INET : K.AF_INET6, at);
  filter.writeUInt8(isFour ? remote.bits - 96 : remote.bits, at + 1);
  filter.writeInt32LE(-1, at + 4);
  const words = isFour ? [remote.w3] : [remote.w0, remote.w1, remote.w2, remote.w3];
  for (const [index, word] of words.entries()) filter.writeUInt32BE(word >>> 0, at + CONDITION_BYTES + 4 * index);
}
