// The clusters watched at a time, by target and fingerprint: a set-associative table of fixed size. A newcomer takes the
// place of the least meaningful cluster of its set.
import { Cluster } from "./cluster.ts";

const WAYS = 4;

export class ClusterTable {
  readonly #sets: number;
  readonly #windowMs: number;
  readonly #clusters: (Cluster | undefined)[];
  /** Clusters that had to go before their time was over. */
  evictions = 0;

  /** `capacity` is rounded down to whole sets. A cluster's time is `windowMs` from its beginning. */
  constructor(capacity: number, windowMs: number) {
    if (!(capacity >= WAYS && windowMs > 0)) {
      throw new RangeError(`clusters: capacity ${capacity} is less than ${WAYS}, or the window ${windowMs} ms is none`);
    }
    this.#sets = Math.floor(capacity / WAYS);
    this.#windowMs = windowMs;
    this.#clusters = Array.from({ length: this.#sets * WAYS }, () => undefined);
  }

  /** The cluster of a target, by its keyed hash, and a fingerprint: begun if there is none, anew if its time is over. */
  of(target: number, fingerprint: number, timeMs: number): Cluster {
    const place = Math.imul(target ^ fingerprint, 0x9e3779b1) >>> 0;
    const first = Math.floor((place * this.#sets) / 0x1_0000_0000) * WAYS;
    let least = first;
    for (let at = first; at < first + WAYS; at++) {
      const cluster = this.#clusters[at];
      if (cluster === undefined) {
        least = at;
        break;
      }
      if (cluster.key0 === target && cluster.key1 === fingerprint) {
        if (this.#isOver(cluster, timeMs)) cluster.begin(target, fingerprint, timeMs);
        return cluster;
      }
      if (this.#isLess(cluster, this.#clusters[least], timeMs)) least = at;
    }
    const known = this.#clusters[least];
    if (known !== undefined && !this.#isOver(known, timeMs)) this.evictions++;
    const cluster = known ?? new Cluster();
    this.#clusters[least] = cluster;
    cluster.begin(target, fingerprint, timeMs);
    return cluster;
  }

  /** Over before not over, then fewer members, then the stalest. */
  #isLess(one: Cluster, other: Cluster | undefined, timeMs: number): boolean {
    if (other === undefined) return false;
    const isOver = this.#isOver(one, timeMs);
    if (isOver !== this.#isOver(other, timeMs)) return isOver;
    if (one.members.length !== other.members.length) return one.members.length < other.members.length;
    return one.lastMs < other.lastMs;
  }

  #isOver(cluster: Cluster, timeMs: number): boolean {
    return timeMs - cluster.startMs > this.#windowMs;
  }
}
