// The silence test: a forger is not proven, whatever its strategy.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PROOF_BITS, quickWindow, SilenceTest, slowWindow } from "../../../src/judge/proof/silence-test.ts";
import { generator, play, type Run, type Strategy } from "./silence-play.ts";

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
