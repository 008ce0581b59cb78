// Messages that go to the kernel together, one behind the other in memory that is used again: a buffer for each of a million
// elements' transactions would wait for the garbage collector, which hardly sees what lies outside of its heap.

const FIRST_BYTES = 65_536;
/** A batch that was larger gives its memory back when the next one begins. */
const KEPT_BYTES = 1 << 20;

export class MessageBatch {
  #buffer = Buffer.alloc(FIRST_BYTES);
  #length = 0;

  begin(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.alloc(FIRST_BYTES);
  }

  /** The message is copied. */
  add(message: Uint8Array): void {
    const end = this.#length + message.length;
    if (end > this.#buffer.length) {
      const longer = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      longer.set(this.bytes);
      this.#buffer = longer;
    }
    this.#buffer.set(message, this.#length);
    this.#length = end;
  }

  /** Valid until the next begin() or add(). */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
