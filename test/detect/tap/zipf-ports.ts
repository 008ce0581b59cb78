// Ports as independent sources choose them: a share of them any port, the others by Zipf's law. For the tests of
// coordinated scans; port number n + 1 is the one of rank n.

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
