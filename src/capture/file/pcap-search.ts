// Finds the next sound record of a damaged pcap file. A record has no mark, so a place is believed when its header is
// possible in every field, close in time to the last good one, and followed by another such header.
import type { CaptureBuffer } from "./capture-buffer.ts";
import { MAX_FRAME_BYTES } from "./capture-report.ts";

export interface PcapFormat {
  readonly magic: number;
  readonly isLittle: boolean;
  readonly unitsPerSecond: number;
  readonly recordBytes: number;
}

export const NOT_FOUND = -1;
/** The place looks right so far, and the buffer ends before the next header: search again with more. */
export const NEED_MORE = -2;

const FRACTION_AT = 4;
const CAPTURED_AT = 8;
const LENGTH_AT = 12;
/** Damage does not move the clock; a pause of the capture in just this place may. */
export const MAX_TIME_STEP_SECONDS = 30 * 86_400;
/** No record has been read, so the next may be of any time: 0 is one too, where times are relative. */
export const ANY_TIME = -1;

export class PcapSearch {
  /** Time of the last record that was read; ANY_TIME before the first. */
  lastSeconds = ANY_TIME;
  /** Where a search without result would go on when there is more to see. */
  stoppedAt = 0;
  readonly #buffer: CaptureBuffer;
  readonly #format: PcapFormat;
  /** In the file: the first sound record behind the odd ones that were looked at, and how far there was none. */
  #soundAt = -1;
  #noneBefore = -1;
  /** In the file: up to here odd records are believed. */
  #believedBefore = -1;

  constructor(buffer: CaptureBuffer, format: PcapFormat) {
    this.#buffer = buffer;
    this.#format = format;
  }

  /** Whether these bytes can be a record, however odd its writer was. All zeros is the hole of a file that was never written. */
  isPossible(at: number): boolean {
    const { view } = this.#buffer;
    const { isLittle } = this.#format;
    const capturedBytes = view.getUint32(at + CAPTURED_AT, isLittle);
    if (capturedBytes > MAX_FRAME_BYTES) return false;
    return capturedBytes > 0 || view.getUint32(at, isLittle) > 0 || view.getUint32(at + LENGTH_AT, isLittle) > 0;
  }

  /** The first place in [from, to) where a sound record begins: NOT_FOUND, NEED_MORE, or its position. */
  find(from: number, to: number): number {
    const { end, isLast } = this.#buffer;
    const { recordBytes } = this.#format;
    let at = from;
    for (; at < to && at + recordBytes <= end; at++) {
      // Bytes of a frame that are nearly all 0 look like an empty record: in the middle of damage it is not believed.
      if (this.#capturedBytes(at) === 0 || !this.follows(at, this.lastSeconds)) continue;
      const next = at + recordBytes + this.#capturedBytes(at);
      if (next + recordBytes <= end) {
        if (this.follows(next, this.#secondsAt(at))) return at;
      } else if (!isLast) {
        this.stoppedAt = at;
        return NEED_MORE;
      } else if (next === end || (next < end && this.lastSeconds !== ANY_TIME)) {
        // No whole header follows to vouch for this one: the time must.
        return at;
      }
    }
    this.stoppedAt = at;
    return at < to && !isLast ? NEED_MORE : NOT_FOUND;
  }

  /** Like find, for the bytes behind the odd record at `at`, as far as its frame could reach; every byte is searched once. */
  nextSound(at: number): number {
    const { offset, end, isLast } = this.#buffer;
    if (this.#soundAt > offset + at) return this.#soundAt - offset;
    const from = Math.max(at + 1, this.#noneBefore - offset);
    const limit = at + this.#format.recordBytes + MAX_FRAME_BYTES;
    const found = this.find(from, isLast ? Math.min(limit, end) : limit);
    if (found >= 0) this.#soundAt = offset + found;
    else if (found === NOT_FOUND) this.#noneBefore = offset + limit;
    return found;
  }

  /** Whether possible records lead from `at` to `to`; they are believed then. */
  leadsTo(at: number, to: number): boolean {
    let link = at;
    while (link < to) {
      if (!this.isPossible(link)) return false;
      link += this.#format.recordBytes + this.#capturedBytes(link);
    }
    if (link !== to) return false;
    this.#believedBefore = this.#buffer.offset + to;
    return true;
  }

  isBelieved(at: number): boolean {
    return this.#buffer.offset + at < this.#believedBefore;
  }

  #capturedBytes(at: number): number {
    return this.#buffer.view.getUint32(at + CAPTURED_AT, this.#format.isLittle);
  }

  /**
   * Whether the record looks as nearly every writer makes it, at a time that can follow `lastSeconds` (or ANY_TIME): a
   * fraction of a second, a length on the wire not below the captured, and no great step.
   */
  follows(at: number, lastSeconds: number): boolean {
    const { view } = this.#buffer;
    const { isLittle, unitsPerSecond } = this.#format;
    const capturedBytes = view.getUint32(at + CAPTURED_AT, isLittle);
    const lengthBytes = view.getUint32(at + LENGTH_AT, isLittle);
    if (lengthBytes === 0 || lengthBytes < capturedBytes || lengthBytes > MAX_FRAME_BYTES) return false;
    if (view.getUint32(at + FRACTION_AT, isLittle) >= unitsPerSecond) return false;
    return lastSeconds === ANY_TIME || Math.abs(this.#secondsAt(at) - lastSeconds) <= MAX_TIME_STEP_SECONDS;
  }

  /**
   * Whether the record at `at`, where the one before it ended, begins a stretch of another time: it is sound but for the
   * step, and the record behind it follows it. So it is where captures have been put behind one another.
   */
  beginsAnew(at: number): boolean {
    const next = at + this.#format.recordBytes + this.#capturedBytes(at);
    if (next + this.#format.recordBytes > this.#buffer.end) return false;
    return this.follows(at, ANY_TIME) && this.follows(next, this.#secondsAt(at));
  }

  #secondsAt(at: number): number {
    return this.#buffer.view.getUint32(at, this.#format.isLittle);
  }
}
