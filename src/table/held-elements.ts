// Reads which sources the plain sets of blocks hold, whichever program put them there, and takes elements out of them.

import { dumpElements } from "../kernel/element-dump.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { isIpv4, type Prefix, prefixContains, prefixOfWords } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import { TABLE } from "./ruleset-plan.ts";
import { keyBytes, placeOf, plainSets, sourceOfElement } from "./set-key.ts";

/** Elements in one transaction: bounds the message, and how long the event loop waits. */
const BATCH = 4_000;

/** A source that the kernel holds, as it tells it. */
export interface Held {
  readonly place: string;
  readonly source: ReturnType<typeof sourceOfElement>;
  readonly soft: boolean;
  readonly expiresInMs: number | undefined;
}

export class HeldElements {
  readonly #tables: Pick<NfTables, "lookup" | "remove" | "visitElements">;
  readonly #near: () => AddressRanges;
  readonly #dump: typeof dumpElements;

  /** `near`: links of this host, where an IPv6 source is a single address. */
  constructor(
    tables: Pick<NfTables, "lookup" | "remove" | "visitElements">,
    near: () => AddressRanges,
    dump = dumpElements,
  ) {
    this.#tables = tables;
    this.#near = near;
    this.#dump = dump;
  }

  /** Every single source that the kernel holds. Slow above some 100,000 (see NfTables.visitElements). */
  read(): Held[] {
    const held: Held[] = [];
    this.visit((one) => held.push(one));
    return held;
  }

  /** The same, one by one. */
  visit(visit: (held: Held) => void): void {
    for (const set of plainSets) {
      this.#tables.visitElements(set, (key, expiresInMs) => {
        visit({ place: set, source: this.#sourceOf(set, key), soft: set.startsWith("soft"), expiresInMs });
      });
    }
  }

  /** What the plain sets hold for one source: its own key, that of its /64 beyond our links, and those of neighbours. */
  of(source: Prefix): Held[] {
    const { w0, w1, w2, w3 } = source;
    const isNear = this.#near().contains(w0, w1, w2, w3);
    const widths = isIpv4(source) ? [120] : isNear ? [56, 48, 40] : [64, 56, 48, 40];
    const wider = widths.filter((bits) => bits < source.bits).map((bits) => prefixOfWords(w0, w1, w2, w3, bits));
    const keys = [source, ...wider];
    const held = new Map<string, Held>();
    for (const each of keys) {
      for (const soft of [false, true]) {
        const place = placeOf(each, soft, isNear);
        if (place.kind !== "plain") continue;
        const state = this.#tables.lookup(place.set, place.key);
        if (!state.present) continue;
        const told = {
          place: place.set,
          source: this.#sourceOf(place.set, place.key),
          soft,
          expiresInMs: state.expiresInMs,
        };
        held.set(`${place.set} ${Buffer.from(place.key).toString("hex")}`, told);
      }
    }
    return [...held.values()];
  }

  /** What the plain sets hold inside a network; `pause` lets the event loop go on. Rejects with KernelError. */
  async inside(network: Prefix, pause: () => Promise<void>): Promise<Held[]> {
    const held: Held[] = [];
    for (const set of plainSets.filter((name) => name.endsWith("4") === isIpv4(network))) {
      const visit = (key: Buffer, expiresInMs: number | undefined) => {
        const source = this.#sourceOf(set, key);
        if (source !== undefined && prefixContains(network, source))
          held.push({ place: set, source, soft: set.startsWith("soft"), expiresInMs });
      };
      await this.#dump({ table: TABLE, set }, visit, pause);
    }
    return held;
  }

  /** Takes elements out of the plain sets; the errno's name, or "". */
  remove(held: readonly Held[]): string {
    let failed = "";
    for (let at = 0; at < held.length; at += BATCH) {
      const part = held.slice(at, at + BATCH);
      const keys = part.flatMap(({ place, source }) =>
        source === undefined ? [] : [{ set: place, key: keyBytes(source) }],
      );
      failed ||= this.#tables.remove(keys);
    }
    return failed;
  }

  /** On our links a key without a host part is an address, as the rules have it. */
  #sourceOf(set: string, key: Uint8Array): Prefix | undefined {
    const source = sourceOfElement(set, key);
    if (source?.bits !== 64) return source;
    const { w0, w1, w2, w3 } = source;
    return this.#near().contains(w0, w1, w2, w3) ? { ...source, bits: 128 } : source;
  }
}
