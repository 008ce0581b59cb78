// Outcome tracking where the kernel cannot be asked (a mirror port, a capture file): the first contact of each (source,
// host, port, protocol), and whether it was accepted, refused, left unanswered, or its outcome is unknown. Told apart from it
// and never opened: backscatter, amplified answers, late segments. Bounded; nothing is allocated for a packet.

import { ARP_PROTOCOL, DecodeResult, IpProtocol, Packet, TcpFlag } from "../../wire/packet.ts";
import { hasPorts } from "../classify.ts";
import { Kind } from "../kinds.ts";
import { Seen, type SeenName, seenNames } from "./contact.ts";
import { FRAGMENT_WHAT, whatOf } from "./contact-key.ts";
import { ContactLedger, type ContactOptions } from "./contact-ledger.ts";
import { NONE } from "./contact-rows.ts";
import { ANSWER_MEMORY_MS, seeOther, seeUdp } from "./datagram-rules.ts";
import { FirstFragments } from "./first-fragments.ts";
import { seeArp, seeIcmp } from "./icmp-rules.ts";
import { LinkSenders } from "./link-senders.ts";
import { RecentPairs } from "./recent-pairs.ts";
import { seeSctp } from "./sctp-rules.ts";
import { SynAckSeries } from "./syn-ack-series.ts";
import { seeTcp } from "./tcp-rules.ts";

const PORTS_END = 4;
/** A program that looks for the way asks for each hop's name soon after. */
const HOP_MEMORY_MS = 60_000;

/** How many packets were taken for what, and how often the table was too small. */
export type ContactCounters = Record<SeenName, number> & {
  /** In the table now, those of our own hosts and conversations without a start included. */
  readonly contacts: number;
  readonly opened: number;
  /** Contacts that were given up for newer ones, and those of them whose outcome was still open. */
  readonly evictions: number;
  readonly decidedEarly: number;
  /** Held packets that could not be kept until they were judged. */
  readonly heldForgotten: number;
  /** Latest questions and hops whose place others took, and senders on the link: what they excuse counts again. */
  readonly pairsForgotten: number;
  readonly sendersForgotten: number;
};

export class ContactTable {
  readonly #ledger: ContactLedger;
  readonly #fragments: FirstFragments;
  readonly #series = new SynAckSeries();
  readonly #quoted = new Packet();
  readonly #memory: { readonly askers: RecentPairs; readonly hops: RecentPairs; readonly senders: LinkSenders };
  readonly #seen = new Float64Array(seenNames.length);

  constructor(options: ContactOptions) {
    this.#ledger = new ContactLedger(options);
    this.#fragments = new FirstFragments(options.seed);
    this.#memory = {
      askers: new RecentPairs(options.seed, ANSWER_MEMORY_MS),
      hops: new RecentPairs(options.seed, HOP_MEMORY_MS),
      senders: new LinkSenders(),
    };
  }

  /** `result` is the decoder's answer for the packet; the bytes are those that it was decoded from. */
  see(packet: Packet, result: DecodeResult, bytes: Uint8Array, timeMs: number): Seen {
    this.#ledger.begin(packet, bytes, timeMs);
    // Not for each segment of a connection: its first ones tell as much.
    if (packet.protocol !== IpProtocol.Tcp || (packet.tcpFlags & TcpFlag.Syn) !== 0)
      this.#memory.senders.note(packet, bytes);
    const seen = this.#judge(packet, result, bytes, timeMs);
    if (seen === Seen.Held) this.#memory.senders.note(packet, bytes);
    if (seen === Seen.IdProbe) this.#ledger.teller.idProbed(packet, bytes, timeMs);
    this.#seen[seen] = (this.#seen[seen] ?? 0) + 1;
    return seen;
  }

  /** No packet has come up to this time: waits that are over end all the same. */
  tick(timeMs: number): void {
    this.#ledger.waits.advance(timeMs);
  }

  /** Decides all that is pending: the capture ends here. */
  end(timeMs: number): void {
    this.#ledger.waits.end(timeMs);
  }

  get counters(): ContactCounters {
    const { rows, teller, waits, evictions } = this.#ledger;
    const { askers, hops, senders } = this.#memory;
    const of = (seen: Seen) => this.#seen[seen] ?? 0;
    return {
      opens: of(Seen.Opens),
      again: of(Seen.Again),
      continues: of(Seen.Continues),
      answers: of(Seen.Answers),
      held: of(Seen.Held),
      late: of(Seen.Late),
      backscatter: of(Seen.Backscatter),
      amplified: of(Seen.Amplified),
      idProbe: of(Seen.IdProbe),
      noContact: of(Seen.NoContact),
      contacts: rows.size,
      opened: teller.opened,
      evictions,
      decidedEarly: waits.decidedEarly,
      heldForgotten: teller.heldForgotten,
      pairsForgotten: askers.forgotten + hops.forgotten,
      sendersForgotten: senders.forgotten,
    };
  }

  #judge(packet: Packet, result: DecodeResult, bytes: Uint8Array, timeMs: number): Seen {
    if (result === DecodeResult.Fragment) return this.#seeLaterFragment(packet);
    if (packet.moreFragments === 1) this.#noteFirstFragment(packet);
    if (result === DecodeResult.Truncated) return this.#seeShort(packet);
    if (result === DecodeResult.OtherProtocol) return seeOther(this.#ledger, packet);
    if (result !== DecodeResult.Ok) return Seen.NoContact;
    switch (packet.protocol) {
      case IpProtocol.Tcp:
        return seeTcp(this.#ledger, packet, bytes, this.#series, timeMs);
      case IpProtocol.Udp:
        return seeUdp(this.#ledger, packet, bytes, this.#memory);
      case IpProtocol.Icmp:
      case IpProtocol.Icmpv6:
        return seeIcmp(this.#ledger, packet, bytes, this.#quoted, this.#memory);
      case IpProtocol.Sctp:
        return seeSctp(this.#ledger, packet);
      case ARP_PROTOCOL:
        return seeArp(this.#ledger, packet, bytes, this.#memory.senders);
      default:
        return seeOther(this.#ledger, packet);
    }
  }

  #noteFirstFragment(packet: Packet): void {
    if (packet.fragmentOffset > 0) return;
    this.#fragments.note(packet);
    // Fragments may overtake one another: one that came before its first fragment was not alone.
    const key = this.#ledger.forward;
    key.setForward(packet, FRAGMENT_WHAT | whatOf(packet.protocol, 0));
    const row = this.#ledger.find(key);
    if (row !== NONE) this.#ledger.letGo(row);
  }

  /**
   * A first fragment that ends within the transport header: no stack sends one (RFC 1858 section 3), a scan does, to
   * pass a filter (nmap -f). And the empty packet by which nmap -sO asks for a protocol that has ports. A header that
   * only the capture has cut says nothing.
   */
  #seeShort(packet: Packet): Seen {
    const { protocol } = packet;
    if (packet.payloadBytes > 0 || packet.fragmentOffset > 0 || !hasPorts(protocol)) return Seen.NoContact;
    const capturedBytes = packet.endAt - packet.transportAt;
    const key = this.#ledger.forward;
    if (packet.moreFragments === 1 && capturedBytes >= PORTS_END) {
      key.setForward(packet, whatOf(protocol, packet.destinationPort));
      return this.#ledger.ask(key, this.#ledger.find(key), Kind.Fragment);
    }
    const isEmpty = capturedBytes === 0 && packet.transportAt > 0;
    if (!isEmpty || (protocol !== IpProtocol.Dccp && protocol !== IpProtocol.UdpLite)) return Seen.NoContact;
    key.setForward(packet, whatOf(protocol, 0));
    return this.#ledger.ask(key, this.#ledger.find(key), Kind.IpProtocol);
  }

  /** One that is alone is a probe; whether it is, is known when its first one does not come. */
  #seeLaterFragment(packet: Packet): Seen {
    if (this.#fragments.has(packet)) return Seen.Continues;
    const key = this.#ledger.forward;
    key.setForward(packet, FRAGMENT_WHAT | whatOf(packet.protocol, 0));
    const row = this.#ledger.find(key);
    return row === NONE ? this.#ledger.hold(key, Kind.Fragment, 0) : this.#ledger.goOn(row, Kind.Fragment, 0);
  }
}
