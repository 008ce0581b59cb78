// One time for all packets of a delivery: they need no finer clock, and to ask the system for each would cost more than the packet.

export class DeliveryClock {
  readonly #nowMs: () => number;
  /** 0 between deliveries. */
  #timeMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Before each packet; the first one of a delivery sets the time. Returns it. */
  begin(): number {
    if (this.#timeMs === 0) this.#timeMs = this.#nowMs();
    return this.#timeMs;
  }

  /** After the last packet. */
  end(): void {
    this.#timeMs = 0;
  }

  /** The time of the delivery; between deliveries, what the clock shows. */
  nowMs(): number {
    return this.#timeMs === 0 ? this.#nowMs() : this.#timeMs;
  }
}
