// UDP and all other protocols without a handshake: the first packet asks, anything that comes back accepts.

import type { Packet } from "../../wire/packet.ts";
import { hasPorts } from "../classify.ts";
import { Kind } from "../kinds.ts";
import { isAmplified, isDhcpAnswer } from "./amplified.ts";
import { Outcome, Seen } from "./contact.ts";
import { GROUP_WHAT, whatOf } from "./contact-key.ts";
import type { ContactLedger } from "./contact-ledger.ts";
import { NONE } from "./contact-rows.ts";
import { MUTE, VAIN } from "./contact-state.ts";
import type { RecentPairs } from "./recent-pairs.ts";
import { isNetbiosName, isOsDatagram, isPresence, isTraceroute } from "./tap-kinds.ts";
import { isFromService } from "./tcp-rules.ts";

const FIRST_IPV4_GROUP = 0xe0000000;

/** So long after a question its answer may come from another port. */
export const ANSWER_MEMORY_MS = 60_000;

/** What the rules of datagrams remember beside the contacts. */
export interface DatagramMemory {
  /** The latest questions: asker, asked host and the asker's port. */
  readonly askers: RecentPairs;
  /** The latest ICMP errors that say a packet's time was exceeded: the host that was told, and the one that told it. */
  readonly hops: RecentPairs;
}

export function seeUdp(ledger: ContactLedger, packet: Packet, bytes: Uint8Array, memory: DatagramMemory): Seen {
  const { protocol } = packet;
  ledger.forward.setForward(packet, whatOf(protocol, packet.destinationPort));
  ledger.reverse.setReverse(packet, whatOf(protocol, packet.sourcePort));
  // Services have the lower port, so one look-up will do for most.
  const isFromAsked = packet.sourcePort < packet.destinationPort;
  if (isFromAsked) {
    const asked = ledger.find(ledger.reverse);
    if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  }
  const own = ledger.find(ledger.forward);
  if (own !== NONE) return seeFurtherDatagram(ledger, own, packet, bytes, memory);
  if (!isFromAsked) {
    const asked = ledger.find(ledger.reverse);
    if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  }
  return seeFirstDatagram(ledger, packet, bytes, memory);
}

function seeFurtherDatagram(
  ledger: ContactLedger,
  row: number,
  packet: Packet,
  bytes: Uint8Array,
  { askers }: DatagramMemory,
): Seen {
  if (isOsDatagram(packet, bytes)) return ledger.ask(ledger.forward, row, Kind.OsDetection);
  if (ledger.isHeld(row)) return ledger.goOn(row, Kind.Udp, 0);
  // Of those that are answered, or that no question of ours, all goes by the same port.
  if (ledger.isOpen(row)) {
    askers.note(ledger.forward, packet.sourcePort, ledger.nowMs);
    if (!isSilentlyAsked(packet, bytes)) ledger.unmute(row);
  }
  return ledger.ask(ledger.forward, row, Kind.Udp);
}

function seeFirstDatagram(ledger: ContactLedger, packet: Packet, bytes: Uint8Array, memory: DatagramMemory): Seen {
  if (isOsDatagram(packet, bytes)) return ledger.ask(ledger.forward, NONE, Kind.OsDetection);
  // From another port than was asked, to the very one that asked (TFTP: RFC 1350 section 4).
  if (memory.askers.has(ledger.reverse, packet.destinationPort, ledger.nowMs)) return Seen.Continues;
  if (isDhcpAnswer(packet) || answersGroup(ledger, packet)) return Seen.Continues;
  if (isAmplified(packet, bytes)) return Seen.Amplified;
  if (mayReachMany(packet)) noteGroupQuestion(ledger, packet);
  // Out of the middle of something older than the capture, it seems: told only if nothing is sent back.
  if (isFromService(packet)) return ledger.hold(ledger.forward, Kind.Udp, 0);
  memory.askers.note(ledger.forward, packet.sourcePort, ledger.nowMs);
  const seen = ledger.ask(ledger.forward, NONE, Kind.Udp);
  // A router on the way to somewhere is asked for its name (tracert of Windows).
  const isHopsName = isNetbiosName(packet) && memory.hops.has(ledger.forward, 0, ledger.nowMs);
  if (isTraceroute(packet) || isHopsName) ledger.mark(VAIN);
  else if (isSilentlyAsked(packet, bytes)) ledger.mark(MUTE);
  return seen;
}

/** Nobody has to answer: no single host is asked, or one that is often away. */
function isSilentlyAsked(packet: Packet, bytes: Uint8Array): boolean {
  return packet.toGroup === 1 || isPresence(packet, bytes);
}

/** UDP-Lite and DCCP, by their ports; any other protocol by its number alone. */
export function seeOther(ledger: ContactLedger, packet: Packet): Seen {
  const withPorts = hasPorts(packet.protocol);
  ledger.reverse.setReverse(packet, whatOf(packet.protocol, withPorts ? packet.sourcePort : 0));
  const asked = ledger.find(ledger.reverse);
  if (asked !== NONE) return ledger.answer(asked, Outcome.Accepted);
  ledger.forward.setForward(packet, whatOf(packet.protocol, withPorts ? packet.destinationPort : 0));
  const own = ledger.find(ledger.forward);
  return ledger.ask(ledger.forward, own, withPorts ? Kind.Unknown : Kind.IpProtocol);
}

/** A source that asks a group (SSDP, mDNS, NetBIOS) is answered by single hosts that it never asked by their own addresses. */
function noteGroupQuestion(ledger: ContactLedger, packet: Packet): void {
  const key = ledger.reverse;
  key.setForward(packet, GROUP_WHAT | whatOf(packet.protocol, packet.sourcePort));
  key.clearHost();
  ledger.noteOwn(key);
}

function answersGroup(ledger: ContactLedger, packet: Packet): boolean {
  const key = ledger.reverse;
  key.setReverse(packet, GROUP_WHAT | whatOf(packet.protocol, packet.destinationPort));
  key.clearHost();
  return ledger.find(key) !== NONE;
}

/** A group, or what may be the broadcast address of a network: the length of its prefix is not known here. */
function mayReachMany(packet: Packet): boolean {
  if (packet.toGroup === 1) return true;
  if (packet.family === 6) return packet.destination0 >>> 24 === 0xff;
  return packet.destination3 >= FIRST_IPV4_GROUP || (packet.destination3 & 0xff) === 0xff;
}
