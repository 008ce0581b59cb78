// Blind forgers against the real silence test, in great number: whatever a sender does that cannot see our answers, it is
// not proven. The theory's bound is 2^-30 a source (Ville's inequality, src/judge/proof/silence-test.ts); beside it stands how many
// came how far, for 10^7 sources cannot show a probability of 10^-9: that the evidence grows no faster than the theory
// allows (at most 2^-k of all sources ever have k bits) they can. Needs no root, and about five minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  PROOF_BITS,
  quickWindow,
  SilenceTest,
  silenceLimits,
  slowWindow,
} from "../../../src/judge/proof/silence-test.ts";

type Random = () => number;

/** What a forger can know when it has sent the first packet to its `index`-th port. */
interface View {
  index: number;
  /** How many ports it has chosen to repeat so far. */
  repeated: number;
  /** A number of its own for each source, 0..1. */
  temper: number;
  /** Whether the scan that runs beside it from another address repeated this port. */
  otherRepeated: boolean;
}

interface Strategy {
  readonly name: string;
  repeats(view: View, random: Random): boolean;
  /** Between two first contacts; 0: all at once. */
  readonly gapMs?: number;
  /** From the first contact to the repetition. */
  readonly delayMs?: number;
  /** The same, for every other port. */
  readonly otherDelayMs?: number;
  /** Repetitions of one port. */
  readonly times?: number;
  /** Packets lost on the way to us. */
  readonly loss?: number;
  /** How often the rate limits have no answer left. */
  readonly refused?: number;
  /** A real scan runs beside it, from an address of its own. */
  readonly beside?: true;
  /** A control: it sees what we answered, and must be proven. */
  readonly sees?: true;
}

/** Ports between two looks for windows that have ended. */
const TICK_EVERY = 16;
const SOME_LOSS = 0.05;
const half = (_view: View, random: Random) => random() < 0.5;
const strategies: readonly Strategy[] = [
  { name: "always", repeats: () => true },
  { name: "never", repeats: () => false },
  ...[0.05, 0.25, 0.5, 0.75, 0.95].map((rate) => ({
    name: `at random, ${rate * 100} %`,
    repeats: (_view: View, random: Random) => random() < rate,
  })),
  { name: "at random, another rate each", repeats: ({ temper }, random) => random() < temper },
  { name: "every other port", repeats: ({ index }) => index % 2 === 0 },
  {
    name: "in runs of its own length",
    repeats: ({ index, temper }) => Math.floor(index / (1 + temper * 20)) % 2 === 0,
  },
  { name: "all at once, half again at once", gapMs: 0, delayMs: 200, repeats: half },
  { name: "all at once, a half fixed by the port", gapMs: 0, delayMs: 200, repeats: ({ index }) => index % 2 === 1 },
  { name: "keeps itself at one half", repeats: ({ index, repeated }) => 2 * repeated <= index },
  {
    name: "bets against its own past",
    repeats: ({ index, repeated }, random) => random() > (repeated + 1) / (index + 2),
  },
  { name: "goes on as it began", repeats: ({ index, repeated }, random) => random() < (repeated + 1) / (index + 2) },
  { name: "first all, then none, from a port of its own", repeats: ({ index, temper }) => index < temper * 60 },
  { name: "just within the quick window", delayMs: quickWindow.ms, repeats: half },
  { name: "just beyond the quick window", delayMs: quickWindow.ms + 1, repeats: half },
  { name: "always, just beyond the quick window", delayMs: quickWindow.ms + 1, repeats: () => true },
  { name: "just within the slow window", delayMs: slowWindow.ms, repeats: half },
  { name: "just beyond the slow window", delayMs: slowWindow.ms + 1, repeats: half },
  { name: "one soon, one late", otherDelayMs: 4_000, repeats: half },
  { name: "all, one soon, one late", otherDelayMs: 4_000, repeats: () => true },
  { name: "one in the slow window, one beyond", delayMs: 4_000, otherDelayMs: slowWindow.ms + 1, repeats: () => true },
  { name: "so slowly that windows end meanwhile", gapMs: 400, repeats: half },
  { name: "three times each", times: 3, repeats: half },
  { name: "half, with loss", loss: SOME_LOSS, repeats: half },
  { name: "always, one half lost", loss: 0.5, repeats: () => true },
  { name: "three times each, with loss", loss: 0.3, times: 3, repeats: () => true },
  { name: "while a flood eats the answers", refused: 0.5, repeats: half },
  { name: "copies a real scan of another source", beside: true, repeats: ({ otherRepeated }) => otherRepeated },
  {
    name: "copies it with loss, mistakes and haste",
    beside: true,
    loss: SOME_LOSS,
    delayMs: 100,
    repeats: ({ otherRepeated }, random) => random() < 0.1 !== otherRepeated,
  },
];
const control: Strategy = { name: "control: it sees our answers", sees: true, loss: 0.02, repeats: () => false };

interface Tally {
  proven: number;
  mostBits: number;
  readonly quick: Reached;
  readonly slow: Reached;
  othersProven: number;
}

/** What one reading showed. */
interface Reached {
  /** How many had so many bits at some look (every 16 ports, and at the end). */
  readonly marks: Map<number, number>;
  /** Of the source at hand. */
  sourceBits: number;
}
const MARKS = [5, 10, 15, 20] as const;

/** sfc32 (Chris Doty-Humphrey): passes the usual batteries, period far beyond what is drawn here. */
function generator(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = () => {
    const word = (((a + b) | 0) + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + word;
    return (word >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 16; warm++) next();
  return next;
}

function nothingReached(): Reached {
  return { marks: new Map(MARKS.map((mark) => [mark, 0])), sourceBits: 0 };
}

/** Many sources of one strategy, one after the other, each with `ports` ports. */
function play(strategy: Strategy, sources: number, ports: number): Tally {
  const coins = generator(1);
  const random = generator(2);
  const silence = new SilenceTest(() => coins() < 0.5);
  const tally: Tally = {
    proven: 0,
    mostBits: 0,
    quick: nothingReached(),
    slow: nothingReached(),
    othersProven: 0,
  };
  const due = { ports: new Int32Array(ports), at: new Float64Array(ports) };
  const view: View = { index: 0, repeated: 0, temper: 0, otherRepeated: false };
  for (let source = 0; source < sources; source++) {
    view.temper = random();
    view.repeated = 0;
    tally.quick.sourceBits = 0;
    tally.slow.sourceBits = 0;
    playOne(silence, { strategy, ports, random, view, due, tally });
    count(silence, tally);
  }
  return tally;
}

interface Play {
  readonly strategy: Strategy;
  readonly ports: number;
  readonly random: Random;
  readonly view: View;
  /** Ports to be repeated, in the order of their time. */
  readonly due: { readonly ports: Int32Array; readonly at: Float64Array };
  readonly tally: Tally;
}

function playOne(silence: SilenceTest, { strategy, ports, random, view, due, tally }: Play): void {
  const {
    gapMs = 10,
    delayMs = 500,
    otherDelayMs = delayMs,
    times = 1,
    loss = 0,
    refused = 0,
    beside,
    sees,
  } = strategy;
  const arrives = () => loss === 0 || random() >= loss;
  const mayAnswer = () => refused === 0 || random() >= refused;
  let queued = 0;
  let done = 0;
  const repeatUntil = (endMs: number) => {
    for (; done < queued && (due.at[done] ?? 0) <= endMs; done++) {
      const [port = 0, atMs = 0] = [due.ports[done], due.at[done]];
      if (gapMs > 0 && done % TICK_EVERY === 0) {
        silence.tick(atMs);
        look(silence, tally);
      }
      for (let time = 0; time < times; time++) if (arrives()) silence.observe("forged", port, atMs + time, mayAnswer());
    }
  };
  let nowMs = 0;
  for (let port = 0; port < ports; port++, nowMs += gapMs) {
    if (gapMs > 0) repeatUntil(nowMs);
    if (port % TICK_EVERY === 0) {
      silence.tick(nowMs);
      look(silence, tally);
    }
    view.index = port;
    if (beside === true) view.otherRepeated = silence.observe("real", port, nowMs, true) === "silence";
    if (beside === true && view.otherRepeated) silence.observe("real", port, nowMs + 100, true);
    const heard = arrives() && silence.observe("forged", port, nowMs, mayAnswer()) === "answer" && arrives();
    const repeats = sees === true ? !heard : strategy.repeats(view, random);
    if (!repeats) continue;
    view.repeated++;
    const atMs = nowMs + (port % 2 === 0 ? delayMs : otherDelayMs);
    let place = queued++;
    for (; place > done && (due.at[place - 1] ?? 0) > atMs; place--) {
      due.at[place] = due.at[place - 1] ?? 0;
      due.ports[place] = due.ports[place - 1] ?? 0;
    }
    due.ports[place] = port;
    due.at[place] = atMs;
  }
  repeatUntil(nowMs + quickWindow.ms);
  silence.tick(nowMs + quickWindow.ms + 1);
  look(silence, tally);
  repeatUntil(Number.POSITIVE_INFINITY);
  silence.tick(nowMs + Math.max(delayMs, otherDelayMs) + 2 * slowWindow.ms);
}

function look(silence: SilenceTest, { quick, slow }: Tally): void {
  quick.sourceBits = Math.max(quick.sourceBits, silence.quickBits("forged"));
  slow.sourceBits = Math.max(slow.sourceBits, silence.slowBits("forged"));
}

/** Ends the tests of this round. Evidence of whom is proven is cut off there, as in the daemon. */
function count(silence: SilenceTest, tally: Tally): void {
  look(silence, tally);
  for (const { source } of silence.takeProven()) {
    if (source === "real") tally.othersProven++;
    else tally.proven++;
  }
  silence.forget("forged");
  silence.forget("real");
  for (const { marks, sourceBits } of [tally.quick, tally.slow]) {
    if (sourceBits > tally.mostBits) tally.mostBits = sourceBits;
    for (const mark of MARKS) if (sourceBits >= mark) marks.set(mark, (marks.get(mark) ?? 0) + 1);
  }
}

function line(strategy: Strategy, sources: number, tally: Tally): string {
  const told = ({ marks }: Reached) =>
    MARKS.map((mark) => `${marks.get(mark)} (${Math.floor(sources / 2 ** mark)})`).join("  ");
  const proven = `${tally.proven} proven, most ${tally.mostBits.toFixed(1)} bits`;
  return `${strategy.name}: ${sources} sources, ${proven}; quick ${told(tally.quick)}; slow ${told(tally.slow)}`;
}

/** What chance may add to the expectation of a count: five standard deviations, and a little for small ones. */
function atMost(expected: number): number {
  return expected + 5 * Math.sqrt(expected) + 5;
}

const runs = [
  { sources: 10_000_000, ports: 48 },
  { sources: 100_000, ports: 500 },
] as const;

for (const { sources, ports } of runs) {
  test(`${sources.toLocaleString("en")} forged sources of ${ports} ports each: none is proven`, (t) => {
    assert.ok(ports <= silenceLimits.portsPerSource);
    const each = Math.ceil(sources / strategies.length);
    const bound = (each * strategies.length) / 2 ** PROOF_BITS;
    t.diagnostic(`theory: at most 2^-${PROOF_BITS} a source, ${bound.toExponential(1)} false proofs expected of all`);
    t.diagnostic(`after each strategy: how many ever had ${MARKS.join(", ")} bits or more (at most, in the mean)`);
    for (const strategy of strategies) {
      const tally = play(strategy, each, ports);
      t.diagnostic(line(strategy, each, tally));
      assert.equal(tally.proven, 0, strategy.name);
      for (const { marks } of [tally.quick, tally.slow])
        for (const mark of MARKS) assert.ok((marks.get(mark) ?? 0) <= atMost(each / 2 ** mark), strategy.name);
      // The real scan that is copied has its proof, or the copy would be no danger.
      if (strategy.beside === true && ports >= 100) assert.ok(tally.othersProven >= 0.99 * each, strategy.name);
    }
  });
}

test("control: who sees our answers is proven within 100 ports", (t) => {
  const tally = play(control, 1_000, 100);
  t.diagnostic(line(control, 1_000, tally));
  assert.ok(tally.proven >= 990);
});
