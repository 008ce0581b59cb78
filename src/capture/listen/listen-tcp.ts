// Takes the connections off one TCP listener: notes the source, sends the banner if there is one, and closes the connection
// without reading from it. Each is closed before the next is accepted, so that no flood costs us memory or descriptors.
import { EAGAIN, EINTR } from "../../kernel/constants.ts";
import { ECONNABORTED } from "../../kernel/inet-constants.ts";
import { Acceptor, listenTcp, type Opened } from "../../kernel/inet-socket.ts";
import { closeFd, send } from "../../kernel/libc.ts";
import { Arrival, setSource } from "../../wire/arrival.ts";
import { ARRIVALS_PER_TURN, type ListenCounters, type ListenSink } from "./listen-sink.ts";

/** Connections that wait to be accepted, a port; more are the kernel's to refuse. */
const BACKLOG = 64;
/** How long the kernel keeps a closed connection whose peer does not take the banner or the FIN. */
const LIFE_SECONDS = 2;

export function openTcp(port: number, ipv6: boolean): Opened {
  return listenTcp({ port, ipv6, backlog: BACKLOG, lifeSeconds: LIFE_SECONDS });
}

export class TcpTaker {
  banner: Buffer = Buffer.alloc(0);
  readonly #acceptor = new Acceptor();
  readonly #arrival = new Arrival();
  readonly #counters: ListenCounters;

  constructor(counters: ListenCounters) {
    this.#counters = counters;
    this.#arrival.protocol = 6;
  }

  /** False if the listener must rest: it is readable, yet nothing can be accepted (no descriptor is left). */
  take(fd: number, port: number, timeMs: number, sink: ListenSink): boolean {
    const counters = this.#counters;
    for (let taken = 0; taken < ARRIVALS_PER_TURN; taken++) {
      const connection = this.#acceptor.accept(fd);
      if (connection === -EAGAIN) return true;
      if (connection === -EINTR) continue;
      if (connection < 0 && connection !== -ECONNABORTED) {
        counters.acceptFailures++;
        return false;
      }
      if (connection >= 0) this.#dismiss(connection);
      if (connection >= 0 && this.#acceptor.known) this.#tell(port, timeMs, sink);
      else counters.acceptFailures++;
    }
    counters.wakeupsCutShort++;
    return true;
  }

  /** A new connection's send buffer holds any banner; the kernel delivers it, and the FIN, after the close. */
  #dismiss(connection: number): void {
    if (this.banner.length > 0) send(connection, this.banner, 0);
    closeFd(connection);
  }

  #tell(port: number, timeMs: number, sink: ListenSink): void {
    const { peer } = this.#acceptor;
    const arrival = this.#arrival;
    setSource(arrival, peer);
    arrival.port = port;
    arrival.timeMs = timeMs;
    this.#counters.accepts++;
    sink.accepted(arrival);
  }
}
