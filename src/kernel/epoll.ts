// One descriptor for thousands: an epoll set, itself watched by the event loop (libc.watchReadable), says which of its
// members have something to read. Level-triggered: a member that is not emptied is named again. Closing a member removes it.
import koffi from "koffi";
import * as K from "./constants.ts";
import { errnoName, KernelError } from "./errors.ts";
import * as I from "./inet-constants.ts";
import { closeFd } from "./libc.ts";

const libc = koffi.load("libc.so.6");
const c = {
  epoll_create1: libc.func("int epoll_create1(int flags)"),
  epoll_ctl: libc.func("int epoll_ctl(int set, int operation, int fd, void *event)"),
  epoll_wait: libc.func("int epoll_wait(int set, void *events, int count, int timeoutMs)"),
};

/** struct epoll_event { u32 events; u64 data }: packed on x86-64, and nowhere else. */
const DATA_AT = process.arch === "x64" ? 4 : 8;
const EVENT_BYTES = DATA_AT + 8;

export class EpollSet {
  readonly fd: number;
  readonly #event = Buffer.alloc(EVENT_BYTES);
  readonly #events: Buffer;
  readonly #capacity: number;

  /** `capacity`: how many members one wait() can name. Throws KernelError. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#events = Buffer.alloc(capacity * EVENT_BYTES);
    this.fd = c.epoll_create1(I.EPOLL_CLOEXEC);
    if (this.fd < 0) throw new KernelError("cannot make an epoll set", errnoName(koffi.errno()));
  }

  /** "", or the name of the errno: ENOSPC where fs.epoll.max_user_watches is reached. */
  add(fd: number): string {
    this.#event.writeUInt32LE(I.EPOLLIN, 0);
    this.#event.writeUInt32LE(fd, DATA_AT);
    return c.epoll_ctl(this.fd, I.EPOLL_CTL_ADD, fd, this.#event) === 0 ? "" : errnoName(koffi.errno());
  }

  remove(fd: number): void {
    c.epoll_ctl(this.fd, I.EPOLL_CTL_DEL, fd, this.#event);
  }

  /** How many members are readable now, up to the capacity; never waits. */
  ready(): number {
    const count: number = c.epoll_wait(this.fd, this.#events, this.#capacity, 0);
    if (count >= 0) return count;
    const errno = koffi.errno();
    if (errno === K.EINTR) return 0;
    throw new KernelError("cannot ask the epoll set", errnoName(errno));
  }

  /** The descriptor of the `index`-th of those that ready() counted. */
  at(index: number): number {
    return this.#events.readUInt32LE(index * EVENT_BYTES + DATA_AT);
  }

  close(): void {
    closeFd(this.fd);
  }
}
