// What the packet ring has learned about this host, in memory of its own: peers, and lately open ports. Known pairs it does
// not learn.

import type { GuardedPeer, LearnedElement, LearnedSet, Learning, OpenedFlow } from "../table/learned-sets.ts";
import { RestoredPorts } from "../table/restored-ports.ts";
import type { Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { RingMemory } from "./ring-memory.ts";

export class RingLearning implements Learning {
  readonly #memory: RingMemory;
  readonly #nowMs: () => number;

  constructor(memory: RingMemory, nowMs: () => number) {
    this.#memory = memory;
    this.#nowMs = nowMs;
  }

  isPeer({ w0, w1, w2, w3 }: Prefix): boolean {
    return this.#memory.isPeer(w0, w1, w2, w3, this.#nowMs());
  }

  peers(): GuardedPeer[] {
    return this.#memory.peers(this.#nowMs());
  }

  addPeers(flows: readonly OpenedFlow[], guardMs: number): number {
    const nowMs = this.#nowMs();
    for (const {
      destination: { w0, w1, w2, w3 },
    } of flows)
      this.#memory.addPeer(w0, w1, w2, w3, nowMs + guardMs, nowMs);
    return flows.length;
  }

  async visit(
    visit: (set: LearnedSet, key: Uint8Array, untilMs: number) => void,
    pause: () => Promise<void>,
  ): Promise<void> {
    this.#memory.served.visit(this.#nowMs(), visit);
    await pause();
  }

  restore(elements: Iterable<LearnedElement>, own: AddressRanges): number {
    const served = new RestoredPorts(own);
    for (const { set, key, untilMs } of elements) served.take(set, key, untilMs);
    const nowMs = this.#nowMs();
    return served.elements().filter((element) => this.#memory.served.restore(element, nowMs)).length;
  }
}
