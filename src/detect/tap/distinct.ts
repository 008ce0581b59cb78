// How many different ports and hosts a source has tried: exact while that is cheap, an estimate within bounds after it.
import { IpProtocol } from "../../wire/packet.ts";
import { PORTS } from "../../wire/port-range.ts";

/** Kept in lists that double: one that V8 makes grow takes room for sixteen more at once. */
const FEW = 32;
/** HyperLogLog with 2^9 registers: a standard error of 1.04 / sqrt(512) = 4.6 % (Flajolet et al., 2007). */
const REGISTERS = 512;
const HASH_BITS = 32;
const REGISTER_BITS = 9;
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** How much may still be spent on exact counts, shared by all sources. */
export interface ExactBudget {
  bitmaps: number;
}

/** 8 KB each. */
export function createExactBudget(bitmaps = 2_048): ExactBudget {
  return { bitmaps };
}

/** Distinct values of 32 bits: the first few as they are, then a sketch. */
class Sketch {
  readonly #registers = new Uint8Array(REGISTERS);

  add(hash: number): void {
    const at = hash >>> (HASH_BITS - REGISTER_BITS);
    const rank = Math.clz32((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))) + 1;
    if (rank > (this.#registers[at] ?? 0)) this.#registers[at] = rank;
  }

  get count(): number {
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    // Below this, linear counting is the better estimate (the paper's small range correction).
    const isSmall = raw <= 2.5 * REGISTERS && empty > 0;
    return Math.round(isSmall ? REGISTERS * Math.log(REGISTERS / empty) : raw);
  }
}

/** Spreads a number over 32 bits (the finaliser of MurmurHash3); keyed hashes come so already. */
function spread(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function contains(list: readonly number[], count: number, value: number): boolean {
  for (let at = 0; at < count; at++) if (list[at] === value) return true;
  return false;
}

/** The list with a value behind its first `count`: itself, or one twice as long when it is full. */
function append(list: number[], count: number, value: number): number[] {
  let longer = list;
  if (count === list.length) {
    longer = new Array<number>(count * 2).fill(0);
    for (let at = 0; at < count; at++) longer[at] = list[at] ?? 0;
  }
  longer[count] = value;
  return longer;
}

/** Distinct hosts by a keyed hash of each; most sources have one, which needs no list. */
export class DistinctHosts {
  #only = 0;
  #exact = 0;
  #few: number[] | undefined;
  #sketch: Sketch | undefined;

  add(hash: number): void {
    if (this.#sketch !== undefined) {
      this.#sketch.add(hash);
      return;
    }
    if (this.#exact === 0) this.#only = hash;
    else if (this.#few === undefined) {
      if (this.#only === hash) return;
      this.#few = [this.#only, hash];
    } else {
      if (contains(this.#few, this.#exact, hash)) return;
      this.#few = append(this.#few, this.#exact, hash);
    }
    this.#exact++;
    if (this.#exact > FEW) this.#grow();
  }

  #grow(): void {
    this.#sketch = new Sketch();
    const few = this.#few ?? [];
    for (let at = 0; at < this.#exact; at++) this.#sketch.add(few[at] ?? 0);
    this.#few = undefined;
  }

  get count(): number {
    return this.#sketch?.count ?? this.#exact;
  }
}

/** Distinct ports of one protocol: all of them as long as the budget lasts. */
class Ports {
  #only = 0;
  #few: number[] | undefined;
  #bitmap: Uint32Array | undefined;
  #sketch: Sketch | undefined;
  #count = 0;

  add(port: number, budget: ExactBudget): void {
    if (this.#bitmap !== undefined) {
      const word = this.#bitmap[port >>> 5] ?? 0;
      const bit = 1 << (port & 31);
      if ((word & bit) !== 0) return;
      this.#bitmap[port >>> 5] = word | bit;
      this.#count++;
    } else if (this.#sketch !== undefined) {
      this.#sketch.add(spread(port));
    } else {
      this.#addToFew(port, budget);
    }
  }

  #addToFew(port: number, budget: ExactBudget): void {
    if (this.#count === 0) this.#only = port;
    else if (this.#few === undefined) {
      if (this.#only === port) return;
      this.#few = [this.#only, port];
    } else {
      if (contains(this.#few, this.#count, port)) return;
      this.#few = append(this.#few, this.#count, port);
    }
    this.#count++;
    if (this.#count > FEW) this.#grow(budget);
  }

  #grow(budget: ExactBudget): void {
    const few = (this.#few ?? []).slice(0, this.#count);
    this.#few = undefined;
    if (budget.bitmaps > 0) {
      budget.bitmaps--;
      this.#bitmap = new Uint32Array(PORTS / 32);
      this.#count = 0;
    } else {
      this.#sketch = new Sketch();
    }
    for (const port of few) this.add(port, budget);
  }

  release(budget: ExactBudget): void {
    if (this.#bitmap !== undefined) budget.bitmaps++;
    this.#bitmap = undefined;
  }

  get count(): number {
    return this.#sketch?.count ?? this.#count;
  }

  /** Ascending; undefined where only an estimate is left. */
  list(): number[] | undefined {
    if (this.#sketch !== undefined) return undefined;
    if (this.#bitmap === undefined)
      return this.#few?.slice(0, this.#count).sort((a, b) => a - b) ?? (this.#count === 0 ? [] : [this.#only]);
    const ports: number[] = [];
    for (let port = 0; port < PORTS; port++) {
      if (((this.#bitmap[port >>> 5] ?? 0) & (1 << (port & 31))) !== 0) ports.push(port);
    }
    return ports;
  }
}

/** Distinct (protocol, port) pairs. */
export class DistinctPorts {
  #tcp: Ports | undefined;
  #udp: Ports | undefined;
  #others: Ports | undefined;

  add(protocol: number, port: number, budget: ExactBudget): void {
    if (protocol === IpProtocol.Tcp) {
      this.#tcp ??= new Ports();
      this.#tcp.add(port, budget);
    } else if (protocol === IpProtocol.Udp) {
      this.#udp ??= new Ports();
      this.#udp.add(port, budget);
    } else {
      this.#others ??= new Ports();
      this.#others.add(port, budget);
    }
  }

  get count(): number {
    return (this.#tcp?.count ?? 0) + (this.#udp?.count ?? 0) + (this.#others?.count ?? 0);
  }

  /** "tcp 1-1024,8080; udp 53", at most `most` ranges of each; "" where there is nothing exact to say. */
  text(most: number): string {
    const parts: string[] = [];
    for (const [name, ports] of [
      ["tcp", this.#tcp],
      ["udp", this.#udp],
      ["other", this.#others],
    ] as const) {
      const list = ports?.list();
      if (list !== undefined && list.length > 0) parts.push(`${name} ${rangesText(list, most)}`);
    }
    return parts.join("; ");
  }

  /** Gives back what the exact counts took. */
  release(budget: ExactBudget): void {
    this.#tcp?.release(budget);
    this.#udp?.release(budget);
    this.#others?.release(budget);
  }
}

function rangesText(ports: readonly number[], most: number): string {
  const ranges: string[] = [];
  for (let at = 0; at < ports.length; ) {
    let last = at;
    while (last + 1 < ports.length && ports[last + 1] === (ports[last] ?? 0) + 1) last++;
    ranges.push(last === at ? `${ports[at]}` : `${ports[at]}-${ports[last]}`);
    at = last + 1;
  }
  return ranges.length <= most ? ranges.join(",") : `${ranges.slice(0, most).join(",")},...`;
}
