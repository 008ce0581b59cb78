// The silence test (design section 4): of the ports that a held source tries, a keyed half is answered and the other half
// met with silence. Who sees the answers repeats exactly the unanswered ones; who forges the source cannot know which.
//
// For each (source, port) pair the bit b (answered or not) is a coin that only we know, thrown apart from everything else.
// Let r be whether the pair was repeated within the window. Under "repeats regardless of our answers", however it does
// that, r tells nothing of b, so
//     factor(r, b) = P(r | b, sees answers) / mean over b of P(r | b, sees answers)
// has the mean 1 given r, and the product over pairs is a martingale: it ever reaches 2^30 with probability at most 2^-30
// (Ville's inequality), whatever the forger's strategy and whatever is lost on the way. So the source's own rate of
// repeating is the null, not an assumed one. With LOSS = 0.1 in both directions a pair that fits gives log2(1.8) = 0.85
// bits, one that does not log2(0.2) = -2.3 bits: 36 pairs that fit prove.
// Pure: time, coins and packets come from outside. Every table is bounded.

/** How often a scanner that sees our answers is taken to repeat an answered port, or not to repeat a silent one. */
const LOSS = 0.1;
const BITS_IF_FITTING = Math.log2((1 - LOSS) / 0.5);
const BITS_IF_NOT = Math.log2(LOSS / 0.5);
/** A million forged sources a day must not yield one false proof in a thousand days. */
export const PROOF_BITS = 30;
/** When a pair that was not repeated counts as that; nmap repeats after 0.1 to 1.25 s, a kernel's connect() after 1 s. */
export const REPEAT_WINDOW_MS = 3_000;

export interface SilenceLimits {
  /** Sources under test; the one that sent the longest ago goes. */
  readonly sources: number;
  /** Ports of one source; further ports are dropped in silence and do not count. */
  readonly portsPerSource: number;
}

export const silenceLimits: SilenceLimits = { sources: 4_096, portsPerSource: 512 };

/** What the test has counted of one source. */
export interface SilenceCounts {
  readonly answeredPorts: number;
  readonly answeredRepeated: number;
  readonly silentPorts: number;
  readonly silentRepeated: number;
  /** log2 of the likelihood ratio. */
  readonly bits: number;
}

interface Pair {
  readonly port: number;
  readonly isAnswered: boolean;
  readonly firstMs: number;
  isDecided: boolean;
}

class Subject {
  readonly source: string;
  readonly pairs = new Map<number, Pair>();
  /** In the order of their first contact; from `next` on the window has not been looked at. */
  readonly order: Pair[] = [];
  next = 0;
  answeredPorts = 0;
  answeredRepeated = 0;
  silentPorts = 0;
  silentRepeated = 0;
  bits = 0;

  constructor(source: string) {
    this.source = source;
  }
}

export type SilenceAnswer = "answer" | "silence";

export class SilenceTest {
  readonly #limits: SilenceLimits;
  readonly #coin: (source: string, port: number) => boolean;
  readonly #subjects = new Map<string, Subject>();
  /** Proven and not yet taken. */
  readonly #proven = new Set<Subject>();
  /** Sources dropped because too many were under test. */
  evictions = 0;

  /** `coin`: a keyed hash's bit, secret, the same for the same source and port while a pair lives. */
  constructor(coin: (source: string, port: number) => boolean, limits: SilenceLimits = silenceLimits) {
    this.#coin = coin;
    this.#limits = limits;
  }

  get size(): number {
    return this.#subjects.size;
  }

  has(source: string): boolean {
    return this.#subjects.has(source);
  }

  /** log2 of the likelihood ratio so far; 0 for a source that is not under test. */
  bits(source: string): number {
    return this.#subjects.get(source)?.bits ?? 0;
  }

  /**
   * A SYN to a closed port from a held source. `mayAnswer`: the rate limits allow an answer; asked before the coin is
   * looked at, so that a pair which cannot be answered leaves the test whatever its coin says.
   */
  observe(source: string, port: number, timeMs: number, mayAnswer: boolean): SilenceAnswer {
    const subject = this.#subjectOf(source);
    const pair = subject.pairs.get(port);
    if (pair !== undefined) {
      if (!pair.isDecided && timeMs - pair.firstMs <= REPEAT_WINDOW_MS) this.#decide(subject, pair, true);
      return pair.isAnswered && mayAnswer ? "answer" : "silence";
    }
    if (!mayAnswer || subject.pairs.size >= this.#limits.portsPerSource) return "silence";
    const made: Pair = { port, isAnswered: this.#coin(source, port), firstMs: timeMs, isDecided: false };
    subject.pairs.set(port, made);
    subject.order.push(made);
    return made.isAnswered ? "answer" : "silence";
  }

  /** Ends the windows that are over; call it a few times a second. */
  tick(nowMs: number): void {
    for (const subject of this.#subjects.values()) {
      for (; subject.next < subject.order.length; subject.next++) {
        const pair = subject.order[subject.next];
        if (pair === undefined || nowMs - pair.firstMs <= REPEAT_WINDOW_MS) break;
        if (!pair.isDecided) this.#decide(subject, pair, false);
      }
    }
  }

  get hasProven(): boolean {
    return this.#proven.size > 0;
  }

  /** Takes out the sources that have been proven since it was asked last; their test is over. */
  takeProven(): { readonly source: string; readonly counts: SilenceCounts }[] {
    if (this.#proven.size === 0) return [];
    const proven = [...this.#proven].map((subject) => ({ source: subject.source, counts: countsOf(subject) }));
    this.#proven.clear();
    for (const { source } of proven) this.#subjects.delete(source);
    return proven;
  }

  counts(source: string): SilenceCounts | undefined {
    const subject = this.#subjects.get(source);
    return subject === undefined ? undefined : countsOf(subject);
  }

  forget(source: string): void {
    this.#subjects.delete(source);
  }

  #decide(subject: Subject, pair: Pair, isRepeated: boolean): void {
    pair.isDecided = true;
    const repeated = isRepeated ? 1 : 0;
    if (pair.isAnswered) {
      subject.answeredPorts++;
      subject.answeredRepeated += repeated;
    } else {
      subject.silentPorts++;
      subject.silentRepeated += repeated;
    }
    // Fits: a silent port that was repeated, or an answered one that was not.
    subject.bits += isRepeated !== pair.isAnswered ? BITS_IF_FITTING : BITS_IF_NOT;
    if (subject.bits >= PROOF_BITS) this.#proven.add(subject);
  }

  #subjectOf(source: string): Subject {
    const known = this.#subjects.get(source);
    if (known !== undefined) {
      // The newest last: the first of the map is the one to go.
      this.#subjects.delete(source);
      this.#subjects.set(source, known);
      return known;
    }
    if (this.#subjects.size >= this.#limits.sources) {
      for (const stalest of this.#subjects.keys()) {
        this.#subjects.delete(stalest);
        this.evictions++;
        break;
      }
    }
    const made = new Subject(source);
    this.#subjects.set(source, made);
    return made;
  }
}

function countsOf({ answeredPorts, answeredRepeated, silentPorts, silentRepeated, bits }: Subject): SilenceCounts {
  return { answeredPorts, answeredRepeated, silentPorts, silentRepeated, bits };
}
