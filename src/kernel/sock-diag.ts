// sock_diag (linux/inet_diag.h): which ports have a listener now, from the kernel's own socket tables.
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter } from "./netlink.ts";

export interface ServedPort {
  readonly protocol: number;
  readonly port: number;
}

/** Every TCP port in LISTEN and every bound, unconnected UDP port, of both families. Throws KernelError. */
export function listServedPorts(): ServedPort[] {
  const socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  try {
    const seen = new Set<number>();
    for (const family of [K.AF_INET, K.AF_INET6]) {
      collect(socket, { family, protocol: IpProtocol.Tcp, states: 1 << K.TCP_LISTEN }, seen);
      collect(socket, { family, protocol: IpProtocol.Udp, states: 1 << K.TCP_CLOSE }, seen);
    }
    return [...seen].map((packed) => ({ protocol: packed >>> 16, port: packed & 0xffff }));
  } finally {
    socket.close();
  }
}

interface Query {
  readonly family: number;
  readonly protocol: number;
  readonly states: number;
}

function collect(socket: NetlinkSocket, query: Query, into: Set<number>): void {
  const request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);
  request.writeUInt8(query.family, 0);
  request.writeUInt8(query.protocol, 1);
  request.writeUInt32LE(query.states, 4);
  const message = new NetlinkWriter()
    .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST | K.NLM_F_DUMP, socket.nextSequence())
    .raw(request)
    .finish();
  socket.request(message, ({ bytes, at, end }) => {
    if (end - at < K.INET_DIAG_MSG_BYTES) return;
    const port = bytes.readUInt16BE(at + K.INET_DIAG_MSG_SPORT_AT);
    if (port !== 0) into.add((query.protocol << 16) | port);
  });
}
