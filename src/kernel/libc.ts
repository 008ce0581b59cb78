// The C library through koffi: sockets, file locks, poll. Thin: each function does one call and turns a failure into
// a KernelError. Buffers passed in are used during the call only.
import { constants } from "node:fs";
import koffi from "koffi";
import * as K from "./constants.ts";
import { errnoName, KernelError, remedyFor } from "./errors.ts";

const libc = koffi.load("libc.so.6");
const c = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t bytes)"),
  connect: libc.func("int connect(int fd, const void *address, uint32_t bytes)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)"),
  recv: libc.func("int64_t recv(int fd, void *buffer, size_t bytes, int flags)"),
  send: libc.func("int64_t send(int fd, const void *buffer, size_t bytes, int flags)"),
  sendto: libc.func(
    "int64_t sendto(int fd, const void *buffer, size_t bytes, int flags, const void *to, uint32_t toBytes)",
  ),
  close: libc.func("int close(int fd)"),
  open: libc.func("int open(const char *path, int flags, uint32_t mode)"),
  flock: libc.func("int flock(int fd, int operation)"),
};

function refuse(what: string): never {
  const code = errnoName(koffi.errno());
  throw new KernelError(what, code, remedyFor(code));
}

export function openSocket(domain: number, type: number, protocol: number): number {
  const fd: number = c.socket(domain, type | K.SOCK_CLOEXEC, protocol);
  if (fd < 0) refuse(`cannot open a socket (domain ${domain}, protocol ${protocol})`);
  return fd;
}

/** The descriptor, or minus the errno: for those whom a lack of descriptors must not stop. */
export function tryOpenSocket(domain: number, type: number, protocol: number): number {
  const fd: number = c.socket(domain, type | K.SOCK_CLOEXEC, protocol);
  return fd < 0 ? -koffi.errno() : fd;
}

export function bindSocket(fd: number, address: Uint8Array, what: string): void {
  if (c.bind(fd, address, address.length) !== 0) refuse(`cannot bind ${what}`);
}

/** Returns the errno, 0 when connected: an absent syslog socket is an expected outcome. */
export function connectSocket(fd: number, address: Uint8Array): number {
  return c.connect(fd, address, address.length) === 0 ? 0 : koffi.errno();
}

export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  if (c.setsockopt(fd, level, name, bytes, 4) !== 0) refuse(`cannot set socket option ${level}/${name} to ${value}`);
}

/** Receive time-out: struct timeval of two 64-bit words on every 64-bit Linux. */
export function setReceiveTimeout(fd: number, milliseconds: number): void {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1000)), 0);
  bytes.writeBigInt64LE(BigInt((milliseconds % 1000) * 1000), 8);
  if (c.setsockopt(fd, K.SOL_SOCKET, K.SO_RCVTIMEO, bytes, 16) !== 0) refuse("cannot set a receive time-out");
}

/**
 * Bytes received into `buffer`, or minus the errno (-EAGAIN: nothing there). With MSG_TRUNC in `flags` the true
 * length of a datagram is returned, which may exceed the buffer.
 */
export function receive(fd: number, buffer: Uint8Array, flags: number): number {
  const got = Number(c.recv(fd, buffer, buffer.length, flags));
  return got < 0 ? -koffi.errno() : got;
}

/** Bytes sent, or minus the errno. */
export function send(fd: number, bytes: Uint8Array, flags: number): number {
  const sent = Number(c.send(fd, bytes, bytes.length, flags | K.MSG_NOSIGNAL));
  return sent < 0 ? -koffi.errno() : sent;
}

/** Bytes sent, or minus the errno. */
export function sendTo(fd: number, bytes: Uint8Array, to: Uint8Array): number {
  const sent = Number(c.sendto(fd, bytes, bytes.length, K.MSG_NOSIGNAL, to, to.length));
  return sent < 0 ? -koffi.errno() : sent;
}

export function closeFd(fd: number): void {
  c.close(fd);
}

/**
 * Takes an exclusive lock on a file, which the kernel drops when this process ends however it ends.
 * Returns undefined when another process holds it.
 */
export function lockFile(path: string): { close(): void } | undefined {
  // Where others may write, a link in its place would have us make a file elsewhere.
  const fd: number = c.open(
    path,
    K.O_RDWR | K.O_CREAT | K.O_CLOEXEC | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    0o600,
  );
  if (fd < 0) refuse(`cannot open ${path}`);
  if (c.flock(fd, K.LOCK_EX | K.LOCK_NB) === 0) return { close: () => closeFd(fd) };
  const errno = koffi.errno();
  closeFd(fd);
  if (errno === K.EAGAIN) return undefined;
  throw new KernelError(`cannot lock ${path}`, errnoName(errno));
}

interface PollHandle {
  close(): void;
}
type PollCallback = (status: number, events: { readonly readable?: boolean }) => void;
// koffi's typings name one argument; the runtime passes (status, events) (libraries.md, koffi trap 3).
const nodePoll = koffi.node.poll as unknown as (
  fd: number,
  options: { readable: boolean },
  callback: PollCallback,
) => PollHandle;

/**
 * Calls `onReadable` from the event loop whenever `fd` has something to read, until close(). An error of the callback
 * goes to `onError`: koffi itself would swallow it and never call again (trap 2). The caller keeps the result alive:
 * koffi stops polling in silence when its handle is collected (trap 1), so it is also kept in a set here.
 */
export function watchReadable(
  fd: number,
  onReadable: () => void,
  onError: (error: unknown) => void,
): { close(): void } {
  const handle = nodePoll(fd, { readable: true }, () => {
    try {
      onReadable();
    } catch (error) {
      onError(error);
    }
  });
  alive.add(handle);
  return {
    close() {
      if (alive.delete(handle)) handle.close();
    },
  };
}
// The one module-level state: it exists to keep handles from the garbage collector.
const alive = new Set<PollHandle>();
