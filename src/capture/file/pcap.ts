// The classic capture file of libpcap: a header, then records of time, length and frame. Both byte orders, micro- and
// nanoseconds, and the longer record header of Kuznetzov's libpcap. A damaged record is stepped over: pcap-search.ts.
import { isKnownLinkType } from "../../wire/link.ts";
import type { CaptureBuffer, CaptureParser } from "./capture-buffer.ts";
import { CaptureDamage } from "./capture-damage.ts";
import { type CaptureProblems, type FrameSink, MAX_FRAME_BYTES, unknownLinkType } from "./capture-report.ts";
import { ANY_TIME, MAX_TIME_STEP_SECONDS, NEED_MORE, NOT_FOUND, type PcapFormat, PcapSearch } from "./pcap-search.ts";

// +---------------+-------+-------+---------------+---------------+
// | Magic         | Major | Minor | Time zone     | Accuracy      |   0
// +---------------+-------+-------+---------------+---------------+
// | Snap length   | Link type; above 16 bits: FCS |                  16
// +---------------+-------------------------------+
export const PCAP_HEADER_BYTES = 24;
const MAJOR_AT = 4;
const LINK_TYPE_AT = 20;
const MAJOR = 2;

// +---------------+---------------+---------------+---------------+
// | Seconds       | Fraction      | Captured len  | Length on wire|   0
// +---------------+---------------+---------------+---------------+
// | Interface     | Prot. Type Pad|   in "modified" files only       16
// +---------------+---------------+
const RECORD_BYTES = 16;
const MODIFIED_RECORD_BYTES = 24;
const FRACTION_AT = 4;
const CAPTURED_AT = 8;
const LENGTH_AT = 12;

const formats: readonly (readonly [number, number, number])[] = [
  [0xa1b2c3d4, 1e6, RECORD_BYTES],
  [0xa1b23c4d, 1e9, RECORD_BYTES],
  [0xa1b2cd34, 1e6, MODIFIED_RECORD_BYTES],
];

/** The kind of pcap file that begins at view[0]; undefined if it is none. */
export function pcapFormat(view: DataView): PcapFormat | undefined {
  for (const [magic, unitsPerSecond, recordBytes] of formats) {
    for (const isLittle of [true, false]) {
      if (view.getUint32(0, isLittle) === magic) return { magic, isLittle, unitsPerSecond, recordBytes };
    }
  }
  return undefined;
}

export class PcapParser implements CaptureParser {
  packets = 0;
  readonly interfaces = 1;
  readonly #buffer: CaptureBuffer;
  readonly #sink: FrameSink;
  readonly #problems: CaptureProblems;
  readonly #format: PcapFormat;
  readonly #search: PcapSearch;
  #linkType = -1;
  readonly #damage: CaptureDamage;

  constructor(buffer: CaptureBuffer, sink: FrameSink, problems: CaptureProblems, format: PcapFormat) {
    this.#buffer = buffer;
    this.#sink = sink;
    this.#problems = problems;
    this.#format = format;
    this.#search = new PcapSearch(buffer, format);
    this.#damage = new CaptureDamage(buffer, problems, this.#search, "record");
  }

  get isDone(): boolean {
    return this.#damage.isEnd;
  }

  parse(start: number): number {
    let at = this.#linkType < 0 ? this.#readHeader(start) : start;
    for (;;) {
      const from = at;
      const wasDamaged = this.#damage.isOpen;
      at = wasDamaged ? this.#damage.searchOn(at) : this.#readDoubtful(this.#readRecords(at));
      const isStill = at === from && wasDamaged === this.#damage.isOpen;
      if (isStill || this.isDone) return at;
    }
  }

  #readHeader(at: number): number {
    const { view } = this.#buffer;
    const { isLittle } = this.#format;
    const major = view.getUint16(at + MAJOR_AT, isLittle);
    if (major !== MAJOR)
      this.#problems.note(this.#buffer.offset + at, `file version ${major}: read as version ${MAJOR}`);
    this.#linkType = view.getUint32(at + LINK_TYPE_AT, isLittle) & 0xffff;
    if (!isKnownLinkType(this.#linkType))
      this.#problems.note(this.#buffer.offset + at + LINK_TYPE_AT, unknownLinkType(this.#linkType));
    return at + PCAP_HEADER_BYTES;
  }

  /** Hands on records as long as each is followed by a sound header: the loop that nearly every packet goes through. */
  #readRecords(start: number): number {
    const { bytes, view, end } = this.#buffer;
    const { isLittle, recordBytes, unitsPerSecond } = this.#format;
    const unitsPerMs = unitsPerSecond / 1000;
    const sink = this.#sink;
    const search = this.#search;
    const linkType = this.#linkType;
    if (start + recordBytes > end || !search.follows(start, search.lastSeconds)) return start;
    let at = start;
    let lastSeconds = search.lastSeconds;
    let seconds = view.getUint32(at, isLittle);
    let fraction = view.getUint32(at + FRACTION_AT, isLittle);
    let capturedBytes = view.getUint32(at + CAPTURED_AT, isLittle);
    let packets = 0;
    for (;;) {
      const next = at + recordBytes + capturedBytes;
      if (next + recordBytes > end) break;
      const nextSeconds = view.getUint32(next, isLittle);
      const nextFraction = view.getUint32(next + FRACTION_AT, isLittle);
      const nextBytes = view.getUint32(next + CAPTURED_AT, isLittle);
      // As PcapSearch.follows(next, seconds), written out for speed.
      const lengthBytes = view.getUint32(next + LENGTH_AT, isLittle);
      if (lengthBytes === 0 || lengthBytes < nextBytes || lengthBytes > MAX_FRAME_BYTES) break;
      if (nextFraction >= unitsPerSecond) break;
      if (Math.abs(nextSeconds - seconds) > MAX_TIME_STEP_SECONDS) break;
      packets++;
      sink.frame(bytes, at + recordBytes, next, linkType, seconds * 1000 + fraction / unitsPerMs);
      at = next;
      lastSeconds = seconds;
      seconds = nextSeconds;
      fraction = nextFraction;
      capturedBytes = nextBytes;
    }
    this.packets += packets;
    search.lastSeconds = lastSeconds;
    return at;
  }

  /** The record at `at` is cut by the buffer's end, impossible, odd, or followed by an odd one. */
  #readDoubtful(at: number): number {
    const { end, isLast } = this.#buffer;
    const search = this.#search;
    const { recordBytes } = this.#format;
    const frameAt = at + recordBytes;
    if (frameAt > end) return isLast ? this.#endInHeader(at) : at;
    if (this.#isHeader(at)) return at + PCAP_HEADER_BYTES > end && !isLast ? at : this.#readNextHeader(at);
    if (!search.isPossible(at)) return this.#damaged(at);
    const next = frameAt + this.#capturedBytes(at);
    if (!isLast && next + recordBytes > end) return at;
    if (next === end || search.isBelieved(at) || search.beginsAnew(at)) return this.#handOn(at, next);
    const sound = search.nextSound(at);
    if (sound === NEED_MORE) return at;
    if (sound === NOT_FOUND) return this.#handOn(at, next);
    // A sound record follows. One that is sound itself may be followed by a damaged one, but holds no other in its frame;
    // an odd one must be a link of the chain that ends there.
    const isSound = search.follows(at, search.lastSeconds);
    const isBelieved = isSound ? next <= sound : search.leadsTo(at, sound);
    return isBelieved ? this.#handOn(at, next) : this.#damaged(at);
  }

  /** Whether a file header stands in the place of a record: files were put behind one another as they are (cat). */
  #isHeader(at: number): boolean {
    const { view, end } = this.#buffer;
    const { isLittle } = this.#format;
    if (at + MAJOR_AT + 2 > end || view.getUint32(at, isLittle) !== this.#format.magic) return false;
    return view.getUint16(at + MAJOR_AT, isLittle) === MAJOR;
  }

  #readNextHeader(at: number): number {
    const { end } = this.#buffer;
    if (at + PCAP_HEADER_BYTES > end) return this.#endInHeader(at);
    this.#search.lastSeconds = ANY_TIME;
    return this.#readHeader(at);
  }

  /** The frame from `at` to `next`, or to the end of the file if that comes first. */
  #handOn(at: number, next: number): number {
    const { bytes, view, end, offset } = this.#buffer;
    const { isLittle, recordBytes, unitsPerSecond } = this.#format;
    const seconds = view.getUint32(at, isLittle);
    const fraction = view.getUint32(at + FRACTION_AT, isLittle) / (unitsPerSecond / 1000);
    const frameAt = at + recordBytes;
    const frameEnd = Math.min(next, end);
    if (next > end) {
      const there = `${end - frameAt} of ${next - frameAt} bytes are there`;
      this.#problems.note(offset + at, `the file ends inside a record: ${there}`);
      if (frameAt === end) return end;
    }
    this.packets++;
    this.#search.lastSeconds = seconds;
    this.#sink.frame(bytes, frameAt, frameEnd, this.#linkType, seconds * 1000 + fraction);
    return frameEnd;
  }

  #endInHeader(at: number): number {
    const { end, offset } = this.#buffer;
    if (at < end) this.#problems.note(offset + at, `the file ends inside a record header, ${end - at} bytes into it`);
    return end;
  }

  #capturedBytes(at: number): number {
    return this.#buffer.view.getUint32(at + CAPTURED_AT, this.#format.isLittle);
  }

  #damaged(at: number): number {
    return this.#damage.begin(at, `impossible record (captured length ${this.#capturedBytes(at)})`);
  }
}
