// TCP headers cut in two by a scanner (nmap -f: fragments of 8 bytes): the first has the ports, the second the flags.
// Remembers first ones for a moment and puts the two together, as far as the sensor needs; the kernel's own sensor gets
// whole packets from connection tracking. IPv4 only: IPv6 stacks drop such packets (RFC 8200 section 4.5).
import type { Packet } from "../wire/packet.ts";

const SLOTS = 256;
const START_BYTES = 8;
const MAX_BYTES = 128;
const IPV4_LENGTH_AT = 2;
const IPV4_FRAGMENT_AT = 6;
/** The flags are the 14th byte of a TCP header (RFC 9293 section 3.1). */
export const FLAGS_END = 14;

export class FirstFragments {
  /** The packet that joins() has put together; valid until its next call. */
  readonly bytes = new Uint8Array(MAX_BYTES);
  /** Source, destination, identification; and the eight bytes. */
  readonly #sources = new Uint32Array(SLOTS);
  readonly #destinations = new Uint32Array(SLOTS);
  readonly #identifications = new Int32Array(SLOTS).fill(-1);
  readonly #starts = new Uint8Array(SLOTS * START_BYTES);

  /** A first fragment, whose transport header begins at `at`. An older one in its place is forgotten. */
  note(packet: Packet, bytes: Uint8Array, at: number): void {
    const slot = slotOf(packet);
    this.#sources[slot] = packet.source3;
    this.#destinations[slot] = packet.destination3;
    this.#identifications[slot] = packet.identification;
    for (let index = 0; index < START_BYTES; index++) this.#starts[slot * START_BYTES + index] = bytes[at + index] ?? 0;
  }

  /**
   * bytes[at..end) is the fragment behind eight bytes. The length of the packet of both in `this.bytes`; 0 when the
   * first was not seen, or the flags are not in the second.
   */
  join(packet: Packet, bytes: Uint8Array, at: number, end: number): number {
    const slot = slotOf(packet);
    const isNext =
      this.#identifications[slot] === packet.identification &&
      this.#sources[slot] === packet.source3 &&
      this.#destinations[slot] === packet.destination3;
    const headerBytes = packet.transportAt - at;
    const restBytes = end - packet.transportAt;
    if (!isNext || START_BYTES + restBytes < FLAGS_END || headerBytes + START_BYTES > MAX_BYTES) return 0;
    this.#identifications[slot] = -1;
    const length = Math.min(MAX_BYTES, headerBytes + START_BYTES + restBytes);
    for (let index = 0; index < headerBytes; index++) this.bytes[index] = bytes[at + index] ?? 0;
    for (let index = 0; index < START_BYTES; index++)
      this.bytes[headerBytes + index] = this.#starts[slot * START_BYTES + index] ?? 0;
    for (let index = headerBytes + START_BYTES; index < length; index++)
      this.bytes[index] = bytes[at + index - START_BYTES] ?? 0;
    this.bytes[IPV4_LENGTH_AT] = length >> 8;
    this.bytes[IPV4_LENGTH_AT + 1] = length & 0xff;
    this.bytes[IPV4_FRAGMENT_AT] = 0;
    this.bytes[IPV4_FRAGMENT_AT + 1] = 0;
    return length;
  }
}

function slotOf({ source3, destination3, identification }: Packet): number {
  const mixed = Math.imul(source3 ^ Math.imul(destination3, 31) ^ (identification << 7), 0x9e3779b1);
  return mixed >>> 24;
}
