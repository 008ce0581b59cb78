// The silence test: a scanner that sees our answers is proven soon, with loss in both directions too. Forgers have a
// file of their own (silence-forgers.test.ts).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PROOF_BITS, quickWindow, SilenceTest, slowWindow } from "../../../src/judge/proof/silence-test.ts";
import { generator, play, type Run, type Strategy } from "./silence-play.ts";

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
