// The sets of the hold: sources, and networks around them, whose packets the rules drop while the daemon judges them.

import type { NfTables } from "../kernel/nf-tables.ts";
import { IPV4_MAPPED_BITS, isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";
import type { Hold } from "./kernel-sensor.ts";
import { widths4, widths6 } from "./neighbours.ts";
import { keyBytes, placeOf, type SetKey } from "./set-key.ts";

type Tables = Pick<NfTables, "lookup" | "remove" | "countElements" | "empty">;

export class HoldSets implements Hold {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  isHeld(source: Prefix): boolean {
    const key = holdKey(source);
    return key !== undefined && this.#tables.lookup(key.set, key.key).present;
  }

  release(source: Prefix): void {
    const key = holdKey(source);
    if (key !== undefined) this.#tables.remove([key]);
  }

  networksOf(source: Prefix): readonly Prefix[] {
    return networksAround(source)
      .filter(({ place: { set, key } }) => this.#tables.lookup(set, key).present)
      .map(({ network }) => network);
  }

  releaseNetworks(source: Prefix, isOnLink: boolean): void {
    // A forger on the link may have filled the set: it is emptied by one message, and not read.
    if (isOnLink) this.#tables.empty("heldmac");
    else this.#tables.remove(networksAround(source).map(({ place }) => place));
  }

  count(): number {
    return this.#tables.countElements("held4") + this.#tables.countElements("held6");
  }
}

function networksAround(source: Prefix): { readonly network: Prefix; readonly place: SetKey }[] {
  const { w0, w1, w2, w3 } = source;
  const first = isIpv4(source) ? IPV4_MAPPED_BITS : 0;
  return (isIpv4(source) ? widths4 : widths6)
    .map(({ suffix }) => ({ suffix, bits: first + Number(suffix) }))
    .filter(({ bits }) => bits <= source.bits)
    .map(({ suffix, bits }) => {
      const network = prefixOfWords(w0, w1, w2, w3, bits);
      return { network, place: { set: `held${suffix}`, key: keyBytes(network) } };
    });
}

function holdKey(source: Prefix): SetKey | undefined {
  const place = placeOf(source, false, false);
  if (place.kind === "interval") return undefined;
  return { set: place.set === "blocked4" ? "held4" : "held6", key: place.key };
}
