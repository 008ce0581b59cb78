// A bounded queue of packets between two threads, in memory that both see: one writes, one reads, and neither ever
// allocates. The writer waits when it is full, and the kernel's ring behind it fills; so only the kernel drops.
//
//   record: | u32 length of the record | u16 bytes, u8 note, u8 skip | u32 seconds | u32 nanoseconds | skip, bytes, padding to 4 |
//   A record is never split: what is left at the end is skipped (a record without length).

const HEADER_BYTES = 16;
/** Each counter in a cache line of its own: the threads would slow each other down. */
const WRITTEN = 0;
const READ = 16;
const WANTS_WAKING = 32;
const IS_STOPPED = 48;
const STALLS = 64;
const CONTROL_WORDS = 80;
/** How long the writer sleeps at a time while there is no room; it is woken as soon as there is. */
const ROOM_WAIT_MS = 10;

export interface SharedRingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

/** `dataBytes`: a power of two. */
export function createSharedRing(dataBytes: number): SharedRingMemory {
  const memory = {
    control: new SharedArrayBuffer(CONTROL_WORDS * 4),
    data: new SharedArrayBuffer(dataBytes),
  };
  Atomics.store(new Int32Array(memory.control), WANTS_WAKING, 1);
  return memory;
}

/** What a record says beside the packet's bytes. */
export interface RecordFacts {
  /** 0..255: on a host the packet's target, on a tap its link type. */
  readonly note: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

export class SharedRingWriter {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #wake: () => void;
  /** Positions count bytes for ever, modulo 2^32. */
  #at = 0;
  #readUpTo = 0;

  /** `wake` is called when the reader sleeps and has something to read. */
  constructor({ control, data }: SharedRingMemory, wake: () => void) {
    this.#control = new Int32Array(control);
    this.#words = new Int32Array(data);
    this.#wake = wake;
  }

  /**
   * Copies `bytes` bytes of `from`, beginning at byte `at`, word by word (a few bytes of the first one are skipped by the
   * reader). Waits while there is no room; false when the reader has stopped. Seen by the reader after publish().
   */
  write(facts: RecordFacts, from: Int32Array, at: number, bytes: number): boolean {
    const words = this.#words;
    const skip = at & 3;
    const bodyWords = (skip + bytes + 3) >> 2;
    const length = HEADER_BYTES + bodyWords * 4;
    if (!this.#makeRoom(length)) return false;
    let cursor = (this.#at & (words.length * 4 - 1)) >> 2;
    words[cursor] = length;
    words[cursor + 1] = bytes | (facts.note << 16) | (skip << 24);
    words[cursor + 2] = facts.seconds;
    words[cursor + 3] = facts.nanoseconds;
    cursor += 4;
    const first = at >> 2;
    for (let index = first, end = first + bodyWords; index < end; index++) words[cursor++] = from[index] ?? 0;
    this.#at = (this.#at + length) | 0;
    return true;
  }

  /** The reader may read what was written; it is woken if it sleeps. */
  publish(): void {
    // Sequentially consistent, as is the exchange behind it: either the reader sees the new end before it sleeps, or
    // this sees that it wants to be woken.
    Atomics.store(this.#control, WRITTEN, this.#at);
    if (Atomics.exchange(this.#control, WANTS_WAKING, 0) === 1) this.#wake();
  }

  #makeRoom(length: number): boolean {
    const size = this.#words.length * 4;
    if (length > size >> 1) throw new RangeError(`a record of ${length} bytes does not fit the shared ring`);
    const left = size - (this.#at & (size - 1));
    // Whole, or at the beginning again.
    const needed = left < length ? left + length : length;
    if (!this.#waitForRoom(needed, size)) return false;
    if (left < length) {
      this.#words[(this.#at & (size - 1)) >> 2] = 0;
      this.#at = (this.#at + left) | 0;
    }
    return true;
  }

  #waitForRoom(needed: number, size: number): boolean {
    if (size - ((this.#at - this.#readUpTo) >>> 0) >= needed) return true;
    for (let hasWaited = false; ; hasWaited = true) {
      if (Atomics.load(this.#control, IS_STOPPED) === 1) return false;
      this.#readUpTo = Atomics.load(this.#control, READ);
      if (size - ((this.#at - this.#readUpTo) >>> 0) >= needed) return true;
      if (!hasWaited) Atomics.add(this.#control, STALLS, 1);
      this.publish();
      Atomics.wait(this.#control, READ, this.#readUpTo, ROOM_WAIT_MS);
    }
  }

  get isStopped(): boolean {
    return Atomics.load(this.#control, IS_STOPPED) === 1;
  }
}

/** Gets each record; bytes[at..end) is valid during the call only. */
export interface RecordVisitor {
  record(bytes: Uint8Array, at: number, end: number, record: SharedRingReader): void;
}

export class SharedRingReader implements RecordFacts {
  note = 0;
  seconds = 0;
  nanoseconds = 0;
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor({ control, data }: SharedRingMemory) {
    this.#control = new Int32Array(control);
    this.#words = new Int32Array(data);
    this.#bytes = new Uint8Array(data);
  }

  /** Visits at most `limit` records and gives their room back. Returns how many there were. */
  drain(visitor: RecordVisitor, limit: number): number {
    const words = this.#words;
    const mask = words.length * 4 - 1;
    const end = Atomics.load(this.#control, WRITTEN);
    let count = 0;
    try {
      while (this.#at !== end && count < limit) {
        const start = this.#at & mask;
        const length = words[start >> 2] ?? 0;
        if (length === 0) {
          this.#at = (this.#at + (mask + 1 - start)) | 0;
          continue;
        }
        this.#at = (this.#at + length) | 0;
        const facts = words[(start >> 2) + 1] ?? 0;
        this.note = (facts >>> 16) & 0xff;
        this.seconds = words[(start >> 2) + 2] ?? 0;
        this.nanoseconds = words[(start >> 2) + 3] ?? 0;
        count++;
        const at = start + HEADER_BYTES + (facts >>> 24);
        visitor.record(this.#bytes, at, at + (facts & 0xffff), this);
      }
    } finally {
      Atomics.store(this.#control, READ, this.#at);
      Atomics.notify(this.#control, READ);
    }
    return count;
  }

  /** Asks to be woken by the next publish(). False when there is something to read already. */
  sleep(): boolean {
    Atomics.store(this.#control, WANTS_WAKING, 1);
    if (Atomics.load(this.#control, WRITTEN) === this.#at) return true;
    Atomics.store(this.#control, WANTS_WAKING, 0);
    return false;
  }

  /** How often the writer found no room. */
  get stalls(): number {
    return Atomics.load(this.#control, STALLS);
  }

  stop(): void {
    Atomics.store(this.#control, IS_STOPPED, 1);
    Atomics.notify(this.#control, READ);
  }
}
