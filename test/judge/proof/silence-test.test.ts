// The silence test: a scanner that sees our answers is proven soon, with loss in both directions too; a forger is not,
// whatever its strategy. Coins and strategies come from one seeded generator: every run is the same.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  PROOF_BITS,
  quickWindow,
  type SilenceCounts,
  SilenceTest,
  slowWindow,
} from "../../../src/judge/proof/silence-test.ts";

/** Mulberry32: small, and good enough for coins. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whether a port is tried again, told what the sender got: a real scanner knows, a forger gets undefined. */
type Strategy = (port: number, answered: boolean | undefined) => boolean;

interface Run {
  readonly random: () => number;
  readonly strategy: Strategy;
  readonly seesAnswers: boolean;
  readonly ports: number;
  readonly afterMs?: (port: number) => number;
}

/** Ports 10 ms apart, repetitions after `afterMs`, half a second unless told; returns after how many first contacts it was proven, and the counts. */
function play(run: Run): { readonly provenAfter: number | undefined; readonly counts: SilenceCounts | undefined } {
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

describe("a scanner that sees our answers", () => {
  for (const loss of [0, 0.02, 0.05]) {
    test(`is proven within 250 ports with ${loss * 100} % of packets lost in both directions`, () => {
      const random = generator(7);
      for (let trial = 0; trial < 200; trial++) {
        // An answer that is lost is silence to it; a repetition that is lost is none to us.
        const strategy: Strategy = (_port, answered) => (answered !== true || random() < loss) && random() >= loss;
        const { provenAfter, counts } = play({ random, strategy, seesAnswers: true, ports: 250 });
        assert.ok(provenAfter !== undefined, `trial ${trial}: ${JSON.stringify(counts)}`);
        assert.ok((counts?.bits ?? 0) >= PROOF_BITS);
      }
    });
  }

  test("is proven as well when it waits for up to ten seconds before it repeats", () => {
    const random = generator(17);
    for (const wait of [3_001, 4_000, 9_000, slowWindow.ms]) {
      for (let trial = 0; trial < 50; trial++) {
        const strategy: Strategy = (_port, answered) => (answered !== true || random() < 0.02) && random() >= 0.02;
        const run: Run = { random, strategy, seesAnswers: true, ports: 250, afterMs: () => wait };
        assert.notEqual(play(run).provenAfter, undefined, `after ${wait} ms, trial ${trial}`);
      }
    }
  });

  test("is not proven when it waits for longer: that is the price of a bounded wait", () => {
    const random = generator(19);
    const strategy: Strategy = (_port, answered) => answered !== true;
    const run: Run = { random, strategy, seesAnswers: true, ports: 250, afterMs: () => slowWindow.ms + 1 };
    assert.equal(play(run).provenAfter, undefined);
  });

  test("who waits is proven by 38 pairs that fit, and not by 37", () => {
    const silence = new SilenceTest(() => false);
    for (let port = 1; port <= 38; port++) silence.observe("s", port, 0, true);
    silence.tick(5_000);
    for (let port = 1; port <= 37; port++) silence.observe("s", port, 5_000, true);
    assert.deepEqual(silence.takeProven(), []);
    silence.observe("s", 38, 5_000, true);
    assert.equal(silence.takeProven()[0]?.counts.silentRepeated, 38);
  });

  test("is proven by 36 pairs that fit, and not by 35", () => {
    const silence = new SilenceTest(() => false);
    for (let port = 1; port <= 36; port++) silence.observe("s", port, 0, true);
    for (let port = 1; port <= 35; port++) silence.observe("s", port, 100, true);
    assert.deepEqual(silence.takeProven(), []);
    silence.observe("s", 36, 100, true);
    assert.equal(silence.takeProven()[0]?.counts.silentRepeated, 36);
    assert.deepEqual([silence.takeProven(), silence.size], [[], 0]);
  });
});

describe("a forger is never proven", () => {
  const strategies: readonly (readonly [string, (random: () => number) => Strategy])[] = [
    ["repeats everything", () => () => true],
    ["repeats nothing", () => () => false],
    ["repeats every other port", () => (port) => port % 2 === 0],
    ["repeats in runs of 40", () => (port) => Math.floor(port / 40) % 2 === 0],
    ...[0.1, 0.5, 0.9].map(
      (rate) => [`repeats ${rate * 100} % at random`, (random: () => number) => () => random() < rate] as const,
    ),
  ];
  /** Within the quick window, between the two, beyond both, and in turn. */
  const waits: readonly (readonly [string, (port: number) => number])[] = [
    ["soon", () => 500],
    ["after 4 s", () => 4_000],
    ["after 11 s", () => 11_000],
    ["now soon, now after 4 s", (port) => (port % 2 === 0 ? 500 : 4_000)],
    ["now soon, now after 11 s", (port) => (port % 2 === 0 ? 500 : 11_000)],
  ];
  for (const [name, make] of strategies) {
    for (const [when, afterMs] of waits) {
      test(`${name}, ${when}`, () => {
        const random = generator(11);
        for (let source = 0; source < 200; source++) {
          const run: Run = { random, strategy: make(random), seesAnswers: false, ports: 300, afterMs };
          const { provenAfter, counts } = play(run);
          assert.equal(provenAfter, undefined, JSON.stringify(counts));
        }
      });
    }
  }

  test("the two readings together keep the bound", () => {
    assert.ok(2 ** -quickWindow.proofBits + 2 ** -slowWindow.proofBits <= 2 ** -PROOF_BITS);
  });

  test("no pair is decided earlier or later for its coin", () => {
    const [answered, silent] = [true, false].map((coin) => {
      const silence = new SilenceTest(() => coin);
      const seen: unknown[] = [];
      const look = () => seen.push([silence.quickBits("s") !== 0, silence.slowBits("s") !== 0]);
      silence.observe("s", 1, 0, true);
      for (let nowMs = 0; nowMs <= slowWindow.ms + 500; nowMs += 500) {
        silence.tick(nowMs);
        look();
      }
      silence.observe("s", 2, 20_000, true);
      silence.observe("s", 2, 24_000, true);
      look();
      return seen;
    });
    assert.deepEqual(answered, silent);
  });

  test("nor who copies the repetitions of a real scanner: its coins are others", () => {
    const random = generator(13);
    for (let source = 0; source < 1_000; source++) {
      const others = new Set(Array.from({ length: 300 }, (_, index) => index + 1).filter(() => random() < 0.5));
      const strategy: Strategy = (port) => others.has(port);
      assert.equal(play({ random, strategy, seesAnswers: false, ports: 300 }).provenAfter, undefined);
    }
  });
});

describe("the test itself", () => {
  test("decides a pair once, and not before its window has ended", () => {
    const silence = new SilenceTest(() => true);
    const decided = () => [silence.quickBits("s") !== 0, silence.slowBits("s") !== 0];
    silence.observe("s", 1, 0, true);
    silence.tick(quickWindow.ms);
    assert.deepEqual(decided(), [false, false]);
    silence.tick(quickWindow.ms + 1);
    assert.deepEqual(decided(), [true, false]);
    silence.tick(slowWindow.ms);
    assert.deepEqual(decided(), [true, false]);
    silence.tick(slowWindow.ms + 1);
    assert.deepEqual(decided(), [true, true]);
    silence.observe("s", 1, slowWindow.ms + 2, true);
    silence.tick(3 * slowWindow.ms);
    assert.deepEqual([silence.counts("s")?.answeredPorts, silence.counts("s")?.answeredRepeated], [1, 0]);
    assert.equal(silence.quickBits("s"), silence.slowBits("s"));
  });

  test("leaves out ports that could not have been answered, whatever their coin says", () => {
    let coins = 0;
    const silence = new SilenceTest(() => {
      coins++;
      return true;
    });
    assert.equal(silence.observe("s", 1, 0, false), "silence");
    silence.tick(10_000);
    assert.deepEqual([coins, silence.counts("s")?.answeredPorts], [0, 0]);
  });

  test("answers a repetition of an answered port again: the answer may have been lost", () => {
    const silence = new SilenceTest(() => true);
    const answers = [
      silence.observe("s", 1, 0, true),
      silence.observe("s", 1, 10, true),
      silence.observe("s", 1, 20, false),
    ];
    assert.deepEqual(answers, ["answer", "answer", "silence"]);
  });

  test("is bounded in sources and ports", () => {
    const silence = new SilenceTest(() => true, { sources: 3, portsPerSource: 2 });
    for (const source of ["a", "b", "c", "a", "d"]) silence.observe(source, 1, 0, true);
    assert.deepEqual(
      [silence.size, silence.evictions, silence.counts("b"), silence.counts("a") !== undefined],
      [3, 1, undefined, true],
    );
    assert.deepEqual(
      [2, 3].map((port) => silence.observe("a", port, 0, true)),
      ["answer", "silence"],
    );
  });
});
