// What is remembered of many keys, most of which come once: newcomers push out newcomers, and those that have shown something are
// kept apart, so that a torrent's thousands of peers push out no scan.

export class TwoTiers<T> {
  readonly #mostNew: number;
  readonly #mostKept: number;
  readonly #new = new Map<string, T>();
  readonly #kept = new Map<string, T>();
  /** Kept ones that made room. */
  evicted = 0;

  constructor(mostNew: number, mostKept: number) {
    this.#mostNew = mostNew;
    this.#mostKept = mostKept;
  }

  get(key: string): T | undefined {
    return this.#kept.get(key) ?? this.#new.get(key);
  }

  add(key: string, value: T): void {
    makeRoom(this.#new, this.#mostNew);
    this.#new.set(key, value);
  }

  /** From now on no newcomer pushes it out. The one that was kept or renewed longest ago makes room. */
  keep(key: string, value: T): void {
    this.#new.delete(key);
    if (!this.#kept.delete(key) && makeRoom(this.#kept, this.#mostKept)) this.evicted++;
    this.#kept.set(key, value);
  }

  delete(key: string): void {
    this.#new.delete(key);
    this.#kept.delete(key);
  }

  get size(): number {
    return this.#new.size + this.#kept.size;
  }
}

function makeRoom<T>(map: Map<string, T>, most: number): boolean {
  if (map.size < most) return false;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return true;
  }
  return false;
}
