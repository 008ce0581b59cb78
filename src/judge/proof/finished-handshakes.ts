// Remembers with which closed ports sources have finished handshakes, and says whether these are enough to prove a
// source: as many as the rule of detection asks of probes. The judge asks, and handshakes.ts does.
import type { ScorePolicy } from "../../detect/scorers.ts";
import { formatPrefix, type Prefix } from "../../wire/address.ts";
import type { Words } from "../judge.ts";

/** Sources whose handshakes are kept; the one whose last handshake is the oldest goes. */
const MAX_SOURCES = 4_096;
/** Where POLICY counts probes and not ports (SCAN_TRIGGER), a greater number asks for no more ports than this. */
const MOST_BY_TRIGGER = 3;

export type HandshakePolicy = Pick<ScorePolicy, "policy" | "scanTrigger" | "scorePorts" | "scoreWindowMs">;

/** The handshakes of one source. */
export interface Finished {
  /** The address words of the last one, for the judge. */
  readonly words: Words;
  /** Different closed ports, no more than are needed, the latest last, and when each was finished. */
  readonly ports: Map<number, number>;
}

/** With how many different closed ports handshakes must be finished: as many as the rule asks of probes. */
export function handshakesNeeded({ policy, scanTrigger, scorePorts }: HandshakePolicy): number {
  return policy === "score" ? scorePorts : Math.min(MOST_BY_TRIGGER, Math.max(1, scanTrigger));
}

export class FinishedHandshakes {
  readonly counters = { handshakesForgotten: 0 };
  readonly #policy: () => HandshakePolicy;
  readonly #nowMs: () => number;
  readonly #bySource = new Map<string, Finished>();

  constructor(policy: () => HandshakePolicy, nowMs: () => number) {
    this.#policy = policy;
    this.#nowMs = nowMs;
  }

  get isEmpty(): boolean {
    return this.#bySource.size === 0;
  }

  note(source: Prefix, words: Words, port: number, timeMs: number): void {
    const key = formatPrefix(source);
    const ports = this.#bySource.get(key)?.ports ?? new Map<number, number>();
    keepBounded(ports, port, timeMs, handshakesNeeded(this.#policy()));
    if (keepBounded(this.#bySource, key, { words, ports }, MAX_SOURCES)) this.counters.handshakesForgotten++;
  }

  of(source: Prefix): Finished | undefined {
    return this.#bySource.get(formatPrefix(source));
  }

  /** Whether a source has finished handshakes with as many different closed ports as the rule asks of probes. */
  hasEnough(source: Prefix): boolean {
    const policy = this.#policy();
    let count = 0;
    for (const timeMs of this.of(source)?.ports.values() ?? []) {
      if (isWithin(policy.scoreWindowMs, timeMs, this.#nowMs())) count++;
    }
    return count >= handshakesNeeded(policy);
  }

  /** For a source that starts afresh: its block has ended. */
  forget(source: Prefix): void {
    this.#bySource.delete(formatPrefix(source));
  }
}

export function isWithin(windowMs: number, thenMs: number | undefined, nowMs: number): boolean {
  return thenMs !== undefined && Math.abs(nowMs - thenMs) <= windowMs;
}

/** Puts the entry at the end; true when the first one had to go for it. */
export function keepBounded<K, V>(map: Map<K, V>, key: K, value: V, most: number): boolean {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return false;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
  return true;
}
