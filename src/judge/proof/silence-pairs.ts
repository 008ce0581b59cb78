// The ports that one source under the silence test has tried, in the order of their first contact: for each its coin, when
// it was first tried, and which readings have decided it. Typed arrays that grow: 11 bytes a port, as forgers could fill
// four thousand sources with five hundred ports each.

const FIRST_PLACES = 16;
const ANSWERED = 0x80;

export class SilencePairs {
  #ports = new Uint16Array(FIRST_PLACES);
  /** The coin in the highest bit, below it one bit for each reading. */
  #states = new Uint8Array(FIRST_PLACES);
  #firstMs = new Float64Array(FIRST_PLACES);
  size = 0;

  /** -1: it has not been tried. */
  find(port: number): number {
    const at = this.#ports.indexOf(port);
    return at < this.size ? at : -1;
  }

  add(port: number, isAnswered: boolean, firstMs: number): void {
    const at = this.size++;
    if (at === this.#ports.length) this.#grow();
    this.#ports[at] = port;
    this.#states[at] = isAnswered ? ANSWERED : 0;
    this.#firstMs[at] = firstMs;
  }

  isAnswered(at: number): boolean {
    return ((this.#states[at] ?? 0) & ANSWERED) !== 0;
  }

  firstMs(at: number): number {
    return this.#firstMs[at] ?? 0;
  }

  /** False when the reading of this bit has decided the pair before. */
  decide(at: number, bit: number): boolean {
    const state = this.#states[at] ?? 0;
    this.#states[at] = state | bit;
    return (state & bit) === 0;
  }

  #grow(): void {
    this.#ports = enlarged(this.#ports, new Uint16Array(2 * this.#ports.length));
    this.#states = enlarged(this.#states, new Uint8Array(2 * this.#states.length));
    this.#firstMs = enlarged(this.#firstMs, new Float64Array(2 * this.#firstMs.length));
  }
}

function enlarged<T extends Uint16Array | Uint8Array | Float64Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
