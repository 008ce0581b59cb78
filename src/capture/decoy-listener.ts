// The listeners behind ANSWER="open": closed ports are handed to them by tproxy (block/decoy.ts). Takes each handshake
// that was finished, tells by whom and with which port, and closes: nothing is read, sent or kept.
import { EAGAIN, EINTR } from "../kernel/constants.ts";
import { ECONNABORTED } from "../kernel/inet-constants.ts";
import { Acceptor } from "../kernel/inet-socket.ts";
import { closeFd, watchReadable } from "../kernel/libc.ts";
import { LocalPort, limitLife, listenTransparent } from "../kernel/transparent-listener.ts";
import { Arrival } from "../wire/arrival.ts";

/** Handshakes under way or waiting, a listener; above it the kernel keeps none and goes on with SYN cookies. */
const BACKLOG = 4_096;
/** What the kernel still keeps of a connection whose peer does not take the FIN. */
const LIFE_SECONDS = 2;
const ACCEPTS_PER_WAKEUP = 256;
/** How long a listener rests from which nothing can be accepted (no descriptor is left). */
const REST_MS = 1_000;

export interface DecoySink {
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
  readonly isBait: boolean;
}

export class DecoyListener {
  readonly bait: Ports;
  readonly screen: Ports;
  readonly counters = { handshakes: 0, screened: 0, acceptFailures: 0 };
  readonly #doors: readonly Door[];
  readonly #nowMs: () => number;
  readonly #acceptor = new Acceptor();
  readonly #local = new LocalPort();
  readonly #arrival = new Arrival();
  readonly #watches = new Map<Door, { close(): void }>();
  readonly #rests = new Map<Door, NodeJS.Timeout>();
  #sink: DecoySink | undefined;

  private constructor(doors: readonly Door[], bait: Ports, screen: Ports, nowMs: () => number) {
    this.#doors = doors;
    this.#nowMs = nowMs;
    this.bait = bait;
    this.screen = screen;
    this.#arrival.protocol = 6;
  }

  /** Opens all of it, or says why not: the name of an errno. Nobody waits for what comes until watch(). */
  static open(mark: number, nowMs: () => number): DecoyListener | { readonly code: string } {
    const doors: Door[] = [];
    const openPorts = (isBait: boolean): Ports | string => {
      const [four, six] = [false, true].map((ipv6) => listenTransparent({ ipv6, mark, backlog: BACKLOG }));
      for (const door of [four, six]) if (door !== undefined && "fd" in door) doors.push({ ...door, isBait });
      if (four === undefined || "code" in four) return four?.code ?? "";
      return { four: four.port, six: six !== undefined && "port" in six ? six.port : undefined };
    };
    const bait = openPorts(true);
    const screen = openPorts(false);
    if (typeof bait !== "string" && typeof screen !== "string") return new DecoyListener(doors, bait, screen, nowMs);
    for (const { fd } of doors) closeFd(fd);
    return { code: typeof bait === "string" ? bait : String(screen) };
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
      this.#take(connection, door, timeMs);
    }
    sink.batchEnd();
  }

  #take(connection: number, door: Door, timeMs: number): void {
    const { peer } = this.#acceptor;
    const arrival = this.#arrival;
    arrival.port = this.#local.of(connection);
    limitLife(connection, LIFE_SECONDS);
    closeFd(connection);
    if (!door.isBait) {
      this.counters.screened++;
      return;
    }
    if (!this.#acceptor.known || arrival.port === 0) return;
    this.counters.handshakes++;
    arrival.source0 = peer.address0;
    arrival.source1 = peer.address1;
    arrival.source2 = peer.address2;
    arrival.source3 = peer.address3;
    arrival.timeMs = timeMs;
    this.#sink?.handshake(arrival);
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
