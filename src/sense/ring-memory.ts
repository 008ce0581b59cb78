// What the ring's sensor has to remember, where the kernel's has its sets: the hosts that this host asked, those that
// answered it (the peers of the guard), which ports were served lately (served-memory.ts), and whose block is the administrator's own rule.

import type { HashSeed } from "../detect/keyed-hash.ts";
import type { GuardedPeer } from "../table/learned-sets.ts";
import { type Prefix, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Packet } from "../wire/packet.ts";
import { type RecentKey, RecentTable } from "./recent-table.ts";
import { ServedMemory } from "./served-memory.ts";

/** As connection tracking and the kernel's `flows` sets together. */
const ASKED_MS = 600_000;
const ASKED = 65_536;
const PEERS = 65_536;
const DELEGATED = 65_536;

export class RingMemory {
  readonly #asked: RecentTable;
  readonly #peers: RecentTable;
  readonly #delegated: RecentTable;
  readonly served: ServedMemory;
  readonly #key: RecentKey = { word0: 0, word1: 0, word2: 0, word3: 0, first: 0, second: 0 };
  #hasDelegated = false;

  constructor(seed: HashSeed) {
    this.#asked = new RecentTable(ASKED, seed);
    this.#peers = new RecentTable(PEERS, seed);
    this.#delegated = new RecentTable(DELEGATED, seed);
    this.served = new ServedMemory(seed);
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ringAskedEvicted: this.#asked.evictions,
      ringPeersEvicted: this.#peers.evictions,
      ringDelegatedEvicted: this.#delegated.evictions,
      ...this.served.counters,
    };
  }

  /** This host has sent `packet`. */
  noteAsked(packet: Packet, nowMs: number): void {
    const { destination0, destination1, destination2, destination3, destinationPort, sourcePort } = packet;
    const key = this.#keyOf(destination0, destination1, destination2, destination3);
    key.first = (destinationPort << 16) | sourcePort;
    key.second = packet.protocol;
    this.#asked.put(key, nowMs + ASKED_MS, nowMs);
  }

  /** Whether `packet` came from the address and port that this host has asked, to the port that it asked from. */
  isAnswer(packet: Packet, nowMs: number): boolean {
    const key = this.#keyOf(packet.source0, packet.source1, packet.source2, packet.source3);
    key.first = (packet.sourcePort << 16) | packet.destinationPort;
    key.second = packet.protocol;
    return this.#asked.has(key, nowMs);
  }

  addPeer(word0: number, word1: number, word2: number, word3: number, untilMs: number, nowMs: number): void {
    this.#peers.put(this.#keyOf(word0, word1, word2, word3), untilMs, nowMs);
  }

  isPeer(word0: number, word1: number, word2: number, word3: number, nowMs: number): boolean {
    return this.#peers.has(this.#keyOf(word0, word1, word2, word3), nowMs);
  }

  peers(nowMs: number): GuardedPeer[] {
    const peers: GuardedPeer[] = [];
    this.#peers.visit(nowMs, ({ word0, word1, word2, word3 }, untilMs) => {
      peers.push({ source: prefixOfWords(word0, word1, word2, word3, 128), untilMs });
    });
    return peers;
  }

  delegate(source: Prefix, untilMs: number, nowMs: number): void {
    this.#hasDelegated = true;
    this.#delegated.put(this.#keyOfPrefix(source), untilMs, nowMs);
  }

  undelegate(source: Prefix): void {
    this.#delegated.remove(this.#keyOfPrefix(source));
  }

  /** Whether the administrator's own rule is the block of the packet's source, or of its /64. */
  isDelegated({ family, source0, source1, source2, source3 }: Packet, near: AddressRanges, nowMs: number): boolean {
    if (!this.#hasDelegated) return false;
    const key = this.#keyOf(source0, source1, source2, source3);
    key.first = 128;
    if (this.#delegated.has(key, nowMs)) return true;
    if (family === 4 || near.contains(source0, source1, source2, source3)) return false;
    key.word2 = 0;
    key.word3 = 0;
    key.first = 64;
    return this.#delegated.has(key, nowMs);
  }

  #keyOfPrefix({ w0, w1, w2, w3, bits }: Prefix): RecentKey {
    const key = this.#keyOf(w0, w1, w2, w3);
    key.first = bits;
    return key;
  }

  #keyOf(word0: number, word1: number, word2: number, word3: number): RecentKey {
    const key = this.#key;
    key.word0 = word0;
    key.word1 = word1;
    key.word2 = word2;
    key.word3 = word3;
    key.first = 0;
    key.second = 0;
    return key;
  }
}
