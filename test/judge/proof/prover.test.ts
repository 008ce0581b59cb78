// The prover meets a SYN alike whatever its port is: the kernel says "probe" of a closed port and "held" of an open or
// tolerated one, and what is answered, how soon and how often, and who is proven by it, must not depend on that.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../../src/detect/kinds.ts";
import { Disposition } from "../../../src/detect/probe.ts";
import { type Proven, Prover } from "../../../src/judge/proof/prover.ts";
import type { AnsweredSyn } from "../../../src/kernel/tcp-reset.ts";
import { Packet } from "../../../src/wire/packet.ts";
import { probe } from "../../detect/probes.ts";

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
