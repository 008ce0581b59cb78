// The contacts that wait for an answer, in the order of their first packets: all wait equally long, so a ring will do.
// An entry whose row has been given to another contact since is told by its time.

export const NO_ENTRY = -1;

export class PendingRing {
  readonly capacity: number;
  readonly #rows: Int32Array;
  readonly #sinceMs: Float64Array;
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#rows = new Int32Array(capacity);
    this.#sinceMs = new Float64Array(capacity);
  }

  get isFull(): boolean {
    return this.#size === this.capacity;
  }

  /** Only if it is not full. */
  push(row: number, sinceMs: number): void {
    let at = this.#head + this.#size;
    if (at >= this.capacity) at -= this.capacity;
    this.#rows[at] = row;
    this.#sinceMs[at] = sinceMs;
    this.#size++;
  }

  /** The row that has waited longest, NO_ENTRY if none waits. */
  get headRow(): number {
    return this.#size === 0 ? NO_ENTRY : (this.#rows[this.#head] ?? NO_ENTRY);
  }

  get headSinceMs(): number {
    return this.#sinceMs[this.#head] ?? 0;
  }

  drop(): void {
    this.#size--;
    this.#head++;
    if (this.#head === this.capacity) this.#head = 0;
  }
}
