// One question to the kernel's socket tables (sock_diag without NLM_F_DUMP): would a packet with these addresses and
// ports find a socket? The same look-up that delivers packets, and some 3 us each; and the tables' own lists.
import { IPV4_MAPPED_WORD } from "../wire/address.ts";
import { IpProtocol } from "../wire/packet.ts";
import * as K from "./constants.ts";
import { type NetlinkMessage, NetlinkSocket, NetlinkWriter } from "./netlink.ts";

/** An end of a packet: its address as four words (address.ts), and its port. */
export interface Endpoint {
  readonly address0: number;
  readonly address1: number;
  readonly address2: number;
  readonly address3: number;
  readonly port: number;
}

/** A socket as the kernel lists it. */
export interface ListedSocket {
  readonly protocol: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bound to no address, so that it serves them all; of both families, if it is an IPv6 one. */
  readonly isWildcard: boolean;
}

/** INET_DIAG_NOCOOKIE: any socket that fits. */
const NO_COOKIE = 0xffffffff;
/** struct inet_diag_sockid within the request. */
const SPORT_AT = K.INET_DIAG_REQ_SPORT_AT;
const DPORT_AT = SPORT_AT + 2;
const SRC_AT = SPORT_AT + 4;
const DST_AT = SPORT_AT + 20;
const COOKIE_AT = SPORT_AT + 40;
const ALL_STATES = 0xffffffff;

export class SocketLookup {
  readonly #socket = new NetlinkSocket({ name: "sock_diag", protocol: K.NETLINK_SOCK_DIAG });
  readonly #writer = new NetlinkWriter();
  readonly #request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);

  /** Whether `local` has a socket that takes a packet from `remote`. Throws KernelError when it cannot be asked. */
  finds(protocol: number, remote: Endpoint, local: Endpoint): boolean {
    // TCP takes the socket's view, where the source is our own end; UDP, "for historical reasons" (udp_diag.c), the packet's.
    const isTcp = protocol === IpProtocol.Tcp;
    this.#fill(protocol, isTcp ? local : remote, isTcp ? remote : local);
    const message = this.#writer
      .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST, this.#socket.nextSequence())
      .raw(this.#request)
      .finish();
    return this.#socket.transact(message) === 0;
  }

  #fill(protocol: number, source: Endpoint, destination: Endpoint): void {
    const request = this.#request;
    const isFour = isMapped(source) && isMapped(destination);
    request.fill(0);
    request.writeUInt8(isFour ? K.AF_INET : K.AF_INET6, 0);
    request.writeUInt8(protocol, 1);
    request.writeUInt32LE(ALL_STATES, 4);
    request.writeUInt16BE(source.port, SPORT_AT);
    request.writeUInt16BE(destination.port, DPORT_AT);
    writeAddress(request, SRC_AT, source, isFour);
    writeAddress(request, DST_AT, destination, isFour);
    request.writeUInt32LE(NO_COOKIE, COOKIE_AT);
    request.writeUInt32LE(NO_COOKIE, COOKIE_AT + 4);
  }

  /** TCP sockets in LISTEN and UDP sockets without a remote end. Throws KernelError. */
  listServed(visit: (socket: ListedSocket) => void): void {
    this.#list(IpProtocol.Tcp, 1 << K.TCP_LISTEN, visit);
    this.#list(IpProtocol.Udp, 1 << K.TCP_CLOSE, visit);
  }

  /** Sockets with a remote end: connections, and connected UDP sockets. Throws KernelError. */
  listConnected(visit: (socket: ListedSocket) => void): void {
    this.#list(IpProtocol.Tcp, 1 << K.TCP_ESTABLISHED, visit);
    this.#list(IpProtocol.Udp, 1 << K.TCP_ESTABLISHED, visit);
  }

  #list(protocol: number, states: number, visit: (socket: ListedSocket) => void): void {
    for (const family of [K.AF_INET, K.AF_INET6]) {
      const request = Buffer.alloc(K.INET_DIAG_REQ_V2_BYTES);
      request.writeUInt8(family, 0);
      request.writeUInt8(protocol, 1);
      request.writeUInt32LE(states, 4);
      const message = this.#writer
        .begin(K.SOCK_DIAG_BY_FAMILY, K.NLM_F_REQUEST | K.NLM_F_DUMP, this.#socket.nextSequence())
        .raw(request)
        .finish();
      this.#socket.request(message, (answer) => {
        if (answer.end - answer.at >= K.INET_DIAG_MSG_BYTES) visit(socketOf(protocol, answer));
      });
    }
  }

  close(): void {
    this.#socket.close();
  }
}

function isMapped({ address0, address1, address2 }: Endpoint): boolean {
  return address0 === 0 && address1 === 0 && address2 === IPV4_MAPPED_WORD;
}

function writeAddress(request: Buffer, at: number, end: Endpoint, isFour: boolean): void {
  if (isFour) {
    request.writeUInt32BE(end.address3, at);
    return;
  }
  request.writeUInt32BE(end.address0, at);
  request.writeUInt32BE(end.address1, at + 4);
  request.writeUInt32BE(end.address2, at + 8);
  request.writeUInt32BE(end.address3, at + 12);
}

function socketOf(protocol: number, { bytes, at }: NetlinkMessage): ListedSocket {
  const isFour = bytes.readUInt8(at) === K.AF_INET;
  const sourceAt = at + K.INET_DIAG_MSG_SPORT_AT;
  const end = (addressAt: number, portAt: number): Endpoint => {
    const word = (index: number) => bytes.readUInt32BE(addressAt + 4 * index);
    const port = bytes.readUInt16BE(portAt);
    return isFour
      ? { address0: 0, address1: 0, address2: IPV4_MAPPED_WORD, address3: word(0), port }
      : { address0: word(0), address1: word(1), address2: word(2), address3: word(3), port };
  };
  const local = end(sourceAt + 4, sourceAt);
  const isWildcard =
    local.address3 === 0 && (isFour || (local.address0 === 0 && local.address1 === 0 && local.address2 === 0));
  return { protocol, local, remote: end(at + K.INET_DIAG_MSG_DST_AT, sourceAt + 2), isWildcard };
}
