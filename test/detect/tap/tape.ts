// A made capture with Ethernet headers, and who is called a scanner in it, by the shipped settings and all scorers of `replay`.
import { ContactTable } from "../../../src/detect/tap/contacts.ts";
import { TapJudge } from "../../../src/detect/tap/tap-judge.ts";
import { scorerNames } from "../../../src/detect/tap/tap-source.ts";
import { tapPolicy } from "../../../src/policy/tap-policy.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { decodeFrame, LinkType } from "../../../src/wire/link.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { load, settingsOf } from "../../config/support.ts";
import { buildIcmp, buildTcp, buildUdp, type TcpOptions } from "../../support/build-packet.ts";
import { seed } from "../probes.ts";
import { ends } from "./contact-watch.ts";

/** MSS, SACK, time stamp, window scale: as Linux sends them. */
export const KERNEL_OPTIONS: readonly number[] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
const TIME_STAMP: readonly number[] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
export const KERNEL = { tcpOptions: KERNEL_OPTIONS, window: 64_240 } as const;
/** A segment of a connection. */
export const STAMPED = { tcpOptions: TIME_STAMP, window: 501 } as const;
export const START_MS = 1_700_000_000_000;
const { Syn, Ack, Rst } = TcpFlag;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ARP = 0x0806;
const TO_ALL = 0xff;

/** The last byte of the Ethernet addresses: 0xff is all. */
interface Link {
  readonly by?: number;
  readonly to?: number;
}

export class Tape {
  readonly #packet = new Packet();
  readonly #table: ContactTable;
  readonly #judge: TapJudge;
  nowMs = START_MS;

  constructor() {
    const settings = settingsOf(load('POLICY="score"\n'));
    const policy = tapPolicy(settings, undefined, new Set(scorerNames.filter((name) => name !== "trigger")), {
      maxContacts: 8_192,
      maxSources: 1_024,
    });
    const { maxContacts: capacity, answerWaitMs } = policy;
    this.#judge = new TapJudge(policy, seed);
    this.#table = new ContactTable({ capacity, seed, answerWaitMs, sink: this.#judge });
  }

  /** An IP packet, a millisecond later than the last. */
  ip(bytes: Uint8Array, link: Link = {}): this {
    return this.#frame((bytes[0] ?? 0) >> 4 === 6 ? IPV6 : IPV4, bytes, link);
  }

  tcp(from: string, to: string, flags: number, more: Partial<TcpOptions> = {}, link: Link = {}): this {
    return this.ip(buildTcp({ ...ends(from, to), flags, ...more }), link);
  }

  /** "198.51.100.7 40000" asks "192.0.2.1 80", and is refused. */
  refused(from: string, to: string, more: Partial<TcpOptions> = {}): this {
    return this.tcp(from, to, Syn, more).tcp(to, from, Rst | Ack);
  }

  /** A whole handshake. */
  accepted(from: string, to: string, link: Link = {}): this {
    this.tcp(from, to, Syn, KERNEL, link).tcp(to, from, Syn | Ack, KERNEL, link);
    return this.tcp(from, to, Ack, STAMPED, link);
  }

  udp(from: string, to: string, more: { payload?: Uint8Array; ttl?: number } = {}, link: Link = {}): this {
    return this.ip(buildUdp({ ...ends(from, to), payload: Uint8Array.of(1, 2, 3, 4), ...more }), link);
  }

  /** An ICMP error about a packet, from a router or host to the packet's sender. */
  error(from: string, to: string, about: Uint8Array, type: number, code: number, ttl = 64): this {
    return this.ip(buildIcmp({ source: from, destination: to, type, code, payload: about, ttl }), { by: 2, to: 1 });
  }

  /** Who has which address? */
  arp(from: string, whom: string, link: Link = {}): this {
    const bytes = (address: string) => address.split(".").map(Number);
    const request = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, link.by ?? 1, ...bytes(from)];
    return this.#frame(ARP, Uint8Array.from([...request, 0, 0, 0, 0, 0, 0, ...bytes(whom)]), { to: TO_ALL, ...link });
  }

  /** Something of others that is answered, so that the capture is known to show both directions. */
  bothSides(): this {
    return this.accepted("203.0.113.200 55555", "203.0.113.201 80", { by: 8, to: 9 });
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** "198.51.100.7 sweep": who was found, by which scorers, in the order of their first packets. */
  end(): string[] {
    this.#table.end(this.nowMs + 3_000);
    return this.#judge
      .scanners()
      .sort((a, b) => a.firstMs - b.firstMs)
      .map((source) => `${formatPrefix(source.source)} ${source.scorers().join("+")}`);
  }

  #frame(type: number, bytes: Uint8Array, { by = 1, to = 2 }: Link): this {
    const end = to === TO_ALL ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, to];
    const frame = Uint8Array.from([...end, 2, 0, 0, 0, 0, by, type >> 8, type & 255, ...bytes]);
    const result = decodeFrame(LinkType.Ethernet, frame, 0, frame.length, this.#packet);
    this.#table.see(this.#packet, result, frame, this.nowMs++);
    return this;
  }
}

/** `count` texts, each of a number from `first` on. */
export function series(count: number, text: (number: number) => string, first = 1): string[] {
  return Array.from({ length: count }, (_, at) => text(first + at));
}
