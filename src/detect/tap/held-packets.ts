// Copies of the packets that cannot be judged before the other side has answered, or has not: a fixed number of
// records, each used anew when its turn comes.
import { Packet } from "../../wire/packet.ts";
import { Layout } from "../tool/header-layout.ts";

const SLOTS = 4_096;

class HeldPacket {
  row = -1;
  readonly packet = new Packet();
  layout: Layout = Layout.Unknown;
}

export class HeldPackets {
  readonly #slots: HeldPacket[] = [];
  #next = 0;

  /** Returns the slot, by which `find` gives the copy back until the slot's next turn. */
  hold(row: number, packet: Packet, layout: Layout): number {
    const slot = this.#next;
    this.#next = (slot + 1) % SLOTS;
    let held = this.#slots[slot];
    if (held === undefined) {
      held = new HeldPacket();
      this.#slots[slot] = held;
    }
    held.row = row;
    held.layout = layout;
    copyPacket(packet, held.packet);
    return slot;
  }

  /** Undefined if other packets have taken its place. */
  find(row: number, slot: number): HeldPacket | undefined {
    const held = this.#slots[slot];
    return held?.row === row ? held : undefined;
  }
}

/** Every field of a Packet; a test compares. */
export function copyPacket(from: Packet, to: Packet): void {
  to.family = from.family;
  to.source0 = from.source0;
  to.source1 = from.source1;
  to.source2 = from.source2;
  to.source3 = from.source3;
  to.destination0 = from.destination0;
  to.destination1 = from.destination1;
  to.destination2 = from.destination2;
  to.destination3 = from.destination3;
  to.hopLimit = from.hopLimit;
  to.identification = from.identification;
  to.dontFragment = from.dontFragment;
  to.hasIpOptions = from.hasIpOptions;
  to.fragmentOffset = from.fragmentOffset;
  to.moreFragments = from.moreFragments;
  to.protocol = from.protocol;
  to.sourcePort = from.sourcePort;
  to.destinationPort = from.destinationPort;
  to.tcpFlags = from.tcpFlags;
  to.tcpSequence = from.tcpSequence;
  to.tcpAcknowledgment = from.tcpAcknowledgment;
  to.tcpWindow = from.tcpWindow;
  to.tcpOptionsAt = from.tcpOptionsAt;
  to.tcpOptionsBytes = from.tcpOptionsBytes;
  to.icmpType = from.icmpType;
  to.icmpCode = from.icmpCode;
  to.icmpIdentifier = from.icmpIdentifier;
  to.icmpSequence = from.icmpSequence;
  to.neighbor0 = from.neighbor0;
  to.neighbor1 = from.neighbor1;
  to.neighbor2 = from.neighbor2;
  to.neighbor3 = from.neighbor3;
  to.sctpChunkType = from.sctpChunkType;
  to.payloadBytes = from.payloadBytes;
  to.transportAt = from.transportAt;
  to.endAt = from.endAt;
}
