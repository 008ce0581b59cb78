// A row of fingerprints.ts in the form for the packet path: all rows of one shape, nothing to compute, nothing allocated.
import { type Packet, TcpFlag } from "../../wire/packet.ts";
import { firstBits, furtherBits, packetsNeeded } from "./fingerprint-bits.ts";
import { Constant, Cookie, type Fingerprint } from "./fingerprints.ts";

/** ECE and CWR name nothing: a stack that speaks ECN sets them in its SYN (RFC 3168 section 6.1.1). */
const FLAG_BITS = TcpFlag.Fin | TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Psh | TcpFlag.Ack | TcpFlag.Urg;

const ANY = -1;
const NO_HOPS = [1, 0] as const;

export class CompiledRow {
  readonly index: number;
  readonly row: Fingerprint;
  readonly cookie: Cookie;
  readonly constant: Constant;
  readonly firstBits: number;
  readonly furtherBits: number;
  readonly packetsNeeded: number;
  readonly #flags: number;
  readonly #flagsExcept: readonly number[];
  readonly #ports: readonly number[];
  readonly #fewestHops4: number;
  readonly #mostHops4: number;
  readonly #fewestHops6: number;
  readonly #mostHops6: number;
  readonly #dontFragment: number;
  readonly #identification: number;
  readonly #isAcknowledgmentStray: boolean;

  constructor(row: Fingerprint, index: number) {
    const { habits } = row;
    this.index = index;
    this.row = row;
    this.cookie = row.cookie ?? Cookie.None;
    this.constant = row.constant ?? Constant.None;
    this.firstBits = firstBits(row);
    this.furtherBits = furtherBits(row);
    this.packetsNeeded = packetsNeeded(row);
    this.#flags = habits.flags ?? ANY;
    this.#flagsExcept = habits.flagsExcept ?? [];
    this.#ports = habits.ports ?? [];
    [this.#fewestHops4, this.#mostHops4] = habits.hops4 ?? NO_HOPS;
    [this.#fewestHops6, this.#mostHops6] = habits.hops6 ?? NO_HOPS;
    this.#dontFragment = habits.dontFragment?.is ?? ANY;
    this.#identification = habits.identification?.is ?? ANY;
    this.#isAcknowledgmentStray = habits.strayAcknowledgmentBits !== undefined;
  }

  /** Whether the rest of the row's habits fits; its protocol, window and layout do (fingerprint-index.ts). */
  fitsHabits(packet: Packet): boolean {
    const flags = packet.tcpFlags & FLAG_BITS;
    const { hopLimit } = packet;
    if (this.#flags !== ANY && this.#flags !== flags) return false;
    if (packet.family === 4) {
      if (hopLimit < this.#fewestHops4 || hopLimit > this.#mostHops4) return false;
      if (this.#dontFragment !== ANY && this.#dontFragment !== packet.dontFragment) return false;
      if (this.#identification !== ANY && this.#identification !== packet.identification) return false;
    } else if (hopLimit < this.#fewestHops6 || hopLimit > this.#mostHops6) {
      return false;
    }
    if (this.#ports.length > 0 && !this.#ports.includes(packet.destinationPort)) return false;
    if (this.#flagsExcept.length > 0 && this.#flagsExcept.includes(flags)) return false;
    if (this.#isAcknowledgmentStray) return packet.tcpAcknowledgment !== 0 && (flags & TcpFlag.Ack) === 0;
    return true;
  }
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

/** The row's constant in this packet: 32 bits, unsigned. 0 is no constant: some tools just leave fields empty. */
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
