// Tolerated ports: people and programs try each of them by habit, but a source that tries many has no such habit. Kinds of
// ports are counted, not ports: setting up a mail account tries seven mail ports, a browser several of the web. Bounded,
// typed arrays: a probe allocates nothing. docs/reference/detection.md says where the threshold comes from.
import { IpProtocol } from "../wire/packet.ts";
import { PORTS, type PortRange } from "../wire/port-range.ts";
import { countBits } from "./count-bits.ts";
import { Kind } from "./kinds.ts";
import { Disposition, type Probe } from "./probe.ts";

export interface HabitPolicy {
  readonly policy: "trigger" | "score";
  /** Kinds of tolerated ports within scoreWindowMs that no habit explains; 0: no source is found by them. */
  readonly toleratedKinds: number;
  readonly scoreWindowMs: number;
  /** TOLERATED_PORTS_*: a port that is closed because its service has just stopped is no evidence against its source. */
  readonly toleratedTcp: readonly PortRange[];
  readonly toleratedUdp: readonly PortRange[];
}

/** One habit each; a port without a habit is a kind by itself. */
const habits: readonly { readonly name: string; readonly tcp: readonly number[]; readonly udp: readonly number[] }[] = [
  { name: "web", tcp: [80, 443, 8080, 8443], udp: [443] },
  { name: "mail", tcp: [25, 110, 143, 465, 587, 993, 995], udp: [] },
  { name: "names", tcp: [53], udp: [53] },
  { name: "SSH", tcp: [22], udp: [] },
  { name: "ident", tcp: [113], udp: [] },
  { name: "Windows shares", tcp: [139, 445], udp: [137, 138] },
  { name: "time", tcp: [], udp: [123] },
  { name: "VPN", tcp: [], udp: [500] },
  { name: "local discovery", tcp: [], udp: [1900, 5353] },
  { name: "traceroute", tcp: [], udp: Array.from({ length: 101 }, (_, index) => 33_434 + index) },
];
const OTHER_KINDS = 32 - habits.length;
/** This many kinds are enough when the packets of a source bear the marks of a scanner. */
const MARKED_KINDS = 3;

const NO_KIND = 0xff;
const WAYS = 4;
/** Words of a row: the key, when it last counted in half windows, the kinds of that half window and of the one before. */
const ROW_WORDS = 6;
const HASH = 0;
const W1 = 1;
const W3 = 2;
const TURN = 3;
const NOW = 4;
const BEFORE = 5;
/** In TURN: the source has been found in this half window or the one before. */
const FOUND = 0x8000_0000;

export class Habits {
  readonly counters = { habitsEvicted: 0 };
  #policy: HabitPolicy;
  /** The bit of each port, TCP's and then UDP's. */
  #kinds: Uint8Array;
  readonly #sets: number;
  readonly #rows: Uint32Array;
  #row = 0;
  readonly #isMarked: (probe: Probe) => boolean;

  /** `isMarked`: whether the packets of a probe's source bear the marks of a scanner; asked of few. */
  constructor(policy: HabitPolicy, isMarked: (probe: Probe) => boolean = () => false, capacity = 16_384) {
    this.#policy = policy;
    this.#isMarked = isMarked;
    this.#kinds = kindsOf(policy);
    this.#sets = Math.floor(capacity / WAYS);
    this.#rows = new Uint32Array(this.#sets * WAYS * ROW_WORDS);
  }

  setPolicy(policy: HabitPolicy): void {
    this.#policy = policy;
    this.#kinds = kindsOf(policy);
  }

  /**
   * Takes in a probe; `hash` is the keyed one of its source. True: it makes its source a scanner by weak evidence, once until
   * it has been quiet for a window or is forgotten.
   */
  note(probe: Probe, hash: number): boolean {
    const { disposition, kind, protocol, port, timeMs, source1, source3 } = probe;
    if (disposition !== Disposition.Quiet || this.#policy.policy !== "score") return false;
    if (this.#policy.toleratedKinds === 0 || (kind !== Kind.Syn && kind !== Kind.Udp)) return false;
    const bit = this.#kinds[protocol === IpProtocol.Udp ? PORTS + port : port] ?? NO_KIND;
    if (bit === NO_KIND || (protocol !== IpProtocol.Tcp && protocol !== IpProtocol.Udp)) return false;
    const row = this.#rowOf(hash >>> 0, source1, source3, this.#turnOf(timeMs));
    this.#row = row;
    const rows = this.#rows;
    rows[row + NOW] = (rows[row + NOW] ?? 0) | (1 << bit);
    if (((rows[row + TURN] ?? 0) & FOUND) !== 0) return false;
    if (!this.#isMany(this.#kindsIn(row), probe)) return false;
    rows[row + TURN] = ((rows[row + TURN] ?? 0) | FOUND) >>> 0;
    return true;
  }

  #isMany(kinds: number, probe: Probe): boolean {
    if (kinds >= this.#policy.toleratedKinds) return true;
    return kinds >= MARKED_KINDS && this.#isMarked(probe);
  }

  /** The kinds that the probe last noted had made. */
  names(): string[] {
    return namesOf((this.#rows[this.#row + NOW] ?? 0) | (this.#rows[this.#row + BEFORE] ?? 0));
  }

  /** The kinds that a source has tried within the window, for people. */
  namesOf(hash: number, w1: number, w3: number, timeMs: number): string[] {
    const row = this.#find(hash >>> 0, w1, w3);
    if (row < 0) return [];
    const turns = this.#turnOf(timeMs) - ((this.#rows[row + TURN] ?? 0) & ~FOUND);
    if (turns > 1) return [];
    return namesOf((this.#rows[row + NOW] ?? 0) | (turns === 1 ? 0 : (this.#rows[row + BEFORE] ?? 0)));
  }

  /** Forgets a source, so that it can be found again. */
  forget(hash: number, w1: number, w3: number): void {
    const row = this.#find(hash >>> 0, w1, w3);
    if (row >= 0) this.#rows.fill(0, row, row + ROW_WORDS);
  }

  /** Lets every source be found again. */
  unflagAll(): void {
    for (let at = TURN; at < this.#rows.length; at += ROW_WORDS) {
      const turn = this.#rows[at] ?? 0;
      if ((turn & FOUND) !== 0) this.#rows[at] = turn & ~FOUND;
    }
  }

  /** Half windows, so that no kind that counts is older than a window. */
  #turnOf(timeMs: number): number {
    return Math.floor((2 * timeMs) / this.#policy.scoreWindowMs) & ~FOUND;
  }

  #rowOf(hash: number, w1: number, w3: number, turn: number): number {
    const rows = this.#rows;
    let row = this.#find(hash, w1, w3);
    if (row < 0) row = this.#take(hash, w1, w3, turn);
    const word = rows[row + TURN] ?? 0;
    const turns = turn - (word & ~FOUND);
    // -1: a clock that was set back a little.
    if (turns === 0 || turns === -1) return row;
    const stays = turns === 1;
    rows[row + BEFORE] = stays ? (rows[row + NOW] ?? 0) : 0;
    rows[row + NOW] = 0;
    rows[row + TURN] = stays ? (turn | (word & FOUND)) >>> 0 : turn;
    return row;
  }

  #find(hash: number, w1: number, w3: number): number {
    const rows = this.#rows;
    const first = this.#setOf(hash);
    for (let row = first; row < first + WAYS * ROW_WORDS; row += ROW_WORDS) {
      const isUsed = ((rows[row + NOW] ?? 0) | (rows[row + BEFORE] ?? 0)) !== 0;
      if (rows[row + HASH] === hash && rows[row + W3] === w3 && rows[row + W1] === w1 && isUsed) return row;
    }
    return -1;
  }

  /** In place of the one that has counted longest ago; of equals, the one with the fewest kinds. */
  #take(hash: number, w1: number, w3: number, turn: number): number {
    const rows = this.#rows;
    const first = this.#setOf(hash);
    let least = first;
    for (let row = first + ROW_WORDS; row < first + WAYS * ROW_WORDS; row += ROW_WORDS) {
      const [age = 0, other = 0] = [(rows[row + TURN] ?? 0) & ~FOUND, (rows[least + TURN] ?? 0) & ~FOUND];
      const isLess = age === other ? this.#kindsIn(row) < this.#kindsIn(least) : age < other;
      if (isLess) least = row;
    }
    if (this.#kindsIn(least) > 0 && turn - ((rows[least + TURN] ?? 0) & ~FOUND) <= 1) this.counters.habitsEvicted++;
    rows.fill(0, least, least + ROW_WORDS);
    rows[least + HASH] = hash;
    rows[least + W1] = w1;
    rows[least + W3] = w3;
    rows[least + TURN] = turn;
    return least;
  }

  #kindsIn(row: number): number {
    return countBits((this.#rows[row + NOW] ?? 0) | (this.#rows[row + BEFORE] ?? 0));
  }

  #setOf(hash: number): number {
    return Math.floor((hash * this.#sets) / 0x1_0000_0000) * WAYS * ROW_WORDS;
  }
}

function namesOf(kinds: number): string[] {
  const names = habits.filter((_, bit) => ((kinds >>> bit) & 1) !== 0).map(({ name }) => name);
  return kinds >>> habits.length === 0 ? names : [...names, "others"];
}

/** The bit of each tolerated port. Ports without a habit share the bits that are left: never more kinds than there are. */
function kindsOf({ toleratedTcp, toleratedUdp }: HabitPolicy): Uint8Array {
  const kinds = new Uint8Array(2 * PORTS).fill(NO_KIND);
  for (const [at, ranges] of [
    [0, toleratedTcp],
    [PORTS, toleratedUdp],
  ] as const) {
    for (const { first, last } of ranges) {
      for (let port = first; port <= last; port++) kinds[at + port] = habits.length + (port % OTHER_KINDS);
    }
  }
  habits.forEach(({ tcp, udp }, bit) => {
    for (const port of tcp) if (kinds[port] !== NO_KIND) kinds[port] = bit;
    for (const port of udp) if (kinds[PORTS + port] !== NO_KIND) kinds[PORTS + port] = bit;
  });
  return kinds;
}
