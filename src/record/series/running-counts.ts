// The counts of the minute that runs: each probe and each decision is counted here, also those for which there is no room in the
// record. A probe costs some array elements and one look-up.
import { kindNames } from "../../detect/kinds.ts";
import { type Probe, protocolName } from "../../detect/probe.ts";
import { IpProtocol } from "../../wire/packet.ts";
import { type Count, type Dimension, highest, OTHER, spans } from "./dimensions.ts";
import { NetworkCounts } from "./network-counts.ts";

const PORTS = 65_536;
/** Tools, and words for what was done: some dozens; a program that made up more would find them added up. */
const MAX_WORDS = 256;

/** By value. */
export interface CountTotals {
  readonly kind: Readonly<Record<string, number>>;
  readonly tool: Readonly<Record<string, number>>;
  readonly action: Readonly<Record<string, number>>;
}

export class RunningCounts {
  readonly #kinds = new Uint32Array(kindNames.length);
  readonly #tcp = new Uint32Array(PORTS);
  readonly #udp = new Uint32Array(PORTS);
  readonly #networks = new NetworkCounts();
  readonly #tools = new Map<string, number>();
  readonly #actions = new Map<string, number>();
  #held = 0;
  #logged = 0;
  /** Since the start: what clear() has taken away. */
  readonly #earlier = {
    kind: new Map<string, number>(),
    tool: new Map<string, number>(),
    action: new Map<string, number>(),
  };

  probe(probe: Probe, isHeld: boolean): void {
    this.#kinds[probe.kind] = (this.#kinds[probe.kind] ?? 0) + 1;
    if (isHeld) this.#held++;
    else this.#logged++;
    if (probe.protocol === IpProtocol.Tcp) this.#tcp[probe.port] = (this.#tcp[probe.port] ?? 0) + 1;
    else if (probe.protocol === IpProtocol.Udp) this.#udp[probe.port] = (this.#udp[probe.port] ?? 0) + 1;
    this.#networks.add(probe.source0, probe.source1, probe.source2, probe.source3);
  }

  /** A finding, a block, an unblock, a warning: `how` is its verdict, its grade or its reason. */
  decision(type: string, how = "", tool?: string): void {
    addWord(this.#actions, `${type} ${how}`.trimEnd());
    if (tool !== undefined) addWord(this.#tools, tool);
  }

  /** The counts since the last clear(), the highest of each dimension. */
  counts(): Count[] {
    const { values } = spans.minute;
    const ports = [...portCounts(this.#tcp, IpProtocol.Tcp), ...portCounts(this.#udp, IpProtocol.Udp)];
    return [
      ...this.#few("kind"),
      ...highest(ports, values),
      ...highest(this.#networks.counts(), values),
      ...highest(this.#few("tool"), values),
      ...highest(this.#few("action"), values),
    ];
  }

  #few(by: "kind" | "tool" | "action"): Count[] {
    if (by === "kind") return kindNames.flatMap((value, kind) => countOf(by, value, this.#kinds[kind] ?? 0));
    if (by === "tool") return countsOf(this.#tools, by);
    return [
      ...countsOf(this.#actions, by),
      ...countOf(by, "probe held", this.#held),
      ...countOf(by, "probe logged", this.#logged),
    ];
  }

  /** Since the daemon's start, of the dimensions that have few values; a kind that was never seen is 0. */
  totals(): CountTotals {
    const totals = { kind: zeros(kindNames), tool: {}, action: {} };
    for (const by of ["kind", "tool", "action"] as const) {
      const sums: Record<string, number> = totals[by];
      for (const [value, count] of this.#earlier[by]) sums[value] = count;
      for (const { value, count } of this.#few(by)) sums[value] = (sums[value] ?? 0) + count;
    }
    return totals;
  }

  clear(): void {
    for (const by of ["kind", "tool", "action"] as const)
      for (const { value, count } of this.#few(by)) addWord(this.#earlier[by], value, count);
    for (const counts of [this.#kinds, this.#tcp, this.#udp]) counts.fill(0);
    for (const words of [this.#tools, this.#actions]) words.clear();
    this.#networks.clear();
    this.#held = 0;
    this.#logged = 0;
  }
}

function addWord(words: Map<string, number>, given: string, count = 1): void {
  const word = words.has(given) || words.size < MAX_WORDS ? given : OTHER;
  words.set(word, (words.get(word) ?? 0) + count);
}

function zeros(names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, 0]));
}

function countsOf(words: ReadonlyMap<string, number>, by: Dimension): Count[] {
  return [...words].map(([value, count]) => ({ by, value, count }));
}

function portCounts(counts: Uint32Array, protocol: number): Count[] {
  const found: Count[] = [];
  for (let port = 0; port < PORTS; port++) {
    const count = counts[port] ?? 0;
    if (count > 0) found.push({ by: "port", value: `${protocolName(protocol)}/${port}`, count });
  }
  return found;
}

function countOf(by: Dimension, value: string, count: number): Count[] {
  return count > 0 ? [{ by, value, count }] : [];
}
