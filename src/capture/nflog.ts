// Packets from the kernel's sensor over nfnetlink_log: two groups, one that delivers each probe at once and one that
// delivers in batches what a flood exceeds and what decides nothing. (Figures: docs/decisions/0001-capture-nflog.md.)
import { KernelError } from "../kernel/errors.ts";
import { watchReadable } from "../kernel/libc.ts";
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { NflogParser, openNflogGroup } from "../kernel/nflog.ts";
import type { PacketSink, PacketSource } from "./packet-source.ts";

export interface NflogOptions {
  readonly promptGroup: number;
  readonly batchGroup: number;
  readonly copyBytes: number;
}

/** Datagrams read in one go before the event loop gets its turn: timers and the control socket must not starve. */
const DATAGRAMS_PER_WAKEUP = 64;
/** Kernel memory that is used in a flood only: at 500,000 probes a second it bridges 0.4 s in which we do not read. */
const BATCH_RECEIVE_BYTES = 64 << 20;
/** With the kernel's own trailer (320 bytes) just under a power of two, or twice as much would be allocated. */
const BATCH_BUFFER_BYTES = 130_688;
const PROMPT_RECEIVE_BYTES = 8 << 20;

class Group {
  readonly parser = new NflogParser();
  readonly socket: NetlinkSocket;
  watch: { close(): void } | undefined;

  constructor(socket: NetlinkSocket) {
    this.socket = socket;
  }

  /** `between` is called after each datagram: what comes first there must not wait for all that is queued here. */
  read(sink: PacketSink, between?: () => void): void {
    for (let datagrams = 0; datagrams < DATAGRAMS_PER_WAKEUP; datagrams++) {
      const length = this.socket.receive();
      if (length === 0) return;
      if (length < 0) throw new KernelError("nfnetlink_log: cannot read", `errno ${-length}`);
      this.parser.parse(this.socket.buffer, length, sink);
      // After each datagram: a probe of the prompt group is one, and is judged before the next is read.
      sink.batchEnd();
      between?.();
    }
  }

  close(): void {
    this.watch?.close();
    this.socket.close();
  }
}

export class NflogSource implements PacketSource {
  readonly #prompt: Group;
  readonly #batch: Group;

  /** Binds both groups; throws KernelError. Packets wait in the sockets until start(). */
  constructor(options: NflogOptions) {
    const { copyBytes } = options;
    const prompt = openNflogGroup({
      group: options.promptGroup,
      copyBytes,
      queueThreshold: 1,
      // The kernel allocates a whole buffer for each delivery: small, or 8 MiB hold only 64 packets.
      bufferBytes: 1_024,
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
    const readPrompt = () => prompt.read(sink);
    prompt.watch = watchReadable(prompt.socket.fd, readPrompt, onError);
    batch.watch = watchReadable(batch.socket.fd, () => batch.read(sink, readPrompt), onError);
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
    for (const group of this.#groups) group.close();
  }
}
