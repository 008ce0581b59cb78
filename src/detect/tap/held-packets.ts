// Copies of the packets that cannot be judged before the other side has answered, or has not: a fixed number of
// records, each used anew when its turn comes.
import { copyPacket, Packet } from "../../wire/packet.ts";
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
