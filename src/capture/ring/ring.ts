// Packets from the interfaces themselves, through packet rings (kernel/packet-ring.ts) that a thread of their own walks:
// for hosts where the kernel's sensor cannot be had, and for mirror ports. Interfaces may come and go meanwhile.
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { EventFd } from "../../kernel/event-fd.ts";
import { watchReadable } from "../../kernel/libc.ts";
import { PacketSocket, type RingGeometry } from "../../kernel/packet-socket.ts";
import type { PacketSink, PacketSource } from "../packet-source.ts";
import { buildHostFilter, buildTapFilter, type HostFilter, type LinkFilter, type TapFilter } from "./probe-filter.ts";
import { type InterfaceChoice, type InterfaceReport, RingInterfaces } from "./ring-interfaces.ts";
import type { RingJob } from "./ring-job.ts";
import { createSharedRing, type RecordVisitor, type SharedRingMemory, SharedRingReader } from "./shared-ring.ts";

/** Gets the frames of a tap; bytes[at..end) is valid during the call only. */
export interface RingFrameSink {
  /** `linkType`: LINKTYPE_ETHERNET (1; the outermost VLAN tag is off) or LINKTYPE_RAW (101). */
  frame(bytes: Uint8Array, at: number, end: number, linkType: number, timeMs: number): void;
  batchEnd(): void;
}

export type RingFilter =
  | ({ readonly mode: "host" } & Omit<HostFilter, keyof LinkFilter>)
  | ({ readonly mode: "tap" } & Omit<TapFilter, keyof LinkFilter>);

export interface RingOptions {
  readonly interfaces: InterfaceChoice;
  readonly filter: RingFilter;
  /** Bytes of each packet from the IP header on. */
  readonly snapBytes: number;
  readonly report: InterfaceReport;
  readonly geometry?: RingGeometry;
  /** Bytes of the queue between the two threads: a power of two. */
  readonly queueBytes?: number;
}

/** 16 MiB of the kernel's memory for each ring: 0.2 s of 500,000 SYNs a second. */
const GEOMETRY: RingGeometry = { blockBytes: 131_072, blocks: 128, retireMs: 2 };
/** Memory is taken as it is used: 0.5 s of such a flood, in which the main thread may be busy. */
const QUEUE_BYTES = 16 << 20;
/** Packets in one go before the event loop gets its turn. */
const PACKETS_PER_TURN = 2_048;
const MS = 1_000;

export class RingSource implements PacketSource {
  readonly name = "ring";
  trouble = "";
  readonly #options: RingOptions;
  readonly #geometry: RingGeometry;
  readonly #memory: SharedRingMemory;
  readonly #reader: SharedRingReader;
  readonly #sockets: PacketSocket[] = [];
  readonly #interfaces: RingInterfaces;
  readonly #wake = new EventFd();
  readonly #stop = new EventFd();
  #filter: RingFilter;
  #running: Running | undefined;
  #isClosed = false;
  #delivered = 0;

  /** Hears from now on; packets wait in the rings until start(). Throws KernelError. */
  constructor(options: RingOptions) {
    this.#options = options;
    this.#filter = options.filter;
    this.#geometry = options.geometry ?? GEOMETRY;
    this.#memory = createSharedRing(options.queueBytes ?? QUEUE_BYTES);
    this.#reader = new SharedRingReader(this.#memory);
    const isTap = options.filter.mode === "tap";
    try {
      this.#interfaces = new RingInterfaces(options.interfaces, isTap, options.report, (what) => {
        const socket = new PacketSocket(what, isTap ? "frames" : "packets", this.#geometry);
        this.#sockets.push(socket);
        return socket;
      });
      this.#attach();
      this.#interfaces.bind();
    } catch (error) {
      this.#closeDescriptors();
      throw error;
    }
  }

  /** Another filter from the next packet on: ports that are served now, another range of our own ports. */
  setFilter(filter: RingFilter): void {
    this.#filter = filter;
    if (!this.#isClosed) this.#attach();
  }

  #attach(): void {
    const link = { ...this.#interfaces.linkFilter(), snapBytes: this.#options.snapBytes };
    const program =
      this.#filter.mode === "host"
        ? buildHostFilter({ ...this.#filter, ...link })
        : buildTapFilter({ ...this.#filter, ...link });
    for (const socket of this.#sockets) socket.attach(program);
  }

  /** A host's packets: bytes from the IP header on, the tag is the frame's target (PACKET_HOST and so on). */
  start(sink: PacketSink, onError: (error: unknown) => void): void {
    const record: RecordVisitor["record"] = (bytes, at, end, { note }) => sink.packet(bytes, at, end, note);
    this.#run({ record }, () => sink.batchEnd(), onError);
  }

  /** A tap's packets. */
  startTap(sink: RingFrameSink, onError: (error: unknown) => void): void {
    const record: RecordVisitor["record"] = (bytes, at, end, { note, seconds, nanoseconds }) =>
      sink.frame(bytes, at, end, note, seconds * MS + nanoseconds / 1e6);
    this.#run({ record }, () => sink.batchEnd(), onError);
  }

  #run(visitor: RecordVisitor, batchEnd: () => void, onError: (error: unknown) => void): void {
    if (this.#running !== undefined) throw new Error("ring: started twice");
    const job: RingJob = {
      job: "packet-ring",
      fds: this.#sockets.map(({ fd }) => fd),
      stopFd: this.#stop.fd,
      wakeFd: this.#wake.fd,
      geometry: this.#geometry,
      isTap: this.#filter.mode === "tap",
      memory: this.#memory,
    };
    const worker = new Worker(new URL(`./ring-worker${extname(import.meta.filename)}`, import.meta.url), {
      workerData: job,
      // It has no objects to speak of.
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 },
    });
    worker.on("error", onError);
    worker.on("exit", () => {
      if (this.#isClosed) return;
      this.trouble = "the thread of the packet ring has ended: no packet is seen until the daemon is started again";
      onError(new Error(this.trouble));
    });
    const ready = new Promise<void>((resolve) => {
      worker.once("message", () => resolve());
      worker.once("exit", () => resolve());
    });
    const deliver = () => this.#deliver(visitor, batchEnd, onError);
    const watch = watchReadable(this.#wake.fd, deliver, onError);
    const look = setInterval(() => {
      try {
        if (this.#interfaces.look()) this.#attach();
      } catch (error) {
        onError(error);
      }
    }, this.#interfaces.lookMs);
    this.#running = { worker, watch, look, ready, deliver };
  }

  /** Resolves when the thread walks the rings. */
  async ready(): Promise<void> {
    await this.#running?.ready;
  }

  #deliver(visitor: RecordVisitor, batchEnd: () => void, onError: (error: unknown) => void): void {
    if (this.#isClosed) return;
    this.#wake.drain();
    try {
      try {
        this.#delivered += this.#reader.drain(visitor, PACKETS_PER_TURN);
      } finally {
        batchEnd();
      }
    } catch (error) {
      onError(error);
    }
    // The event loop gets its turn, and then this again.
    if (!this.#reader.sleep()) this.#wake.signal();
  }

  get lost(): number {
    return this.#sockets.reduce((sum, { dropped }) => sum + dropped, 0);
  }

  /** The kernel's ring has no messages of which one could be malformed. */
  get malformed(): number {
    return 0;
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ringSeen: this.#sockets.reduce((sum, { seen }) => sum + seen, 0),
      ringDropped: this.lost,
      ringDelivered: this.#delivered,
      ringStalls: this.#reader.stalls,
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const running = this.#running;
    if (running === undefined) {
      this.#closeDescriptors();
      return;
    }
    clearInterval(running.look);
    running.watch.close();
    this.#reader.stop();
    this.#stop.signal();
    // The thread polls the descriptors until it ends: then, and no sooner, may their numbers be given to others.
    running.worker.once("exit", () => this.#closeDescriptors());
  }

  #closeDescriptors(): void {
    for (const socket of this.#sockets) socket.close();
    this.#wake.close();
    this.#stop.close();
  }
}

interface Running {
  readonly worker: Worker;
  readonly watch: { close(): void };
  readonly look: NodeJS.Timeout;
  readonly ready: Promise<void>;
  readonly deliver: () => void;
}
