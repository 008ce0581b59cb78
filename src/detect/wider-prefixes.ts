// IPv6 sources that change their /64: tells once when so many of a /56, and of a /48, have offended that the whole
// prefix should be held responsible. Bounded; IPv4 is never widened, nor are single hosts of our own links.
import { isIpv4, type Prefix, prefixOfWords } from "../wire/address.ts";

export interface WiderPolicy {
  /** Offending /64s that make their /56 an offender. */
  readonly sourcesPer56: number;
  /** Offending /56s that make their /48 an offender. */
  readonly blocksPer48: number;
  /** Offending /64s that do so wherever in the /48 they lie, or one could use two of every /56 for ever. */
  readonly sourcesPer48: number;
  /** How long an offence counts. */
  readonly windowMs: number;
  /** Prefixes remembered; the stalest goes. */
  readonly capacity: number;
}

export const DEFAULT_WIDER: WiderPolicy = {
  sourcesPer56: 3,
  blocksPer48: 3,
  sourcesPer48: 9,
  windowMs: 86_400_000,
  capacity: 16_384,
};

const SOURCE_BITS = 64;
const BLOCK_BITS = 56;
const SITE_BITS = 48;
/** Children kept of one prefix: as many as any threshold may ask for. */
const MAX_CHILDREN = 64;

/** A prefix and which of its children offended when, the latest last. */
interface Parent {
  readonly children: Map<number, number>;
  /** When it became an offender itself; undefined: it has not, or its day is over. */
  offendedMs: number | undefined;
}

export class WiderPrefixes {
  readonly #policy: WiderPolicy;
  /** In the order of their latest offence. */
  readonly #parents = new Map<string, Parent>();
  /** Prefixes forgotten because the table was full. */
  evictions = 0;

  constructor(policy: WiderPolicy = DEFAULT_WIDER) {
    for (const name of ["sourcesPer56", "blocksPer48", "sourcesPer48"] as const) {
      const children = policy[name];
      if (!(Number.isInteger(children) && children >= 2 && children <= MAX_CHILDREN)) {
        throw new RangeError(`wider prefixes: ${name} ${children} is not a whole number from 2 to ${MAX_CHILDREN}`);
      }
    }
    // A source has three entries of its own: its /56, and its /48 counted in two ways.
    if (!(policy.capacity >= 3)) throw new RangeError(`wider prefixes: capacity ${policy.capacity} is less than 3`);
    this.#policy = policy;
  }

  get size(): number {
    return this.#parents.size;
  }

  /**
   * A source was found scanning. Returns the widest prefix that this makes an offender, once until its window is over;
   * nothing for a source that lies in an offender already.
   */
  offend(source: Prefix, timeMs: number): Prefix | undefined {
    if (source.bits !== SOURCE_BITS || isIpv4(source)) return undefined;
    const { blocksPer48, sourcesPer48, sourcesPer56 } = this.#policy;
    const { w0, w1 } = source;
    const site = `${w0}/${w1 >>> 16}`;
    const block = `${w0}/${w1 >>> 8}/56`;
    const siteSources = this.#parent(site, timeMs);
    const isKnownSite = siteSources.offendedMs !== undefined;
    const bySources = this.#add(siteSources, w1 & 0xffff, sourcesPer48, timeMs);
    const isNewBlock = this.#add(this.#parent(block, timeMs), w1 & 0xff, sourcesPer56, timeMs);
    const siteBlocks = this.#parent(`${site}/blocks`, timeMs);
    const byBlocks = isNewBlock && this.#add(siteBlocks, w1 >>> 8, blocksPer48, timeMs);
    if (isKnownSite) return undefined;
    if (bySources || byBlocks) {
      siteSources.offendedMs = timeMs;
      return prefixOfWords(w0, w1, 0, 0, SITE_BITS);
    }
    return isNewBlock ? prefixOfWords(w0, w1, 0, 0, BLOCK_BITS) : undefined;
  }

  /** How many /64s of the prefix have offended within the window, at most 64. */
  offendersIn({ w0, w1, bits }: Prefix): number {
    const key = bits === SITE_BITS ? `${w0}/${w1 >>> 16}` : `${w0}/${w1 >>> 8}/56`;
    return this.#parents.get(key)?.children.size ?? 0;
  }

  /**
   * An offender's punishment is over: the next offence in it can make it one again. `isForgiven`: the offences are forgotten
   * too, so that it takes as many offences as the first time.
   */
  pardon({ w0, w1, bits }: Prefix, isForgiven: boolean): void {
    const site = `${w0}/${w1 >>> 16}`;
    const keys = bits === SITE_BITS ? [site, `${site}/blocks`] : [`${w0}/${w1 >>> 8}/56`];
    for (const key of keys) {
      const parent = this.#parents.get(key);
      if (parent === undefined) continue;
      parent.offendedMs = undefined;
      if (isForgiven) parent.children.clear();
    }
  }

  /** True when the child makes the parent an offender that was none. */
  #add(parent: Parent, child: number, needed: number, timeMs: number): boolean {
    // Deleted first, so that the map stays in the order of time.
    parent.children.delete(child);
    for (const [stalest, offendedMs] of parent.children) {
      if (timeMs - offendedMs <= this.#policy.windowMs && parent.children.size < MAX_CHILDREN) break;
      parent.children.delete(stalest);
    }
    parent.children.set(child, timeMs);
    if (parent.offendedMs !== undefined || parent.children.size < needed) return false;
    parent.offendedMs = timeMs;
    return true;
  }

  /** The entry of a key, made if there is none, and now the newest. */
  #parent(key: string, timeMs: number): Parent {
    const known = this.#parents.get(key);
    const parent = known ?? { children: new Map<number, number>(), offendedMs: undefined };
    if (parent.offendedMs !== undefined && timeMs - parent.offendedMs > this.#policy.windowMs) {
      parent.offendedMs = undefined;
    }
    if (known !== undefined) this.#parents.delete(key);
    else if (this.#parents.size >= this.#policy.capacity) this.#evict();
    this.#parents.set(key, parent);
    return parent;
  }

  #evict(): void {
    for (const stalest of this.#parents.keys()) {
      this.#parents.delete(stalest);
      this.evictions++;
      return;
    }
  }
}
