// Probes that look alike (one fingerprint) and concern one target: which source was the first at each element (a port of
// the target host, or a host of the target service), and how often a second source came to the same one. Bounded.
import type { Prefix } from "../../wire/address.ts";

const MIN_SLOTS = 32;
/** Elements and sources of one cluster; beyond either it learns nothing more. */
export const MAX_ELEMENTS = 2_048;
export const MAX_MEMBERS = 512;
const FEW_MEMBERS = 16;

export class Cluster {
  /** The key, and when it began and last grew. */
  key0 = 0;
  key1 = 0;
  startMs = 0;
  lastMs = Number.NEGATIVE_INFINITY;
  /** The finding, which learns of every later probe. */
  finding: { update(cluster: Cluster): void } | undefined;
  /** Distinct elements; (source, element) pairs; pairs whose element another source had before. */
  elements = 0;
  pairs = 0;
  repeats = 0;
  /** The sum over the members of the square of each one's pairs. */
  squares = 0;
  /** Pairs at which to look at it next. */
  judgeAt = 0;
  lowest = 0;
  highest = 0;
  #memberCount = 0;
  /** In the order in which they came, once there is one. A finding keeps the list when the cluster begins anew. */
  members: Prefix[] = [];
  readonly #pairsOf: number[] = [];
  /** Their hashes; looked up in the map once there are many: most clusters never have a second member. */
  readonly #hashes: number[] = [];
  #numberOf: Map<number, number> | undefined;
  /** Open addressing, half full at most; owner 0 = empty, else the number of the first source + 1. */
  #values = new Int32Array(MIN_SLOTS);
  #owners = new Uint16Array(MIN_SLOTS);

  begin(key0: number, key1: number, timeMs: number): void {
    this.key0 = key0;
    this.key1 = key1;
    this.startMs = timeMs;
    this.lastMs = timeMs;
    this.elements = 0;
    this.pairs = 0;
    this.repeats = 0;
    this.squares = 0;
    this.judgeAt = 0;
    if (this.finding !== undefined) this.members = [];
    this.finding = undefined;
    // A lone member is written over: emptying lists costs more than all the rest.
    if (this.#memberCount > 1) {
      this.members.length = 0;
      this.#pairsOf.length = 0;
      this.#hashes.length = 0;
      this.#numberOf = undefined;
    }
    this.#memberCount = 0;
    if (this.#values.length > MIN_SLOTS) {
      this.#values = new Int32Array(MIN_SLOTS);
      this.#owners = new Uint16Array(MIN_SLOTS);
    } else {
      this.#owners.fill(0);
    }
  }

  /** False when it is full. `element` is a number of 32 bits, `place` where it stands in the space covered. */
  add(sourceHash: number, source: Prefix, element: number, place: number): boolean {
    const member = this.#memberOf(sourceHash, source);
    if (member < 0) return false;
    const slot = this.#slotOf(element);
    const owner = this.#owners[slot] ?? 0;
    if (owner === member + 1) return true;
    if (owner === 0) {
      if (this.elements === MAX_ELEMENTS) return false;
      this.#values[slot] = element;
      this.#owners[slot] = member + 1;
      this.#cover(place);
      if (++this.elements * 2 > this.#values.length) this.#grow();
    } else {
      this.repeats++;
    }
    const pairs = this.#pairsOf[member] ?? 0;
    this.#pairsOf[member] = pairs + 1;
    this.pairs++;
    this.squares += 2 * pairs + 1;
    return true;
  }

  #memberOf(sourceHash: number, source: Prefix): number {
    const number = this.#memberCount;
    if (number > 0) {
      const known = this.#numberOf === undefined ? this.#hashes.indexOf(sourceHash) : this.#numberOf.get(sourceHash);
      if (known !== undefined && known >= 0) return known;
      if (number === MAX_MEMBERS) return -1;
    }
    this.members[number] = source;
    this.#pairsOf[number] = 0;
    this.#hashes[number] = sourceHash;
    this.#memberCount++;
    if (this.#numberOf !== undefined) this.#numberOf.set(sourceHash, number);
    else if (number === FEW_MEMBERS) this.#numberOf = new Map(this.#hashes.map((hash, at) => [hash, at]));
    return number;
  }

  #cover(place: number): void {
    if (this.elements === 0 || place < this.lowest) this.lowest = place;
    if (this.elements === 0 || place > this.highest) this.highest = place;
  }

  /** Where the element is, or the empty slot where it would be. */
  #slotOf(element: number): number {
    const mask = this.#values.length - 1;
    let slot = (Math.imul(element, 0x9e3779b1) >>> 16) & mask;
    while (this.#owners[slot] !== 0 && this.#values[slot] !== (element | 0)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const values = this.#values;
    const owners = this.#owners;
    this.#values = new Int32Array(values.length * 2);
    this.#owners = new Uint16Array(values.length * 2);
    for (let at = 0; at < values.length; at++) {
      const owner = owners[at] ?? 0;
      if (owner === 0) continue;
      const slot = this.#slotOf(values[at] ?? 0);
      this.#values[slot] = values[at] ?? 0;
      this.#owners[slot] = owner;
    }
  }
}
