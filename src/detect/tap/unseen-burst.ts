// What no client does within a second, though the capture shows nobody's answers: ten services of one host, or one service of
// ten hosts by SYNs that no kernel makes (a browser does open ten connections at once).
import type { Contact } from "./contact.ts";

const BURST_CONTACTS = 10;
const BURST_MS = 1_000;

/** Distinct values of one key since a time. */
class Run {
  #key = 0;
  #sinceMs = Number.NaN;
  readonly #values: number[] = [];

  /** True when the key has enough of them. */
  add(key: number, value: number, timeMs: number): boolean {
    // NaN begins anew as well.
    if (key !== this.#key || !(Math.abs(timeMs - this.#sinceMs) < BURST_MS)) {
      this.#key = key;
      this.#sinceMs = timeMs;
      this.#values.length = 0;
    }
    if (!this.#values.includes(value) && this.#values.length < BURST_CONTACTS) this.#values.push(value);
    return this.#values.length >= BURST_CONTACTS;
  }
}

export class UnseenBurst {
  readonly #ofHost = new Run();
  readonly #ofService = new Run();

  /** A SYN of unknown outcome; `isRaw`: none of its source's SYNs looks like a kernel's. True when there are too many. */
  note({ protocol, port, timeMs }: Contact, hostHash: number, isRaw: boolean): boolean {
    const service = (protocol << 16) | port;
    const isDeep = this.#ofHost.add(hostHash, service, timeMs);
    const isWide = isRaw && this.#ofService.add(service, hostHash, timeMs);
    return isDeep || isWide;
  }
}
