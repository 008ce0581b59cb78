// The door of the silence test. The test is bounded, and the source that sent the longest ago goes: a flood of forged
// sources would push a real scanner out within milliseconds. So only so many a second come in, and whoever is in stays for
// some ten seconds at least after its last packet. A scanner tries many ports, a flood of many sources tries few of each:
// whoever has tried several comes in by a door of its own; the other is for anybody.

import { type HashSeed, hashSource } from "../detect/keyed-hash.ts";
import type { Probe } from "../detect/probe.ts";
import { Bucket } from "../record/bucket.ts";

/** Together 400 a second, and a burst of 1,200: with 4,096 places nobody is out of the test within seven seconds. */
const forAnybody = { burst: 200, perSecond: 100 };
const forInsistent = { burst: 1_000, perSecond: 300 };
/** Ports, each another than the one before. */
const INSISTENT_PORTS = 3;
/** A source that finds another in its place puts itself there: in a flood of 80,000 a second it has about a second. */
const PLACES = 65_536;

export class Newcomers {
  readonly #seed: HashSeed;
  readonly #anybody: Bucket;
  readonly #insistent: Bucket;
  /** Of the source in each place: the hash, the last port, how many ports. */
  readonly #hashes = new Int32Array(PLACES);
  readonly #ports = new Uint16Array(PLACES);
  readonly #counts = new Uint8Array(PLACES);
  /** Packets of sources that did not come in. */
  refused = 0;

  constructor(seed: HashSeed, nowMs: number) {
    this.#seed = seed;
    this.#anybody = new Bucket(forAnybody, nowMs);
    this.#insistent = new Bucket(forInsistent, nowMs);
  }

  /** Whether a source that is not under test comes in with this probe. */
  admit(probe: Probe): boolean {
    const isInsistent = this.#note(probe) >= INSISTENT_PORTS;
    if (isInsistent && this.#insistent.take(probe.timeMs, 1)) return true;
    if (this.#anybody.take(probe.timeMs, 1)) return true;
    this.refused++;
    return false;
  }

  #note({ source0, source1, source2, source3, sourceBits, port }: Probe): number {
    const hash = hashSource(this.#seed, source0, source1, source2, source3, sourceBits);
    const place = hash & (PLACES - 1);
    const count = this.#counts[place] ?? 0;
    if (this.#hashes[place] !== hash || count === 0) {
      this.#hashes[place] = hash;
      this.#ports[place] = port;
      this.#counts[place] = 1;
      return 1;
    }
    if (this.#ports[place] === port || count === 255) return count;
    this.#ports[place] = port;
    this.#counts[place] = count + 1;
    return count + 1;
  }
}
