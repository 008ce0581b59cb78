// Packets from the kernel's sensor over nfnetlink_log: two groups, one that delivers each probe at once and one that
// delivers in batches the rest of a flood and the packets that decide nothing. (Figures: docs/decisions/0001-capture-nflog.md.)
import { KernelError } from "../kernel/errors.ts";
import { watchReadable } from "../kernel/libc.ts";
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { NflogParser, openNflogGroup, setDelivery } from "../kernel/nflog.ts";
import type { PacketSink, PacketSource } from "./packet-source.ts";

export interface NflogOptions {
  readonly promptGroup: number;
  readonly batchGroup: number;
  readonly copyBytes: number;
}

/** How long we read and judge in one go before the event loop gets its turn: timers and the control socket must not starve. */
const TURN_MS = 10;
/** In a turn the prompt group is asked so often: each question is a system call. */
const PROMPT_EVERY_MS = 1;
/** After this many packets the daemon acts on them, in one transaction, and looks at the clock: blocking takes 0.2 ms each. */
const PACKETS_PER_STEP = 32;
/** Kernel memory that is used in a flood only: at 500,000 probes a second it bridges 0.4 s in which we do not read. */
const BATCH_RECEIVE_BYTES = 64 << 20;
/** With the kernel's own trailer (320 bytes) just under a power of two, or twice as much would be allocated. */
const BATCH_BUFFER_BYTES = 130_688;
const PROMPT_RECEIVE_BYTES = 8 << 20;
/** Each packet at once; the kernel allocates a whole buffer for each delivery: small, or 8 MiB hold only 64 packets. */
const promptDelivery = { queueThreshold: 1, bufferBytes: 1_024 };
/** In a flood no probe wakes the daemon, so that one delivery of many costs less: these are the packets of 10 ms, at 1,000 a second. */
const floodedDelivery = { queueThreshold: 100, bufferBytes: 32_384 };
/** Some 180 packets in at most 10 ms: a flood. */
const FLOOD_DATAGRAM_BYTES = 32_768;
/**
 * How often we look in a flood. Woken by each of its packets we would take the processor from the services some thousand
 * times a second, and its caches with it: that costs them more than our own work (docs/reference/measured.md). Not longer, as a
 * scanner must have our answer before it repeats: nmap waits 100 ms at least (-T4).
 */
const FLOOD_LOOK_MS = 50;

class Group {
  readonly parser = new NflogParser();
  readonly socket: NetlinkSocket;
  watch: { close(): void } | undefined;
  /** Whether the last read() has left something: it had its turn. */
  hasMore = false;
  /** The datagram in the socket's buffer, and how far it has been walked. */
  #length = 0;
  #at = 0;

  constructor(socket: NetlinkSocket) {
    this.socket = socket;
  }

  /**
   * Reads until `endMs` of performance.now(). `between` is called each PROMPT_EVERY_MS: the prompt group must not wait for
   * all that is queued here. Answers with the size of the largest datagram.
   */
  read(sink: PacketSink, endMs: number, between?: () => void): number {
    let largest = 0;
    let betweenMs = 0;
    let nowMs = 0;
    this.hasMore = false;
    do {
      if (this.#at >= this.#length && !this.#receive()) return largest;
      largest = Math.max(largest, this.#length);
      this.#step(sink);
      nowMs = performance.now();
      if (between === undefined || nowMs < betweenMs) continue;
      between();
      betweenMs = nowMs + PROMPT_EVERY_MS;
    } while (nowMs < endMs);
    this.hasMore = true;
    return largest;
  }

  #receive(): boolean {
    const length = this.socket.receive();
    if (length < 0) throw new KernelError("nfnetlink_log: cannot read", `errno ${-length}`);
    this.#length = length;
    this.#at = 0;
    return length > 0;
  }

  #step(sink: PacketSink): void {
    const from = this.#at;
    // A datagram that throws half way is not read again.
    this.#at = this.#length;
    try {
      const part = { from, packets: PACKETS_PER_STEP };
      this.#at = this.parser.parse(this.socket.buffer, this.#length, sink, part);
    } finally {
      // After each step: a probe of the prompt group is one, and is judged before the next is read. After an error as well:
      // the sink has one time for each delivery.
      sink.batchEnd();
    }
  }

  unwatch(): void {
    this.watch?.close();
    this.watch = undefined;
  }

  close(): void {
    this.unwatch();
    this.socket.close();
  }
}

export class NflogSource implements PacketSource {
  readonly #prompt: Group;
  readonly #batch: Group;
  readonly #promptGroup: number;
  #look: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;

  /** Binds both groups; throws KernelError. Packets wait in the sockets until start(). */
  constructor(options: NflogOptions) {
    const { copyBytes } = options;
    this.#promptGroup = options.promptGroup;
    const prompt = openNflogGroup({
      group: options.promptGroup,
      copyBytes,
      ...promptDelivery,
      timeoutCentiseconds: 1,
      receiveBufferBytes: PROMPT_RECEIVE_BYTES,
    });
    try {
      const batch = openNflogGroup({
        group: options.batchGroup,
        copyBytes,
        queueThreshold: 400,
        bufferBytes: BATCH_BUFFER_BYTES,
        timeoutCentiseconds: 1,
        receiveBufferBytes: BATCH_RECEIVE_BYTES,
      });
      this.#prompt = new Group(prompt);
      this.#batch = new Group(batch);
    } catch (error) {
      prompt.close();
      throw error;
    }
  }

  start(sink: PacketSink, onError: (error: unknown) => void): void {
    const [prompt, batch] = [this.#prompt, this.#batch];
    const readPrompt = (endMs: number) => void prompt.read(sink, endMs);
    /** One turn of both. */
    const isFlooded = () => {
      const endMs = performance.now() + TURN_MS;
      readPrompt(endMs);
      return batch.read(sink, endMs, () => readPrompt(endMs)) >= FLOOD_DATAGRAM_BYTES;
    };
    /** The rest is read in a turn of its own, of which there is one between two looks at other sockets. */
    const readable = () => {
      if (this.#next === undefined) turn();
    };
    const next = (task: () => void) => {
      this.#next ??= setImmediate(() => {
        this.#next = undefined;
        try {
          task();
        } catch (error) {
          onError(error);
        }
      });
    };
    const deliver = (how: typeof promptDelivery) => setDelivery(prompt.socket, this.#promptGroup, how);
    const watch = () => {
      prompt.watch = watchReadable(prompt.socket.fd, readable, onError);
      batch.watch = watchReadable(batch.socket.fd, readable, onError);
    };
    const turn = () => {
      if (isFlooded()) begin();
      // Half a datagram makes no socket readable.
      else if (prompt.hasMore || batch.hasMore) next(turn);
    };
    const begin = () => {
      for (const group of this.#groups) group.unwatch();
      deliver(floodedDelivery);
      lookLater();
    };
    const lookLater = () => {
      if (batch.hasMore || prompt.hasMore) next(look);
      else this.#look = setTimeout(look, FLOOD_LOOK_MS);
    };
    const look = () => {
      try {
        if (isFlooded() || batch.hasMore) return lookLater();
      } catch (error) {
        onError(error);
      }
      deliver(promptDelivery);
      watch();
      if (prompt.hasMore) next(turn);
    };
    watch();
  }

  get #groups(): readonly Group[] {
    return [this.#prompt, this.#batch];
  }

  get lost(): number {
    return this.#groups.reduce((sum, { parser }) => sum + parser.lost, 0);
  }

  get malformed(): number {
    return this.#groups.reduce((sum, { parser }) => sum + parser.malformed, 0);
  }

  close(): void {
    clearTimeout(this.#look);
    clearImmediate(this.#next);
    for (const group of this.#groups) group.close();
  }
}
