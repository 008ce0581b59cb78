// Ports as independent sources choose them: a share of them any port, the others by Zipf's law; and ports as those choose
// them who share them out. For the tests of coordinated scans; port number n + 1 is the one of rank n.
import { randomOf } from "./sequential-theory.ts";

const PORTS = 65_536;

/** The chance of each rank. */
export function zipfPorts(uniformShare: number): Float64Array {
  const chances = Float64Array.from({ length: PORTS }, (_, rank) => 1 / (rank + 1));
  const sum = chances.reduce((total, chance) => total + chance, 0);
  return chances.map((chance) => ((1 - uniformShare) * chance) / sum + uniformShare / PORTS);
}

/** Draws ranks 0..65535. */
export function drawFrom(chances: Float64Array, random: () => number): () => number {
  const below = new Float64Array(chances.length);
  let sum = 0;
  for (let rank = 0; rank < chances.length; rank++) {
    sum += chances[rank] ?? 0;
    below[rank] = sum;
  }
  return () => {
    const drawn = random() * sum;
    let low = 0;
    let high = below.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((below[middle] ?? 0) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** 0..count-1 in an order that is the same every time. */
export function shuffled(count: number, random = randomOf(21)): number[] {
  const all = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [all[at], all[other]] = [all[other] ?? 0, all[at] ?? 0];
  }
  return all;
}
