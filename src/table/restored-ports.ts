// Served ports out of the file that outlives a restart, as they count at the addresses that this host has now.

import { isUnspecified } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { latelyKey, nameOfKey, type SetKey, servedKey, servedOfKey } from "./set-key.ts";

interface RestoredPort extends SetKey {
  readonly untilMs: number;
}

export class RestoredPorts {
  readonly #own: AddressRanges;
  readonly #elements = new Map<string, RestoredPort>();

  constructor(own: AddressRanges) {
    this.#own = own;
  }

  /** False for an element that is no served port's. */
  take(set: string, key: Uint8Array, untilMs: number): boolean {
    const served = servedOfKey(set, key);
    if (served === undefined) return false;
    const { protocol, port, address } = served;
    const isGone =
      address !== undefined &&
      !isUnspecified(address) &&
      !this.#own.contains(address.w0, address.w1, address.w2, address.w3);
    this.#note({ ...(isGone ? servedKey({ protocol, port }) : { set, key: Uint8Array.from(key) }), untilMs });
    this.#note({ set: "lately", key: latelyKey(protocol, port), untilMs });
    return true;
  }

  /** Each once, until its latest end. */
  elements(): RestoredPort[] {
    return [...this.#elements.values()];
  }

  #note(element: RestoredPort): void {
    const name = nameOfKey(element);
    const before = this.#elements.get(name);
    if (before === undefined || before.untilMs < element.untilMs) this.#elements.set(name, element);
  }
}
