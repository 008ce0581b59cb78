// ICMP, ICMPv6 and ARP: questions about the host itself, their answers, and the errors that tell how others' ended.

import { NEIGHBOR_ADVERTISEMENT, NEIGHBOR_SOLICITATION } from "../../wire/neighbor.ts";
import { ARP_PROTOCOL, DecodeResult, IpProtocol, type Packet } from "../../wire/packet.ts";
import { decodeQuoted, isIcmpError } from "../../wire/quoted.ts";
import { hasPorts } from "../classify.ts";
import { Kind } from "../kinds.ts";
import { Outcome, Seen } from "./contact.ts";
import { whatOf } from "./contact-key.ts";
import type { ContactLedger } from "./contact-ledger.ts";
import { NONE } from "./contact-rows.ts";
import { ROUTER } from "./contact-state.ts";
import type { LinkSenders } from "./link-senders.ts";
import type { RecentPairs } from "./recent-pairs.ts";
import { isOsEcho } from "./tap-kinds.ts";

/** RFC 792 and RFC 950; ICMPv6: RFC 4443. */
const Type = { EchoReply: 0, Echo: 8, Timestamp: 13, TimestampReply: 14, Netmask: 17, NetmaskReply: 18 } as const;
const Type6 = { ParameterProblem: 4, Echo: 128, EchoReply: 129 } as const;
const UNREACHABLE = 3;
const UNREACHABLE_6 = 1;
const FRAGMENTATION_NEEDED = 4;
const UNKNOWN_NEXT_HEADER = 1;
const TIME_EXCEEDED = 11;
const TIME_EXCEEDED_6 = 3;

/** RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1: no route to the network, or it is forbidden. */
const noWay: ReadonlySet<number> = new Set([0, 9, 10, 13]);
const noWay6: ReadonlySet<number> = new Set([0, 1, 6]);
/** fe80::/10, of the first word. */
const LINK_LOCAL = 0x3fa;
/** With these a packet's life begins. */
const firstHops: ReadonlySet<number> = new Set([64, 128, 255]);

const ArpOperation = { Request: 1, Reply: 2 } as const;

/** What the rules know of the way beside the contacts. */
interface KnownWay {
  readonly hops: RecentPairs;
  readonly senders: LinkSenders;
}

/** `quoted` is a record of the caller's, written over. */
export function seeIcmp(ledger: ContactLedger, packet: Packet, bytes: Uint8Array, quoted: Packet, way: KnownWay): Seen {
  if (isIcmpError(packet)) return seeError(ledger, packet, bytes, quoted, way);
  const type = packet.icmpType;
  if (packet.family === 6) {
    if (type === NEIGHBOR_SOLICITATION || type === NEIGHBOR_ADVERTISEMENT) return seeNeighbor(ledger, packet);
    if (type === Type6.Echo) return ask(ledger, packet, Kind.IcmpEcho);
    return type === Type6.EchoReply ? answer(ledger, packet, Type6.Echo) : Seen.NoContact;
  }
  switch (type) {
    case Type.Echo:
      return ask(ledger, packet, Kind.IcmpEcho);
    case Type.Timestamp:
      return ask(ledger, packet, Kind.IcmpTimestamp);
    case Type.Netmask:
      return ask(ledger, packet, Kind.IcmpNetmask);
    case Type.EchoReply:
      return answer(ledger, packet, Type.Echo);
    case Type.TimestampReply:
      return answer(ledger, packet, Type.Timestamp);
    case Type.NetmaskReply:
      return answer(ledger, packet, Type.Netmask);
    default:
      return Seen.NoContact;
  }
}

export function seeArp(ledger: ContactLedger, packet: Packet, bytes: Uint8Array, senders: LinkSenders): Seen {
  const what = whatOf(ARP_PROTOCOL, 0);
  if (packet.icmpType === ArpOperation.Reply) {
    ledger.reverse.setReverse(packet, what);
    const asked = ledger.find(ledger.reverse);
    return asked === NONE ? Seen.NoContact : ledger.answer(asked, Outcome.Accepted);
  }
  // A host that asks for its own address announces it (RFC 5227 section 3).
  if (packet.icmpType !== ArpOperation.Request || packet.source3 === packet.destination3) return Seen.NoContact;
  ledger.forward.setForward(packet, what);
  const seen = ledger.ask(ledger.forward, ledger.find(ledger.forward), Kind.Arp);
  if (senders.isFromRouter(packet, bytes) || hasRoutersAddress(packet)) ledger.mark(ROUTER);
  return seen;
}

function seeNeighbor(ledger: ContactLedger, packet: Packet): Seen {
  const what = whatOf(IpProtocol.Icmpv6, NEIGHBOR_SOLICITATION);
  if (packet.icmpType === NEIGHBOR_SOLICITATION) {
    ledger.forward.setForward(packet, what);
    ledger.forward.setNeighborHost(packet);
    return ledger.ask(ledger.forward, ledger.find(ledger.forward), Kind.Neighbor);
  }
  ledger.reverse.setReverse(packet, what);
  ledger.reverse.setNeighborHost(packet);
  const asked = ledger.find(ledger.reverse);
  return asked === NONE ? Seen.NoContact : ledger.answer(asked, Outcome.Accepted);
}

function ask(ledger: ContactLedger, packet: Packet, kind: Kind): Seen {
  const key = ledger.forward;
  key.setForward(packet, whatOf(packet.protocol, packet.icmpType));
  const isOs = kind === Kind.IcmpEcho && isOsEcho(packet);
  const seen = ledger.ask(key, ledger.find(key), isOs ? Kind.OsDetection : kind);
  ledger.noteIdentifier(packet.icmpIdentifier);
  return seen;
}

/** `question` is the type that this one answers. */
function answer(ledger: ContactLedger, packet: Packet, question: number): Seen {
  ledger.reverse.setReverse(packet, whatOf(packet.protocol, question));
  const asked = ledger.find(ledger.reverse);
  if (asked === NONE) return Seen.Backscatter;
  return ledger.hasIdentifier(asked, packet.icmpIdentifier) ? ledger.answer(asked, Outcome.Accepted) : Seen.Late;
}

/** The packet that the error quotes is the question; it must have come from the host that the error is sent to. */
function seeError(ledger: ContactLedger, packet: Packet, bytes: Uint8Array, quoted: Packet, way: KnownWay): Seen {
  const result = decodeQuoted(bytes, packet, quoted);
  if (quoted.family === 0 || result === DecodeResult.Malformed) return Seen.Backscatter;
  const isOfSender =
    quoted.source3 === packet.destination3 &&
    quoted.source2 === packet.destination2 &&
    quoted.source1 === packet.destination1 &&
    quoted.source0 === packet.destination0;
  if (!isOfSender) return Seen.Backscatter;
  const withPorts = hasPorts(quoted.protocol);
  ledger.forward.setForward(quoted, whatOf(quoted.protocol, withPorts ? quoted.destinationPort : quoted.icmpType));
  const asked = ledger.find(ledger.forward);
  if (asked !== NONE) {
    const outcome = outcomeOfError(packet);
    ledger.reverse.setReverse(packet, 0);
    if (isTimeExceeded(packet)) way.hops.note(ledger.reverse, 0, ledger.nowMs);
    const isOfNearest =
      outcome === Outcome.Refused && isWithoutWay(packet) && isFromNearest(packet, quoted, bytes, way.senders);
    return ledger.answer(asked, isOfNearest ? Outcome.Unknown : outcome);
  }
  if (!withPorts) return Seen.Backscatter;
  // It was an answer itself that could not be delivered.
  ledger.reverse.setReverse(quoted, whatOf(quoted.protocol, quoted.sourcePort));
  return ledger.find(ledger.reverse) === NONE ? Seen.Backscatter : Seen.Continues;
}

function isTimeExceeded({ family, icmpType }: Packet): boolean {
  return icmpType === (family === 4 ? TIME_EXCEEDED : TIME_EXCEEDED_6);
}

/** No route, or none for this asker: of the target's host it says nothing. */
function isWithoutWay({ family, icmpType, icmpCode }: Packet): boolean {
  if (family === 4) return icmpType === UNREACHABLE && noWay.has(icmpCode);
  return icmpType === UNREACHABLE_6 && noWay6.has(icmpCode);
}

/**
 * Whether the error comes from the router that is the asker's own neighbour, which no scanner from afar can claim to be told
 * by: an address that is never forwarded; or neither the error nor what it quotes has come a hop, and it is handed to one
 * who sends for itself alone.
 */
function isFromNearest(packet: Packet, quoted: Packet, bytes: Uint8Array, senders: LinkSenders): boolean {
  const isFromTarget = packet.source3 === quoted.destination3 && packet.source0 === quoted.destination0;
  if (isFromTarget) return false;
  if (packet.family === 6) return packet.source0 >>> 22 === LINK_LOCAL;
  if (packet.ethernetAt < 0 || senders.isToRouter(packet, bytes)) return false;
  return firstHops.has(packet.hopLimit) && (firstHops.has(quoted.hopLimit) || firstHops.has(quoted.hopLimit + 1));
}

/** The first and the last address of a /24 are routers', by custom. */
function hasRoutersAddress({ source3 }: Packet): boolean {
  const last = source3 & 0xff;
  return last === 1 || last === 254;
}

/** Pending: it says nothing of the host, only of the way (path MTU). Unknown: the packet never came so far. */
function outcomeOfError(packet: Packet): Outcome {
  const { icmpType, icmpCode } = packet;
  if (packet.family === 4) {
    if (icmpType === UNREACHABLE) return icmpCode === FRAGMENTATION_NEEDED ? Outcome.Pending : Outcome.Refused;
    return icmpType === TIME_EXCEEDED ? Outcome.Unknown : Outcome.Pending;
  }
  if (icmpType === UNREACHABLE_6) return Outcome.Refused;
  if (icmpType === Type6.ParameterProblem && icmpCode === UNKNOWN_NEXT_HEADER) return Outcome.Refused;
  return icmpType === TIME_EXCEEDED_6 ? Outcome.Unknown : Outcome.Pending;
}
