// A TCP listener that connections to any address and port can be handed to by tproxy (IP_TRANSPARENT; needs
// CAP_NET_ADMIN). Apart from that its options are a new socket's, so that its SYN+ACK is that of any listener.
import koffi from "koffi";
import * as K from "./constants.ts";
import { errnoName } from "./errors.ts";
import * as I from "./inet-constants.ts";
import { Peer } from "./inet-socket.ts";

const libc = koffi.load("libc.so.6");
const c = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t bytes)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *bytes)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)"),
  close: libc.func("int close(int fd)"),
};

export type Listening = { readonly fd: number; readonly port: number } | { readonly code: string };

/** Takes a free port of 127.0.0.1 or ::1. `mark` is on all that it sends. */
export function listenTransparent(options: { ipv6: boolean; mark: number; backlog: number }): Listening {
  const { ipv6, mark, backlog } = options;
  const fd: number = c.socket(ipv6 ? K.AF_INET6 : K.AF_INET, I.SOCK_STREAM | K.SOCK_CLOEXEC | K.SOCK_NONBLOCK, 0);
  if (fd < 0) return { code: errnoName(koffi.errno()) };
  const transparent = ipv6
    ? ([I.IPPROTO_IPV6, I.IPV6_TRANSPARENT] as const)
    : ([I.IPPROTO_IP, I.IP_TRANSPARENT] as const);
  const done =
    setOption(fd, transparent, 1) &&
    setOption(fd, [K.SOL_SOCKET, I.SO_MARK], mark) &&
    (!ipv6 || setOption(fd, [I.IPPROTO_IPV6, I.IPV6_V6ONLY], 1)) &&
    c.bind(fd, loopback(ipv6), ipv6 ? I.SOCKADDR_IN6_BYTES : I.SOCKADDR_IN_BYTES) === 0 &&
    c.listen(fd, backlog) === 0;
  const port = done ? new LocalEnd().portOf(fd) : 0;
  if (port > 0) return { fd, port };
  const code = errnoName(koffi.errno());
  c.close(fd);
  return { code };
}

function loopback(ipv6: boolean): Buffer {
  const address = Buffer.alloc(ipv6 ? I.SOCKADDR_IN6_BYTES : I.SOCKADDR_IN_BYTES);
  address.writeUInt16LE(ipv6 ? K.AF_INET6 : K.AF_INET, 0);
  if (ipv6) address[I.SOCKADDR_IN6_ADDRESS_AT + 15] = 1;
  else address.writeUInt32BE(0x7f000001, I.SOCKADDR_IN_ADDRESS_AT);
  return address;
}

function setOption(fd: number, [level, name]: readonly [number, number], value: number): boolean {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return c.setsockopt(fd, level, name, bytes, 4) === 0;
}

/** Which address and port of ours a connection was made to: of a diverted one, those that its client asked for. */
export class LocalEnd {
  /** The result of the last call of portOf(). */
  readonly end = new Peer();
  readonly #length = new Uint32Array(1);

  /** 0 if the kernel does not say. */
  portOf(fd: number): number {
    this.#length[0] = I.SOCKADDR_IN6_BYTES;
    if (c.getsockname(fd, this.end.bytes, this.#length) !== 0) return 0;
    return this.end.read(this.#length[0] ?? 0) ? this.end.port : 0;
  }
}

/** Bounds how long the kernel keeps a connection that is about to be closed; not inherited from the listener. */
export function limitLife(fd: number, seconds: number): void {
  setOption(fd, [I.IPPROTO_TCP, I.TCP_LINGER2], seconds);
  setOption(fd, [I.IPPROTO_TCP, I.TCP_USER_TIMEOUT], seconds * 1000);
}
