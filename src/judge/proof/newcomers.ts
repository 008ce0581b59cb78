// The door of the silence test. The test is bounded, and the source that sent the longest ago goes: a flood of forged
// sources would push a real scanner out within milliseconds. So only so many a second come in, and a source that is in
// stays for some ten seconds at least after its last packet. A scanner tries many ports, a flood of many sources tries
// few ports from each: a source that has tried several comes in by a door of its own; the other door is for any source.

import { Bucket } from "../../base/bucket.ts";
import type { Probe } from "../../detect/probe.ts";

/** Together 325 a second, and a burst of 1,200: with 4,096 places no source is out of the test within eight seconds. */
const forAnybody = { burst: 200, perSecond: 25 };
const forInsistent = { burst: 1_000, perSecond: 300 };
/** Ports, each another than the one before. */
const INSISTENT_PORTS = 3;
/** A source that finds another in its place puts itself there: in a flood of 80,000 a second it has about a second. */
const PLACES = 65_536;
const MAX_COUNT = 15;
/** When two ports in a row agree in these bits, the second is not counted. */
const PORT_MASK = 0xfff;
/** With 4,096 sources inside, one in 64 outside is taken for one of them: that costs a look, and nothing else. */
const BITS = 262_144;

export class Newcomers {
  readonly #anybody: Bucket;
  readonly #insistent: Bucket;
  /**
   * The source in each place: the bits of its hash that are not the place's number (16 bits), last port (12), how many
   * ports (4).
   */
  readonly #places = new Uint32Array(PLACES);
  /** A bit for the hash of each source that may be under test; others may share it. */
  readonly #inside = new Uint32Array(BITS / 32);
  /** Packets of sources that did not come in. */
  refused = 0;

  constructor(nowMs: number) {
    this.#anybody = new Bucket(forAnybody, nowMs);
    this.#insistent = new Bucket(forInsistent, nowMs);
  }

  /** Sources are known by a keyed hash of 32 bits. False: the source has surely not come in since forgetAll(). */
  mayBeInside(hash: number): boolean {
    return ((this.#inside[(hash & (BITS - 1)) >>> 5] ?? 0) & (1 << (hash & 31))) !== 0;
  }

  enter(hash: number): void {
    const at = (hash & (BITS - 1)) >>> 5;
    this.#inside[at] = (this.#inside[at] ?? 0) | (1 << (hash & 31));
  }

  /** Sources that are still inside must be entered again. */
  forgetAll(): void {
    this.#inside.fill(0);
  }

  /** Whether a source that is not under test comes in with this probe. */
  admit(probe: Probe, hash: number): boolean {
    const isInsistent = this.#note(hash, probe.port) >= INSISTENT_PORTS;
    if ((isInsistent && this.#insistent.take(probe.timeMs, 1)) || this.#anybody.take(probe.timeMs, 1)) {
      this.enter(hash);
      return true;
    }
    this.refused++;
    return false;
  }

  /** Ports that it has tried, each another than the one before; MAX_COUNT and no more. */
  #note(hash: number, port: number): number {
    const at = hash & (PLACES - 1);
    const tag = hash >>> 16;
    const known = this.#places[at] ?? 0;
    const count = known & MAX_COUNT;
    const isOther = known >>> 16 !== tag || count === 0;
    const last = port & PORT_MASK;
    if (!isOther && (((known >>> 4) & PORT_MASK) === last || count === MAX_COUNT)) return count;
    const now = isOther ? 1 : count + 1;
    this.#places[at] = (tag << 16) | (last << 4) | now;
    return now;
  }
}
