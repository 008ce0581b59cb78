// When the sources of a network are so many that it scans.
import { Memory, type NeighbourBodies } from "./neighbour-bodies.ts";
import { NetworkKind } from "./neighbour-networks.ts";

export interface NeighbourPolicy {
  /** Different sources of one network within FAST_WINDOW_MS to twice that; 0: no network is ever found. */
  readonly neighbours: number;
  /** The same within slowScoreWindowMs to twice that; 0: not looked for. */
  readonly slowNeighbours: number;
  /** In whole seconds; 0: no network is found slowly. */
  readonly slowScoreWindowMs: number;
}

/** A /48 is one attacker only when its sources lie in so many /56s; otherwise the /56 is. */
const MIN_BLOCKS = 3;
/** Sketches of ports have 64 bits: more than half of them cannot be asked for. */
const MAX_PORTS_ASKED = 32;

/** How many times NEIGHBOURS a wider network needs, in /48s; and never more bits than tell such a number. */
const TIMES_NEEDED: ReadonlyMap<NetworkKind, number> = new Map([
  [NetworkKind.Organisation, 3],
  [NetworkKind.Provider, 8],
]);
const MAX_NEEDED = 192;

export function neededIn(kind: NetworkKind, { neighbours }: NeighbourPolicy): number {
  return Math.min(MAX_NEEDED, neighbours * (TIMES_NEEDED.get(kind) ?? 1));
}

/** The memory by which the network of `row` is found now, if it is. */
export function memoryOfMany(
  bodies: NeighbourBodies,
  row: number,
  kind: NetworkKind,
  policy: NeighbourPolicy,
): Memory | undefined {
  const { slowNeighbours, slowScoreWindowMs } = policy;
  const isSlowToo = slowNeighbours > 0 && slowScoreWindowMs > 0;
  const needed = neededIn(kind, policy);
  if (bodies.added(row) < Math.min(needed, isSlowToo ? slowNeighbours : needed)) return undefined;
  if (isMany(bodies, row, kind, Memory.Fast, needed)) return Memory.Fast;
  // As many customers of one provider err in a day.
  if (!isSlowToo || TIMES_NEEDED.has(kind) || bodies.isFound(row, Memory.Slow)) return undefined;
  return isMany(bodies, row, kind, Memory.Slow, slowNeighbours) ? Memory.Slow : undefined;
}

/** So many sources, and half as many ports: clients of a service that has moved all try the same. */
export function isMany(
  bodies: NeighbourBodies,
  row: number,
  kind: NetworkKind,
  memory: Memory,
  needed: number,
): boolean {
  if (bodies.sources(row, memory) < needed) return false;
  if (bodies.ports(row, memory) < Math.min(MAX_PORTS_ASKED, Math.ceil(needed / 2))) return false;
  return kind !== NetworkKind.Site || bodies.blocks(row, memory) >= MIN_BLOCKS;
}
