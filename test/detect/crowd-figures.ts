// What the page says of many sources, worked out: how likely innocent neighbours are found, and after how many sources a
// scan by strangers is told of.
import { ScatteredScans } from "../../src/detect/scattered.ts";
import { hashOf, probe } from "./probes.ts";

export const MINUTE = 60_000;
export const DAY = 86_400_000;
export const shipped = { neighbours: 16, slowNeighbours: 32, scatteredSources: 64, scoreWindowMs: 600_000 };

/** P(Poisson(mean) >= count). */
export function atLeast(count: number, mean: number): number {
  let logTerm = -mean;
  for (let n = 1; n <= count; n++) logTerm += Math.log(mean / n);
  let sum = 0;
  // Upwards from `count`, so that small probabilities are not lost in a difference.
  for (let n = count; n < count + 10_000; n++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(mean / (n + 1));
  }
  return Math.min(1, sum);
}

/**
 * A bound for a day of a network whose addresses together try so many wrong ports a day, each another address and port:
 * contacts of two windows count at most, and windows begin at fixed times.
 */
export function alarmsADay(perDay: number, clients: number, needed: number, windowMs: number): number {
  if (clients < needed) return 0;
  const pairs = Math.max(1, DAY / windowMs);
  return Math.min(1, pairs * atLeast(needed, (perDay * 2 * windowMs) / DAY));
}

/** A day's probes of one address of ours by so many bots that go through all of IPv4 at `perSecond` each. */
export function probesOfBots(bots: number, perSecond: number): number {
  return (bots * perSecond * 86_400) / 2 ** 32;
}

/** After how many sources, each with `each` ports chosen by `portOf`, a scan is told of; undefined: not of `most`. */
export function toldAfter(most: number, portOf: (probe: number) => number): number | undefined {
  const scans = new ScatteredScans(4, shipped);
  for (let at = 0; at < most; at++) {
    const source = `198.${18 + ((at >>> 16) & 1)}.${(at >>> 8) & 255}.${at & 255}`;
    const one = probe({ source, port: portOf(at), timeMs: 20_000 * DAY + at });
    const hash = hashOf(one);
    if (scans.note(one, hash)) return at + 1;
  }
  return undefined;
}

/** The same each time. */
export function randomFrom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
