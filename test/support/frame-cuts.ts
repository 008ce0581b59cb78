// Decodes frames in surroundings of two kinds and compares: whoever looks outside of the frame sees two different things.
// Made for millions of frames: nothing is allocated per frame but what a fault needs.
import { decodeFrame } from "../../src/wire/link.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";
import { decodeQuoted, isIcmpError } from "../../src/wire/quoted.ts";

const LEAD_BYTES = 32;
const TAIL_BYTES = 96;
const blank = new Packet();
const isField = (name: string): name is keyof Packet => name in blank;
const fields = Object.keys(blank).filter(isField);
const results: ReadonlySet<number> = new Set(Object.values(DecodeResult));

/** Two buffers for frames of up to `maxBytes`, filled with two poisons. */
export class TwoWays {
  readonly #left: Surroundings;
  readonly #right: Surroundings;

  constructor(maxBytes: number, poisons: readonly [number, number]) {
    this.#left = new Surroundings(maxBytes, poisons[0]);
    this.#right = new Surroundings(maxBytes, poisons[1]);
  }

  /** Decodes frame[0..length) both ways; throws when the results differ or a field is out of its range. */
  decode(linkType: number, frame: Uint8Array, length: number): DecodeResult {
    const left = this.#left.decode(linkType, frame, length);
    const right = this.#right.decode(linkType, frame, length);
    if (left !== right) throw this.#fault(`results ${left} and ${right}`, linkType, frame, length);
    this.#compare(this.#left.packet, this.#right.packet, linkType, frame, length);
    if (left !== DecodeResult.Ok || !isIcmpError(this.#left.packet)) return left;
    const leftQuoted = this.#left.decodeQuoted();
    if (leftQuoted !== this.#right.decodeQuoted()) throw this.#fault("results of the quote", linkType, frame, length);
    this.#compare(this.#left.quoted, this.#right.quoted, linkType, frame, length);
    return left;
  }

  #compare(left: Packet, right: Packet, linkType: number, frame: Uint8Array, length: number): void {
    for (const field of fields) {
      const value = left[field];
      const isNumber = value === value >>> 0 || ((field === "sctpChunkType" || field === "ethernetAt") && value === -1);
      if (value === right[field] && isNumber) continue;
      throw this.#fault(`${field} ${value} and ${right[field]}`, linkType, frame, length);
    }
    const end = LEAD_BYTES + length;
    if (left.endAt > end || left.tcpOptionsAt + left.tcpOptionsBytes > end) {
      throw this.#fault(`end at ${left.endAt - LEAD_BYTES}`, linkType, frame, length);
    }
  }

  #fault(what: string, linkType: number, frame: Uint8Array, length: number): Error {
    return new Error(`${what}: link type ${linkType}, frame ${Buffer.from(frame.subarray(0, length)).toString("hex")}`);
  }
}

class Surroundings {
  readonly packet = new Packet();
  readonly quoted = new Packet();
  readonly #bytes: Uint8Array;
  readonly #poison: number;
  /** Where the frame before ended. */
  #end = LEAD_BYTES;

  constructor(maxBytes: number, poison: number) {
    this.#bytes = new Uint8Array(LEAD_BYTES + maxBytes + TAIL_BYTES).fill(poison);
    this.#poison = poison;
  }

  decode(linkType: number, frame: Uint8Array, length: number): DecodeResult {
    const bytes = this.#bytes;
    const end = LEAD_BYTES + length;
    for (let index = 0; index < length; index++) bytes[LEAD_BYTES + index] = frame[index] ?? 0;
    if (this.#end > end) bytes.fill(this.#poison, end, this.#end);
    this.#end = end;
    const result = decodeFrame(linkType, bytes, LEAD_BYTES, end, this.packet);
    if (!results.has(result)) throw new Error(`result ${result}`);
    return result;
  }

  decodeQuoted(): DecodeResult {
    return decodeQuoted(this.#bytes, this.packet, this.quoted);
  }
}

/** The results of the frame's first 0, 1, ... bytes, at most `maxCuts` of them, each decoded both ways. */
export function decodeEveryFrameCut(linkType: number, frame: Uint8Array, maxCuts = frame.length): DecodeResult[] {
  const both = new TwoWays(frame.length, [0x00, 0xff]);
  const plausible = new TwoWays(frame.length, [0x45, 0x60]);
  return Array.from({ length: Math.min(frame.length, maxCuts) + 1 }, (_, length) => {
    plausible.decode(linkType, frame, length);
    return both.decode(linkType, frame, length);
  });
}
