// SYN+ACKs that nobody asked for are backscatter, as a rule: a victim answers the forged address. An idle
// scan sends them too, to read the IP identification of the RSTs that come back; its source ports count up
// (nmap -sI, hping3 -SA), where a victim answers from a service's port, and repeats itself from the same.

const SLOTS = 4_096;
const MIN_STEPS = 3;
/** nmap's source ports count up by one a probe; some are lost. */
const MAX_STEP = 16;
const FIRST_UNPRIVILEGED_PORT = 1_024;
const SERIES_GAP_MS = 60_000;

export class SynAckSeries {
  readonly #keys = new Int32Array(SLOTS);
  readonly #ports = new Uint16Array(SLOTS);
  readonly #steps = new Uint16Array(SLOTS);
  readonly #lastMs = new Float64Array(SLOTS);

  /** `hash`: keyed, of (source, host, port). True once the series is one that reads identifications. */
  note(hash: number, sourcePort: number, timeMs: number): boolean {
    const slot = hash & (SLOTS - 1);
    const isKnown = this.#keys[slot] === hash && Math.abs(timeMs - (this.#lastMs[slot] ?? 0)) < SERIES_GAP_MS;
    const step = sourcePort - (this.#ports[slot] ?? 0);
    this.#lastMs[slot] = timeMs;
    this.#ports[slot] = sourcePort;
    if (!isKnown) {
      this.#keys[slot] = hash;
      this.#steps[slot] = 0;
      return false;
    }
    const steps = this.#steps[slot] ?? 0;
    const countsUp = step > 0 && step <= MAX_STEP && sourcePort >= FIRST_UNPRIVILEGED_PORT;
    if (countsUp && steps < MIN_STEPS) this.#steps[slot] = steps + 1;
    return countsUp && steps + 1 >= MIN_STEPS;
  }
}
