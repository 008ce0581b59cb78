// sock_diag (linux/inet_diag.h): which ports have a listener now, and who is connected to a port, from the kernel's own
// socket tables.
import { IPV4_MAPPED_WORD, type Prefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter } from "./netlink.ts";

export interface ServedPort {
  readonly protocol: number;
  readonly port: number;
}

/**
 * Every TCP port in LISTEN and every bound, unconnected UDP port, of both families. "reachable": without sockets that are bound to a
 * loopback address, which no other host can reach. Throws KernelError.
 */
export function listServedPorts(which: "all" | "reachable" = "all"): ServedPort[] {
  const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  try {
    const seen = new Set<number>();
    for (const family of [K.AF_INET, K.AF_INET6]) {
      collect(socket, { family, protocol: IpProtocol.Tcp, states: 1 << K.TCP_LISTEN }, which, seen);
      collect(socket, { family, protocol: IpProtocol.Udp, states: 1 << K.TCP_CLOSE }, which, seen);
    }
    return [...seen].map((packed) => ({ protocol: packed >>> 16, port: packed & 0xffff }));
  } finally {
    socket.close();
  }
}

/** The other end of an established connection, and the inode by which /proc/PID/fd names its socket. */
export interface Connected {
  readonly remote: Prefix;
  /** 0: no program has taken the connection yet. */
  readonly inode: number;
  /** The user as whom the program ran that took the connection. */
  readonly uid: number;
}

/** Established TCP connections to a local port, both families; at most `limit`. Throws KernelError. */
export function listConnected(port: number, limit: number): Connected[] {
  const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  try {
    const found: Connected[] = [];
    for (const family of [K.AF_INET, K.AF_INET6]) {
      const query = { family, protocol: IpProtocol.Tcp, states: 1 << K.TCP_ESTABLISHED, port };
      socket.request(requestOf(socket, query), ({ bytes, at, end }) => {
        if (end - at < K.INET_DIAG_MSG_BYTES || found.length >= limit) return;
        if (bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT) !== port) return;
        const word = (index: number) => bytes.readUInt32BE(at + K.INET_DIAG_MSG_DST_AT + 4 * index);
        const isFour = bytes.readUInt8(at) === K.AF_INET;
        const remote = isFour
          ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128)
          : prefixOfWords(word(0), word(1), word(2), word(3), 128);
        found.push({
          remote,
          inode: bytes.readUInt32LE(at + K.INET_DIAG_MSG_INODE_AT),
          uid: bytes.readUInt32LE(at + K.INET_DIAG_MSG_UID_AT),
        });
      });
    }
    return found;
  } finally {
    socket.close();
  }
}

interface Query {
  readonly family: number;
  readonly protocol: number;
  readonly states: number;
  /** Only sockets on this local port. */
  readonly port?: number;
}

function requestOf(socket: NetlinkSocket, { family, protocol, states, port = 0 }: Query): Uint8Array {
  const request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);
  request.writeUInt8(family, 0);
  request.writeUInt8(protocol, 1);
  request.writeUInt32LE(states, 4);
  request.writeUInt16BE(port, K.INET_DIAG_REQ_SPORT_AT);
  return new NetlinkWriter()
    .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST | K.NLM_F_DUMP, socket.nextSequence())
    .raw(request)
    .finish();
}

/** Whether a socket is bound to 127.0.0.0/8, ::1 or ::ffff:127.0.0.0/104. */
function isLoopback(bytes: Buffer, at: number): boolean {
  const word = (index: number) => bytes.readUInt32BE(at + K.INET_DIAG_MSG_SRC_AT + 4 * index);
  if (bytes.readUInt8(at) === K.AF_INET) return word(0) >>> 24 === 127;
  if (word(0) !== 0 || word(1) !== 0) return false;
  return word(2) === IPV4_MAPPED_WORD ? word(3) >>> 24 === 127 : word(2) === 0 && word(3) === 1;
}

function collect(socket: NetlinkSocket, query: Query, which: "all" | "reachable", into: Set<number>): void {
  socket.request(requestOf(socket, query), ({ bytes, at, end }) => {
    if (end - at < K.INET_DIAG_MSG_BYTES) return;
    const port = bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT);
    if (which === "reachable" && isLoopback(bytes, at)) return;
    if (port !== 0) into.add((query.protocol << 16) | port);
  });
}
