// Contacts that this host or a container has begun, from the SYN that the kernel tells to what came of it.
import { formatPrefix, type Prefix, prefixOfWords } from "../../wire/address.ts";
import { IpProtocol, type Packet, TcpFlag } from "../../wire/packet.ts";
import { Outcome } from "../tap/contact.ts";
import { wormPorts } from "../tap/outbound.ts";

export interface OutgoingContact {
  /** This host's own address, or a container's. */
  readonly origin: Prefix;
  readonly remote: Prefix;
  readonly protocol: number;
  readonly port: number;
  readonly localPort: number;
  /** The user whose socket sent it, -1 where none did. */
  readonly uid: number;
  readonly timeMs: number;
}

export interface Decided {
  readonly contact: OutgoingContact;
  readonly outcome: Outcome;
}

/** An answer that takes longer is rare, and counts as none. */
const WAIT_MS = 4_000;
/** More than the kernel tells within the wait (outgoingRates in table/outgoing.ts). */
const MAX_OPEN = 2_048;
/**
 * Refusals of datagrams to ports from here on say nothing: traceroute and mtr mean these ports to be closed, and peers of calls and games
 * have gone.
 */
const FIRST_CHANCE_PORT = 33_000;
/** Mail is sent to thousands of hosts, and many hosters drop it. */
const MAIL = 25;

interface Open {
  readonly contact: OutgoingContact;
  /** The wait was over already at the last look: an answer that was queued has been read by now. */
  isOverdue: boolean;
}

export class OutgoingContacts {
  readonly counters = {
    outgoingContacts: 0,
    outgoingContactsDecided: 0,
    outgoingContactsDropped: 0,
    outgoingSilencesUnheard: 0,
  };
  /** By origin, remote and port, in the order of their SYNs. */
  readonly #open = new Map<string, Open>();
  /** When an answer from far was seen last, IPv4 and IPv6. */
  readonly #heardMs = { 4: Number.NEGATIVE_INFINITY, 6: Number.NEGATIVE_INFINITY };
  #lost = 0;

  /** A SYN of ours; undefined for a packet that is none. */
  asked(packet: Packet, uid: number, timeMs: number): OutgoingContact | undefined {
    if (packet.protocol !== IpProtocol.Tcp || packet.family === 0) return undefined;
    const contact: OutgoingContact = {
      ...{ origin: sourceOf(packet), remote: destinationOf(packet), protocol: IpProtocol.Tcp },
      ...{ port: packet.destinationPort, localPort: packet.sourcePort, uid, timeMs },
    };
    if (this.#open.size >= MAX_OPEN) {
      this.counters.outgoingContactsDropped++;
      return undefined;
    }
    const key = keyOf(contact.origin, contact.remote, contact.port);
    // The table was loaded anew meanwhile.
    if (this.#open.has(key)) return contact;
    this.counters.outgoingContacts++;
    this.#open.set(key, { contact, isOverdue: false });
    return contact;
  }

  /** An answer, SYN+ACK or RST; undefined for one to a contact that is not awaited. */
  answered(packet: Packet, timeMs: number): Decided | undefined {
    if (packet.protocol !== IpProtocol.Tcp || packet.family === 0) return undefined;
    this.#heardMs[packet.family === 4 ? 4 : 6] = timeMs;
    const key = keyOf(destinationOf(packet), sourceOf(packet), packet.sourcePort);
    const open = this.#open.get(key);
    if (open === undefined) return undefined;
    this.#open.delete(key);
    this.counters.outgoingContactsDecided++;
    const isRefused = (packet.tcpFlags & TcpFlag.Rst) !== 0;
    return { contact: open.contact, outcome: isRefused ? Outcome.Refused : Outcome.Accepted };
  }

  /** `quoted`: the datagram of ours that a host has refused, as its ICMP message quotes it. */
  refused(quoted: Packet, timeMs: number): Decided | undefined {
    if (quoted.protocol !== IpProtocol.Udp || quoted.destinationPort >= FIRST_CHANCE_PORT) return undefined;
    const contact: OutgoingContact = {
      ...{ origin: sourceOf(quoted), remote: destinationOf(quoted), protocol: IpProtocol.Udp },
      ...{ port: quoted.destinationPort, localPort: quoted.sourcePort, uid: -1, timeMs },
    };
    return { contact, outcome: Outcome.Refused };
  }

  /**
   * Once a second: those whose wait is over. `lost`: packets that the kernel could not tell of, ever: when there are more of them, silence
   * says nothing.
   */
  tick(nowMs: number, lost: number): Decided[] {
    const hasLost = lost !== this.#lost;
    this.#lost = lost;
    const decided: Decided[] = [];
    for (const [key, open] of this.#open) {
      const { contact, isOverdue } = open;
      if (!isOverdue) {
        if (nowMs - contact.timeMs < WAIT_MS) break;
        open.isOverdue = true;
        continue;
      }
      this.#open.delete(key);
      this.counters.outgoingContactsDecided++;
      if (hasLost || !this.#saysSomething(contact)) this.counters.outgoingSilencesUnheard++;
      else decided.push({ contact, outcome: Outcome.Unanswered });
    }
    return decided;
  }

  /**
   * Silence of all at once is an uplink that is gone, or an address family that leads nowhere. What worms look for nobody asks of
   * many hosts for another reason.
   */
  #saysSomething({ remote, port, timeMs }: OutgoingContact): boolean {
    if (wormPorts.has(port) && port !== MAIL) return true;
    return this.#heardMs[familyOf(remote)] >= timeMs;
  }
}

function familyOf({ w0, w1, w2 }: Prefix): 4 | 6 {
  return w0 === 0 && w1 === 0 && w2 === 0xffff ? 4 : 6;
}

function sourceOf({ source0, source1, source2, source3 }: Packet): Prefix {
  return prefixOfWords(source0, source1, source2, source3, 128);
}

function destinationOf({ destination0, destination1, destination2, destination3 }: Packet): Prefix {
  return prefixOfWords(destination0, destination1, destination2, destination3, 128);
}

function keyOf(origin: Prefix, remote: Prefix, port: number): string {
  return `${formatPrefix(origin)} ${formatPrefix(remote)} ${port}`;
}
