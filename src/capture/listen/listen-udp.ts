// Takes the datagrams off one UDP socket, unread. PortSentry answers each with PORT_BANNER; the source may be forged, so the answer
// must be of no use to an attacker: it is rare, never goes to another service, and is never larger than the datagram, but where
// 2.x is meant, whose users ask for it.
import { EAGAIN, EINTR } from "../../kernel/constants.ts";
import { bindUdp, Inbox, type Opened } from "../../kernel/inet-socket.ts";
import { sendTo } from "../../kernel/libc.ts";
import { Arrival, setSource } from "../../wire/arrival.ts";
import { ARRIVALS_PER_TURN, type ListenCounters, type ListenSink } from "./listen-sink.ts";

/** What may wait in one socket: small, because there may be thousands of them, and contents are not read anyway. */
const RECEIVE_BYTES = 32_768;
const ANSWERS_PER_SECOND = 20;
/** A datagram from a port below may be a service's (echo, chargen): two that answer each other never end. */
const FIRST_CLIENT_PORT = 1024;

export function openUdp(port: number, ipv6: boolean): Opened {
  return bindUdp({ port, ipv6, receiveBytes: RECEIVE_BYTES });
}

export class UdpTaker {
  banner: Buffer = Buffer.alloc(0);
  /** Whether the banner may be longer than what it answers. */
  mayAmplify = false;
  readonly #inbox = new Inbox();
  readonly #arrival = new Arrival();
  readonly #counters: ListenCounters;
  #secondFromMs = Number.NEGATIVE_INFINITY;
  #answersLeft = 0;

  constructor(counters: ListenCounters) {
    this.#counters = counters;
    this.#arrival.protocol = 17;
  }

  /** False if the socket must rest: it is readable, yet nothing can be received. */
  take(fd: number, port: number, timeMs: number, sink: ListenSink): boolean {
    for (let taken = 0; taken < ARRIVALS_PER_TURN; taken++) {
      const bytes = this.#inbox.receive(fd);
      if (bytes === -EAGAIN) return true;
      if (bytes === -EINTR) continue;
      if (bytes < 0) {
        this.#counters.receiveFailures++;
        return false;
      }
      // As the kernel's sensor: a DHCP request or a NetBIOS name query was not sent to us alone, and is no probe.
      if (!this.#inbox.toUsAlone) {
        this.#counters.datagramsToMany++;
        continue;
      }
      this.#answer(fd, bytes, timeMs);
      this.#tell(port, timeMs, sink);
    }
    this.#counters.wakeupsCutShort++;
    return true;
  }

  #answer(fd: number, bytes: number, timeMs: number): void {
    if (this.banner.length === 0) return;
    const { peer } = this.#inbox;
    // A clock that was set back must not end the answers: any other second is a new one.
    if (Math.abs(timeMs - this.#secondFromMs) >= 1_000) {
      this.#secondFromMs = timeMs;
      this.#answersLeft = ANSWERS_PER_SECOND;
    }
    const isTooLong = this.banner.length > bytes && !this.mayAmplify;
    if (isTooLong || peer.port < FIRST_CLIENT_PORT || this.#answersLeft === 0) {
      this.#counters.answersWithheld++;
      return;
    }
    this.#answersLeft--;
    if (sendTo(fd, this.banner, peer.bytes.subarray(0, peer.length)) >= 0) this.#counters.answers++;
  }

  #tell(port: number, timeMs: number, sink: ListenSink): void {
    const { peer } = this.#inbox;
    const arrival = this.#arrival;
    setSource(arrival, peer);
    arrival.port = port;
    arrival.timeMs = timeMs;
    this.#counters.datagrams++;
    sink.datagram(arrival);
  }
}
