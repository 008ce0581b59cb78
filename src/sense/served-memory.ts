// Which ports of this host were served lately, and at which of its addresses, for the packet ring: what the kernel's sensor has in
// the sets of table/lately.ts.

import type { HashSeed } from "../detect/keyed-hash.ts";
import { HIGH_PORT_FACTOR } from "../table/lately.ts";
import type { LearnedSet } from "../table/learned-sets.ts";
import { type ServedAt, type SetKey, servedKey, servedOfKey, unspecifiedOf } from "../table/set-key.ts";
import { IPV4_MAPPED_WORD, isIpv4, isIpv4Words, isUnspecified, type Prefix, prefixOfWords } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { IpProtocol } from "../wire/packet.ts";
import { PORTS } from "../wire/port-range.ts";
import { type RecentKey, RecentTable } from "./recent-table.ts";

const PLACES = 16_384;
const SOME4 = prefixOfWords(0, 0, IPV4_MAPPED_WORD, 0, 128);
const SOME6 = prefixOfWords(0, 0, 0, 0, 128);

export class ServedMemory {
  /** Own addresses at which a port that is served at another one is closed. */
  settled = new AddressRanges([]);
  /** Until when; TCP in front, UDP behind. */
  readonly #everywhereMs = new Float64Array(2 * PORTS);
  readonly #somewhere4Ms = new Float64Array(2 * PORTS);
  readonly #somewhere6Ms = new Float64Array(2 * PORTS);
  readonly #at: RecentTable;
  /** A place was forgotten before its time: until then what is served at one address counts at every one. */
  #forgottenMs = 0;
  readonly #key: RecentKey = { word0: 0, word1: 0, word2: 0, word3: 0, first: 0, second: 0 };

  constructor(seed: HashSeed) {
    this.#at = new RecentTable(PLACES, seed);
  }

  get counters(): Readonly<Record<string, number>> {
    return { ringServedEvicted: this.#at.evictions };
  }

  /** Without `address` the port counts at every one. */
  note({ protocol, port, address }: ServedAt, latelyOpenMs: number, nowMs: number): void {
    const { evictions } = this.#at;
    const untilMs = nowMs + (port < 1024 ? latelyOpenMs : latelyOpenMs * HIGH_PORT_FACTOR);
    this.#noteUntil({ protocol, port, address }, untilMs, nowMs);
    if (address !== undefined) this.#noteUntil({ protocol, port, address: unspecifiedOf(address) }, untilMs, nowMs);
    if (this.#at.evictions > evictions) this.#forgottenMs = nowMs + latelyOpenMs * HIGH_PORT_FACTOR;
  }

  /** A packet shows that the port is served: there alone where its listeners of that family are known to be bound. */
  noteSeen({ protocol, port, address }: Required<ServedAt>, latelyOpenMs: number, nowMs: number): void {
    const isBound = address !== undefined && (this.#somewhere(address)[slotOf(protocol, port)] ?? 0) > nowMs;
    this.note(isBound ? { protocol, port, address } : { protocol, port }, latelyOpenMs, nowMs);
  }

  #noteUntil({ protocol, port, address }: ServedAt, untilMs: number, nowMs: number): void {
    if (address !== undefined && !isUnspecified(address)) {
      const { w0, w1, w2, w3 } = address;
      this.#at.put(this.#keyOf(protocol, port, w0, w1, w2, w3), untilMs, nowMs);
      return;
    }
    const ends = address === undefined ? this.#everywhereMs : this.#somewhere(address);
    const slot = slotOf(protocol, port);
    ends[slot] = Math.max(ends[slot] ?? 0, untilMs);
  }

  /** Whether the port counts as served lately at an address of this host. */
  isLately(protocol: number, port: number, w0: number, w1: number, w2: number, w3: number, nowMs: number): boolean {
    const slot = slotOf(protocol, port);
    const everywhere = (this.#everywhereMs[slot] ?? 0) > nowMs;
    const somewhere4 = (this.#somewhere4Ms[slot] ?? 0) > nowMs;
    const somewhere6 = (this.#somewhere6Ms[slot] ?? 0) > nowMs;
    if (everywhere || (!somewhere4 && !somewhere6)) return everywhere;
    const isInFamily = isIpv4Words(w0, w1, w2) ? somewhere4 : somewhere6;
    if (!isInFamily || this.#forgottenMs > nowMs || !this.settled.contains(w0, w1, w2, w3)) return true;
    return this.#at.has(this.#keyOf(protocol, port, w0, w1, w2, w3), nowMs);
  }

  /** In the form that is saved over a restart. */
  visit(nowMs: number, visit: (set: LearnedSet, key: Uint8Array, untilMs: number) => void): void {
    const visitOne = (served: ServedAt, untilMs: number) => {
      const { set, key } = servedKey(served);
      if (untilMs > nowMs) visit(set, key, untilMs);
    };
    for (const [ends, address] of [
      [this.#everywhereMs, undefined],
      [this.#somewhere4Ms, SOME4],
      [this.#somewhere6Ms, SOME6],
    ] as const) {
      for (const protocol of [IpProtocol.Tcp, IpProtocol.Udp])
        for (let port = 1; port < PORTS; port++)
          visitOne({ protocol, port, address }, ends[slotOf(protocol, port)] ?? 0);
    }
    this.#at.visit(nowMs, ({ word0, word1, word2, word3, first, second }, untilMs) => {
      const address = prefixOfWords(word0, word1, word2, word3, 128);
      visitOne({ protocol: second, port: first, address }, untilMs);
    });
  }

  /** Takes an element of that form; false for another one. */
  restore({ set, key, untilMs }: SetKey & { readonly untilMs: number }, nowMs: number): boolean {
    const served = servedOfKey(set, key);
    if (served === undefined || (served.protocol !== IpProtocol.Tcp && served.protocol !== IpProtocol.Udp))
      return false;
    this.#noteUntil(served, untilMs, nowMs);
    return true;
  }

  #somewhere(address: Prefix): Float64Array {
    return isIpv4(address) ? this.#somewhere4Ms : this.#somewhere6Ms;
  }

  #keyOf(protocol: number, port: number, w0: number, w1: number, w2: number, w3: number): RecentKey {
    const key = this.#key;
    key.word0 = w0;
    key.word1 = w1;
    key.word2 = w2;
    key.word3 = w3;
    key.first = port;
    key.second = protocol;
    return key;
  }
}

/** TCP in front, UDP behind. */
function slotOf(protocol: number, port: number): number {
  return protocol === IpProtocol.Udp ? PORTS + port : port;
}
