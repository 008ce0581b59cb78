// The interfaces of connect mode's listeners: arrivals go to a sink, the state of the ports to a report; and the counters.
import type { Arrival } from "../../wire/arrival.ts";
import type { PortRange } from "../../wire/port-range.ts";

export type ListenProtocol = 6 | 17;

/** Gets the arrivals one by one. The arrival is the one reused record: read it at once. */
export interface ListenSink {
  /** A completed handshake: the source address is genuine (grade "handshake"). The connection is closed already. */
  accepted(arrival: Arrival): void;
  /** A datagram, whose source may be forged. */
  datagram(arrival: Arrival): void;
  /** After the last arrival of a wake-up: the time to act on them. */
  batchEnd(): void;
}

export interface ListenReport {
  /** The port could not be taken; told once, tried again until it can. `code`: "EADDRINUSE", "EACCES" ... */
  busy(protocol: ListenProtocol, port: number, code: string): void;
  /** A port told busy is ours now. */
  free(protocol: ListenProtocol, port: number): void;
  /** Ports that have no listener because of the process's limit on open files; told when the list changes. */
  leftOut(protocol: ListenProtocol, ports: readonly PortRange[]): void;
  /** The sink threw, or the kernel refused to say what is readable. Listening goes on. */
  failed(error: unknown): void;
}

export function newListenCounters() {
  return {
    /** Connections accepted and closed. */
    accepts: 0,
    /** Connections that could not be accepted, or whose peer could not be named. */
    acceptFailures: 0,
    datagrams: 0,
    /** Broadcasts and multicasts: no evidence, never answered. */
    datagramsToMany: 0,
    receiveFailures: 0,
    /** Datagrams answered with the banner, and those that were not, to be no amplifier. */
    answers: 0,
    answersWithheld: 0,
    /** How often a port had more waiting than one wake-up takes. */
    wakeupsCutShort: 0,
    /** Ports without a listener because of the limit on open files. */
    portsLeftOut: 0,
  };
}
export type ListenCounters = ReturnType<typeof newListenCounters>;

/** Arrivals taken off one port before the next has its turn. */
export const ARRIVALS_PER_TURN = 32;
