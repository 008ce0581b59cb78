// Which datagrams' first fragments went by lately, so that their later ones are known to belong to something.
// A slot a datagram, the newer takes it: a datagram's fragments follow each other closely.
import type { Packet } from "../../wire/packet.ts";
import { type HashSeed, hashSource } from "../keyed-hash.ts";

const SLOTS = 8_192;

export class FirstFragments {
  readonly #seed: HashSeed;
  readonly #hashes = new Int32Array(SLOTS);

  constructor(seed: HashSeed) {
    this.#seed = { k0: seed.k0, k1: seed.k1 };
  }

  note(packet: Packet): void {
    const hash = this.#hash(packet);
    this.#hashes[hash & (SLOTS - 1)] = hash;
  }

  has(packet: Packet): boolean {
    const hash = this.#hash(packet);
    return this.#hashes[hash & (SLOTS - 1)] === hash;
  }

  #hash(packet: Packet): number {
    const inner = hashSource(this.#seed, packet.source0, packet.source1, packet.source2, packet.source3, 0);
    const to = hashSource(this.#seed, packet.destination0, packet.destination1, packet.destination2, inner, 1);
    return hashSource(this.#seed, to, packet.destination3, packet.identification, packet.protocol, 2) || 1;
  }
}
