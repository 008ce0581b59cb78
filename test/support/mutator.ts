// Frames as nobody sends them: bytes of real ones overwritten, lengths and versions set to what hurts, pieces of two put
// together, ends cut off or added. The same seed gives the same frames.
import type { LinkFrame } from "./all-frames.ts";

/** Longer frames are taken up to here: no header reaches so far. */
export const MAX_MUTANT_BYTES = 512;
const MAX_CHANGES = 8;
/** Versions, header lengths, protocols, flag bytes and the ends of every range. */
const hurtful = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 0x29, 0x2b, 0x2c, 0x32, 0x33, 0x3a, 0x3c, 0x40, 0x45, 0x46, 0x4f, 0x50, 0x5f, 0x60,
  0x7f, 0x80, 0x81, 0x84, 0x86, 0x87, 0x88, 0x8b, 0x91, 0xaa, 0xf0, 0xfe, 0xff,
];

export class Mutator {
  readonly bytes = new Uint8Array(MAX_MUTANT_BYTES);
  length = 0;
  linkType = 0;
  readonly #frames: readonly LinkFrame[];
  #state: number;

  constructor(frames: readonly LinkFrame[], seed: number) {
    this.#frames = frames;
    this.#state = seed | 1;
  }

  /** Puts the next mutant into bytes[0..length). */
  next(): void {
    const frame = this.#pick();
    this.linkType = frame.linkType;
    this.#copy(frame.bytes, 0);
    const changes = 1 + this.below(MAX_CHANGES);
    for (let change = 0; change < changes; change++) this.#change();
  }

  /** A whole number from 0 to limit - 1 (xorshift, Marsaglia 2003). */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  #pick(): LinkFrame {
    const frame = this.#frames[this.below(this.#frames.length)];
    if (frame === undefined) throw new Error("no frames to change");
    return frame;
  }

  #copy(from: Uint8Array, at: number): void {
    this.length = Math.min(MAX_MUTANT_BYTES, at + from.length);
    for (let index = at; index < this.length; index++) this.bytes[index] = from[index - at] ?? 0;
  }

  #change(): void {
    if (this.length === 0) return;
    const at = this.below(this.length);
    switch (this.below(10)) {
      case 0:
        this.bytes[at] = (this.bytes[at] ?? 0) ^ (1 << this.below(8));
        break;
      case 1:
      case 2:
        this.bytes[at] = this.below(256);
        break;
      case 3:
      case 4:
      case 5:
        this.bytes[at] = hurtful[this.below(hurtful.length)] ?? 0;
        break;
      case 6:
        this.length = at;
        break;
      case 7:
        this.#grow();
        break;
      case 8:
        // Behind a part of this frame a part of another, of another link type or family.
        this.#copy(this.#pick().bytes, at);
        break;
      default:
        // The frame inside itself: errors that quote errors, chains of headers.
        this.bytes.copyWithin(at, this.below(at + 1), this.length);
    }
  }

  #grow(): void {
    const end = Math.min(MAX_MUTANT_BYTES, this.length + 1 + this.below(64));
    for (let index = this.length; index < end; index++) this.bytes[index] = hurtful[this.below(hurtful.length)] ?? 0;
    this.length = end;
  }
}
