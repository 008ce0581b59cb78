// Names of addresses for log lines (RESOLVE_HOST), asked of the DNS. Only the line itself waits for its name;
// time, number and memory are bounded. A stranger chooses the names in his own zone: a name is used only if it cannot
// be taken for anything else, and otherwise the address stands in its place.
import { Resolver as DnsResolver } from "node:dns/promises";

export interface ResolverOptions {
  /** The names of an address; rejects when there is none. */
  readonly reverse: (address: string) => Promise<readonly string[]>;
  readonly nowMs: () => number;
  /** Calls `task` after so many milliseconds, unless what it returns is called first. */
  readonly later: (ms: number, task: () => void) => () => void;
}

/** A line waits this long for its name, its time in our own queue included. */
export const LOOKUP_MS = 2_000;
const MAX_IN_FLIGHT = 16;
const MAX_WAITING = 256;
const MAX_CACHED = 1024;
/** An address without a name is remembered as well: a scanner's next line should not ask again. */
const CACHE_MS = 10 * 60_000;

interface Lookup {
  readonly address: string;
  readonly promise: Promise<string>;
  /** Answers the waiting lines; the first call counts. */
  settle(name: string): void;
}

export class Resolver {
  readonly counters = { namesFound: 0, namesMissing: 0, namesRefused: 0, namesTimedOut: 0, lookupsDropped: 0 };
  readonly #options: ResolverOptions;
  /** The least lately used first. */
  readonly #cache = new Map<string, { readonly name: string; readonly untilMs: number }>();
  /** Waiting or in flight, by address. */
  readonly #pending = new Map<string, Lookup>();
  readonly #waiting: Lookup[] = [];
  #inFlight = 0;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** The address's name, or the address itself; within LOOKUP_MS, and never a rejection. */
  lookup(address: string): Promise<string> {
    const cached = this.#cached(address);
    if (cached !== undefined) return Promise.resolve(cached);
    const pending = this.#pending.get(address);
    if (pending !== undefined) return pending.promise;
    if (this.#inFlight >= MAX_IN_FLIGHT && this.#waiting.length >= MAX_WAITING) {
      this.counters.lookupsDropped++;
      return Promise.resolve(address);
    }
    const lookup = this.#open(address);
    this.#waiting.push(lookup);
    this.#startNext();
    return lookup.promise;
  }

  #open(address: string): Lookup {
    let resolve = (_name: string): void => undefined;
    const promise = new Promise<string>((settle) => {
      resolve = settle;
    });
    const cancel = this.#options.later(LOOKUP_MS, () => {
      this.counters.namesTimedOut++;
      this.#abandon(lookup);
    });
    const lookup: Lookup = {
      address,
      promise,
      settle: (name) => {
        cancel();
        this.#pending.delete(address);
        resolve(name);
      },
    };
    this.#pending.set(address, lookup);
    return lookup;
  }

  /** The waiting lines get the address; a query in flight goes on to its own end and may still fill the cache. */
  #abandon(lookup: Lookup): void {
    const at = this.#waiting.indexOf(lookup);
    if (at >= 0) this.#waiting.splice(at, 1);
    lookup.settle(lookup.address);
  }

  #startNext(): void {
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const lookup = this.#waiting.shift();
      if (lookup === undefined) return;
      this.#inFlight++;
      void this.#ask(lookup);
    }
  }

  async #ask(lookup: Lookup): Promise<void> {
    const name = await this.#nameOf(lookup.address);
    this.#inFlight--;
    this.#remember(lookup.address, name);
    lookup.settle(name);
    this.#startNext();
  }

  async #nameOf(address: string): Promise<string> {
    let names: readonly string[];
    try {
      names = await this.#options.reverse(address);
    } catch {
      names = [];
    }
    const [first] = names;
    if (first === undefined) this.counters.namesMissing++;
    else if (isPlainName(first)) this.counters.namesFound++;
    else this.counters.namesRefused++;
    return first !== undefined && isPlainName(first) ? first : address;
  }

  #cached(address: string): string | undefined {
    const entry = this.#cache.get(address);
    if (entry === undefined) return undefined;
    this.#cache.delete(address);
    if (entry.untilMs <= this.#options.nowMs()) return undefined;
    this.#cache.set(address, entry);
    return entry.name;
  }

  #remember(address: string, name: string): void {
    this.#cache.delete(address);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size < MAX_CACHED) break;
      this.#cache.delete(oldest);
    }
    this.#cache.set(address, { name, untilMs: this.#options.nowMs() + CACHE_MS });
  }
}

/**
 * Letters, digits, ".", "_", "-", at most 253 characters (RFC 1035 section 2.3.4), and a last label with a letter:
 * a name that looks like an address would be read as the scanner's.
 */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,253}$/.test(name) && /[A-Za-z][A-Za-z0-9_-]*\.?$/.test(name);
}

/** Asks the host's own resolvers; one try, as a line does not wait for a second. */
export function openResolver(nowMs: () => number): Resolver {
  const dns = new DnsResolver({ timeout: LOOKUP_MS, tries: 1 });
  return new Resolver({
    reverse: (address) => dns.reverse(address),
    nowMs,
    later: (ms, task) => {
      const timer = setTimeout(task, ms).unref();
      return () => clearTimeout(timer);
    },
  });
}
