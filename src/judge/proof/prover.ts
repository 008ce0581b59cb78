// Runs the silence test on the further packets of a found source: answers or stays silent, and names the proven sources.
import { createHmac, randomBytes } from "node:crypto";
import { Bucket } from "../../base/bucket.ts";
import { hostOf } from "../../detect/behind.ts";
import { Kind } from "../../detect/kinds.ts";
import { Disposition, type Probe } from "../../detect/probe.ts";
import type { ResetSender } from "../../kernel/tcp-reset.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixOfWords } from "../../wire/address.ts";
import { IpProtocol, type Packet } from "../../wire/packet.ts";
import { Newcomers } from "./newcomers.ts";
import { type SilenceCounts, SilenceTest } from "./silence-test.ts";

/** Answers to all sources together, and to one. */
const answersInAll = { burst: 2_000, perSecond: 1_000 };
const answersToOne = { burst: 200, perSecond: 100 };
/** Kept for sources that do as if they saw our answers, so that a flood cannot use up all answers: few forgers come so far. */
const answersToPromising = { burst: 500, perSecond: 500 };
const PROMISING_BITS = 5;
/** Sources whose answers are counted apart; the one asked for the longest ago goes. */
const MAX_BUCKETS = 4_096;
/** The coin's key is drawn anew so often; pairs that are open keep the coin that they were thrown. */
const SECRET_MS = 3_600_000;

/** Sends the RSTs, and counts them. */
export type AnswerSender = Pick<ResetSender, "answer" | "sent" | "refused">;

export interface Proven {
  readonly source: Prefix;
  readonly counts: SilenceCounts;
  /** The address words of the packet that was last seen from the source, for the judge. */
  readonly words: readonly [number, number, number, number];
  readonly port: number;
  /** The host behind this one that was asked. Absent: this host. */
  readonly host?: Prefix;
}

interface Seen extends Pick<Proven, "words" | "port" | "host"> {
  readonly bucket: Bucket;
  /** The hash by which the door knows the source. */
  readonly hash: number;
}

export class Prover {
  readonly #test: SilenceTest;
  readonly #sender: AnswerSender;
  readonly #nowMs: () => number;
  readonly #inAll: Bucket;
  readonly #toPromising: Bucket;
  readonly #newcomers: Newcomers;
  readonly #seen = new Map<string, Seen>();
  #secret = randomBytes(32);
  #secretMs: number;

  constructor(sender: AnswerSender, nowMs: () => number) {
    this.#sender = sender;
    this.#nowMs = nowMs;
    this.#secretMs = nowMs();
    this.#inAll = new Bucket(answersInAll, nowMs());
    this.#toPromising = new Bucket(answersToPromising, nowMs());
    this.#newcomers = new Newcomers(nowMs());
    this.#test = new SilenceTest((source, port) => this.#coin(source, port));
  }

  /** A real keyed hash: the coin must not be guessed from any number of others. */
  #coin(source: string, port: number): boolean {
    const digest = createHmac("sha256", this.#secret).update(`${source} ${port}`).digest();
    return ((digest[0] ?? 0) & 1) === 1;
  }

  /**
   * Takes part in the test: a SYN that the kernel has dropped. `hash`: keyed, of its source. Nothing from here on asks
   * whether its port is closed, open or tolerated: our answers, and the number of ports until a source is proven, would
   * tell.
   */
  probe(probe: Probe, packet: Packet, hash: number): void {
    const { disposition } = probe;
    if (disposition !== Disposition.Probe && disposition !== Disposition.Held) return;
    if (probe.kind !== Kind.Syn || probe.protocol !== IpProtocol.Tcp) return;
    const { source0, source1, source2, source3, sourceBits, port, timeMs } = probe;
    // In a flood nearly all end here: before a text is made of the source.
    const isNew = !this.#newcomers.mayBeInside(hash);
    if (isNew && !this.#newcomers.admit(probe, hash)) return;
    const source = formatPrefix(prefixOfWords(source0, source1, source2, source3, sourceBits));
    if (!isNew && !this.#test.has(source) && !this.#newcomers.admit(probe, hash)) return;
    const before = this.#seen.get(source);
    const bucket = before?.bucket ?? new Bucket(answersToOne, timeMs);
    const words = [packet.source0, packet.source1, packet.source2, packet.source3] as const;
    this.#remember(source, { words, port, ...hostOf(probe), bucket, hash });
    const mayAnswer = bucket.take(timeMs, 1) && this.#mayAnswer(source, timeMs);
    if (this.#test.observe(source, port, timeMs, mayAnswer) === "answer") this.#sender.answer(packet);
  }

  /** What it depends on is known before the port's coin is looked at, as the test demands. */
  #mayAnswer(source: string, timeMs: number): boolean {
    if (this.#test.slowBits(source) >= PROMISING_BITS && this.#toPromising.take(timeMs, 1)) return true;
    return this.#inAll.take(timeMs, 1);
  }

  #remember(source: string, seen: Seen): void {
    this.#seen.delete(source);
    if (this.#seen.size >= MAX_BUCKETS) {
      for (const stalest of this.#seen.keys()) {
        this.#seen.delete(stalest);
        break;
      }
    }
    this.#seen.set(source, seen);
  }

  get hasProven(): boolean {
    return this.#test.hasProven;
  }

  /** The sources that have been proven since the last call. Cheap: asked after each delivery and a few times a second. */
  takeProven(): Proven[] {
    return this.#test.takeProven().flatMap(({ source: text, counts }) => {
      const source = parsePrefix(text);
      const seen = this.#seen.get(text);
      if (source === undefined || seen === undefined) return [];
      const { words, port, host } = seen;
      return [{ source, counts, words, port, ...(host !== undefined && { host }) }];
    });
  }

  tick(): void {
    const nowMs = this.#nowMs();
    this.#test.tick(nowMs);
    this.#newcomers.forgetAll();
    for (const [source, { hash }] of this.#seen) if (this.#test.has(source)) this.#newcomers.enter(hash);
    if (Math.abs(nowMs - this.#secretMs) < SECRET_MS) return;
    this.#secret = randomBytes(32);
    this.#secretMs = nowMs;
  }

  forget(source: Prefix): void {
    this.#test.forget(formatPrefix(source));
  }

  counts(source: Prefix): SilenceCounts | undefined {
    return this.#test.counts(formatPrefix(source));
  }

  get counters() {
    const { sent, refused } = this.#sender;
    return {
      underTest: this.#test.size,
      evictedTests: this.#test.evictions,
      notTested: this.#newcomers.refused,
      answersSent: sent,
      answersRefused: refused,
    };
  }

  close(): void {
    this.#seen.clear();
  }
}
