// Port lists as sorted, disjoint, non-adjacent inclusive ranges: making them, printing them, and their set arithmetic.
import type { PortRange } from "../wire/port-range.ts";

export const MAX_PORT = 65535;
export const ALL_PORTS: readonly PortRange[] = [{ first: 1, last: MAX_PORT }];

/** Sorts, and joins ranges that overlap or touch. */
export function mergePorts(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: PortRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) };
  }
  return merged;
}

/** The ports of `ranges` that are not in `removed`; both lists merged. */
export function subtractPorts(ranges: readonly PortRange[], removed: readonly PortRange[]): readonly PortRange[] {
  const left: PortRange[] = [];
  for (const { first, last } of ranges) {
    let at = first;
    for (const hole of removed) {
      if (hole.last < at || hole.first > last) continue;
      if (hole.first > at) left.push({ first: at, last: hole.first - 1 });
      at = hole.last + 1;
    }
    if (at <= last) left.push({ first: at, last });
  }
  return left;
}

/** The ports in both lists; both merged. */
export function intersectPorts(a: readonly PortRange[], b: readonly PortRange[]): readonly PortRange[] {
  return subtractPorts(a, subtractPorts(a, b));
}

export function countPorts(ranges: readonly PortRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** "1,5-9": what parsing gives back unchanged; empty text for no port. */
export function formatPorts(ranges: readonly PortRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
