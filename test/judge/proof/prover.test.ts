// The prover meets a SYN alike whatever its port is: the kernel says "probe" of a closed port and "held" of an open or
// tolerated one, and what is answered, how soon and how often, and who is proven by it, must not depend on that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../../src/detect/kinds.ts";
import { Disposition } from "../../../src/detect/probe.ts";
import { type Proven, Prover } from "../../../src/judge/proof/prover.ts";
import type { AnsweredSyn } from "../../../src/kernel/tcp-reset.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { prefix, probe } from "../../detect/probes.ts";

const START_MS = 1_700_000_000_000;

function setUp() {
  const state = { nowMs: START_MS, isAnswered: false };
  const sender = {
    sent: 0,
    refused: 0,
    answer: (_: AnsweredSyn) => {
      sender.sent++;
      state.isAnswered = true;
    },
  };
  const prover = new Prover(sender, () => state.nowMs);
  const packet = new Packet();
  /** Whether it was answered. */
  const syn = (port: number, disposition: Disposition, more: { source?: string; kind?: Kind } = {}): boolean => {
    state.isAnswered = false;
    const { source = "192.0.2.1" } = more;
    const last = Number(source.split(".")[3]);
    prover.probe(
      probe({ ...more, source, port, disposition, timeMs: state.nowMs }),
      packet,
      Math.imul(last, 0x9e3779b1),
    );
    return state.isAnswered;
  };
  return { prover, sender, state, syn };
}

test("ports of both kinds are answered, each about half of the time", () => {
  for (const disposition of [Disposition.Probe, Disposition.Held]) {
    const { syn, state } = setUp();
    let answered = 0;
    for (let port = 1; port <= 500; port++, state.nowMs += 20) if (syn(port, disposition)) answered++;
    // Five standard deviations, and not a coin of our own: one run in a million fails.
    assert.ok(answered > 194 && answered < 306, `${answered} of 500`);
  }
});

test("the coin belongs to source and port: a port that opens or closes goes on as it was", () => {
  const { syn } = setUp();
  for (let port = 1; port <= 50; port++) {
    const before = syn(port, Disposition.Probe);
    assert.equal(syn(port, Disposition.Held), before);
    assert.equal(syn(port, Disposition.Probe), before);
  }
});

test("both kinds draw on the same limits", () => {
  const { syn } = setUp();
  const count = (disposition: Disposition, first: number) =>
    Array.from({ length: 400 }, (_, index) => syn(first + index, disposition)).filter(Boolean).length;
  // 200 of one source at once, and no matter which ports have used them up.
  assert.ok(count(Disposition.Held, 1) > 50);
  assert.equal(count(Disposition.Probe, 1_000), 0);
  assert.equal(count(Disposition.Held, 2_000), 0);
});

/** Repeats what was not answered; after how many ports it is proven. */
function portsToProof(kindOf: (port: number) => Disposition): number | undefined {
  const { prover, syn, state } = setUp();
  const proven: Proven[] = [];
  for (let port = 1; port <= 300; port++, state.nowMs += 50) {
    if (!syn(port, kindOf(port))) syn(port, kindOf(port));
    if (port % 20 === 0) prover.tick();
    proven.push(...prover.takeProven());
    if (proven.length > 0) return port;
  }
  return undefined;
}

test("nor does the number of ports to the proof tell which are open", () => {
  const kinds = [
    () => Disposition.Probe,
    () => Disposition.Held,
    (port: number) => (port % 2 === 0 ? Disposition.Probe : Disposition.Held),
  ];
  for (const kindOf of kinds) {
    const after = portsToProof(kindOf);
    assert.ok(after !== undefined && after >= 36, `${after}`);
  }
});

test("what is dropped for other reasons, or is no SYN, takes no part", () => {
  const { prover, sender, syn } = setUp();
  for (let port = 1; port <= 20; port++) {
    for (const other of [Disposition.Quiet, Disposition.Stray, Disposition.Other, Disposition.Guarded])
      assert.equal(syn(port, other), false);
    assert.equal(syn(port, Disposition.Held, { kind: Kind.Fin }), false);
  }
  assert.deepEqual([sender.sent, prover.counters.underTest], [0, 0]);
});

/** Uses up the answers that there are for all sources together, at one moment. */
function exhaust(syn: ReturnType<typeof setUp>["syn"]): number {
  let answered = 0;
  for (let last = 101; last <= 120; last++)
    for (let port = 1; port <= 200; port++) if (syn(port, Disposition.Probe, { source: `192.0.2.${last}` })) answered++;
  return answered;
}

test("all sources together get so many answers, then none, and more as time passes", () => {
  const { syn, state } = setUp();
  const answered = exhaust(syn);
  assert.ok(answered > 800 && answered <= 2_000, `${answered}`);
  const more = () => Array.from({ length: 60 }, (_, at) => syn(500 + at, Disposition.Probe)).filter(Boolean).length;
  assert.equal(more(), 0);
  state.nowMs += 1_000;
  assert.ok(more() > 0);
});

test("a flood that uses up the answers leaves those kept for a source that does as if it saw them, and they have an end", () => {
  const { prover, syn, state } = setUp();
  const promising = Array.from({ length: 12 }, (_, at) => `192.0.2.${at + 1}`);
  for (let port = 1; port <= 20; port++, state.nowMs += 50)
    for (const source of promising)
      if (!syn(port, Disposition.Probe, { source })) syn(port, Disposition.Probe, { source });
  state.nowMs += 12_000;
  prover.tick();
  assert.ok(exhaust(syn) > 800);
  const answersTo = (source: string) =>
    Array.from({ length: 100 }, (_, at) => syn(1_000 + at, Disposition.Probe, { source })).filter(Boolean).length;
  assert.equal(answersTo("192.0.2.99"), 0, "a source that is new gets none");
  const answers = promising.map(answersTo);
  assert.ok((answers[0] ?? 0) > 0, `${answers}`);
  // Each of the 500 that are kept is one SYN's, of which the coin has half answered: 250, give or take 11.
  const all = answers.reduce((sum, count) => sum + count, 0);
  assert.ok(all > 180 && all < 320, `${all} answers`);
  assert.equal(answers.at(-1), 0, `not even sources that are promising get more than is kept: ${answers}`);
});

test("a source that is forgotten begins its test anew, and one whom nobody has seen has none", () => {
  const { prover, syn } = setUp();
  syn(23, Disposition.Probe);
  const source = prefix("192.0.2.1");
  assert.deepEqual([prover.counters.underTest, prover.counts(source) !== undefined], [1, true]);
  prover.forget(source);
  assert.deepEqual([prover.counters.underTest, prover.counts(source)], [0, undefined]);
});
