import assert from "node:assert/strict";
import { test } from "node:test";
import type { SourceEvidence } from "../../src/detect/detector.ts";
import { describeEvidence, describePorts, gradeText } from "../../src/record/evidence-text.ts";
import { IPV4_MAPPED_WORD } from "../../src/wire/address.ts";

const evidence: SourceEvidence = {
  source: { w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: 0xc0000201, bits: 128 },
  probes: 5,
  directProbes: 4,
  contacts: [{ protocol: 6, port: 23, isWeak: false }],
  firstMs: 0,
  lastMs: 0,
  isFlagged: false,
  isWaiting: false,
  score: 1.7071,
  directScore: 1.7071,
  slowContacts: 4,
  slowSinceMs: Date.UTC(2026, 10, 21),
  policy: {
    policy: "score",
    scanTrigger: 0,
    scorePorts: 3,
    scoreWindowMs: 600_000,
    slowScorePorts: 10,
    slowScoreWindowMs: 86_400_000,
  },
};

const direct = "4 of its probes went to closed ports, or had a form that only scanners send.";
const score = "Its score is 1.71 now; a score above 2 is a scan (SCORE_PORTS).";
const slow =
  "The source has tried 4 or more different ports since 2026-11-21T00:00:00.000Z; 10 ports are a scan (SLOW_SCORE_PORTS).";

test("what a watched source is short of is told in the settings' words", () => {
  assert.deepEqual(describeEvidence(evidence), [direct, score, slow]);
  assert.deepEqual(describeEvidence({ ...evidence, directProbes: 0, slowContacts: 0, score: 0 }), [
    "Its score is 0.00 now; a score above 2 is a scan (SCORE_PORTS).",
  ]);
});

test("a score above the threshold says why it is no scan", () => {
  const tolerated = { ...evidence, directProbes: 0, slowContacts: 0, score: 4.99, directScore: 0 };
  assert.deepEqual(describeEvidence(tolerated, ["mail", "Windows shares"]), [
    "Its score is 4.99 now, nearly all of it for ports that are tolerated or were served lately: a score above 2 is a scan only when a closed port of another kind is among them (SCORE_PORTS).",
    "The source has tried tolerated ports of 2 kinds lately: mail, Windows shares.",
  ]);
});

test("not where it does not count: a found source, another policy, no slow memory", () => {
  assert.deepEqual(describeEvidence({ ...evidence, isFlagged: true }), [`At least ${direct}`]);
  const [, waits, ...more] = describeEvidence({ ...evidence, isFlagged: true, isWaiting: true });
  assert.match(waits ?? "", /has been found scanning and waits for its block/);
  assert.deepEqual(more, []);
  assert.deepEqual(describeEvidence({ ...evidence, policy: { ...evidence.policy, policy: "trigger" } }), [direct]);
  assert.deepEqual(describeEvidence({ ...evidence, policy: { ...evidence.policy, slowScoreWindowMs: 0 } }), [
    direct,
    score,
  ]);
});

test("a block without a proof is not said to rest on packets that only a scan sends: closed ports are asked by SYNs", () => {
  assert.equal(
    gradeText("direct"),
    "the probes of the source, to closed ports or in a form that only scanners send, made a scan; that they came from its address is not proven",
  );
});

test("ports that were asked: how many, how many of them are served, and how many the silence test has answered", () => {
  assert.equal(
    describePorts({ tried: 100, all: true, answered: 46, open: 2 }),
    "The source has asked 100 different ports: 2 of them are served here, and the silence test has answered 46 of them.",
  );
  assert.equal(
    describePorts({ tried: 1, all: false, answered: 0, open: 1 }),
    "The source has asked at least 1 different port: 1 of them is served here, and the silence test has answered none.",
  );
  assert.match(
    describePorts({ tried: 9, all: true, answered: 0, open: 0 }),
    /9 different ports: none of them is served/,
  );
});
