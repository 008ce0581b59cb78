// Whose socket a connection is that this host has begun (sock_diag without NLM_F_DUMP): one look-up in the kernel's tables.
import { isIpv4, type Prefix } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter, walkAttributes } from "./netlink.ts";

/** One end of a TCP connection. */
interface SocketEnd {
  readonly address: Prefix;
  readonly port: number;
}

export interface SocketOwner {
  /** By which /proc/PID/fd names the socket; never 0. */
  readonly inode: number;
  readonly uid: number;
  /** Of the control group (version 2) in which it was made, 0 where the kernel does not say. */
  readonly cgroup: number;
}

/** INET_DIAG_NOCOOKIE: any socket that fits. */
const NO_COOKIE = 0xffffffff;
/** struct inet_diag_sockid within the request. */
const SPORT_AT = K.INET_DIAG_REQ_SPORT_AT;
const ADDRESSES_AT = SPORT_AT + 4;
const ADDRESS_BYTES = 16;
const COOKIE_AT = ADDRESSES_AT + 2 * ADDRESS_BYTES + 4;

export class SocketOwners {
  readonly #socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });

  /** undefined: there is no such socket any more, no program has it, or it cannot be asked for. */
  ownerOf(local: SocketEnd, remote: SocketEnd): SocketOwner | undefined {
    let owner: SocketOwner | undefined;
    const message = new NetlinkWriter()
      .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST | K.NLM_F_ACK, this.#socket.nextSequence())
      .raw(requestOf(local, remote))
      .finish();
    this.#socket.query(message, ({ bytes, at, end }) => {
      if (end - at < K.INET_DIAG_MSG_BYTES) return;
      const inode = bytes.readUInt32LE(at + K.INET_DIAG_MSG_INODE_AT);
      if (inode === 0) return;
      let cgroup = 0;
      walkAttributes(bytes, at + K.INET_DIAG_MSG_BYTES, end, (kind, valueAt, valueEnd) => {
        if (kind === K.INET_DIAG_CGROUP_ID && valueEnd - valueAt === 8) cgroup = Number(bytes.readBigUInt64LE(valueAt));
      });
      owner = { inode, uid: bytes.readUInt32LE(at + K.INET_DIAG_MSG_UID_AT), cgroup };
    });
    return owner;
  }

  close(): void {
    this.#socket.close();
  }
}

function requestOf(local: SocketEnd, remote: SocketEnd): Uint8Array {
  const request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);
  request.writeUInt8(isIpv4(local.address) ? K.AF_INET : K.AF_INET6, 0);
  request.writeUInt8(IpProtocol.Tcp, 1);
  request.writeUInt32LE(0xffffffff, 4);
  request.writeUInt16BE(local.port, SPORT_AT);
  request.writeUInt16BE(remote.port, SPORT_AT + 2);
  for (const [index, { address }] of [local, remote].entries()) {
    const { w0, w1, w2, w3 } = address;
    const words = isIpv4(address) ? [w3] : [w0, w1, w2, w3];
    for (const [word, value] of words.entries())
      request.writeUInt32BE(value >>> 0, ADDRESSES_AT + index * ADDRESS_BYTES + 4 * word);
  }
  request.writeUInt32LE(NO_COOKIE, COOKIE_AT);
  request.writeUInt32LE(NO_COOKIE, COOKIE_AT + 4);
  return request;
}
