// Where a pcapng block may be, and where the next sound one is in a damaged file: its type is known, its length says
// the same at both ends.
import { type CaptureBuffer, CHUNK_BYTES } from "./capture-buffer.ts";

export const BlockType = {
  Section: 0x0a0d0d0a,
  Interface: 1,
  ObsoletePacket: 2,
  SimplePacket: 3,
  NameResolution: 4,
  Statistics: 5,
  EnhancedPacket: 6,
} as const;

// +---------------+---------------+---------------+---------------+      pcapng draft, section 3.1
// | Block type    | Total length  | Body ...      | Total length  |
// +---------------+---------------+---------------+---------------+
// | Section: 0a0d0d0a (the same in both byte orders), length, byte order magic, version, section length, options
export const MIN_BLOCK_BYTES = 12;
/** A block that is read is held as a whole; no writer makes packets or descriptions of this size. */
export const MAX_BLOCK_BYTES = CHUNK_BYTES;
const LENGTH_AT = 4;
const ORDER_AT = 8;
const ORDER_MAGIC = 0x1a2b3c4d;
export const TRAILER_BYTES = 4;

export const NOT_FOUND = -1;
/** A block may begin at `stoppedAt`, and the buffer ends before it does: search again with more. */
export const NEED_MORE = -2;

export class PcapngSearch {
  /** Byte order of the section that is being read. */
  isLittle = true;
  /** Where a search without result would go on when there is more to see. */
  stoppedAt = 0;
  readonly #buffer: CaptureBuffer;

  constructor(buffer: CaptureBuffer) {
    this.#buffer = buffer;
  }

  typeAt(at: number): number {
    return this.#buffer.view.getUint32(at, this.isLittle);
  }

  /** The length that the block's head says, in the order that a section's magic says; 0 if none can be so long. */
  lengthAt(at: number): number {
    const isLittle = this.orderAt(at);
    if (isLittle === undefined) return 0;
    const length = this.#buffer.view.getUint32(at + LENGTH_AT, isLittle);
    return length >= MIN_BLOCK_BYTES && length % 4 === 0 ? length : 0;
  }

  /** True for little endian; undefined for a section whose magic is neither. */
  orderAt(at: number): boolean | undefined {
    if (this.typeAt(at) !== BlockType.Section) return this.isLittle;
    const { view } = this.#buffer;
    if (view.getUint32(at + ORDER_AT, true) === ORDER_MAGIC) return true;
    return view.getUint32(at + ORDER_AT, false) === ORDER_MAGIC ? false : undefined;
  }

  /** Whether the length stands at the block's end too; the block must lie in the buffer. */
  isClosed(at: number, length: number): boolean {
    return this.#buffer.view.getUint32(at + length - TRAILER_BYTES, this.orderAt(at) ?? true) === length;
  }

  /** The first place in [from, to) where a sound block begins: NOT_FOUND, NEED_MORE, or its position. */
  find(from: number, to: number): number {
    const { end, isLast } = this.#buffer;
    let at = from;
    for (; at < to && at + MIN_BLOCK_BYTES <= end; at++) {
      const type = this.typeAt(at);
      if (type !== BlockType.Section && (type < BlockType.Interface || type > BlockType.EnhancedPacket)) continue;
      const length = this.lengthAt(at);
      if (length === 0 || length > MAX_BLOCK_BYTES) continue;
      if (at + length <= end) {
        if (this.isClosed(at, length)) return at;
      } else if (!isLast) {
        this.stoppedAt = at;
        return NEED_MORE;
      }
    }
    this.stoppedAt = at;
    return at < to && !isLast ? NEED_MORE : NOT_FOUND;
  }
}
