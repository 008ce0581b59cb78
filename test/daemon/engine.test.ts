// What the engine does with a finding that its listener passes over in a flood: it builds neither finding nor verdict, and the
// source asks again with its next probe.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Engine, type ProbeState } from "../../src/daemon/engine.ts";
import { Detector } from "../../src/detect/detector.ts";
import type { Probe } from "../../src/detect/probe.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { Judge, type JudgeContext } from "../../src/judge/judge.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { logPrefixes } from "../../src/table/ruleset.ts";
import { Arrival } from "../../src/wire/arrival.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { prefix, ranges, seed } from "../detect/probes.ts";
import { buildTcp } from "../support/build-packet.ts";

const NOW_MS = 1_700_000_000_000;
const policy = {
  policy: "trigger",
  scanTrigger: 0,
  scorePorts: 3,
  scoreWindowMs: 60_000,
  slowScorePorts: 10,
  slowScoreWindowMs: 86_400_000,
} as const;
const context: JudgeContext = {
  ignored: ranges(),
  guarded: ranges("198.51.100.1"),
  own: ranges(),
  blockTcp: true,
  blockUdp: true,
  proof: "on",
  firewall: true,
};

function setUp(proof: "on" | "off" = "on") {
  const state: { isFlooded: boolean; lot: number | undefined } = { isFlooded: false, lot: undefined };
  const asked: number[] = [];
  const lots: (number | undefined)[] = [];
  const states: ProbeState[] = [];
  const verdicts: Verdict[] = [];
  let proofs = 0;
  const listener = {
    probe: (_: unknown, state: ProbeState) => states.push(state),
    verdict: (verdict: Verdict, lot?: number) => {
      verdicts.push(verdict);
      lots.push(lot);
    },
    proof: () => proofs++,
    isFlooded: () => state.isFlooded,
    drawLot: (probes: number) => {
      asked.push(probes);
      return state.lot;
    },
    batchEnd: () => undefined,
  };
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const engine = new Engine({ detector, judge: new Judge({ ...context, proof }), listener, nowMs: () => NOW_MS });
  const syn = (source: string, tag: string = logPrefixes.probe, flags: number = TcpFlag.Syn): void => {
    const bytes = buildTcp({ source, destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 23, flags });
    engine.packet(bytes, 0, bytes.length, tag.charCodeAt(0));
  };
  return { engine, detector, state, asked, lots, states, verdicts, proofs: () => proofs, syn };
}

test("without a flood a finding is judged, and nobody asks for a lot", () => {
  const { engine, asked, lots, states, verdicts, proofs, syn } = setUp();
  syn("192.0.2.1");
  syn("192.0.2.1");
  assert.deepEqual(
    verdicts.map(({ action }) => action),
    ["soft"],
  );
  assert.deepEqual([states, engine.counters.findings, proofs()], [["found", "repeat"], 1, 2]);
  assert.deepEqual([asked, lots], [[], [undefined]]);
});

for (const proof of ["on", "off"] as const) {
  test(`PROOF="${proof}": in a flood a source asks with each probe until its lot is good enough, and goes on to the proofs`, () => {
    const { engine, state, asked, lots, states, verdicts, proofs, syn } = setUp(proof);
    state.isFlooded = true;
    syn("192.0.2.1");
    syn("192.0.2.1");
    assert.deepEqual([verdicts, engine.counters.findings], [[], 0]);
    state.lot = -0.25;
    syn("192.0.2.1");
    syn("192.0.2.1");
    assert.deepEqual(
      verdicts.map(({ action }) => action),
      [proof === "on" ? "soft" : "block"],
    );
    assert.deepEqual([asked, lots, engine.counters.findings], [[1, 2, 3], [-0.25], 1]);
    assert.deepEqual([states, proofs()], [["found", "found", "found", "repeat"], 4]);
  });
}

test("nobody draws a lot for what is more, or something else, than a block on a claim", () => {
  const { asked, state, verdicts, syn } = setUp();
  state.isFlooded = true;
  syn("198.51.100.1");
  assert.deepEqual([asked, verdicts[0]?.action], [[], "spare"]);
  // Decides on a guard that the kernel has not asked.
  syn("192.0.2.1", logPrefixes.delegated);
  assert.deepEqual(asked, []);
});

test("a found source's SYN to an open port goes to the proofs as one to a closed port does, and counts for nothing else", () => {
  const { engine, detector, states, proofs, verdicts, syn } = setUp();
  syn("192.0.2.1", logPrefixes.held);
  assert.deepEqual([proofs(), detector.table.size], [0, 0], "it is only held, and nobody remembers it");
  syn("192.0.2.1");
  syn("192.0.2.1", logPrefixes.held);
  assert.equal(proofs(), 2);
  assert.deepEqual(states, ["watched", "found", "watched"]);
  assert.deepEqual([verdicts.length, engine.counters.findings, engine.counters.heldPackets], [1, 1, 2]);
  const evidence = detector.evidenceOn(prefix("192.0.2.1"), NOW_MS);
  assert.equal(evidence?.probes, 1, "only the closed port is a probe");
  syn("192.0.2.1", logPrefixes.held, TcpFlag.Ack);
  assert.equal(proofs(), 2, "what is no SYN is no part of the test");
});

test("SYNs to open ports keep a found source in a full table, as those to closed ports do", () => {
  for (const tag of [logPrefixes.held, logPrefixes.probe]) {
    const { detector, syn } = setUp();
    syn("192.0.2.1");
    for (let other = 1; other <= 40; other++) {
      syn(`192.0.2.${100 + other}`);
      syn("192.0.2.1", tag);
    }
    assert.equal(detector.isFound(prefix("192.0.2.1")), true, tag);
  }
});

test("an answer of ours that is told of is about its destination, and no probe", () => {
  const { engine, states } = setUp();
  const told: number[][] = [];
  const listener = { probe: () => states.push("watched"), verdict: () => 0, proof: () => 0, batchEnd: () => undefined };
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const parts = { detector, judge: new Judge(context), nowMs: () => NOW_MS };
  const watching = new Engine({ ...parts, listener: { ...listener, through: (words) => told.push([...words]) } });
  const bytes = buildTcp({ source: "203.0.113.1", destination: "192.0.2.7", sourcePort: 23, destinationPort: 40_000 });
  for (const each of [engine, watching]) each.packet(bytes, 0, bytes.length, logPrefixes.through.charCodeAt(0));
  assert.deepEqual(told, [[0, 0, 0xffff, 0xc0000207]]);
  assert.deepEqual([states, watching.counters.answersThrough, watching.counters.probes], [[], 1, 0]);
});

/** An engine on a clock of the test's own; what its listener is told is of no interest. */
function onClock(more: Partial<JudgeContext> = {}) {
  const clock = { ms: NOW_MS };
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const told: { readonly kind: number; readonly timeMs: number }[] = [];
  const tooled: string[] = [];
  const listener = {
    probe: ({ kind, timeMs }: Probe) => told.push({ kind, timeMs }),
    verdict: () => undefined,
    proof: () => undefined,
    batchEnd: () => undefined,
  };
  const engine = new Engine({
    detector,
    judge: new Judge({ ...context, ...more }),
    listener,
    tools: { note: () => tooled.push("noted") },
    nowMs: () => clock.ms,
  });
  const syn = (source: string): void => {
    const bytes = buildTcp({
      source,
      destination: "203.0.113.1",
      sourcePort: 40_000,
      destinationPort: 23,
      flags: TcpFlag.Syn,
    });
    engine.packet(bytes, 0, bytes.length, logPrefixes.probe.charCodeAt(0));
  };
  return { clock, detector, engine, told, tooled, syn };
}

test("all packets of a delivery have one time, and the next delivery has its own", () => {
  const { clock, detector, engine, told, syn } = onClock();
  syn("192.0.2.1");
  clock.ms += 7;
  syn("192.0.2.2");
  assert.equal(engine.timeMs, NOW_MS);
  engine.batchEnd();
  assert.equal(engine.timeMs, 0, "between deliveries whoever asks the engine for the time asks a clock");
  clock.ms += 59_993;
  syn("192.0.2.3");
  assert.deepEqual(
    told.map(({ timeMs }) => timeMs - NOW_MS),
    [0, 0, 60_000],
  );
  assert.equal(detector.lastSeenMs(prefix("192.0.2.3")), NOW_MS + 60_000);
});

for (const { what, from, more } of [
  { what: "this host's own addresses", from: "203.0.113.9", more: { own: ranges("203.0.113.9") } },
  { what: "addresses that no other host has", from: "127.0.0.1", more: {} },
  { what: "the allow list", from: "203.0.113.9", more: { ignored: ranges("203.0.113.0/24") } },
]) {
  test(`packets from ${what} are counted, and nobody remembers them`, () => {
    const { detector, engine, told, tooled, syn } = onClock(more);
    const arrival = new Arrival();
    const { w0, w1, w2, w3 } = prefix(from);
    Object.assign(arrival, { source0: w0, source1: w1, source2: w2, source3: w3, protocol: 6, port: 23 });
    syn(from);
    engine.arrival(arrival);
    assert.deepEqual([detector.table.size, told, tooled], [0, [], []]);
    assert.deepEqual([engine.counters.own + engine.counters.ignored, engine.counters.probes], [2, 2]);
  });
}

test("packets from the guard are remembered: what is proven about it is blocked all the same", () => {
  const { detector, engine, told, syn } = onClock();
  syn("198.51.100.1");
  assert.deepEqual([detector.table.size, told.length, engine.counters.guarded], [1, 1, 1]);
});
