// A flood of SYNs from distinct, valid, random-looking IPv4 sources, much faster than trafgen: a block of prebuilt frames
// is changed in place (checksums too) and handed to the kernel by one sendmmsg. One IP address never comes twice in a run.
// As a program, in the namespace of the sender, ends by itself and prints one JSON line (FloodResult):
//   node build/test/support/flood-sender.js --dev link0 --mac 02:00:00:00:00:01 --to 198.51.100.1 --count 1000000
//     [--port 23 (0: a random one each)] [--first 0 (where in the sequence of sources to begin)] [--rate PPS]
//
//   frame: | ethernet 14 | IPv4 20 | TCP 20 + MSS option 4 |  58 bytes, one behind the other
import { parseArgs } from "node:util";
import koffi from "koffi";
import { type Prefix, parseAddress } from "../../src/wire/address.ts";
import { checksumInternet } from "./checksum.ts";
import { interfaceIndex } from "./interface-index.ts";

export interface Flood {
  readonly device: string;
  /** Whom the frames are for on that link. */
  readonly mac: string;
  readonly to: string;
  readonly count: number;
  /** 0: another one in each packet. */
  readonly port?: number;
  /** Where in the sequence of sources to begin: runs that do not overlap have no source in common. */
  readonly first?: number;
  /** Packets a second; as fast as it goes when absent. */
  readonly perSecond?: number;
}

export interface FloodResult {
  readonly sent: number;
  /** Frames that the kernel did not take; they were tried again. */
  readonly refused: number;
  readonly seconds: number;
  /** process.hrtime() when the first frame was handed over, in ns: comparable between processes of one machine. */
  readonly startedNs: number;
}

const FRAME_BYTES = 58;
const IP = 14;
const TCP = 34;
const IP_CHECKSUM = IP + 10;
const SOURCE = IP + 12;
const TCP_CHECKSUM = TCP + 16;
const BLOCK_FRAMES = 128;
/** struct mmsghdr and struct iovec on 64-bit Linux. */
const MMSGHDR_BYTES = 64;
const IOVEC_BYTES = 16;
const IOV_IN_MMSGHDR = 16;
const IOVLEN_IN_MMSGHDR = 24;

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
const ENOBUFS = 105;
const EAGAIN = 11;

/** Ranges that no packet of the outside world comes from, or that a lab has for itself. */
const namedRanges: readonly (readonly [string, number])[] = [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
];
const notOutside = namedRanges.map(([text, bits]) => ({ network: ipv4(text), bits }));

/** Whether a host on the internet may have the address: what the kernel drops as a martian is none. */
export function isOutside(address: number): boolean {
  const first = address >>> 24;
  if (first === 0 || first >= 224) return false;
  return !notOutside.some(({ network, bits }) => (address ^ network) >>> (32 - bits) === 0);
}

/** A bijection of the 32-bit numbers, so that no two counters give one address; neighbours end up far apart. */
export function scramble(counter: number): number {
  let x = counter >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The distinct valid sources in their order; `next()` is the following one. */
export class Sources {
  #counter: number;
  /** By the first 16 bits of an address: 0 all outside, 1 none, 2 to be looked at. */
  readonly #kinds = kindsOfSixteenBits();

  constructor(first = 0) {
    this.#counter = first;
  }

  next(): number {
    for (;;) {
      const address = scramble(this.#counter++);
      const kind = this.#kinds[address >>> 16];
      if (kind === 0 || (kind === 2 && isOutside(address))) return address;
    }
  }
}

function kindsOfSixteenBits(): Uint8Array {
  const kinds = new Uint8Array(0x10000);
  for (let high = 0; high < kinds.length; high++) {
    const address = high * 0x10000;
    if (!isOutside(address)) kinds[high] = 1;
    if (notOutside.some(({ network, bits }) => bits > 16 && network >>> 16 === high)) kinds[high] = 2;
  }
  return kinds;
}

/** Sends the flood in the calling process's network namespace; needs root. Throws when the kernel refuses to. */
export function sendFlood(flood: Flood): FloodResult {
  const sender = new FloodSender(flood);
  const sources = new Sources(flood.first);
  const started = performance.now();
  const startedNs = Number(process.hrtime.bigint());
  let sent = 0;
  let refused = 0;
  try {
    while (sent < flood.count) {
      const frames = Math.min(BLOCK_FRAMES, flood.count - sent);
      refused += sender.send(frames, sources, flood.port ?? 23);
      sent += frames;
      if (flood.perSecond !== undefined) waitUntil(started + (sent / flood.perSecond) * 1000);
    }
  } finally {
    sender.close();
  }
  return { sent, refused, seconds: (performance.now() - started) / 1000, startedNs };
}

/** The socket and the frames. To close a packet socket takes the kernel some 10 ms: one for many sendings. */
export class FloodSender {
  readonly #socket: ReturnType<typeof openPacketSocket>;
  readonly #block: FrameBlock;

  constructor(to: Pick<Flood, "device" | "mac" | "to">) {
    this.#socket = openPacketSocket(to.device);
    this.#block = new FrameBlock(to.mac, ipv4(to.to));
  }

  /** Sends one SYN each from the next `frames` sources, at most 128; answers how often the kernel had no room. */
  send(frames: number, sources: Sources, port: number): number {
    let refused = 0;
    this.#block.fill(frames, sources, port);
    for (let at = 0; at < frames; ) {
      at += this.#socket.send(this.#block.messages, at, frames - at);
      if (at < frames) refused++;
    }
    return refused;
  }

  close(): void {
    this.#socket.close();
    this.#block.free();
  }
}

/** Sleeps: a busy sender would take the core from those whom it floods. */
function waitUntil(timeMs: number): void {
  const left = timeMs - performance.now();
  if (left > 0.2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, left);
}

/** Frames and the message headers that point to them, in memory of the C library: it does not move. */
class FrameBlock {
  /** struct mmsghdr[BLOCK_FRAMES]. */
  readonly messages: bigint;
  readonly #memory: unknown;
  readonly #frames: Uint8Array;
  readonly #ipSum: number;
  readonly #tcpSum: number;

  constructor(mac: string, to: number) {
    const headerBytes = BLOCK_FRAMES * (MMSGHDR_BYTES + IOVEC_BYTES);
    const bytes = headerBytes + BLOCK_FRAMES * FRAME_BYTES;
    this.#memory = koffi.alloc("uint8_t", bytes);
    this.messages = koffi.address(this.#memory);
    const view = koffi.view(this.#memory, bytes);
    new Uint8Array(view).fill(0);
    this.#frames = new Uint8Array(view, headerBytes);
    const headers = new DataView(view, 0, headerBytes);
    const template = frameTemplate(mac, to);
    for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
      const iovecAt = BLOCK_FRAMES * MMSGHDR_BYTES + frame * IOVEC_BYTES;
      headers.setBigUint64(frame * MMSGHDR_BYTES + IOV_IN_MMSGHDR, this.messages + BigInt(iovecAt), true);
      headers.setBigUint64(frame * MMSGHDR_BYTES + IOVLEN_IN_MMSGHDR, 1n, true);
      headers.setBigUint64(iovecAt, this.messages + BigInt(headerBytes + frame * FRAME_BYTES), true);
      headers.setBigUint64(iovecAt + 8, BigInt(FRAME_BYTES), true);
      this.#frames.set(template, frame * FRAME_BYTES);
    }
    // What does not change from frame to frame, summed up once (RFC 1624: a sum is a sum of its parts).
    const addresses = template.subarray(SOURCE, SOURCE + 8);
    this.#ipSum = ~checksumInternet([template.subarray(IP, TCP)]) & 0xffff;
    this.#tcpSum = ~checksumInternet([addresses, Uint8Array.of(0, 6, 0, FRAME_BYTES - TCP), template.subarray(TCP)]);
    this.#tcpSum &= 0xffff;
  }

  fill(frames: number, sources: Sources, port: number): void {
    const bytes = this.#frames;
    for (let frame = 0, at = 0; frame < frames; frame++, at += FRAME_BYTES) {
      const source = sources.next();
      // Another 32 bits that look random and follow from the address: source port, sequence number.
      const noise = Math.imul(source, 0x9e3779b1) >>> 0;
      const sourcePort = 1024 + (noise % 60_000);
      const toPort = port === 0 ? 1 + ((noise >>> 8) % 65_535) : port;
      const addressSum = (source >>> 16) + (source & 0xffff);
      put32(bytes, at + SOURCE, source);
      put16(bytes, at + TCP, sourcePort);
      put16(bytes, at + TCP + 2, toPort);
      put32(bytes, at + TCP + 4, noise);
      put16(bytes, at + IP_CHECKSUM, fold(this.#ipSum + addressSum));
      const sum = this.#tcpSum + addressSum + sourcePort + toPort + (noise >>> 16) + (noise & 0xffff);
      put16(bytes, at + TCP_CHECKSUM, fold(sum));
    }
  }

  free(): void {
    koffi.free(this.#memory);
  }
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ~(once + (once >>> 16)) & 0xffff;
}

/** A SYN with an MSS option, as most stacks send it; source, ports, sequence and both checksums are still 0. */
function frameTemplate(mac: string, to: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  frame.set(mac.split(":").map((part) => Number.parseInt(part, 16)));
  frame.set([0x02, 0, 0, 0, 0xf1, 0x0d, 0x08, 0x00], 6);
  frame.set([0x45, 0, 0, FRAME_BYTES - IP, 0, 0, 0x40, 0, 64, 6], IP);
  put32(frame, SOURCE + 4, to);
  frame.set([0x60, 0x02, 0xfa, 0xf0, 0, 0, 0, 0, 2, 4, 0x05, 0xb4], TCP + 12);
  return frame;
}

function openPacketSocket(device: string) {
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int domain, int type, int protocol)");
  const bind = libc.func("int bind(int fd, const void *address, uint32_t bytes)");
  const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t bytes)");
  const sendmmsg = libc.func("int sendmmsg(int fd, void *messages, unsigned int count, int flags)");
  const closeFd = libc.func("int close(int fd)");
  // Protocol 0: it sends and receives nothing.
  const fd: number = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) throw new Error(`flood: cannot open a packet socket: errno ${koffi.errno()}; needs root`);
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, on, 4);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeInt32LE(interfaceIndex(device), 4);
  if (bind(fd, address, 20) !== 0) throw new Error(`flood: cannot bind to ${device}: errno ${koffi.errno()}`);
  return {
    /** Frames that went; 0 when the kernel has no room at the moment. */
    send(messages: bigint, at: number, count: number): number {
      const taken: number = sendmmsg(fd, messages + BigInt(at * MMSGHDR_BYTES), count, 0);
      if (taken >= 0) return taken;
      const errno = koffi.errno();
      if (errno === ENOBUFS || errno === EAGAIN) return 0;
      throw new Error(`flood: cannot send: errno ${errno}`);
    },
    close: () => void closeFd(fd),
  };
}

function ipv4(text: string): number {
  const address: Prefix | undefined = parseAddress(text);
  if (address === undefined) throw new Error(`flood: "${text}" is no address`);
  return address.w3;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value);
}

function main(): void {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { dev: text, mac: text, to: text, count: text, port: text, first: text, rate: text },
  });
  const { dev = "", mac = "", to = "", count, port, first, rate } = values;
  const flood = {
    device: dev,
    mac,
    to,
    count: Number(count ?? 1),
    port: Number(port ?? 23),
    first: Number(first ?? 0),
  };
  const result = sendFlood(rate === undefined ? flood : { ...flood, perSecond: Number(rate) });
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

if (process.argv[1] === import.meta.filename) main();
