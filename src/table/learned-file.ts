// What the kernel has learned, in a file of STATE_DIR: known pairs, whose they are, and lately open ports, with the time that each ends.
// Binary, as there may be a million of them, and replaced whole.
//
//   "portreeve learned 1\n" | u32 count | count x ( u8 set | u32 seconds since the epoch | key ) ; numbers big-endian
import { ReplacedFile } from "../base/replaced-file.ts";
import { readOurs } from "../base/trust.ts";
import { kernelSets, keyLength } from "./kernel-sets.ts";
import { type LearnedElement, type LearnedSet, learnedSetNames } from "./learned-sets.ts";

const MAGIC = "portreeve learned 1\n";
const COUNT_AT = MAGIC.length;
const HEADER_BYTES = COUNT_AT + 4;
const HEAD_BYTES = 5;
/** All of them full. */
const MAX_ELEMENTS = kernelSets.reduce((sum, { row }) => sum + (row.isLearned === true ? (row.size ?? 0) : 0), 0);
/** At the index of each set's number. */
const keyLengths = learnedSetNames.map(keyLength);
const MAX_BYTES = HEADER_BYTES + MAX_ELEMENTS * (HEAD_BYTES + Math.max(...keyLengths));

/** Gathers elements as the bytes of the file: objects for a million of them would take two hundred megabytes. */
export class LearnedBytes {
  #buffer = Buffer.alloc(65_536);
  #at = HEADER_BYTES;
  #count = 0;

  /** The key is copied. One element too many is left out. */
  add(set: LearnedSet, key: Uint8Array, untilMs: number): void {
    const number = learnedSetNames.indexOf(set);
    if (this.#count >= MAX_ELEMENTS || key.length !== keyLengths[number]) return;
    const next = this.#at + HEAD_BYTES + key.length;
    if (next > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer], 2 * this.#buffer.length);
    this.#buffer.writeUInt8(number, this.#at);
    this.#buffer.writeUInt32BE(Math.max(0, Math.min(0xffffffff, Math.ceil(untilMs / 1000))), this.#at + 1);
    this.#buffer.set(key, this.#at + HEAD_BYTES);
    this.#at = next;
    this.#count++;
  }

  /** Valid until the next add(). */
  finish(): Buffer {
    this.#buffer.write(MAGIC, 0, "latin1");
    this.#buffer.writeUInt32BE(this.#count, COUNT_AT);
    return this.#buffer.subarray(0, this.#at);
  }
}

/** undefined for bytes that are none of ours, or cut off. */
export function decodeLearned(bytes: Buffer): Iterable<LearnedElement> | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString("latin1", 0, COUNT_AT) !== MAGIC) return undefined;
  const count = bytes.readUInt32BE(COUNT_AT);
  if (count > MAX_ELEMENTS) return undefined;
  let at = HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const end = elementEnd(bytes, at);
    if (end === undefined) return undefined;
    at = end;
  }
  return at === bytes.length ? elementsOf(bytes) : undefined;
}

function elementEnd(bytes: Buffer, at: number): number | undefined {
  const length = at < bytes.length ? keyLengths[bytes.readUInt8(at)] : undefined;
  if (length === undefined) return undefined;
  const end = at + HEAD_BYTES + length;
  return end <= bytes.length ? end : undefined;
}

function* elementsOf(bytes: Buffer): Generator<LearnedElement> {
  for (let at = HEADER_BYTES, end = elementEnd(bytes, at); end !== undefined; at = end, end = elementEnd(bytes, at)) {
    const set = learnedSetNames[bytes.readUInt8(at)];
    if (set === undefined) return;
    yield { set, key: bytes.subarray(at + HEAD_BYTES, end), untilMs: bytes.readUInt32BE(at + 1) * 1000 };
  }
}

/** The file in STATE_DIR. */
export function learnedFile(path: string): ReplacedFile {
  return new ReplacedFile(path, { mode: 0o600, maxBytes: MAX_BYTES, links: "refuse" });
}

/** Nothing where there is no such file; undefined where there is one that cannot be used. */
export function readLearned(path: string): Iterable<LearnedElement> | undefined {
  try {
    return decodeLearned(readOurs(path, MAX_BYTES));
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT" ? [] : undefined;
  }
}
