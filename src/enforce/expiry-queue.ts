// What ends next: a binary heap of row numbers by time. Each row knows its place in the heap, so that a new time moves it
// and a row that goes leaves nothing behind. 16 bytes a row.
import { grown, rowsFor } from "../detect/columns.ts";

export class ExpiryQueue {
  /** For each row: its end, and its place in the heap (place + 1; 0: it is not in it). */
  #timesMs = new Float64Array(0);
  #places = new Uint32Array(0);
  #heap = new Uint32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the row ends; undefined when it is not in the queue. */
  timeOf(row: number): number | undefined {
    return (this.#places[row] ?? 0) === 0 ? undefined : this.#timesMs[row];
  }

  /** Makes room for so many rows at once. */
  reserve(rows: number): void {
    this.#timesMs = grown(this.#timesMs, rows, Float64Array);
    this.#places = grown(this.#places, rows, Uint32Array);
    this.#heap = grown(this.#heap, rows, Uint32Array);
  }

  /** The time replaces the one that the row had. */
  set(row: number, atMs: number): void {
    if (row >= this.#places.length) this.reserve(rowsFor(row));
    this.#timesMs[row] = atMs;
    const place = (this.#places[row] ?? 0) - 1;
    this.#rise(row, place < 0 ? this.#size++ : place);
    this.#sink(row, (this.#places[row] ?? 0) - 1);
  }

  delete(row: number): void {
    const place = (this.#places[row] ?? 0) - 1;
    if (place < 0) return;
    this.#places[row] = 0;
    const last = this.#heap[--this.#size] ?? 0;
    if (last === row) return;
    this.#rise(last, place);
    this.#sink(last, (this.#places[last] ?? 0) - 1);
  }

  /** The row that ends first, if it ends by then; it stays in the queue. */
  firstDue(nowMs: number): number | undefined {
    const first = this.#size === 0 ? undefined : this.#heap[0];
    return first !== undefined && this.#timeMs(first) <= nowMs ? first : undefined;
  }

  #timeMs(row: number): number {
    return this.#timesMs[row] ?? 0;
  }

  #put(row: number, place: number): void {
    this.#heap[place] = row;
    this.#places[row] = place + 1;
  }

  /** Puts the row at this place, or above it. */
  #rise(row: number, from: number): void {
    const atMs = this.#timeMs(row);
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] ?? 0;
      if (this.#timeMs(above) <= atMs) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(row, place);
  }

  #sink(row: number, from: number): void {
    const atMs = this.#timeMs(row);
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size && this.#timeMs(this.#heap[right] ?? 0) < this.#timeMs(this.#heap[child] ?? 0)) {
        child = right;
      }
      const below = this.#heap[child] ?? 0;
      if (this.#timeMs(below) >= atMs) break;
      this.#put(below, place);
      place = child;
    }
    this.#put(row, place);
  }
}
