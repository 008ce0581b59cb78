// How often sources that know nothing of each other come to the same port or host: the null hypothesis of coordinated
// scans. Ports: a share of the probes goes to any port, the others follow Zipf's law (the favourites 23, 22, 443, ...).
import { PORTS } from "../../wire/port-range.ts";

/** Neighbouring ranks differ so little that one stands for up to this share of its number of others. */
const RANK_STEP = 1 / 32;

/** Ranks of ports in groups of equal popularity. */
export interface PortPopularity {
  readonly chance: Float64Array;
  readonly ports: Float64Array;
}

/** `uniformShare` of independent probes go to a random port. */
export function createPortPopularity(uniformShare: number): PortPopularity {
  const chance: number[] = [];
  const ports: number[] = [];
  let harmonic = 0;
  for (let rank = 1; rank <= PORTS; rank++) harmonic += 1 / rank;
  for (let first = 1; first <= PORTS; ) {
    const count = Math.min(PORTS - first + 1, Math.max(1, Math.floor(first * RANK_STEP)));
    let sum = 0;
    for (let rank = first; rank < first + count; rank++) sum += 1 / rank;
    chance.push(((1 - uniformShare) * sum) / harmonic / count + uniformShare / PORTS);
    ports.push(count);
    first += count;
  }
  return { chance: Float64Array.from(chance), ports: Float64Array.from(ports) };
}

/**
 * Of so many sources with `probes` each (either may be a fraction): the mean number of probes that come to a port which
 * another one had been to.
 */
export function expectedPortRepeats({ chance, ports }: PortPopularity, sources: number, probes: number): number {
  let repeats = 0;
  for (let at = 0; at < chance.length; at++) {
    repeats += (ports[at] ?? 0) * repeatsAt(chance[at] ?? 0, sources, probes);
  }
  return repeats;
}

/** The same for hosts, all of which are as likely. */
export function expectedHostRepeats(hosts: number, sources: number, probes: number): number {
  return hosts * repeatsAt(1 / hosts, sources, probes);
}

/** The visitors of one place beyond the first, in the mean. */
function repeatsAt(chance: number, sources: number, probes: number): number {
  const missed = Math.log1p(-chance) * probes;
  // 1 - (1 - chance)^probes, without losing small ones.
  const visit = -Math.expm1(missed);
  return Math.max(0, sources * visit + Math.expm1(missed * sources));
}

/**
 * An upper bound of ln P(at most `repeats` happen | `mean` expected), 0 where it says nothing. Chernoff's for a Poisson
 * number; repeats at the favourites are less even than that, which nine tenths of the mean make up for: test/detect/
 * tap/chance-overlap.test.ts holds it against the exact distribution.
 */
export function chanceOfRepeats(repeats: number, mean: number): number {
  const allowed = mean * 0.9;
  if (repeats >= allowed) return 0;
  return repeats - allowed - (repeats === 0 ? 0 : repeats * Math.log(repeats / allowed));
}
