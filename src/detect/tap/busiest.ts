// The few keys (services of a source, or its hosts) that have the most distinct values: exact while a key has few, a
// sketch after that. A newcomer starts from nothing, so a count is never too high because of another key.
import { DistinctHosts } from "./distinct.ts";

/** Values of a key that are kept as they are. */
const EXACT = 32;
/** Reading a sketch takes a microsecond, so it waits until the count may have grown by an eighth. */
const GROWTH = 1 / 8;

/** One key; most have one value, which needs no list. */
class Slot {
  key = 0;
  count = 0;
  /** For the caller to count by; 0 at first. */
  tally = 0;
  #only = 0;
  #some: number[] | undefined;
  #many: DistinctHosts | undefined;
  #unread = 0;

  begin(key: number): void {
    this.key = key;
    this.count = 0;
    this.tally = 0;
    this.#some = undefined;
    this.#many = undefined;
  }

  /** How many more distinct values the key has now: 0 or 1, or an estimate now and then once it has many. */
  add(value: number): number {
    if (this.#many !== undefined) return this.#addToMany(this.#many, value);
    if (this.count === 0) this.#only = value;
    else if (this.#some === undefined) {
      if (this.#only === value) return 0;
      this.#some = [this.#only, value];
    } else {
      if (this.#some.includes(value)) return 0;
      this.#some.push(value);
    }
    this.count++;
    if (this.count > EXACT) this.#grow();
    return 1;
  }

  /** Takes a value back, where that is still possible; true if it was there. */
  remove(value: number): boolean {
    const some = this.#some;
    if (this.#many !== undefined || this.count === 0) return false;
    if (some === undefined) {
      if (this.#only !== value) return false;
    } else {
      const at = some.indexOf(value);
      if (at < 0) return false;
      some[at] = some[some.length - 1] ?? 0;
      some.pop();
      if (some.length === 1) {
        this.#only = some[0] ?? 0;
        this.#some = undefined;
      }
    }
    this.count--;
    return true;
  }

  #addToMany(many: DistinctHosts, value: number): number {
    many.add(value);
    if (++this.#unread < this.count * GROWTH) return 0;
    this.#unread = 0;
    const before = this.count;
    this.count = Math.max(before, many.count);
    return this.count - before;
  }

  #grow(): void {
    this.#many = new DistinctHosts();
    for (const value of this.#some ?? []) this.#many.add(value);
    this.#some = undefined;
    this.#unread = 0;
  }
}

/** Keys and values are numbers of 32 bits; values are spread well (a keyed hash). */
export class Busiest {
  readonly #most: number;
  readonly #slots: Slot[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** The slot of a key that is among the busiest. */
  find(key: number): Slot | undefined {
    for (const slot of this.#slots) if (slot.key === key) return slot;
    return undefined;
  }

  /**
   * The slot of a key, which takes one if it has none: a free one, or that of the key with the fewest values, the
   * newest of these, so that keys which come by turns cannot push each other out for ever. Until the next call.
   */
  slot(key: number): Slot {
    const slots = this.#slots;
    const known = this.find(key);
    if (known !== undefined) return known;
    let slot: Slot;
    if (slots.length < this.#most) slot = new Slot();
    else {
      let least = 0;
      for (let at = 1; at < slots.length; at++) {
        if ((slots[at]?.count ?? 0) <= (slots[least]?.count ?? 0)) least = at;
      }
      slot = slots[least] ?? new Slot();
      // The newest stands last.
      for (let at = least; at + 1 < slots.length; at++) slots[at] = slots[at + 1] ?? slot;
      slots.pop();
    }
    slot.begin(key);
    slots.push(slot);
    return slot;
  }

  /** The most distinct values that a key has; 0 when there is no key. */
  get largest(): number {
    let largest = 0;
    for (const { count } of this.#slots) if (count > largest) largest = count;
    return largest;
  }
}
