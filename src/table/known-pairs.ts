// Known pairs, as the rules learn them: which source has finished a real connection to which port within seven days.

import type { NfTables } from "../kernel/nf-tables.ts";
import { isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";
import { keyBytes, type SetKey } from "./set-key.ts";
import { KNOWN_DAYS } from "./sets.ts";

const KNOWN_MS = KNOWN_DAYS * 86_400_000;

export class KnownPairs {
  readonly #tables: Pick<NfTables, "lookup" | "insert">;

  constructor(tables: Pick<NfTables, "lookup" | "insert">) {
    this.#tables = tables;
  }

  /**
   * Whether a source has a known pair: it has finished a real connection to a port of ours within seven days. For an IPv6
   * source beyond our links any address in its /64 counts. At most two system calls. Throws KernelError.
   */
  isClient(source: Prefix): boolean {
    return placesOfClient(source).some(({ set, key }) => this.#tables.lookup(set, key).present);
  }

  /** How many of the ports a client's known pairs are with; two system calls a port at most. Throws KernelError. */
  countPairs(source: Prefix, ports: readonly number[]): number {
    const places = placesOfClient(source);
    const isKnown = (port: number) =>
      places.some(({ set, key }) => {
        return this.#tables.lookup(set === "client4" ? "known4" : "known6", pairKey(key, port)).present;
      });
    return ports.filter(isKnown).length;
  }

  /**
   * Makes known pairs of sources that are known to use a port, as the rules do when a connection ends: an address, or the /64
   * of an IPv6 one beyond our links. Sets that are full take none. Throws KernelError.
   */
  add(pairs: readonly { readonly source: Prefix; readonly ports: readonly number[] }[]): void {
    const changes = pairs.flatMap(({ source, ports }) =>
      ports.map((port) => ({
        set: isIpv4(source) ? "known4" : "known6",
        key: pairKey(keyBytes(source), port),
        timeoutMs: KNOWN_MS,
      })),
    );
    if (changes.length > 0) this.#tables.insert(changes);
  }
}

/** Each further part of a key is padded to four bytes. */
function pairKey(source: Uint8Array, port: number): Uint8Array {
  return Uint8Array.of(...source, port >>> 8, port & 255, 0, 0);
}

/** An IPv6 address is kept by itself on our links, else by its /64: which it is need not be known here. */
function placesOfClient(source: Prefix): SetKey[] {
  if (isIpv4(source)) return source.bits === 128 ? [{ set: "client4", key: keyBytes(source) }] : [];
  if (source.bits < 64) return [];
  const wide = prefixOfWords(source.w0, source.w1, source.w2, source.w3, 64);
  const keys = source.bits === 128 ? [source, wide] : [wide];
  return keys.map((key) => ({ set: "client6", key: keyBytes(key) }));
}
