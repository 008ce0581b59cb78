// The listeners behind ANSWER="open": closed ports are handed to them by tproxy (table/decoy.ts). Takes each finished
// handshake, reports its source and port, and closes the connection: nothing is read, sent or kept.
import { EAGAIN, EINTR } from "../../kernel/constants.ts";
import { ECONNABORTED } from "../../kernel/inet-constants.ts";
import { Acceptor } from "../../kernel/inet-socket.ts";
import { closeFd, watchReadable } from "../../kernel/libc.ts";
import { LocalEnd, limitLife, listenTransparent } from "../../kernel/transparent-listener.ts";
import { Arrival, setSource } from "../../wire/arrival.ts";

/** Handshakes under way or waiting, of one family; above it the kernel keeps none and goes on with SYN cookies. */
const BACKLOG = 4_096;
/** How long the kernel keeps a connection whose peer does not take the FIN. */
const LIFE_SECONDS = 2;
const ACCEPTS_PER_WAKEUP = 256;
/** How long a listener rests from which nothing can be accepted (no descriptor is left). */
const REST_MS = 1_000;

export interface DecoySink {
  /** Whether the handshake began at a closed port. False: with the screen, or it is not known. */
  isBait(arrival: Arrival): boolean;
  /** A handshake with a closed port. The arrival is the one reused record; the connection is closed already. */
  handshake(arrival: Arrival): void;
  batchEnd(): void;
  failed(error: unknown): void;
}

/** One for each family that the kernel has. */
interface Ports {
  readonly four: number;
  readonly six: number | undefined;
}

interface Door {
  readonly fd: number;
  readonly port: number;
}

export class DecoyListener {
  readonly ports: Ports;
  readonly counters = { handshakes: 0, screened: 0, unfinished: 0, acceptFailures: 0 };
  readonly #doors: readonly Door[];
  readonly #nowMs: () => number;
  readonly #acceptor = new Acceptor();
  readonly #local = new LocalEnd();
  readonly #arrival = new Arrival();
  readonly #watches = new Map<Door, { close(): void }>();
  readonly #rests = new Map<Door, NodeJS.Timeout>();
  #sink: DecoySink | undefined;

  private constructor(doors: readonly Door[], ports: Ports, nowMs: () => number) {
    this.#doors = doors;
    this.#nowMs = nowMs;
    this.ports = ports;
    this.#arrival.protocol = 6;
  }

  /** Opens all of it, or says why not: the name of an errno. Connections wait unread until watch(). */
  static open(mark: number, nowMs: () => number): DecoyListener | { readonly code: string } {
    const [four, six] = [false, true].map((ipv6) => listenTransparent({ ipv6, mark, backlog: BACKLOG }));
    const doors = [four, six].filter((door): door is Door => door !== undefined && "fd" in door);
    if (four !== undefined && "port" in four) {
      const ports = { four: four.port, six: six !== undefined && "port" in six ? six.port : undefined };
      return new DecoyListener(doors, ports, nowMs);
    }
    for (const { fd } of doors) closeFd(fd);
    return { code: four?.code ?? "" };
  }

  watch(sink: DecoySink): void {
    this.#sink = sink;
    for (const door of this.#doors) this.#listenTo(door);
  }

  isOurs(port: number): boolean {
    return this.#doors.some((door) => door.port === port);
  }

  close(): void {
    this.#sink = undefined;
    for (const watch of this.#watches.values()) watch.close();
    for (const rest of this.#rests.values()) clearTimeout(rest);
    for (const { fd } of this.#doors) closeFd(fd);
    this.#watches.clear();
    this.#rests.clear();
  }

  #listenTo(door: Door): void {
    const failed = (error: unknown) => this.#sink?.failed(error);
    this.#watches.set(
      door,
      watchReadable(door.fd, () => this.#wake(door), failed),
    );
  }

  #wake(door: Door): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const timeMs = this.#nowMs();
    let taken = 0;
    while (taken < ACCEPTS_PER_WAKEUP) {
      const connection = this.#acceptor.accept(door.fd);
      if (connection === -EAGAIN) break;
      if (connection === -EINTR || connection === -ECONNABORTED) continue;
      if (connection < 0) {
        this.#rest(door);
        break;
      }
      taken++;
      this.#take(connection, sink, timeMs);
    }
    sink.batchEnd();
  }

  #take(connection: number, sink: DecoySink, timeMs: number): void {
    const { peer } = this.#acceptor;
    const arrival = this.#arrival;
    arrival.port = this.#local.portOf(connection);
    const isFinished = this.#acceptor.isFinished(connection);
    limitLife(connection, LIFE_SECONDS);
    closeFd(connection);
    if (!this.#acceptor.known || arrival.port === 0) return;
    if (!isFinished) {
      this.counters.unfinished++;
      return;
    }
    arrival.sourcePort = peer.port;
    setSource(arrival, peer);
    const { end } = this.#local;
    arrival.local0 = end.address0;
    arrival.local1 = end.address1;
    arrival.local2 = end.address2;
    arrival.local3 = end.address3;
    arrival.timeMs = timeMs;
    if (sink.isBait(arrival)) {
      this.counters.handshakes++;
      sink.handshake(arrival);
    } else this.counters.screened++;
  }

  /** It stays readable: watched on, it would wake us without end. */
  #rest(door: Door): void {
    this.counters.acceptFailures++;
    this.#watches.get(door)?.close();
    this.#watches.delete(door);
    const timer = setTimeout(() => {
      this.#rests.delete(door);
      this.#listenTo(door);
    }, REST_MS);
    this.#rests.set(door, timer);
  }
}
