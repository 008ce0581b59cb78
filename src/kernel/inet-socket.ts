// TCP listeners and UDP sockets through libc. Why not node:net: it asks for the peer's address after the accept, and
// the kernel no longer tells it of a connection that was reset meanwhile (ENOTCONN), as `nmap -sT` does: 495 of 500
// were lost. accept4() hands over address and connection at once. Errors are the caller's: minus errno, no throw.
import koffi from "koffi";
import * as K from "./constants.ts";
import { errnoName } from "./errors.ts";
import * as I from "./inet-constants.ts";

const libc = koffi.load("libc.so.6");
const c = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t bytes)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  accept4: libc.func("int accept4(int fd, void *address, void *bytes, int flags)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)"),
  recvmsg: libc.func("int64_t recvmsg(int fd, void *message, int flags)"),
  getsockopt: libc.func("int getsockopt(int fd, int level, int name, void *value, void *bytes)"),
  close: libc.func("int close(int fd)"),
};

/** A socket, or the name of the errno that says why there is none. */
export type Opened = { readonly fd: number } | { readonly code: string };

export interface InetSocketOptions {
  readonly port: number;
  /** True: `::`, which takes IPv4 as well (::ffff:0:0/96). False: 0.0.0.0, for kernels without IPv6. */
  readonly ipv6: boolean;
}

type Option = readonly [level: number, name: number, value: number];

/**
 * Listens with a small queue. Connections that were accepted and closed live on in the kernel until the peer has all
 * that was sent, `lifeSeconds` at most; SO_REUSEADDR, so that connections in TIME_WAIT keep no port from us.
 */
export function listenTcp(options: InetSocketOptions & { backlog: number; lifeSeconds: number }): Opened {
  const life: readonly Option[] = [
    [K.SOL_SOCKET, I.SO_REUSEADDR, 1],
    [I.IPPROTO_TCP, I.TCP_LINGER2, options.lifeSeconds],
    [I.IPPROTO_TCP, I.TCP_USER_TIMEOUT, options.lifeSeconds * 1000],
  ];
  const opened = openBound(I.SOCK_STREAM, options, life);
  if ("code" in opened) return opened;
  if (c.listen(opened.fd, options.backlog) !== 0) return closeAndTell(opened.fd);
  // A host may accept by the first packet on every listener (net.ipv4.tcp_fastopen): a forged one would be a connection.
  // Kernels that do not know the option do not accept so either.
  setOption(opened.fd, [I.IPPROTO_TCP, I.TCP_FASTOPEN, 0]);
  return opened;
}

/** Without SO_REUSEADDR: a UDP port that another program has must not be shared, or each gets half of the datagrams. */
export function bindUdp(options: InetSocketOptions & { receiveBytes: number }): Opened {
  const told: readonly Option[] = [
    [K.SOL_SOCKET, K.SO_RCVBUF, options.receiveBytes],
    [I.IPPROTO_IP, I.IP_PKTINFO, 1],
    ...(options.ipv6 ? [[I.IPPROTO_IPV6, I.IPV6_RECVPKTINFO, 1] as const] : []),
  ];
  return openBound(K.SOCK_DGRAM, options, told);
}

function openBound(type: number, { port, ipv6 }: InetSocketOptions, extra: readonly Option[]): Opened {
  const fd: number = c.socket(ipv6 ? K.AF_INET6 : K.AF_INET, type | K.SOCK_CLOEXEC | K.SOCK_NONBLOCK, 0);
  if (fd < 0) return { code: errnoName(koffi.errno()) };
  const options: readonly Option[] = ipv6 ? [[I.IPPROTO_IPV6, I.IPV6_V6ONLY, 0], ...extra] : extra;
  for (const option of options) if (!setOption(fd, option)) return closeAndTell(fd);
  const address = Buffer.alloc(ipv6 ? I.SOCKADDR_IN6_BYTES : I.SOCKADDR_IN_BYTES);
  address.writeUInt16LE(ipv6 ? K.AF_INET6 : K.AF_INET, 0);
  address.writeUInt16BE(port, I.SOCKADDR_PORT_AT);
  return c.bind(fd, address, address.length) === 0 ? { fd } : closeAndTell(fd);
}

function setOption(fd: number, [level, name, value]: Option): boolean {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return c.setsockopt(fd, level, name, bytes, 4) === 0;
}

function closeAndTell(fd: number): Opened {
  const code = errnoName(koffi.errno());
  c.close(fd);
  return { code };
}

/** Memory that stays where it is: V8 moves small typed arrays about on its own heap, until they have an ArrayBuffer. */
function fixedBuffer(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

/** The other end of a connection: one reused record, overwritten by every accept and receive. */
export class Peer {
  /** The kernel's sockaddr, for an answer with libc.sendTo: `bytes.subarray(0, length)`. */
  readonly bytes = fixedBuffer(I.SOCKADDR_IN6_BYTES);
  length = 0;
  address0 = 0;
  address1 = 0;
  address2 = 0;
  address3 = 0;
  port = 0;

  /** Reads the words out of `bytes`; false if it holds no address of either family. */
  read(length: number): boolean {
    const { bytes } = this;
    this.length = Math.min(length, bytes.length);
    this.port = bytes.readUInt16BE(I.SOCKADDR_PORT_AT);
    const family = this.length < I.SOCKADDR_IN_BYTES ? 0 : bytes.readUInt16LE(0);
    if (family === K.AF_INET) {
      this.#setWords(0, 0, 0xffff, bytes.readUInt32BE(I.SOCKADDR_IN_ADDRESS_AT));
      return true;
    }
    if (family !== K.AF_INET6 || this.length < I.SOCKADDR_IN6_BYTES) return false;
    // An IPv6 packet from ::ffff:a.b.c.d cannot pass for IPv4 here: Linux drops it (since 5.4, ipv6_rcv).
    const at = I.SOCKADDR_IN6_ADDRESS_AT;
    this.#setWords(
      bytes.readUInt32BE(at),
      bytes.readUInt32BE(at + 4),
      bytes.readUInt32BE(at + 8),
      bytes.readUInt32BE(at + 12),
    );
    return true;
  }

  #setWords(w0: number, w1: number, w2: number, w3: number): void {
    this.address0 = w0;
    this.address1 = w1;
    this.address2 = w2;
    this.address3 = w3;
  }
}

/** Accepts one connection: its descriptor, or minus the errno (-EAGAIN: none waits). `known` tells whether by whom. */
export class Acceptor {
  readonly peer = new Peer();
  known = false;
  readonly #length = new Uint32Array(1);
  readonly #info = fixedBuffer(I.TCP_INFO_OPTIONS_AT + 1);

  /**
   * Whether the peer has answered our SYN+ACK. False: the kernel has accepted its first packet already (TCP Fast Open,
   * which net.ipv4.tcp_fastopen can switch on for every listener), and anybody may have forged that.
   */
  isFinished(connection: number): boolean {
    const info = this.#info;
    this.#length[0] = info.length;
    if (c.getsockopt(connection, I.IPPROTO_TCP, I.TCP_INFO, info, this.#length) !== 0) return false;
    // A RST may have ended it meanwhile, so the state alone does not tell; that its SYN's data was taken does.
    return info[0] !== I.TCP_SYN_RECV && ((info[I.TCP_INFO_OPTIONS_AT] ?? 0) & I.TCPI_OPT_SYN_DATA) === 0;
  }

  accept(fd: number): number {
    this.#length[0] = I.SOCKADDR_IN6_BYTES;
    const accepted: number = c.accept4(fd, this.peer.bytes, this.#length, K.SOCK_CLOEXEC | K.SOCK_NONBLOCK);
    if (accepted < 0) return -koffi.errno();
    this.known = this.peer.read(this.#length[0] ?? 0);
    return accepted;
  }
}

const CONTROL_BYTES = 128;

/**
 * Takes datagrams off a socket without reading them: their length, their sender, and whether they were sent to this
 * host alone. One struct msghdr, pointed at our own buffers once, serves for all.
 */
export class Inbox {
  readonly peer = new Peer();
  /** False for a broadcast or multicast, which names nobody as its target. */
  toUsAlone = false;
  readonly #data = fixedBuffer(1);
  readonly #control = fixedBuffer(CONTROL_BYTES);
  readonly #iov = fixedBuffer(16);
  readonly #message = fixedBuffer(I.MSGHDR_BYTES);

  constructor() {
    const message = this.#message;
    this.#iov.writeBigUInt64LE(koffi.address(this.#data), 0);
    this.#iov.writeBigUInt64LE(BigInt(this.#data.length), 8);
    message.writeBigUInt64LE(koffi.address(this.peer.bytes), 0);
    message.writeBigUInt64LE(koffi.address(this.#iov), I.MSGHDR_IOV_AT);
    message.writeBigUInt64LE(1n, I.MSGHDR_IOV_COUNT_AT);
    message.writeBigUInt64LE(koffi.address(this.#control), I.MSGHDR_CONTROL_AT);
  }

  /** The datagram's true length in bytes, or minus the errno (-EAGAIN: none waits). */
  receive(fd: number): number {
    // The kernel writes the true lengths back into these two.
    this.#message.writeUInt32LE(I.SOCKADDR_IN6_BYTES, I.MSGHDR_NAME_BYTES_AT);
    this.#message.writeUInt32LE(CONTROL_BYTES, I.MSGHDR_CONTROL_BYTES_AT);
    const bytes = Number(c.recvmsg(fd, this.#message, K.MSG_DONTWAIT | K.MSG_TRUNC));
    if (bytes < 0) return -koffi.errno();
    this.toUsAlone = this.#isToUsAlone(this.#message.readUInt32LE(I.MSGHDR_CONTROL_BYTES_AT));
    return this.peer.read(this.#message.readUInt32LE(I.MSGHDR_NAME_BYTES_AT)) ? bytes : -K.EAGAIN;
  }

  #isToUsAlone(end: number): boolean {
    const control = this.#control;
    for (let at = 0; at + I.CMSGHDR_BYTES <= end; ) {
      const length = control.readUInt32LE(at);
      if (length < I.CMSGHDR_BYTES || at + length > end) return true;
      const value = at + I.CMSGHDR_BYTES;
      const level = control.readInt32LE(at + 8);
      const type = control.readInt32LE(at + 12);
      if (level === I.IPPROTO_IP && type === I.IP_PKTINFO) {
        const local = control.readUInt32BE(value + I.IN_PKTINFO_LOCAL_AT);
        return local === control.readUInt32BE(value + I.IN_PKTINFO_DESTINATION_AT);
      }
      if (level === I.IPPROTO_IPV6 && type === I.IPV6_PKTINFO && control[value] === 0xff) return false;
      at += (length + 7) & ~7;
    }
    return true;
  }
}
