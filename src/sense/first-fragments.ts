// TCP headers cut in two by a scanner (nmap -f: fragments of 8 bytes): the first has the ports, the second the flags.
// Remembers either for a moment and puts the two together, in whatever order they come, as far as the sensor needs; the kernel's own sensor gets
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
  /** Second fragments that came before their first ones: a table of its own, so that these take no place of those. */
  readonly #secondSources = new Uint32Array(SLOTS);
  readonly #secondDestinations = new Uint32Array(SLOTS);
  readonly #secondIdentifications = new Int32Array(SLOTS).fill(-1);
  readonly #seconds = new Uint8Array(SLOTS * MAX_BYTES);
  readonly #secondBytes = new Uint8Array(SLOTS);
  readonly #secondHeaderBytes = new Uint8Array(SLOTS);

  /**
   * A first fragment, whose transport header begins at `at`. An older one in its place is forgotten. When the second one
   * came before it, the length of the packet of both in `this.bytes`; otherwise 0.
   */
  note(packet: Packet, bytes: Uint8Array, at: number): number {
    const slot = slotOf(packet);
    this.#sources[slot] = packet.source3;
    this.#destinations[slot] = packet.destination3;
    this.#identifications[slot] = packet.identification;
    for (let index = 0; index < START_BYTES; index++) this.#starts[slot * START_BYTES + index] = bytes[at + index] ?? 0;
    const isThere =
      this.#secondIdentifications[slot] === packet.identification &&
      this.#secondSources[slot] === packet.source3 &&
      this.#secondDestinations[slot] === packet.destination3;
    if (!isThere) return 0;
    this.#secondIdentifications[slot] = -1;
    const from = slot * MAX_BYTES;
    const headerBytes = this.#secondHeaderBytes[slot] ?? 0;
    return this.#put(slot, this.#seconds, from, headerBytes, (this.#secondBytes[slot] ?? 0) - headerBytes);
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
    if (START_BYTES + restBytes < FLAGS_END || headerBytes + START_BYTES > MAX_BYTES) return 0;
    if (isNext) return this.#put(slot, bytes, at, headerBytes, restBytes);
    this.#keepSecond(slot, packet, bytes, at, end);
    return 0;
  }

  #keepSecond(slot: number, packet: Packet, bytes: Uint8Array, at: number, end: number): void {
    const length = Math.min(MAX_BYTES, end - at);
    this.#secondSources[slot] = packet.source3;
    this.#secondDestinations[slot] = packet.destination3;
    this.#secondIdentifications[slot] = packet.identification;
    this.#secondBytes[slot] = length;
    this.#secondHeaderBytes[slot] = packet.transportAt - at;
    for (let index = 0; index < length; index++) this.#seconds[slot * MAX_BYTES + index] = bytes[at + index] ?? 0;
  }

  /** The eight bytes of the slot between the header at bytes[at] and what follows it. */
  #put(slot: number, bytes: Uint8Array, at: number, headerBytes: number, restBytes: number): number {
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
