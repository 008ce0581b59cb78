// The order in which rows were last used, and the unused rows: two links a row, Int32, the next newer and the
// next older row, or the next free row.
const NONE = -1;

export class RowOrder {
  readonly bytes: number;
  readonly #capacity: number;
  readonly #links: Int32Array;
  #newest = NONE;
  #oldest = NONE;
  #free = NONE;
  /** Rows below this have been given out at least once. */
  #opened = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#links = new Int32Array(capacity * 2);
    this.bytes = this.#links.byteLength;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get opened(): number {
    return this.#opened;
  }

  /** A row that was let go, or a fresh one; -1 when all are in use. It has no place in the order yet. */
  take(): number {
    if (this.#free !== NONE) {
      const row = this.#free;
      this.#free = this.#links[row * 2 + 1] ?? NONE;
      return row;
    }
    return this.#opened < this.#capacity ? this.#opened++ : NONE;
  }

  /** For a row that has left the order. */
  setFree(row: number): void {
    this.#links[row * 2 + 1] = this.#free;
    this.#free = row;
  }

  use(row: number): void {
    if (row === this.#newest) return;
    this.leave(row);
    this.enter(row);
  }

  enter(row: number): void {
    this.#links[row * 2] = NONE;
    this.#links[row * 2 + 1] = this.#newest;
    if (this.#newest === NONE) this.#oldest = row;
    else this.#links[this.#newest * 2] = row;
    this.#newest = row;
  }

  leave(row: number): void {
    const newer = this.#links[row * 2] ?? NONE;
    const older = this.#links[row * 2 + 1] ?? NONE;
    if (newer === NONE) this.#newest = older;
    else this.#links[newer * 2 + 1] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#links[older * 2] = newer;
  }
}
