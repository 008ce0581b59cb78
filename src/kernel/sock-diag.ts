// sock_diag (linux/inet_diag.h): which ports have a listener now, and who is connected to a port, from the kernel's own
// socket tables.
import { IPV4_MAPPED_WORD, isLoopback, isUnspecified, type Prefix, prefixOfWords } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter } from "./netlink.ts";

export interface ServedPort {
  readonly protocol: number;
  readonly port: number;
}

/** A listener, and the address that it is bound to; without it: to none, so that it serves every address. */
export interface Listener extends ServedPort {
  readonly address?: Prefix;
}

/** Every TCP port in LISTEN and every bound, unconnected UDP port, of both families, each once. Throws KernelError. */
export function listServedPorts(): ServedPort[] {
  const seen = new Set<number>();
  visitListeners((protocol, port) => seen.add((protocol << 16) | port));
  return [...seen].map((packed) => ({ protocol: packed >>> 16, port: packed & 0xffff }));
}

/** Those that another host can reach: without what is bound to a loopback address. Throws KernelError. */
export function listReachable(): Listener[] {
  const found: Listener[] = [];
  visitListeners((protocol, port, address) => {
    if (isLoopback(address)) return;
    found.push(isUnspecified(address) ? { protocol, port } : { protocol, port, address });
  });
  return found;
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
        found.push({
          remote: addressOf(bytes, at, K.INET_DIAG_MSG_DST_AT),
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

/** An address of the message that begins at `at`; that of an IPv6 socket may be a mapped one. */
function addressOf(bytes: Buffer, at: number, offset: number): Prefix {
  const word = (index: number) => bytes.readUInt32BE(at + offset + 4 * index);
  return bytes.readUInt8(at) === K.AF_INET
    ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, word(0), 128)
    : prefixOfWords(word(0), word(1), word(2), word(3), 128);
}

function visitListeners(visit: (protocol: number, port: number, address: Prefix) => void): void {
  const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  try {
    for (const family of [K.AF_INET, K.AF_INET6]) {
      for (const [protocol, state] of [
        [IpProtocol.Tcp, K.TCP_LISTEN],
        [IpProtocol.Udp, K.TCP_CLOSE],
      ] as const) {
        socket.request(requestOf(socket, { family, protocol, states: 1 << state }), ({ bytes, at, end }) => {
          if (end - at < K.INET_DIAG_MSG_BYTES) return;
          const port = bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT);
          if (port !== 0) visit(protocol, port, addressOf(bytes, at, K.INET_DIAG_MSG_SRC_AT));
        });
      }
    }
  } finally {
    socket.close();
  }
}
