// Whether a packet fits a row of fingerprints.ts, and what that is worth. Pure, and nothing is allocated per packet.
import { type Packet, TcpFlag } from "../wire/packet.ts";
import { Constant, Cookie, constantBits, cookieBits, type Fingerprint } from "./fingerprints.ts";
import type { Layout } from "./header-layout.ts";

/** Chance is out of the question below 2^-30: one wrong name in a thousand million sources. */
export const NAMED_AT_BITS = 30;
/** Rows of habits alone never get there: they are named at more than this, after a few packets that all agree. */
const NAMED_BY_HABITS_BITS = 20;
const PACKETS_OF_HABITS = 3;

/** ECE and CWR name nothing: a stack that speaks ECN sets them in its SYN (RFC 3168 section 6.1.1). */
const FLAG_BITS = TcpFlag.Fin | TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Psh | TcpFlag.Ack | TcpFlag.Urg;

/** What the first packet is worth. */
export function firstBits({ habits, cookie }: Fingerprint): number {
  const { window, layout, hopBits = 0, dontFragment, identification, strayAcknowledgmentBits = 0 } = habits;
  const fixed = (window?.bits ?? 0) + (layout?.bits ?? 0) + (identification?.bits ?? 0) + (dontFragment?.bits ?? 0);
  return fixed + hopBits + strayAcknowledgmentBits + cookieBits[cookie ?? Cookie.None];
}

/** What each further packet to another target adds: 0 for rows of habits. */
export function furtherBits({ habits, cookie, constant }: Fingerprint): number {
  // An identification of 0 is a habit: whoever does not fill it in once never does.
  const id = habits.identification === undefined || habits.identification.is === 0 ? 0 : habits.identification.bits;
  return id + cookieBits[cookie ?? Cookie.None] + constantBits[constant ?? Constant.None];
}

/** How many packets, each to another target, until the tool is named; Infinity if its row can never name it. */
export function packetsNeeded(row: Fingerprint): number {
  const first = firstBits(row);
  const further = furtherBits(row);
  if (first >= NAMED_AT_BITS) return 1;
  if (further > 0) return 1 + Math.ceil((NAMED_AT_BITS - first) / further);
  return first > NAMED_BY_HABITS_BITS ? PACKETS_OF_HABITS : Number.POSITIVE_INFINITY;
}

export function fitsHabits(row: Fingerprint, packet: Packet, layout: Layout): boolean {
  const { habits } = row;
  if (packet.protocol !== row.protocol) return false;
  if (habits.flags !== undefined && (packet.tcpFlags & FLAG_BITS) !== habits.flags) return false;
  if (habits.flagsExcept?.includes(packet.tcpFlags & FLAG_BITS) === true) return false;
  if (habits.layout !== undefined && !habits.layout.of.includes(layout)) return false;
  if (habits.window !== undefined && !habits.window.of.includes(packet.tcpWindow)) return false;
  const hops = packet.family === 4 ? habits.hops4 : habits.hops6;
  if (hops === undefined || packet.hopLimit < hops[0] || packet.hopLimit > hops[1]) return false;
  if (packet.family === 4) {
    if (habits.dontFragment !== undefined && packet.dontFragment !== habits.dontFragment.is) return false;
    if (habits.identification !== undefined && packet.identification !== habits.identification.is) return false;
  }
  if (habits.strayAcknowledgmentBits !== undefined) {
    if (packet.tcpAcknowledgment === 0 || (packet.tcpFlags & TcpFlag.Ack) !== 0) return false;
  }
  return true;
}

export function fitsCookie(cookie: Cookie, packet: Packet): boolean {
  switch (cookie) {
    case Cookie.None:
      return true;
    case Cookie.IdOfTarget:
      return masscanKey(packet) === (packet.destination3 & 0xffff);
    case Cookie.SequenceIsTarget:
      return packet.tcpSequence === packet.destination3;
  }
}

/** What the row's constant is in this packet: 32 bits, unsigned. */
export function constantOf(constant: Constant, packet: Packet): number {
  switch (constant) {
    case Constant.None:
      return 0;
    case Constant.MasscanKey:
      return masscanKey(packet);
    case Constant.Sequence:
      return packet.tcpSequence;
    case Constant.NmapKey: {
      const key = packet.tcpAcknowledgment === 0 ? packet.tcpSequence : packet.tcpAcknowledgment;
      return ((key >>> 16) ^ key) & 0xffff;
    }
    case Constant.UnicornKey: {
      const ports = (packet.destinationPort << 16) + packet.sourcePort;
      return (packet.tcpSequence ^ swapBytes(packet.destination3) ^ ports) >>> 0;
    }
    case Constant.SourcePort:
      return packet.sourcePort;
  }
}

function masscanKey(packet: Packet): number {
  return (packet.identification ^ packet.destinationPort ^ packet.tcpSequence) & 0xffff;
}

function swapBytes(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24);
}
