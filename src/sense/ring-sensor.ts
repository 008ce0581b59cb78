// What the kernel's sensor (table/sensor.ts) decides of each packet, for the packets of the ring: in the same order and
// with the same tags, from the socket tables and from what this host itself was seen to send. It drops and holds nothing.
//
// Not as the kernel's sensor: a port that forwards into a container is known as served from its first answer on; ACK, FIN
// with ACK and RST are not told from conversations, so they are not seen; known pairs are not learned.

import { Bucket } from "../base/bucket.ts";
import type { PacketSink } from "../capture/packet-source.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import { PACKET_HOST, PACKET_MULTICAST, PACKET_OUTGOING } from "../kernel/packet-constants.ts";
import { logPrefixes, rates } from "../table/log-rules.ts";
import type { RulesetPlan } from "../table/ruleset-plan.ts";
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { decodePacket } from "../wire/decode.ts";
import { DecodeResult, IpProtocol, Packet, TcpFlag } from "../wire/packet.ts";
import { PORTS, type PortRange } from "../wire/port-range.ts";
import { FirstFragments, FLAGS_END } from "./first-fragments.ts";
import type { PortState } from "./port-state.ts";
import { RingMemory } from "./ring-memory.ts";

const tag = (prefix: string) => prefix.charCodeAt(0);
const PROBE = tag(logPrefixes.probe);
const QUIET = tag(logPrefixes.quiet);
const STRAY = tag(logPrefixes.stray);
const OTHER = tag(logPrefixes.other);
const DELEGATED = tag(logPrefixes.delegated);
const GUARDED = tag(logPrefixes.guarded);
/** No evidence of anything: not handed on. */
const NONE = 0;

const NAMING = TcpFlag.Fin | TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Ack;
const ANSWER = TcpFlag.Syn | TcpFlag.Ack;

const PortMark = { Watched: 1, Tolerated: 2, Listened: 4 } as const;

export interface RingSensorParts {
  readonly ports: Pick<PortState, "isServed">;
  readonly seed: HashSeed;
  readonly nowMs: () => number;
}

export class RingSensor implements PacketSink {
  readonly memory: RingMemory;
  readonly counters = { ringServed: 0, ringOwnAnswers: 0, ringNotOurs: 0, ringWithheld: 0 };
  readonly #ports: Pick<PortState, "isServed">;
  readonly #nowMs: () => number;
  readonly #packet = new Packet();
  readonly #fragments = new FirstFragments();
  readonly #remote = { address0: 0, address1: 0, address2: 0, address3: 0, port: 0 };
  readonly #local = { address0: 0, address1: 0, address2: 0, address3: 0, port: 0 };
  readonly #marks = { tcp: new Uint8Array(PORTS), udp: new Uint8Array(PORTS) };
  readonly #weak: Bucket;
  readonly #other: Bucket;
  readonly #delegated: Bucket;
  #own = new AddressRanges([]);
  #ignored = new AddressRanges([]);
  #guarded = new AddressRanges([]);
  #near = new AddressRanges([]);
  #isGrace = false;
  #guardMs = 0;
  #latelyMs = 0;
  #sink: PacketSink | undefined;
  #timeMs = 0;

  constructor({ ports, seed, nowMs }: RingSensorParts) {
    this.#ports = ports;
    this.#nowMs = nowMs;
    // What `limit rate` is to the kernel's sensor.
    const bucket = (perSecond: number) => new Bucket({ burst: perSecond, perSecond }, nowMs());
    this.#weak = bucket(rates.weak);
    this.#other = bucket(rates.other);
    this.#delegated = bucket(rates.other);
    this.memory = new RingMemory(seed);
  }

  /** Hands on to `sink` what may be evidence. */
  into(sink: PacketSink): this {
    this.#sink = sink;
    return this;
  }

  /** Takes a plan into force: at start, after a reload, and when the host's addresses change. */
  follow(plan: RulesetPlan, near: AddressRanges, own: readonly Prefix[]): void {
    this.#own = new AddressRanges(own);
    this.#ignored = new AddressRanges(plan.ignored);
    this.#guarded = new AddressRanges(plan.guarded);
    this.#near = near;
    this.memory.served.settled = new AddressRanges(plan.settled ?? []);
    this.#isGrace = plan.grace;
    this.#guardMs = (plan.guardSeconds ?? 3_600) * 1_000;
    this.#latelyMs = plan.latelyOpenSeconds * 1_000;
    const { tcp, udp } = this.#marks;
    tcp.fill(0);
    udp.fill(0);
    mark(tcp, plan.watchedTcp, PortMark.Watched);
    mark(udp, plan.watchedUdp, PortMark.Watched);
    mark(tcp, plan.toleratedTcp, PortMark.Tolerated);
    mark(udp, plan.toleratedUdp, PortMark.Tolerated);
    mark(tcp, plan.listenedTcp ?? [], PortMark.Listened);
    mark(udp, plan.listenedUdp ?? [], PortMark.Listened);
  }

  /** `type`: sll_pkttype. */
  packet(bytes: Uint8Array, at: number, end: number, type: number): void {
    if (this.#timeMs === 0) this.#timeMs = this.#nowMs();
    const packet = this.#packet;
    const result = decodePacket(bytes, at, end, packet);
    if (packet.family === 0) return;
    if (type === PACKET_OUTGOING) {
      // What is forwarded goes out as well, in anybody's name: a SYN+ACK of a stranger must not disarm a port of ours.
      if (result !== DecodeResult.Fragment && this.#isOurs(packet)) this.#sent(packet);
      return;
    }
    if (type > PACKET_MULTICAST) return;
    // UDP takes what a frame to everybody or to a group carries to an address of ours; TCP and the others do not.
    if (type !== PACKET_HOST && packet.protocol !== IpProtocol.Udp && packet.protocol !== IpProtocol.UdpLite) return;
    if (result === DecodeResult.Fragment) {
      this.#join(packet, bytes, at, end);
      return;
    }
    const { destination0, destination1, destination2, destination3 } = packet;
    // Forwarded, or sent to a group.
    if (!this.#own.contains(destination0, destination1, destination2, destination3)) {
      this.counters.ringNotOurs++;
      return;
    }
    if (isCutBeforeFlags(packet, end)) {
      const length = this.#fragments.note(packet, bytes, packet.transportAt);
      if (length > 0) this.packet(this.#fragments.bytes, 0, length, PACKET_HOST);
      return;
    }
    const disposition = this.#judge(packet);
    if (disposition !== NONE) this.#sink?.packet(bytes, at, end, disposition);
  }

  #isOurs({ source0, source1, source2, source3 }: Packet): boolean {
    return this.#own.contains(source0, source1, source2, source3);
  }

  /** The second half of a TCP header that was cut in two makes a packet of both. */
  #join(packet: Packet, bytes: Uint8Array, at: number, end: number): void {
    if (packet.family !== 4 || packet.protocol !== IpProtocol.Tcp || packet.fragmentOffset !== 8) return;
    const length = this.#fragments.join(packet, bytes, at, end);
    if (length > 0) this.packet(this.#fragments.bytes, 0, length, PACKET_HOST);
  }

  batchEnd(): void {
    this.#timeMs = 0;
    this.#sink?.batchEnd();
  }

  /**
   * What this host asks, so that its answer is no probe: its own SYN, or a datagram from a port that it does not serve.
   * Whatever else it sends may be an answer, which makes nobody a peer. And which ports answer, by whatever means.
   */
  #sent(packet: Packet): void {
    if (packet.protocol === IpProtocol.Tcp) {
      const naming = packet.tcpFlags & NAMING;
      const { sourcePort, source0, source1, source2, source3 } = packet;
      if (naming === ANSWER) this.#noteServed(IpProtocol.Tcp, sourcePort, source0, source1, source2, source3);
      else if (naming === TcpFlag.Syn) this.memory.noteAsked(packet, this.#timeMs);
      return;
    }
    const { protocol, sourcePort, source0, source1, source2, source3 } = packet;
    const { served } = this.memory;
    if (served.isLately(protocol, sourcePort, source0, source1, source2, source3, this.#timeMs)) return;
    this.memory.noteAsked(packet, this.#timeMs);
  }

  #noteServed(protocol: number, port: number, w0: number, w1: number, w2: number, w3: number): void {
    const address = prefixOfWords(w0, w1, w2, w3, 128);
    this.memory.served.noteSeen({ protocol, port, address }, this.#latelyMs, this.#timeMs);
  }

  #judge(packet: Packet): number {
    switch (packet.protocol) {
      case IpProtocol.Tcp:
      case IpProtocol.Udp:
        break;
      case IpProtocol.Sctp:
      case IpProtocol.Dccp:
      case IpProtocol.UdpLite:
        // The socket tables cannot be asked for these.
        return this.#limited(OTHER, this.#other);
      default:
        return NONE;
    }
    const { source0, source1, source2, source3 } = packet;
    if (this.#ignored.contains(source0, source1, source2, source3)) return NONE;
    const isTcp = packet.protocol === IpProtocol.Tcp;
    const marks = (isTcp ? this.#marks.tcp : this.#marks.udp)[packet.destinationPort] ?? 0;
    if (this.memory.isDelegated(packet, this.#near, this.#timeMs)) {
      if ((marks & PortMark.Watched) === 0 || this.#isServed(packet)) return NONE;
      return this.#limited(DELEGATED, this.#delegated);
    }
    if (!isTcp) return this.#judgeClosable(packet, marks);
    if ((packet.tcpFlags & NAMING) === TcpFlag.Syn) return this.#judgeClosable(packet, marks);
    if ((packet.tcpFlags & (TcpFlag.Ack | TcpFlag.Rst)) !== 0) return this.#judgeAnswer(packet);
    // NULL, FIN, XMAS, SYN+FIN: nobody but a scanner sends them, to open ports either.
    return (marks & PortMark.Watched) !== 0 ? this.#trap(packet) : NONE;
  }

  /** A SYN or a datagram. */
  #judgeClosable(packet: Packet, marks: number): number {
    if ((marks & PortMark.Listened) !== 0) return NONE;
    const { protocol, destinationPort, destination0, destination1, destination2, destination3 } = packet;
    if (this.#isServed(packet)) {
      this.counters.ringServed++;
      this.#noteServed(protocol, destinationPort, destination0, destination1, destination2, destination3);
      return NONE;
    }
    if (this.memory.isAnswer(packet, this.#timeMs)) {
      this.#learnPeer(packet);
      return NONE;
    }
    const isQuiet = this.memory.served.isLately(
      ...([protocol, destinationPort, destination0, destination1, destination2, destination3] as const),
      this.#timeMs,
    );
    if (isQuiet || (marks & PortMark.Tolerated) !== 0) return this.#limited(QUIET, this.#weak);
    return (marks & PortMark.Watched) !== 0 ? this.#trap(packet) : NONE;
  }

  /** SYN+ACK: somebody whom we asked, or an answer to a forger. */
  #judgeAnswer(packet: Packet): number {
    if (!this.memory.isAnswer(packet, this.#timeMs)) return this.#limited(STRAY, this.#weak);
    this.#learnPeer(packet);
    return NONE;
  }

  #learnPeer({ source0, source1, source2, source3 }: Packet): void {
    this.counters.ringOwnAnswers++;
    this.memory.addPeer(source0, source1, source2, source3, this.#timeMs + this.#guardMs, this.#timeMs);
  }

  #trap(packet: Packet): number {
    if (this.#isGrace) return this.#limited(QUIET, this.#weak);
    const { source0, source1, source2, source3 } = packet;
    const isGuarded = this.#guarded.contains(source0, source1, source2, source3);
    return isGuarded ? this.#limited(GUARDED, this.#weak) : PROBE;
  }

  #isServed(packet: Packet): boolean {
    const [remote, local] = [this.#remote, this.#local];
    remote.address0 = packet.source0;
    remote.address1 = packet.source1;
    remote.address2 = packet.source2;
    remote.address3 = packet.source3;
    remote.port = packet.sourcePort;
    local.address0 = packet.destination0;
    local.address1 = packet.destination1;
    local.address2 = packet.destination2;
    local.address3 = packet.destination3;
    local.port = packet.destinationPort;
    return this.#ports.isServed(packet.protocol, remote, local, this.#timeMs);
  }

  #limited(disposition: number, limit: Bucket): number {
    if (limit.take(this.#timeMs, 1)) return disposition;
    this.counters.ringWithheld++;
    return NONE;
  }
}

/** Only a scanner cuts a TCP header (RFC 1858); without the flags nobody can say what it is. */
function isCutBeforeFlags({ family, protocol, moreFragments, transportAt }: Packet, end: number): boolean {
  return family === 4 && protocol === IpProtocol.Tcp && moreFragments === 1 && end - transportAt < FLAGS_END;
}

function mark(marks: Uint8Array, ranges: readonly PortRange[], bit: number): void {
  for (const { first, last } of ranges)
    for (let port = first; port <= last; port++) marks[port] = (marks[port] ?? 0) | bit;
}
