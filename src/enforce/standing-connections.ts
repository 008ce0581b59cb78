// The remote addresses of the connections that stand to ports that this host serves, read whole at most a few times a second
// and compared with as many sources as ask: a flood of forged sources costs one reading for all of them.
import { isIpv4, type Prefix, prefixContains } from "../wire/address.ts";

export interface StandingParts {
  /** Visits all connections; false when there are more than `limit`. Throws KernelError. */
  readonly visitConnections: (limit: number, visit: (remote: Prefix, port: number) => void) => boolean;
  /** TCP ports that this host serves, without listeners of our own. Throws KernelError. */
  readonly servedPorts: () => readonly number[];
}

/** To read so many takes some 10 ms. */
export const MAX_STANDING = 8_192;
/** How old what was read may be; connections of a shared address stand for longer. */
const FRESH_MS = 250;
/** Where there is no time to read them again. */
const STALE_MS = 5_000;
/** Where there are too many this is not found out again for so long. */
const TOO_MANY_MS = 10_000;

export class StandingConnections {
  readonly #parts: StandingParts;
  /** In heaps of which a source has one (heapOf); undefined: not known. */
  #remotes: ReadonlyMap<number, readonly Prefix[]> | undefined;
  #readMs = Number.NEGATIVE_INFINITY;
  #tooManyMs = Number.NEGATIVE_INFINITY;

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  /**
   * How many connections each source has, in order. undefined: there are too many to read, or no time to read them. Throws
   * KernelError.
   */
  count(sources: readonly Prefix[], nowMs: number, hasTime: boolean): readonly number[] | undefined {
    const ageMs = nowMs - this.#readMs;
    if (ageMs > FRESH_MS && hasTime) this.#read(nowMs);
    const remotes = nowMs - this.#readMs <= STALE_MS ? this.#remotes : undefined;
    if (remotes === undefined) return undefined;
    return sources.map((source) => {
      const heap = isInOneHeap(source) ? (remotes.get(heapOf(source)) ?? []) : [...remotes.values()].flat();
      return heap.filter((remote) => prefixContains(source, remote)).length;
    });
  }

  #read(nowMs: number): void {
    if (nowMs - this.#tooManyMs < TOO_MANY_MS) return;
    const standing: { readonly remote: Prefix; readonly port: number }[] = [];
    const isWhole = this.#parts.visitConnections(MAX_STANDING, (remote, port) => standing.push({ remote, port }));
    this.#readMs = nowMs;
    this.#remotes = undefined;
    if (!isWhole) {
      this.#tooManyMs = nowMs;
      return;
    }
    const served = new Set(standing.length > 0 ? this.#parts.servedPorts() : []);
    const remotes = new Map<number, Prefix[]>();
    for (const { remote, port } of standing) {
      if (!served.has(port)) continue;
      const heap = remotes.get(heapOf(remote));
      if (heap === undefined) remotes.set(heapOf(remote), [remote]);
      else heap.push(remote);
    }
    this.#remotes = remotes;
  }
}

/** An address and the /64 around it have the same. */
function heapOf(address: Prefix): number {
  const { w0, w1, w3 } = address;
  return isIpv4(address) ? w3 : (Math.imul(w0, 0x9e3779b1) ^ w1) >>> 0;
}

function isInOneHeap(source: Prefix): boolean {
  return source.bits >= (isIpv4(source) ? 128 : 64);
}
