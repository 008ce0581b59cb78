// The silence test (design section 4): of the ports that a found source tries, a keyed half is answered and the other
// half left unanswered. A source that sees the answers repeats exactly the unanswered ports; a forger of the source
// cannot know which these are.
//
// For each (source, port) pair the bit b (answered or not) is a coin that only we know, thrown apart from everything else.
// Let r be whether the pair was repeated within the window. Under "repeats regardless of our answers", however it does
// that, r tells nothing of b, so
//     factor(r, b) = P(r | b, sees answers) / mean over b of P(r | b, sees answers)
// has the mean 1 given r, and the product over pairs is a martingale: it ever reaches 2^k with probability at most 2^-k
// (Ville's inequality), whatever the forger's strategy and whatever is lost on the way. So the source's own rate of
// repeating is the null, not an assumed one. With LOSS = 0.1 in both directions a pair that fits gives log2(1.8) = 0.85
// bits, one that does not log2(0.2) = -2.3 bits: 36 pairs that fit prove.
//
// When a pair is decided must not depend on its coin: were answered ports decided after 3 s and silent ones after 10 s, who
// repeats nothing would collect all the gains before the first loss, and be proven. So there are two readings of the same
// pairs, each with one window for both kinds, each a martingale by itself, and either proves: the quick one scanners that
// repeat within 3 s, the slow one those that wait. Their thresholds add up to the bound: 2^-30.5 + 2^-31.8 < 2^-30
// (docs/decisions/0020).
// Pure: time, coins and packets come from outside. Every table is bounded.
import { SilencePairs } from "./silence-pairs.ts";

/** How often a scanner that sees our answers is taken to repeat an answered port, or not to repeat a silent one. */
const LOSS = 0.1;
const BITS_IF_FITTING = Math.log2((1 - LOSS) / 0.5);
const BITS_IF_NOT = Math.log2(LOSS / 0.5);
/** A million forged sources a day must not yield one false proof in a thousand days. */
export const PROOF_BITS = 30;

export interface Window {
  /** When a pair that was not repeated counts as that. */
  readonly ms: number;
  /** The bits that prove in this reading. */
  readonly proofBits: number;
}

/** nmap repeats after 0.1 to 1.25 s, a kernel's connect() after 1 s. 36 pairs that fit. */
export const quickWindow: Window = { ms: 3_000, proofBits: 30.5 };
/** For scanners that are told to wait longer, so as not to be proven (nmap --initial-rtt-timeout 4s). 38 pairs that fit. */
export const slowWindow: Window = { ms: 10_000, proofBits: 31.8 };

export interface SilenceLimits {
  /** Sources under test; the one that sent the longest ago goes. */
  readonly sources: number;
  /** Ports of one source; further ports are dropped in silence and do not count. */
  readonly portsPerSource: number;
}

export const silenceLimits: SilenceLimits = { sources: 4_096, portsPerSource: 512 };

/** The counts of the test for one source. */
export interface SilenceCounts {
  readonly answeredPorts: number;
  readonly answeredRepeated: number;
  readonly silentPorts: number;
  readonly silentRepeated: number;
  /** log2 of the likelihood ratio. */
  readonly bits: number;
}

/** The evidence of one window about a source. */
class Reading {
  readonly #window: Window;
  readonly #bit: number;
  /** In the order of their first contact; from here on the window has not been looked at. */
  #next = 0;
  answeredPorts = 0;
  answeredRepeated = 0;
  silentPorts = 0;
  silentRepeated = 0;
  bits = 0;

  constructor(window: Window, bit: number) {
    this.#window = window;
    this.#bit = bit;
  }

  get hasProof(): boolean {
    return this.bits >= this.#window.proofBits;
  }

  noteRepeated(pairs: SilencePairs, at: number, timeMs: number): void {
    if (timeMs - pairs.firstMs(at) <= this.#window.ms) this.#decide(pairs, at, true);
  }

  /** Ends the windows that are over. */
  tick(pairs: SilencePairs, nowMs: number): void {
    for (; this.#next < pairs.size && nowMs - pairs.firstMs(this.#next) > this.#window.ms; this.#next++)
      this.#decide(pairs, this.#next, false);
  }

  #decide(pairs: SilencePairs, at: number, isRepeated: boolean): void {
    if (!pairs.decide(at, this.#bit)) return;
    const isAnswered = pairs.isAnswered(at);
    const repeated = isRepeated ? 1 : 0;
    if (isAnswered) {
      this.answeredPorts++;
      this.answeredRepeated += repeated;
    } else {
      this.silentPorts++;
      this.silentRepeated += repeated;
    }
    // Fits: a silent port that was repeated, or an answered one that was not.
    this.bits += isRepeated !== isAnswered ? BITS_IF_FITTING : BITS_IF_NOT;
  }
}

class Subject {
  readonly source: string;
  readonly pairs = new SilencePairs();
  readonly quick = new Reading(quickWindow, 1);
  readonly slow = new Reading(slowWindow, 2);

  constructor(source: string) {
    this.source = source;
  }

  get hasProof(): boolean {
    return this.quick.hasProof || this.slow.hasProof;
  }

  /** The reading that says more against it. */
  get counts(): SilenceCounts {
    const { quick, slow } = this;
    const { answeredPorts, answeredRepeated, silentPorts, silentRepeated, bits } =
      slow.bits > quick.bits ? slow : quick;
    return { answeredPorts, answeredRepeated, silentPorts, silentRepeated, bits };
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

  /** log2 of the slow reading's likelihood ratio so far; 0 for a source that is not under test. */
  slowBits(source: string): number {
    return this.#subjects.get(source)?.slow.bits ?? 0;
  }

  /** The same for the quick reading. */
  quickBits(source: string): number {
    return this.#subjects.get(source)?.quick.bits ?? 0;
  }

  /**
   * A SYN that was dropped, from a found source, whether its port is closed or open. `mayAnswer`: the rate limits allow an
   * answer; asked before the coin is looked at, so that a pair which cannot be answered leaves the test whatever its coin
   * says. It may depend on slowBits(), and not on quickBits(): these rest on coins of pairs that the slow reading has still
   * open, and which pairs it takes in must not depend on them.
   */
  observe(source: string, port: number, timeMs: number, mayAnswer: boolean): SilenceAnswer {
    const subject = this.#subjectOf(source);
    const { pairs, quick, slow } = subject;
    const at = pairs.find(port);
    if (at >= 0) {
      quick.noteRepeated(pairs, at, timeMs);
      slow.noteRepeated(pairs, at, timeMs);
      if (subject.hasProof) this.#proven.add(subject);
      return pairs.isAnswered(at) && mayAnswer ? "answer" : "silence";
    }
    if (!mayAnswer || pairs.size >= this.#limits.portsPerSource) return "silence";
    const isAnswered = this.#coin(source, port);
    pairs.add(port, isAnswered, timeMs);
    return isAnswered ? "answer" : "silence";
  }

  /** Ends the windows that are over; call it a few times a second. */
  tick(nowMs: number): void {
    for (const subject of this.#subjects.values()) {
      subject.quick.tick(subject.pairs, nowMs);
      subject.slow.tick(subject.pairs, nowMs);
      if (subject.hasProof) this.#proven.add(subject);
    }
  }

  get hasProven(): boolean {
    return this.#proven.size > 0;
  }

  /** Takes out the sources that have been proven since it was asked last; their test is over. */
  takeProven(): { readonly source: string; readonly counts: SilenceCounts }[] {
    if (this.#proven.size === 0) return [];
    const proven = [...this.#proven].map((subject) => ({ source: subject.source, counts: subject.counts }));
    this.#proven.clear();
    for (const { source } of proven) this.#subjects.delete(source);
    return proven;
  }

  counts(source: string): SilenceCounts | undefined {
    return this.#subjects.get(source)?.counts;
  }

  forget(source: string): void {
    this.#subjects.delete(source);
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
