// Plays senders against the silence test: which ports are tried again, and when, is a strategy. Coins and strategies come from one
// seeded generator: every run is the same.
import { type SilenceCounts, SilenceTest } from "../../../src/judge/proof/silence-test.ts";

/** Mulberry32: small, and good enough for coins. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whether a port is tried again, told what the sender got: a real scanner knows, a forger gets undefined. */
export type Strategy = (port: number, answered: boolean | undefined) => boolean;

export interface Run {
  readonly random: () => number;
  readonly strategy: Strategy;
  readonly seesAnswers: boolean;
  readonly ports: number;
  readonly afterMs?: (port: number) => number;
}

/** Ports 10 ms apart, repetitions after `afterMs`, half a second unless told; returns after how many first contacts it was proven, and the counts. */
export function play(run: Run): {
  readonly provenAfter: number | undefined;
  readonly counts: SilenceCounts | undefined;
} {
  const silence = new SilenceTest(() => run.random() < 0.5);
  const { afterMs = () => 500 } = run;
  const repeats: { readonly port: number; readonly atMs: number }[] = [];
  let nowMs = 1_000;
  for (let port = 1; port <= run.ports + 1_200; port++, nowMs += 10) {
    repeats.sort((a, b) => a.atMs - b.atMs);
    for (let due = repeats[0]; due !== undefined && due.atMs <= nowMs; due = repeats[0]) {
      repeats.shift();
      silence.observe("s", due.port, due.atMs, true);
    }
    silence.tick(nowMs);
    const [proven] = silence.takeProven();
    if (proven !== undefined) return { provenAfter: Math.min(port, run.ports), counts: proven.counts };
    if (port > run.ports) continue;
    const isAnswered = silence.observe("s", port, nowMs, true) === "answer";
    if (run.strategy(port, run.seesAnswers ? isAnswered : undefined))
      repeats.push({ port, atMs: nowMs + afterMs(port) });
  }
  return { provenAfter: undefined, counts: silence.counts("s") };
}
