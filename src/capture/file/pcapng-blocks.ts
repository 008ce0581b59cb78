// Reads the blocks of a pcapng file: a section's beginning, an interface, a packet. The caller has made sure that
// the block's lengths fit; a fault inside is noted, and the block left.
import { isKnownLinkType } from "../../wire/link.ts";
import type { CaptureBuffer } from "./capture-buffer.ts";
import { type CaptureProblems, type FrameSink, MAX_FRAME_BYTES, unknownLinkType } from "./capture-report.ts";
import { type CaptureInterface, PcapngInterfaces } from "./pcapng-interfaces.ts";
import { BlockType, type PcapngSearch, TRAILER_BYTES } from "./pcapng-search.ts";

const SECTION_BYTES = 28;
const MAJOR_AT = 12;
const MAJOR = 1;
const INTERFACE_BYTES = 20;

// +---------------+---------------+---------------+---------------+      pcapng draft, section 4.3
// | Block type 6  | Total length  | Interface     | Time, high    |   0
// +---------------+---------------+---------------+---------------+
// | Time, low     | Captured len  | Length on wire| Frame ...     |  16
// +---------------+---------------+---------------+---------------+
// The obsolete packet block (type 2) has two bytes of interface, then two of drops; else it is the same.
const INTERFACE_AT = 8;
const TIME_HIGH_AT = 12;
const TIME_LOW_AT = 16;
const CAPTURED_AT = 20;
const FRAME_AT = 28;
const PACKET_BYTES = FRAME_AT + TRAILER_BYTES;

// +---------------+---------------+---------------+---------------+      pcapng draft, section 4.4
// | Block type 3  | Total length  | Length on wire| Frame ...     |   0
// +---------------+---------------+---------------+---------------+
const SIMPLE_LENGTH_AT = 8;
const SIMPLE_FRAME_AT = 12;
const SIMPLE_BYTES = SIMPLE_FRAME_AT + TRAILER_BYTES;

const HIGH_WORD = 4_294_967_296;
/** The last moment that a Date can tell. */
const MAX_TIME_MS = 8.64e15;

export class PcapngBlocks {
  packets = 0;
  readonly #buffer: CaptureBuffer;
  readonly #sink: FrameSink;
  readonly #problems: CaptureProblems;
  readonly #search: PcapngSearch;
  readonly #interfaces = new PcapngInterfaces();
  /** A simple packet block has no time: it gets that of the packet before it. */
  #timeMs = 0;

  constructor(buffer: CaptureBuffer, sink: FrameSink, problems: CaptureProblems, search: PcapngSearch) {
    this.#buffer = buffer;
    this.#sink = sink;
    this.#problems = problems;
    this.#search = search;
  }

  get interfaces(): number {
    return this.#interfaces.total;
  }

  /** Whether the block at `at` is of a type that is not stepped over. */
  isRead(at: number): boolean {
    switch (this.#search.typeAt(at)) {
      case BlockType.Section:
      case BlockType.Interface:
      case BlockType.EnhancedPacket:
      case BlockType.SimplePacket:
      case BlockType.ObsoletePacket:
        return true;
      default:
        return false;
    }
  }

  /** The block of `length` bytes at `at`; `end` is where its bytes end, before its own end if the file is cut there. */
  read(at: number, length: number, end: number): void {
    const type = this.#search.typeAt(at);
    if (type === BlockType.EnhancedPacket || type === BlockType.ObsoletePacket) this.#readPacket(type, at, length, end);
    else if (type === BlockType.SimplePacket) this.#readSimple(at, length, end);
    else if (end < at + length) return;
    else if (type === BlockType.Interface) this.#readInterface(at, length);
    else if (type === BlockType.Section) this.#readSection(at, length);
  }

  #readPacket(type: number, at: number, length: number, end: number): void {
    if (end - at <= FRAME_AT || length < PACKET_BYTES) {
      this.#tooShort(at, length, end);
      return;
    }
    const { view } = this.#buffer;
    const { isLittle } = this.#search;
    const interfaceAt = at + INTERFACE_AT;
    const index =
      type === BlockType.EnhancedPacket ? view.getUint32(interfaceAt, isLittle) : view.getUint16(interfaceAt, isLittle);
    const from = this.#interfaces.get(index);
    if (from === undefined) {
      this.#note(at, `packet of interface ${index}, which was not described`);
      return;
    }
    const capturedBytes = view.getUint32(at + CAPTURED_AT, isLittle);
    if (capturedBytes > MAX_FRAME_BYTES || capturedBytes > length - PACKET_BYTES) {
      this.#note(at, `packet of ${capturedBytes} bytes in a block of ${length}`);
      return;
    }
    const units = view.getUint32(at + TIME_HIGH_AT, isLittle) * HIGH_WORD + view.getUint32(at + TIME_LOW_AT, isLittle);
    const timeMs = units / from.unitsPerMs + from.offsetMs;
    if (timeMs >= 0 && timeMs <= MAX_TIME_MS) this.#timeMs = timeMs;
    else this.#note(at, "packet with an impossible time: it got that of the packet before");
    this.#handOn(from, at + FRAME_AT, capturedBytes, end);
  }

  #readSimple(at: number, length: number, end: number): void {
    if (end - at <= SIMPLE_FRAME_AT || length < SIMPLE_BYTES) {
      this.#tooShort(at, length, end);
      return;
    }
    const from = this.#interfaces.get(0);
    if (from === undefined) {
      this.#note(at, "packet of interface 0, which was not described");
      return;
    }
    const lengthBytes = this.#buffer.view.getUint32(at + SIMPLE_LENGTH_AT, this.#search.isLittle);
    const snapBytes = from.snapBytes === 0 ? MAX_FRAME_BYTES : from.snapBytes;
    const capturedBytes = Math.min(lengthBytes, snapBytes, length - SIMPLE_BYTES);
    if (capturedBytes > MAX_FRAME_BYTES) {
      this.#note(at, `packet of ${capturedBytes} bytes`);
      return;
    }
    this.#handOn(from, at + SIMPLE_FRAME_AT, capturedBytes, end);
  }

  #handOn(from: CaptureInterface, frameAt: number, capturedBytes: number, end: number): void {
    this.packets++;
    const frameEnd = Math.min(frameAt + capturedBytes, end);
    this.#sink.frame(this.#buffer.bytes, frameAt, frameEnd, from.linkType, this.#timeMs);
  }

  #readInterface(at: number, length: number): void {
    if (length < INTERFACE_BYTES) {
      this.#tooShort(at, length, at + length);
      return;
    }
    const added = this.#interfaces.add(this.#buffer, at, length, this.#search.isLittle);
    if (added === undefined) this.#note(at, "more interfaces than any machine has: this one was left out");
    else if (!isKnownLinkType(added.linkType)) this.#note(at, unknownLinkType(added.linkType));
  }

  #readSection(at: number, length: number): void {
    if (length < SECTION_BYTES) {
      this.#tooShort(at, length, at + length);
      return;
    }
    const isLittle = this.#search.orderAt(at) ?? true;
    this.#search.isLittle = isLittle;
    this.#interfaces.clear();
    const major = this.#buffer.view.getUint16(at + MAJOR_AT, isLittle);
    if (major !== MAJOR) this.#note(at, `section of version ${major}: read as version ${MAJOR}`);
  }

  /** A cut file has been reported already. */
  #tooShort(at: number, length: number, end: number): void {
    if (at + length <= end) this.#note(at, `block of ${length} bytes, which is too short for its type`);
  }

  #note(at: number, message: string): void {
    this.#problems.note(this.#buffer.offset + at, message);
  }
}
