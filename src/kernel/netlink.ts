// Netlink messages: a writer into one buffer, a walker over received ones, and a socket with request and dump.
// Attribute values are host order (little-endian: checked at start) except where nfnetlink asks for network order.
//
//   | u32 length | u16 type | u16 flags | u32 sequence | u32 port id |  family header ...  attributes ...
//   attribute: | u16 length incl. header | u16 type | value ... | padding to 4 |
import * as K from "./constants.ts";
import { errnoName, KernelError, remedyFor } from "./errors.ts";
import * as libc from "./libc.ts";

export function align4(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** Builds one message at a time; `finish()` gives a view that is valid until the next `begin()`. */
export class NetlinkWriter {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(capacityBytes = 4096) {
    this.#buffer = Buffer.alloc(capacityBytes);
  }

  begin(type: number, flags: number, sequence: number): this {
    this.#buffer.fill(0, 0, K.NLMSG_HEADER_BYTES);
    this.#buffer.writeUInt16LE(type, 4);
    this.#buffer.writeUInt16LE(flags, 6);
    this.#buffer.writeUInt32LE(sequence, 8);
    this.#at = K.NLMSG_HEADER_BYTES;
    return this;
  }

  /** The length so far, for an attribute or a message whose length is filled in later. */
  get length(): number {
    return this.#at;
  }

  /** struct nfgenmsg behind the header. */
  nfgen(family: number, resourceId: number): this {
    this.#buffer.writeUInt8(family, this.#at);
    this.#buffer.writeUInt8(0, this.#at + 1);
    this.#buffer.writeUInt16BE(resourceId, this.#at + 2);
    this.#at += K.NFGENMSG_BYTES;
    return this;
  }

  raw(bytes: Uint8Array): this {
    const next = this.#at + align4(bytes.length);
    this.#mustFit(next);
    this.#buffer.fill(0, next - (next > this.#at ? 4 : 0), next);
    this.#buffer.set(bytes, this.#at);
    this.#at = next;
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const at = this.#head(type, value.length);
    for (let index = 0; index < value.length; index++) this.#buffer[at + index] = value[index] ?? 0;
    return this;
  }

  u8(type: number, value: number): this {
    this.#buffer.writeUInt8(value, this.#head(type, 1));
    return this;
  }

  u16be(type: number, value: number): this {
    this.#buffer.writeUInt16BE(value, this.#head(type, 2));
    return this;
  }

  u32be(type: number, value: number): this {
    this.#buffer.writeUInt32BE(value, this.#head(type, 4));
    return this;
  }

  u64be(type: number, value: number): this {
    const at = this.#head(type, 8);
    this.#buffer.writeUInt32BE(Math.floor(value / 2 ** 32), at);
    this.#buffer.writeUInt32BE(value % 2 ** 32, at + 4);
    return this;
  }

  text(type: number, value: string): this {
    this.#buffer.write(`${value}\0`, this.#head(type, value.length + 1), "latin1");
    return this;
  }

  /** Writes an attribute's header and zeroes its padding; returns where the value goes. */
  #head(type: number, valueBytes: number): number {
    const at = this.#at;
    const next = at + K.NLA_HEADER_BYTES + align4(valueBytes);
    this.#mustFit(next);
    this.#buffer.writeUInt16LE(K.NLA_HEADER_BYTES + valueBytes, at);
    this.#buffer.writeUInt16LE(type, at + 2);
    if ((valueBytes & 3) !== 0) this.#buffer.fill(0, next - 4, next);
    this.#at = next;
    return at + K.NLA_HEADER_BYTES;
  }

  #mustFit(bytes: number): void {
    if (bytes > this.#buffer.length) throw new RangeError(`netlink message over ${this.#buffer.length} bytes`);
  }

  /** Opens a nested attribute; give what it returns to `endNested`. */
  beginNested(type: number): number {
    const at = this.#at;
    this.#buffer.writeUInt16LE(type | K.NLA_F_NESTED, at + 2);
    this.#at += K.NLA_HEADER_BYTES;
    return at;
  }

  endNested(at: number): this {
    this.#buffer.writeUInt16LE(this.#at - at, at);
    return this;
  }

  finish(): Uint8Array {
    this.#buffer.writeUInt32LE(this.#at, 0);
    return this.#buffer.subarray(0, this.#at);
  }
}

/** Calls `visit(type, valueAt, valueEnd)` for each attribute in bytes[at..end); stops at the first malformed one. */
export function walkAttributes(
  bytes: Buffer,
  at: number,
  end: number,
  visit: (type: number, valueAt: number, valueEnd: number) => void,
): void {
  let cursor = at;
  while (cursor + K.NLA_HEADER_BYTES <= end) {
    const length = bytes.readUInt16LE(cursor);
    if (length < K.NLA_HEADER_BYTES || cursor + length > end) return;
    visit(bytes.readUInt16LE(cursor + 2) & K.NLA_TYPE_MASK, cursor + K.NLA_HEADER_BYTES, cursor + length);
    cursor += align4(length);
  }
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** Port id of the requester; 0 for the kernel's own notifications. */
  readonly portId: number;
  /** The message's payload lies in bytes[at..end); valid until the next receive. */
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** Splits one received datagram into its messages. */
export function walkMessages(bytes: Buffer, length: number, visit: (message: NetlinkMessage) => void): void {
  let at = 0;
  while (at + K.NLMSG_HEADER_BYTES <= length) {
    const size = bytes.readUInt32LE(at);
    if (size < K.NLMSG_HEADER_BYTES || at + size > length) return;
    visit({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      portId: bytes.readUInt32LE(at + 12),
      bytes,
      at: at + K.NLMSG_HEADER_BYTES,
      end: at + size,
    });
    at += align4(size);
  }
}

/** struct sockaddr_nl: u16 family, u16 pad, u32 port id (0: the kernel picks), u32 multicast groups 1..32. */
function netlinkAddress(groups: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(K.AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

export interface NetlinkOptions {
  /** For error messages: "nfnetlink_log", "route changes" ... */
  readonly name: string;
  readonly protocol: number;
  /** Mask of multicast groups 1..32 to join. */
  readonly groups?: number;
  readonly receiveBufferBytes?: number;
  /** For batches: the largest message that can be sent. */
  readonly sendBufferBytes?: number;
  /** Size of the user-space buffer for one datagram. */
  readonly datagramBytes?: number;
}

const REPLY_TIMEOUT_MS = 2_000;

export class NetlinkSocket {
  readonly fd: number;
  readonly buffer: Buffer;
  readonly #name: string;
  #sequence = 0;

  constructor(options: NetlinkOptions) {
    this.#name = options.name;
    this.buffer = Buffer.alloc(options.datagramBytes ?? 65_536);
    this.fd = libc.openSocket(K.AF_NETLINK, K.SOCK_RAW, options.protocol);
    try {
      libc.bindSocket(this.fd, netlinkAddress(options.groups ?? 0), `the netlink socket for ${options.name}`);
      libc.setReceiveTimeout(this.fd, REPLY_TIMEOUT_MS);
      if (options.receiveBufferBytes !== undefined)
        this.#setBuffer(K.SO_RCVBUFFORCE, K.SO_RCVBUF, options.receiveBufferBytes);
      if (options.sendBufferBytes !== undefined)
        this.#setBuffer(K.SO_SNDBUFFORCE, K.SO_SNDBUF, options.sendBufferBytes);
    } catch (error) {
      libc.closeFd(this.fd);
      throw error;
    }
  }

  /** The FORCE form needs CAP_NET_ADMIN; without it the kernel's limits rmem_max and wmem_max decide. */
  #setBuffer(forced: number, plain: number, bytes: number): void {
    try {
      libc.setSocketOption(this.fd, K.SOL_SOCKET, forced, bytes);
    } catch {
      libc.setSocketOption(this.fd, K.SOL_SOCKET, plain, bytes);
    }
  }

  join(group: number): void {
    libc.setSocketOption(this.fd, K.SOL_NETLINK, K.NETLINK_ADD_MEMBERSHIP, group);
  }

  leave(group: number): void {
    libc.setSocketOption(this.fd, K.SOL_NETLINK, K.NETLINK_DROP_MEMBERSHIP, group);
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  /** Bytes of the next datagram, 0 when there is none, or minus the errno. Never blocks. */
  receive(): number {
    const got = libc.receive(this.fd, this.buffer, K.MSG_DONTWAIT);
    return got === -K.EAGAIN || got === -K.EINTR ? 0 : got;
  }

  /** Sends a request whose answers the caller reads with receive(). Throws KernelError when it cannot be sent. */
  ask(message: Uint8Array): void {
    const sent = libc.send(this.fd, message, 0);
    if (sent < 0) this.#refuse(-sent);
  }

  /** As query(), but throws KernelError on refusal. */
  request(message: Uint8Array, visit: (message: NetlinkMessage) => void = () => undefined): void {
    const errno = this.query(message, visit);
    if (errno !== 0) this.#refuse(errno);
  }

  /**
   * Sends one request and reads until its answer is complete (an acknowledgement, or the end of a dump), at most
   * two seconds per datagram. `visit` sees every message but the closing one. Returns the errno of a refusal, 0 for none:
   * to make an error of each "there is no such element" would cost a look-up three times what the kernel needs. Throws
   * KernelError where nothing can be sent or read.
   */
  query(message: Uint8Array, visit: (message: NetlinkMessage) => void): number {
    const goOn = (answer: NetlinkMessage) => {
      visit(answer);
      return true;
    };
    return this.#read(message, goOn) ?? 0;
  }

  /** As request(), until `visit` says false; then false, and the socket, in which the rest is queued, must be closed. */
  queryUntil(message: Uint8Array, visit: (message: NetlinkMessage) => boolean): boolean {
    const errno = this.#read(message, visit);
    if (errno !== undefined && errno !== 0) this.#refuse(errno);
    return errno !== undefined;
  }

  /** The errno of a refusal, 0 for none; undefined: `visit` has said false. */
  #read(message: Uint8Array, visit: (message: NetlinkMessage) => boolean): number | undefined {
    this.ask(message);
    let refusal: number | undefined;
    let isEnough = false;
    while (refusal === undefined && !isEnough) {
      const got = libc.receive(this.fd, this.buffer, 0);
      if (got === -K.EINTR) continue;
      if (got < 0) this.#refuse(-got);
      walkMessages(this.buffer, got, (answer) => {
        if (answer.type === K.NLMSG_DONE) refusal ??= 0;
        else if (answer.type === K.NLMSG_ERROR) refusal ??= -answer.bytes.readInt32LE(answer.at);
        else if (!isEnough) isEnough = !visit(answer);
      });
    }
    return isEnough ? undefined : refusal;
  }

  /**
   * Sends a batch, whose answers are all queued when send() returns, and reads them. Returns the first errno, 0 for
   * success. Throws KernelError only when nothing could be sent.
   */
  transact(batch: Uint8Array): number {
    const sent = libc.send(this.fd, batch, 0);
    if (sent < 0) this.#refuse(-sent);
    let failed = 0;
    for (;;) {
      const got = this.receive();
      if (got === 0) return failed;
      if (got < 0) return -got;
      walkMessages(this.buffer, got, (answer) => {
        if (answer.type === K.NLMSG_ERROR && failed === 0) failed = -answer.bytes.readInt32LE(answer.at);
      });
    }
  }

  #refuse(errno: number): never {
    const code = errnoName(errno);
    throw new KernelError(`netlink: ${this.#name} refused`, code, remedyFor(code));
  }

  close(): void {
    libc.closeFd(this.fd);
  }
}
