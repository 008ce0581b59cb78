// Known scanners by address: the user's list names those that scan the internet for research and say so. A name is
// text from outside and is escaped where it is shown. Looked up once a finding, not per packet.
import { isIpv4Words, maskWord, type Prefix } from "../wire/address.ts";

export interface KnownScanner {
  readonly prefix: Prefix;
  readonly name: string;
}

export class ResearchList {
  /** By block length and then by address: a look-up tries the lengths in use, the longest first. */
  readonly #lengths: readonly { readonly bits: number; readonly names: ReadonlyMap<string, string> }[];
  readonly size: number;

  /** When a block has two entries, the first counts. */
  constructor(entries: readonly KnownScanner[]) {
    const byBits = new Map<number, Map<string, string>>();
    for (const { prefix, name } of entries) {
      const names = byBits.get(prefix.bits) ?? new Map<string, string>();
      byBits.set(prefix.bits, names);
      const key = keyOf(prefix.w0, prefix.w1, prefix.w2, prefix.w3, prefix.bits);
      if (!names.has(key)) names.set(key, name);
    }
    this.#lengths = [...byBits].map(([bits, names]) => ({ bits, names })).sort((a, b) => b.bits - a.bits);
    this.size = [...byBits.values()].reduce((sum, names) => sum + names.size, 0);
  }

  /** The name of the smallest block that holds all of `source`, an address or (an IPv6 source) a block. */
  nameOf(source: Prefix): string | undefined {
    const { w0, w1, w2, w3, bits } = source;
    // A block of IPv6 shorter than 96 bits that holds ::ffff:0:0/96 by number holds no IPv4 address (wire/address.ts).
    const shortest = isIpv4Words(w0, w1, w2) ? 96 : 0;
    for (const length of this.#lengths) {
      if (length.bits > bits || length.bits < shortest) continue;
      const name = length.names.get(keyOf(w0, w1, w2, w3, length.bits));
      if (name !== undefined) return name;
    }
    return undefined;
  }
}

function keyOf(w0: number, w1: number, w2: number, w3: number, bits: number): string {
  return `${maskWord(w0, 0, bits)}.${maskWord(w1, 1, bits)}.${maskWord(w2, 2, bits)}.${maskWord(w3, 3, bits)}`;
}
