// Which link-layer addresses send for several hosts: those are routers, whose own questions to the link are for others, and
// behind which askers are not on this link. A slot an address, the newer takes it.
import { readU32 } from "../../wire/big-endian.ts";
import type { Packet } from "../../wire/packet.ts";

const SLOT_BITS = 10;
const SLOTS = 1 << SLOT_BITS;
/** Of an Ethernet address the last four bytes tell neighbours apart. */
const SOURCE_AT = 8;
const DESTINATION_AT = 2;
/** A host may have a second address of its own. */
const ROUTER_ADDRESSES = 3;

export class LinkSenders {
  /** Addresses whose slot another took. */
  forgotten = 0;
  readonly #links = new Int32Array(SLOTS);
  readonly #counts = new Uint8Array(SLOTS);
  readonly #addresses = new Int32Array(SLOTS * ROUTER_ADDRESSES);

  /** For every packet of IPv4, and ARP; one without an Ethernet header tells nothing. */
  note(packet: Packet, bytes: Uint8Array): void {
    if (packet.ethernetAt < 0 || packet.family !== 4 || packet.source3 === 0) return;
    const link = readU32(bytes, packet.ethernetAt + SOURCE_AT) | 0;
    const slot = slotOf(link);
    if (this.#links[slot] !== link) {
      if (this.#counts[slot] !== 0) this.forgotten++;
      this.#links[slot] = link;
      this.#counts[slot] = 0;
    }
    const count = this.#counts[slot] ?? 0;
    if (count === ROUTER_ADDRESSES) return;
    const from = slot * ROUTER_ADDRESSES;
    const address = packet.source3 | 0;
    for (let at = from; at < from + count; at++) if (this.#addresses[at] === address) return;
    this.#addresses[from + count] = address;
    this.#counts[slot] = count + 1;
  }

  /** Whether the sender of this packet sends for others too. */
  isFromRouter(packet: Packet, bytes: Uint8Array): boolean {
    return packet.ethernetAt >= 0 && this.#isRouter(readU32(bytes, packet.ethernetAt + SOURCE_AT) | 0);
  }

  /** Whether whom it is handed to does. */
  isToRouter(packet: Packet, bytes: Uint8Array): boolean {
    return packet.ethernetAt >= 0 && this.#isRouter(readU32(bytes, packet.ethernetAt + DESTINATION_AT) | 0);
  }

  #isRouter(link: number): boolean {
    const slot = slotOf(link);
    return this.#links[slot] === link && this.#counts[slot] === ROUTER_ADDRESSES;
  }
}

function slotOf(link: number): number {
  return Math.imul(link, 0x9e3779b1) >>> (32 - SLOT_BITS);
}
