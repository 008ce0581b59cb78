// Counts probes by the network of their source in a table of numbers, on the packet path: no text and no object is made for a probe.
import { type HashSeed, hashSource, randomSeed } from "../../detect/keyed-hash.ts";
import { formatPrefix, IPV4_MAPPED_BITS, IPV4_MAPPED_WORD, isIpv4Words, prefixOfWords } from "../../wire/address.ts";
import { type Count, OTHER } from "./dimensions.ts";

/** A power of two; half of it is used, so that a look-up stays short. */
const SLOTS = 8_192;
const MAX_NETWORKS = SLOTS / 2;
const IPV4_BITS = IPV4_MAPPED_BITS + 24;
const IPV6_BITS = 48;

export class NetworkCounts {
  readonly #seed: HashSeed = randomSeed();
  /** The network's words that its length leaves: the last of an IPv4 address, the first two of an IPv6 address. */
  readonly #first = new Uint32Array(SLOTS);
  readonly #second = new Uint32Array(SLOTS);
  readonly #bits = new Uint8Array(SLOTS);
  /** 0: the slot is free. */
  readonly #counts = new Uint32Array(SLOTS);
  #networks = 0;
  /** Probes of further networks than MAX_NETWORKS. */
  #others = 0;

  add(w0: number, w1: number, w2: number, w3: number): void {
    const isIpv4 = isIpv4Words(w0, w1, w2);
    const first = isIpv4 ? (w3 & 0xffffff00) >>> 0 : w0 >>> 0;
    const second = isIpv4 ? 0 : (w1 & 0xffff0000) >>> 0;
    const bits = isIpv4 ? IPV4_BITS : IPV6_BITS;
    let slot = hashSource(this.#seed, first, second, 0, 0, bits) & (SLOTS - 1);
    while (this.#counts[slot] !== 0) {
      if (this.#first[slot] === first && this.#second[slot] === second && this.#bits[slot] === bits) {
        this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
        return;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    if (this.#networks === MAX_NETWORKS) {
      this.#others++;
      return;
    }
    this.#networks++;
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#bits[slot] = bits;
    this.#counts[slot] = 1;
  }

  counts(): Count[] {
    const found: Count[] = [];
    for (const [slot, count] of this.#counts.entries())
      if (count > 0) found.push({ by: "network", value: this.#nameOf(slot), count });
    if (this.#others > 0) found.push({ by: "network", value: OTHER, count: this.#others });
    return found;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#networks = 0;
    this.#others = 0;
  }

  #nameOf(slot: number): string {
    const first = this.#first[slot] ?? 0;
    const isIpv4 = this.#bits[slot] === IPV4_BITS;
    return formatPrefix(
      isIpv4
        ? prefixOfWords(0, 0, IPV4_MAPPED_WORD, first, IPV4_BITS)
        : prefixOfWords(first, this.#second[slot] ?? 0, 0, 0, IPV6_BITS),
    );
  }
}
