// A binary heap of (time, key): what ends next. An entry whose key has got another time meanwhile is stale and is
// skipped by the owner, who knows the time in force; so nothing is ever searched for in the heap.

interface Entry {
  readonly atMs: number;
  readonly key: string;
}

export class ExpiryQueue {
  #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(atMs: number, key: string): void {
    const heap = this.#heap;
    let index = heap.length;
    const entry = { atMs, key };
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.atMs <= atMs) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  /** The earliest entry, if it is due at `nowMs`; removed from the queue. */
  popDue(nowMs: number): Entry | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  /** Replaces everything: for an owner whose stale entries outnumber the live ones. */
  rebuild(entries: Iterable<readonly [number, string]>): void {
    this.#heap = [];
    for (const [atMs, key] of entries) this.push(atMs, key);
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const leftEntry = heap[left];
      if (leftEntry === undefined) break;
      const rightEntry = heap[right];
      const [child, childEntry] =
        rightEntry !== undefined && rightEntry.atMs < leftEntry.atMs ? [right, rightEntry] : [left, leftEntry];
      if (childEntry.atMs >= entry.atMs) break;
      heap[index] = childEntry;
      index = child;
    }
    heap[index] = entry;
  }
}
