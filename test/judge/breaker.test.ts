// The breaker as a token bucket: at once while tokens are there, then by lot: never more than its limit, whoever asks first
// or last, and who goes on is chosen soon however many others ask.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Breaker, type BreakerLimits } from "../../src/judge/breaker.ts";
import type { Claim } from "../../src/judge/verdict.ts";
import { createRandom } from "../detect/score-figures.ts";

const START_MS = 1_700_000_000_000;
/** How often the daemon looks in a flood. */
const LOOK_MS = 50;
const always = () => true;

function claimOf(number: number, packets = 3): Claim {
  const source = { w0: 0, w1: 0, w2: 0xffff, w3: number, bits: 128 };
  const seen = { kind: 1, protocol: 6, port: 79, tcpFlags: 2, hasIpOptions: false } as const;
  const counts = { probes: packets, contacts: 3, firstMs: START_MS, timeMs: START_MS, policy: "score" } as const;
  return { action: "soft", grade: "direct", finding: { source, ...seen, ...counts } };
}

const numberOf = ({ finding }: Claim): number => finding.source.w3;

function setUp(limits: BreakerLimits, seed = 1) {
  const breaker = new Breaker(() => limits, createRandom(seed));
  /** As the daemon asks; true: at once. */
  const ask = (claim: Claim, nowMs: number): boolean => {
    if (breaker.admit(nowMs)) return true;
    const lot = breaker.draw(claim.finding.probes, nowMs);
    if (lot !== undefined) breaker.wait(claim, lot, nowMs);
    return false;
  };
  return { breaker, ask };
}

test("while tokens are there every source is admitted at once", () => {
  const { breaker, ask } = setUp({ perSecond: 50, burst: 50 });
  for (let second = 0; second < 10; second++) {
    for (let source = 0; source < 50; source++) assert.ok(ask(claimOf(source), START_MS + second * 1000 + source));
    assert.ok(!breaker.tick(START_MS + second * 1000 + 999));
  }
  assert.deepEqual([breaker.isOpen, breaker.withheld, breaker.hasWaiting], [false, 0, false]);
});

test("a flood begins when tokens are short, and has ended when for five seconds everybody was chosen", () => {
  const { breaker, ask } = setUp({ perSecond: 2, burst: 2 });
  const asked = [1, 2, 3].map((number) => ask(claimOf(number), START_MS));
  assert.deepEqual([asked, breaker.isOpen], [[true, true, false], true]);
  assert.deepEqual(breaker.take(START_MS + 499, always), []);
  assert.deepEqual(breaker.take(START_MS + 500, always).map(numberOf), [3]);
  // A source that asks now and then is chosen with the next look, and prolongs nothing.
  let endedMs = 0;
  for (let ms = 1_000; endedMs === 0 && ms < 60_000; ms += 1_000) {
    ask(claimOf(4), START_MS + ms);
    assert.deepEqual(breaker.take(START_MS + ms, always).map(numberOf), [4]);
    if (breaker.tick(START_MS + ms)) endedMs = ms;
  }
  assert.equal(endedMs, 6_000, "five seconds after the look at which one still waited");
  assert.ok(!breaker.isOpen && ask(claimOf(5), START_MS + 7_000));
});

test("never more than the burst and what comes in beside it, in any span of time, for any limits and any askers", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = createRandom(seed);
    // What waits is looked through at each question: every sixth time by thousands.
    const scale = seed % 6 === 0 ? 1 : 0.1;
    const perSecond = 1 + Math.floor(random() ** 3 * 3_000 * scale);
    const burst = perSecond * (1 + Math.floor(random() * 5));
    const { breaker, ask } = setUp({ perSecond, burst }, seed);
    const chosenMs: number[] = [];
    let nowMs = START_MS;
    let number = 0;
    for (let step = 0; step < 400; step++) {
      nowMs += Math.floor(random() ** 4 * 3_000);
      for (let asks = Math.floor(random() ** 4 * 2_000 * scale); asks > 0; asks--) {
        if (ask(claimOf(number++, 1 + Math.floor(random() * 40)), nowMs)) chosenMs.push(nowMs);
      }
      if (random() < 0.7) for (const _ of breaker.take(nowMs, always)) chosenMs.push(nowMs);
      if (random() < 0.3) breaker.tick(nowMs);
    }
    // By the bucket's own rule from each moment on: what was chosen since then is at most burst + rate * time. So of any two
    // choices, and the worst beginning for each end is the least of these.
    let [least, worst] = [Number.POSITIVE_INFINITY, 0];
    for (const [at, timeMs] of chosenMs.entries()) {
      const ahead = at - ((timeMs - START_MS) * perSecond) / 1000;
      least = Math.min(least, ahead);
      worst = Math.max(worst, ahead - least + 1);
    }
    assert.ok(worst <= burst + 1e-6, `seed ${seed}: once ${worst} of at most ${burst}`);
    assert.ok(chosenMs.length > 0);
  }
});

test("in a flood all that the tokens allow are chosen, and each in equal measure wherever in a delivery it asks", () => {
  const { breaker, ask } = setUp({ perSecond: 50, burst: 50 }, 7);
  const PLACES = 200;
  const SECONDS = 400;
  const chosenAt = new Uint32Array(PLACES);
  let chosen = 0;
  for (let ms = 0; ms < SECONDS * 1000; ms += LOOK_MS) {
    for (let place = 0; place < PLACES; place++) ask(claimOf(ms * PLACES + place), START_MS + ms);
    for (const claim of breaker.take(START_MS + ms, always)) {
      chosen++;
      const place = numberOf(claim) % PLACES;
      chosenAt[place] = (chosenAt[place] ?? 0) + 1;
    }
  }
  // The first fifty were admitted at once.
  assert.ok(chosen >= 50 * (SECONDS - 1) - 1 && chosen <= 50 * SECONDS, `${chosen}`);
  const expected = chosen / PLACES;
  const chiSquare = chosenAt.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 199 degrees of freedom: above 282 with a probability of 1 in 10,000; the generator is seeded, so it is so or not.
  assert.ok(chiSquare < 282, `chi square ${chiSquare.toFixed(1)} of ${PLACES} places`);
});

test("in a flood the tokens of a tenth of a second are spent together, and a single claim waits for one token only", () => {
  const { breaker, ask } = setUp({ perSecond: 50, burst: 50 });
  for (let number = 0; number < 60; number++) ask(claimOf(number), START_MS);
  assert.equal(breaker.isOpen, true);
  const chosen = [20, 40, 60, 80, 99, 100, 120].map((ms) => breaker.take(START_MS + ms, always).length);
  assert.deepEqual(chosen, [0, 0, 0, 0, 0, 5, 0]);
  breaker.forgetWaiting();
  ask(claimOf(99), START_MS + 121);
  assert.deepEqual(breaker.take(START_MS + 122, always).map(numberOf), [99]);
});

test("a flood of equal sources makes few of them wait, and a source that asks when the flood has ended is chosen", () => {
  const { breaker } = setUp({ perSecond: 50, burst: 50 }, 3);
  let [waits, chosen] = [0, 0];
  for (let ms = 0; ms < 10_000; ms += LOOK_MS) {
    for (let nth = 0; nth < 2_000; nth++) {
      const claim = claimOf(ms * 2_000 + nth, 1);
      if (breaker.admit(START_MS + ms)) continue;
      const lot = breaker.draw(1, START_MS + ms);
      if (lot === undefined) continue;
      waits++;
      breaker.wait(claim, lot, START_MS + ms);
    }
    chosen += breaker.take(START_MS + ms, always).length;
  }
  assert.ok(chosen >= 490 && chosen <= 500, `${chosen} chosen`);
  // 7.5 for each that is chosen, if a free place were given to any lot.
  assert.ok(waits <= 4 * chosen, `${waits} have waited for ${chosen} that were chosen`);
  // The clock is set back by an hour, and the flood has ended.
  const laterMs = START_MS - 3_600_000;
  breaker.forgetWaiting();
  const lot = breaker.draw(1, laterMs);
  assert.ok(lot !== undefined);
  breaker.wait(claimOf(99, 1), lot, laterMs);
  const last = [...breaker.take(laterMs, always), ...breaker.take(laterMs + 1_000, always)];
  assert.deepEqual(last.map(numberOf), [99]);
});

/** How many questions of a source that goes on it takes until it is chosen, in a flood of sources that ask `asks` times. */
function questionsUntilChosen(
  flood: { sourcesPerSecond: number; asks: number },
  everyMs: number,
  seed: number,
): number {
  const { breaker, ask } = setUp({ perSecond: 50, burst: 50 }, seed);
  const { sourcesPerSecond, asks } = flood;
  const perLook = (sourcesPerSecond * LOOK_MS) / 1000;
  const SCANNER = 0xffffffff;
  const startMs = 10_000 + (seed % 1000);
  let begun = 0;
  let nextMs = startMs;
  let asked = 0;
  for (let ms = 0; ms < 10_000_000; ms += LOOK_MS) {
    // Each forged source asks once a second, `asks` times; scanners are found with their third packet.
    for (let nth = 0; nth < asks; nth++) {
      const from = begun - nth * sourcesPerSecond;
      for (let at = 0; at < perLook; at++) if (from + at >= 0) ask(claimOf(from + at, 3 + nth), START_MS + ms);
    }
    begun += perLook;
    if (ms >= nextMs) {
      ask(claimOf(SCANNER, 3 + asked++), START_MS + ms);
      nextMs += everyMs;
    }
    if (breaker.take(START_MS + ms, always).some((claim) => numberOf(claim) === SCANNER)) return asked;
  }
  return Number.POSITIVE_INFINITY;
}

/** The scanner of attacks.md, E4: it asks when its hold has lapsed. The sources of the flood send three packets each. */
const floods = [
  { sourcesPerSecond: 60, asks: 1, median: 1, worst: 4 },
  { sourcesPerSecond: 500, asks: 1, median: 3, worst: 6 },
  { sourcesPerSecond: 5_000, asks: 1, median: 4, worst: 8 },
  // They go on as long as the forger can afford: what he sends is then one packet a question.
  { sourcesPerSecond: 100, asks: 10, median: 12, worst: 20 },
] as const;
for (const { sourcesPerSecond, asks, median, worst } of floods) {
  test(`a slow scanner among ${sourcesPerSecond} forged sources a second that ask ${asks} times is chosen soon`, (t) => {
    const runs = Array.from({ length: sourcesPerSecond > 1_000 ? 21 : 101 }, (_, seed) =>
      questionsUntilChosen({ sourcesPerSecond, asks }, 5_100, seed + 1),
    ).sort((a, b) => a - b);
    const middle = runs[Math.floor(runs.length / 2)] ?? 0;
    t.diagnostic(`questions of ${runs.length} scanners: median ${middle}, worst ${runs.at(-1)}`);
    assert.ok(middle <= median, `median ${middle}`);
    assert.ok((runs.at(-1) ?? 0) <= worst, `worst ${runs.at(-1)}`);
  });
}

test("what waits is bounded, a source waits once, and one that is not wanted any more costs no token", () => {
  const { breaker, ask } = setUp({ perSecond: 8, burst: 8 });
  for (let number = 0; number < 8; number++) ask(claimOf(number), START_MS);
  for (let number = 100; number < 10_000; number++) ask(claimOf(number), START_MS);
  for (let times = 0; times < 100; times++) ask(claimOf(77, 1_000), START_MS);
  assert.deepEqual(breaker.take(START_MS, always), []);
  const looked: number[] = [];
  const chosen = breaker.take(START_MS + 1_000, (claim) => {
    looked.push(numberOf(claim));
    return numberOf(claim) !== 77;
  });
  assert.equal(looked.filter((number) => number === 77).length, 1);
  assert.equal(looked[0], 77, "who has sent the most first");
  assert.equal(chosen.length, 3, "the places of a flood of eight a second are four");
  assert.ok(!breaker.hasWaiting);
  assert.equal(breaker.withheld, 9_900 + 100 - 4);
});

test("new limits hold at once, with their whole burst; a clock that is set back stops nothing", () => {
  const limits = { perSecond: 1, burst: 1 };
  const breaker = new Breaker(() => limits, createRandom(1));
  assert.deepEqual([breaker.admit(START_MS), breaker.admit(START_MS)], [true, false]);
  breaker.forgetWaiting();
  assert.ok(breaker.tick(START_MS + 6_000));
  Object.assign(limits, { perSecond: 10, burst: 6_000 });
  const admitted = Array.from({ length: 6_001 }, () => breaker.admit(START_MS + 7_000)).filter(Boolean);
  assert.equal(admitted.length, 6_000);
  const lot = breaker.draw(3, START_MS + 7_000) ?? assert.fail();
  breaker.wait(claimOf(1), lot, START_MS + 7_000);
  assert.deepEqual(breaker.take(START_MS - 3_600_000, always), []);
  assert.equal(breaker.take(START_MS - 3_600_000 + 100, always).length, 1);
});

test("when nobody waits any more, the worst of those that come then is the one that gives way", () => {
  let nextLot = 0;
  const lots: number[] = [];
  const breaker = new Breaker(
    () => ({ perSecond: 1, burst: 1 }),
    () => lots[nextLot++] ?? 0.5,
  );
  const ask = (number: number): boolean => {
    const lot = breaker.draw(1, START_MS);
    if (lot !== undefined) breaker.wait(claimOf(number), lot, START_MS);
    return lot !== undefined;
  };
  assert.ok(breaker.admit(START_MS));
  assert.ok(!breaker.admit(START_MS));
  // As many as there are places, each with a worse lot: the last is the worst.
  let places = 0;
  for (; places < 10_000; places++) {
    lots[places] = 0.1 + places / 100_000;
    if (!ask(places)) break;
  }
  assert.ok(places > 1 && places < 10_000, `${places} places`);
  breaker.forgetWaiting();
  assert.equal(breaker.hasWaiting, false);
  // Again as many, the worst first; then a better one.
  nextLot = 0;
  lots.length = 0;
  lots.push(0.9, ...Array.from({ length: places - 1 }, (_, at) => 0.5 - at / 100_000), 0.6, 0.95);
  for (let number = 0; number < places; number++) assert.ok(ask(1_000 + number));
  assert.ok(ask(7), "better than the worst");
  assert.ok(!ask(8), "worse than all that wait");
  const chosen = breaker.take(START_MS + 10_000_000, always).map(numberOf);
  for (let ms = 10_001_000; breaker.hasWaiting && ms < 1e9; ms += 1_000)
    chosen.push(...breaker.take(START_MS + ms, always).map(numberOf));
  assert.equal(chosen.length, places);
  assert.ok(chosen.includes(7) && !chosen.includes(1_000), "the worst gave way");
});
