// eventfd(2): how one thread wakes another one's event loop, or its poll. The descriptor belongs to the process, so a
// worker needs only its number.
import koffi from "koffi";
import { errnoName, KernelError } from "./errors.ts";
import { closeFd } from "./libc.ts";
import * as P from "./packet-constants.ts";

const libc = koffi.load("libc.so.6");
const c = {
  eventfd: libc.func("int eventfd(uint32_t first, int flags)"),
  read: libc.func("int64_t read(int fd, void *buffer, size_t bytes)"),
  write: libc.func("int64_t write(int fd, const void *buffer, size_t bytes)"),
};
const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
const taken = Buffer.alloc(8);

export class EventFd {
  readonly fd: number;

  /** Throws KernelError. */
  constructor() {
    this.fd = c.eventfd(0, P.EFD_CLOEXEC | P.EFD_NONBLOCK);
    if (this.fd < 0) throw new KernelError("cannot make an eventfd", errnoName(koffi.errno()));
  }

  signal(): void {
    signalEvent(this.fd);
  }

  /** Makes it unreadable until the next signal. */
  drain(): void {
    c.read(this.fd, taken, 8);
  }

  close(): void {
    closeFd(this.fd);
  }
}

export function signalEvent(fd: number): void {
  c.write(fd, one, 8);
}
