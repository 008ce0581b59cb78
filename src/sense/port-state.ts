// Which ports of this host are served, where the kernel's sensor does not say so with every packet: asked of the socket
// tables when a port is first probed, remembered for some seconds. When too many are asked for, the last list of all
// sockets answers instead, by port alone.
import type { Endpoint, ListedSocket, SocketLookup } from "../kernel/socket-lookup.ts";
import { IpProtocol } from "../wire/packet.ts";
import { PORTS } from "../wire/port-range.ts";

/** A service that starts is noticed, and a port that was closed is a trap, after so long at the latest. */
const CLOSED_MS = 2_000;
const SERVED_MS = 5_000;
/** Each costs some 8 us. */
const LOOKUPS_PER_SECOND = 2_000;
const SECOND_MS = 1_000;
/** Between two lists for want of look-ups. */
const LIST_MS = 2_000;

const Known = { Nothing: 0, Served: 1, Closed: 2 } as const;

/** TCP in front, UDP behind. */
const slotOf = (protocol: number, port: number) => (protocol === IpProtocol.Udp ? PORTS + port : port);

export type Sockets = Pick<SocketLookup, "finds" | "listServed">;

export class PortState {
  readonly counters = {
    portLookups: 0,
    /** Answered by the list, as there were too many questions in that second. */
    portLookupsSaved: 0,
    portLookupFailures: 0,
  };
  readonly #sockets: Sockets;
  readonly #known = new Uint8Array(2 * PORTS);
  readonly #untilMs = new Float64Array(2 * PORTS);
  /** The local address that the answer is about: of an address more than one of ours needs its own question. */
  readonly #address = new Int32Array(2 * PORTS);
  /** By the last list: 1 on some address, 2 on all. */
  #listed = new Uint8Array(2 * PORTS);
  #listedMs = Number.NEGATIVE_INFINITY;
  #secondMs = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** Whether a packet from `remote` to `local` would find a socket; TCP and UDP only. Never throws. */
  isServed(protocol: number, remote: Endpoint, local: Endpoint, nowMs: number): boolean {
    const slot = slotOf(protocol, local.port);
    const address = (local.address0 ^ local.address1 ^ local.address2 ^ local.address3) | 0;
    const known = this.#known[slot];
    if (known !== Known.Nothing && this.#address[slot] === address && nowMs < (this.#untilMs[slot] ?? 0))
      return known === Known.Served;
    if (!this.#mayAsk(nowMs)) {
      this.counters.portLookupsSaved++;
      return this.#isListed(slot, nowMs);
    }
    const isServed = this.#ask(protocol, remote, local, nowMs);
    this.#known[slot] = isServed ? Known.Served : Known.Closed;
    this.#address[slot] = address;
    this.#untilMs[slot] = nowMs + (isServed ? SERVED_MS : CLOSED_MS);
    return isServed;
  }

  #mayAsk(nowMs: number): boolean {
    // A clock that was set back must not leave us without questions.
    if (nowMs - this.#secondMs >= SECOND_MS || nowMs < this.#secondMs) {
      this.#secondMs = nowMs;
      this.#left = LOOKUPS_PER_SECOND;
    }
    return this.#left-- > 0;
  }

  #ask(protocol: number, remote: Endpoint, local: Endpoint, nowMs: number): boolean {
    this.counters.portLookups++;
    try {
      return this.#sockets.finds(protocol, remote, local);
    } catch {
      this.counters.portLookupFailures++;
      return this.#isListed(slotOf(protocol, local.port), nowMs);
    }
  }

  #isListed(slot: number, nowMs: number): boolean {
    if (Math.abs(nowMs - this.#listedMs) > LIST_MS) this.refresh(nowMs);
    return this.#listed[slot] !== 0;
  }

  /** Lists the sockets anew. Never throws: then the last list stays. */
  refresh(nowMs: number): void {
    this.#listedMs = nowMs;
    const listed = new Uint8Array(2 * PORTS);
    try {
      this.#sockets.listServed(({ protocol, local, isWildcard }: ListedSocket) => {
        const slot = slotOf(protocol, local.port);
        listed[slot] = Math.max(listed[slot] ?? 0, isWildcard ? 2 : 1);
      });
      this.#listed = listed;
    } catch {
      this.counters.portLookupFailures++;
    }
  }

  /** UDP ports served on every address, by the last list, in ascending order. */
  udpServedEverywhere(): number[] {
    const ports: number[] = [];
    for (let port = 1; port < PORTS; port++) if (this.#listed[PORTS + port] === 2) ports.push(port);
    return ports;
  }
}
