// What one packet comes to: whom the walk is told of, who is remembered, which verdict there is. In a flood a finding may be
// passed over: then there is neither finding nor verdict, and the source asks again with its next probe.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryClock } from "../../src/base/delivery-clock.ts";
import { Engine } from "../../src/daemon/engine.ts";
import { Outcome, type Walked } from "../../src/daemon/walked.ts";
import { hostOf } from "../../src/detect/behind.ts";
import { Detector } from "../../src/detect/detector.ts";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition } from "../../src/detect/probe.ts";
import { RepeatedProbes } from "../../src/detect/repeated-probes.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { TriedPorts } from "../../src/detect/tried-ports.ts";
import { Judge, type JudgeContext } from "../../src/judge/judge.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { logPrefixes } from "../../src/table/log-rules.ts";
import { formatPrefix } from "../../src/wire/address.ts";
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

const names = ["nothing", "through", "watched", "found", "repeat", "spared"] as const;
const nameOf = ({ outcome }: Walked) => names[outcome];

function setUp(proof: "on" | "off" = "on", more: Partial<JudgeContext> = {}) {
  const state: { isFlooded: boolean; lot: number | undefined; mayBeProven: boolean; tellsSpared: boolean } = {
    ...{ isFlooded: false, lot: undefined, mayBeProven: false, tellsSpared: false },
  };
  const asked: number[] = [];
  const lots: (number | undefined)[] = [];
  const states: string[] = [];
  const verdicts: Verdict[] = [];
  const accepted: number[] = [];
  let proofs = 0;
  const breaker = {
    get isOpen() {
      return state.isFlooded;
    },
    draw: (probes: number) => {
      asked.push(probes);
      return state.lot;
    },
  };
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const engine = new Engine({
    detector,
    judge: new Judge({ ...context, proof, ...more }),
    clock: new DeliveryClock(() => NOW_MS),
    breaker,
    handshakes: {
      get isIdle() {
        return !state.mayBeProven;
      },
      accepted: ({ port }) => accepted.push(port),
    },
    tellsSpared: () => state.tellsSpared,
  });
  const syn = (source: string, tag: string = logPrefixes.probe, flags: number = TcpFlag.Syn): void => {
    const bytes = buildTcp({ source, destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 23, flags });
    const walked = engine.packet(bytes, 0, bytes.length, tag.charCodeAt(0));
    states.push(nameOf(walked) ?? "");
    if (walked.verdict !== undefined) {
      verdicts.push(walked.verdict);
      lots.push(walked.lot);
    }
    if (walked.isForProof) proofs++;
  };
  return { engine, detector, state, accepted, asked, lots, states, verdicts, proofs: () => proofs, syn };
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

test("while somebody may be proven by handshakes nobody draws a lot", () => {
  const { asked, state, verdicts, syn } = setUp();
  state.isFlooded = true;
  state.mayBeProven = true;
  syn("192.0.2.1");
  assert.deepEqual([asked, verdicts[0]?.action], [[], "soft"]);
});

test("a connection that a listener of ours has accepted is told to the handshakes before it is scored; a datagram is not", () => {
  const { engine, accepted, detector } = setUp();
  const { w0, w1, w2, w3 } = prefix("192.0.2.1");
  const arrival = Object.assign(new Arrival(), { source0: w0, source1: w1, source2: w2, source3: w3, timeMs: NOW_MS });
  const tcp = engine.arrival(Object.assign(arrival, { protocol: 6, port: 23 }));
  assert.deepEqual([tcp.outcome, tcp.verdict?.action, tcp.isForProof], [Outcome.Found, "block", false]);
  assert.equal(engine.arrival(Object.assign(arrival, { protocol: 17, port: 53 })).outcome, Outcome.Repeat);
  assert.deepEqual([accepted, engine.counters.probes, detector.table.size], [[23], 2, 1]);
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
  const { engine, detector } = setUp();
  const bytes = buildTcp({ source: "203.0.113.1", destination: "192.0.2.7", sourcePort: 23, destinationPort: 40_000 });
  const through = logPrefixes.through.charCodeAt(0);
  const walked = engine.packet(bytes, 0, bytes.length, through);
  const { destination0, destination1, destination2, destination3 } = walked.packet;
  assert.deepEqual([destination0, destination1, destination2, destination3], [0, 0, 0xffff, 0xc0000207]);
  assert.deepEqual([walked.outcome, walked.isForProof, walked.verdict], [Outcome.Through, false, undefined]);
  assert.deepEqual([engine.counters.answersThrough, engine.counters.probes, detector.table.size], [1, 0, 0]);
  assert.equal(engine.packet(bytes, 0, 0, through).outcome, Outcome.Nothing, "bytes that are no packet tell of nobody");
  assert.equal(engine.counters.answersThrough, 1);
});

/** An engine on a clock of the test's own. */
function onClock(more: Partial<JudgeContext> = {}) {
  const clock = { ms: NOW_MS };
  const delivery = new DeliveryClock(() => clock.ms);
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const told: { readonly kind: number; readonly timeMs: number }[] = [];
  const tooled: string[] = [];
  const engine = new Engine({
    detector,
    judge: new Judge({ ...context, ...more }),
    tools: { note: () => tooled.push("noted") },
    clock: delivery,
  });
  const note = ({ outcome, probe: { kind, timeMs } }: Walked) => {
    if (outcome !== Outcome.Nothing) told.push({ kind, timeMs });
  };
  const syn = (source: string): void => {
    const bytes = buildTcp({
      source,
      destination: "203.0.113.1",
      sourcePort: 40_000,
      destinationPort: 23,
      flags: TcpFlag.Syn,
    });
    note(engine.packet(bytes, 0, bytes.length, logPrefixes.probe.charCodeAt(0)));
  };
  return { clock, delivery, detector, engine, told, tooled, syn, note };
}

test("all packets of a delivery have one time, and the next delivery has its own", () => {
  const { clock, delivery, detector, told, syn } = onClock();
  syn("192.0.2.1");
  clock.ms += 7;
  syn("192.0.2.2");
  assert.equal(delivery.nowMs(), NOW_MS);
  delivery.end();
  assert.equal(delivery.nowMs(), NOW_MS + 7, "between deliveries whoever asks for the time asks the clock");
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
    const { detector, engine, told, tooled, syn, note } = onClock(more);
    const arrival = new Arrival();
    const { w0, w1, w2, w3 } = prefix(from);
    Object.assign(arrival, { source0: w0, source1: w1, source2: w2, source3: w3, protocol: 6, port: 23 });
    syn(from);
    note(engine.arrival(arrival));
    assert.deepEqual([detector.table.size, told, tooled], [0, [], []]);
    assert.deepEqual([engine.counters.own + engine.counters.ignored, engine.counters.probes], [2, 2]);
  });
}

test("where somebody wants to know of it, a probe that is spared says so; what is no probe does not", () => {
  const { detector, state, states, syn } = setUp("on", { ignored: ranges("192.0.2.1"), own: ranges("203.0.113.1") });
  const spared: (string | undefined)[] = [];
  const seen = (source: string, tag: string, flags?: number) => {
    syn(source, tag, flags);
    return states.pop();
  };
  assert.equal(seen("192.0.2.1", logPrefixes.ignored), "nothing");
  state.tellsSpared = true;
  spared.push(seen("192.0.2.1", logPrefixes.ignored), seen("203.0.113.1", logPrefixes.local));
  spared.push(seen("127.0.0.1", logPrefixes.local), seen("192.0.2.1", logPrefixes.held));
  assert.deepEqual(spared, ["spared", "spared", "spared", "nothing"]);
  assert.equal(detector.table.size, 0);
});

test("packets from the guard are remembered: what is proven about it is blocked all the same", () => {
  const { detector, engine, told, syn } = onClock();
  syn("198.51.100.1");
  assert.deepEqual([detector.table.size, told.length, engine.counters.guarded], [1, 1, 1]);
});

test("a lot is drawn only where a claim would be acted on, and only after the kernel has asked the guard", () => {
  const logging = setUp("on", { blockTcp: false });
  logging.state.isFlooded = true;
  logging.syn("192.0.2.1");
  assert.deepEqual([logging.asked, logging.verdicts[0]?.action], [[], "log"]);
  const { engine, asked, state } = setUp();
  state.isFlooded = true;
  const { w0, w1, w2, w3 } = prefix("192.0.2.1");
  const from = { source0: w0, source1: w1, source2: w2, source3: w3, timeMs: NOW_MS };
  const walked = engine.arrival(Object.assign(new Arrival(), { ...from, protocol: 17, port: 53 }));
  assert.deepEqual([asked, walked.verdict?.action], [[], "soft"]);
});

test("what cannot be read whole is counted by its fault; no address, no probe; a tag that is not ours is weak", () => {
  const { engine, detector, syn, states } = setUp();
  assert.deepEqual([...new Set(Object.values(engine.counters))], [0]);
  const bytes = buildTcp({ source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 23 });
  const tag = logPrefixes.quiet.charCodeAt(0);
  const changed = (at: number, ...values: readonly number[]) => {
    const other = Uint8Array.from(bytes);
    other.set(values, at);
    return other;
  };
  const told = (packet: Uint8Array, end = packet.length) => engine.packet(packet, 0, end, tag).outcome;
  assert.equal(told(bytes, 0), Outcome.Nothing);
  assert.deepEqual([engine.counters.truncated, engine.counters.probes], [1, 0]);
  assert.equal(told(bytes, 22), Outcome.Watched);
  assert.equal(told(changed(6, 0, 1)), Outcome.Watched, "a later fragment");
  assert.equal(told(changed(9, 47)), Outcome.Watched, "GRE");
  const { truncated, fragments, otherProtocols, malformed, probes } = engine.counters;
  assert.deepEqual([truncated, fragments, otherProtocols, malformed, probes], [2, 1, 1, 0, 3]);
  assert.equal(told(changed(0, 0x41)), Outcome.Watched, "a header of four bytes, behind which the addresses are");
  assert.equal(told(changed(0, 0x15)), Outcome.Nothing, "no version of IP");
  assert.deepEqual([engine.counters.malformed, engine.counters.probes], [2, 4]);
  assert.equal(engine.counters.unknownTags, 0);
  const sources = detector.table.size;
  syn("192.0.2.9", "Z");
  assert.deepEqual([engine.counters.unknownTags, states.at(-1), detector.table.size], [1, "watched", sources]);
});

test("crowds get the probes of sources that nothing spares, and their findings are judged as those of crowds", () => {
  const noted: number[] = [];
  const detector = new Detector({
    table: new SourceTable(16, seed),
    policy: { ...policy, scanTrigger: 9 },
    near: ranges(),
  });
  const judge = new Judge(context);
  const engine = new Engine({
    ...{ detector, judge, clock: new DeliveryClock(() => NOW_MS) },
    crowds: {
      note: ({ port, timeMs }, hash) => {
        noted.push(port);
        assert.notEqual(hash, 0);
        return port === 99 ? { ...finding, port, timeMs } : undefined;
      },
    },
  });
  const finding: Finding = {
    ...{ source: prefix("192.0.2.0/24"), kind: 1, protocol: 6, port: 0, tcpFlags: 2, hasIpOptions: false, probes: 9 },
    ...{ contacts: 9, firstMs: NOW_MS, timeMs: NOW_MS, policy: "neighbours", members: 9 },
  };
  const walk = (source: string, destinationPort: number) => {
    const bytes = buildTcp({ source, destination: "203.0.113.1", sourcePort: 1, destinationPort, flags: TcpFlag.Syn });
    const { verdict, crowdVerdict } = engine.packet(bytes, 0, bytes.length, logPrefixes.probe.charCodeAt(0));
    return [verdict?.action, crowdVerdict?.action];
  };
  assert.deepEqual(walk("192.0.2.1", 98), [undefined, undefined]);
  assert.deepEqual(walk("192.0.2.1", 99), [undefined, "soft"]);
  assert.deepEqual([noted, engine.counters.findings], [[98, 99], 1]);
  assert.deepEqual(walk("192.0.2.1", 98), [undefined, undefined], "the record does not remember the packet before");
  walk("198.51.100.1", 99);
  walk("127.0.0.1", 99);
  assert.deepEqual([noted.length, engine.counters.findings], [3, 1], "nobody who is spared is part of a crowd");
  const connect = (from: string) => {
    const { w0, w1, w2, w3 } = prefix(from);
    const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
    return engine.arrival(Object.assign(new Arrival(), { ...words, protocol: 6, port: 97, timeMs: NOW_MS })).outcome;
  };
  assert.deepEqual([connect("198.51.100.1"), noted.length], [Outcome.Watched, 3]);
  assert.deepEqual([connect("192.0.2.3"), noted.at(-1)], [Outcome.Watched, 97]);
});

test("what a held source's kernel sends again is one probe, until the source is found; a new segment counts", () => {
  const detector = new Detector({
    table: new SourceTable(16, seed),
    policy: { ...policy, scanTrigger: 3 },
    near: ranges(),
  });
  const repeated = new RepeatedProbes(seed);
  const noted: number[] = [];
  const engine = new Engine({
    ...{ detector, repeated, judge: new Judge(context), clock: new DeliveryClock(() => NOW_MS) },
    crowds: { note: ({ port }) => void noted.push(port) },
  });
  const syn = (port: number, sequence: number, tag: string = logPrefixes.probe) => {
    const from = { source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000 };
    const bytes = buildTcp({ ...from, destinationPort: port, sequence });
    return nameOf(engine.packet(bytes, 0, bytes.length, tag.charCodeAt(0)));
  };
  assert.deepEqual([syn(23, 1), syn(23, 1), syn(23, 1), syn(23, 1)], ["watched", "nothing", "nothing", "nothing"]);
  assert.deepEqual([syn(23, 2), syn(23, 2)], ["watched", "nothing"], "the same port again is another try");
  assert.deepEqual([syn(22, 3, logPrefixes.quiet), syn(22, 3, logPrefixes.quiet)], ["watched", "watched"]);
  assert.deepEqual([syn(24, 4), syn(24, 4)], ["found", "repeat"], "a found source goes on to the proofs");
  assert.equal(engine.counters.probesRepeated, 4);
  assert.deepEqual(noted, [23, 23, 22, 22, 24, 24]);
  detector.reset(prefix("192.0.2.1"));
  repeated.forget(prefix("192.0.2.1"), NOW_MS);
  assert.equal(syn(24, 4), "watched", "it is judged afresh");
});

test("every source's ports are counted, those of fully blocked ones too, of which nothing else is made", () => {
  const tried = new TriedPorts({ burst: 10, perSecond: 10 });
  const detector = new Detector({ table: new SourceTable(16, seed), policy, near: ranges() });
  const engine = new Engine({ detector, judge: new Judge(context), clock: new DeliveryClock(() => NOW_MS), tried });
  const syn = (port: number, tag: string) => {
    const bytes = buildTcp({
      ...{ source: "192.0.2.7", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: port },
      flags: TcpFlag.Syn,
    });
    return engine.packet(bytes, 0, bytes.length, tag.charCodeAt(0)).outcome;
  };
  for (const [port, tag] of [
    [23, logPrefixes.probe],
    [22, logPrefixes.held],
    [3306, logPrefixes.firstContact],
  ] as const)
    syn(port, tag);
  const { findings, probes } = engine.counters;
  assert.equal(syn(80, logPrefixes.blocked), Outcome.Nothing);
  assert.equal(syn(23, logPrefixes.blocked), Outcome.Nothing);
  assert.deepEqual(
    [engine.counters.shutOutPackets, engine.counters.findings, engine.counters.probes],
    [2, findings, probes],
  );
  assert.deepEqual(tried.of(prefix("192.0.2.7"))?.tcp, [23, 22, 3306, 80]);
});

test("a refusal of a host behind this one is a probe of the source that it goes to, names the host, and shows no tool", () => {
  const table = new SourceTable(16, seed);
  const noted: string[] = [];
  const engine = new Engine({
    detector: new Detector({ table, policy: { ...policy, policy: "score", scorePorts: 3 }, near: ranges() }),
    judge: new Judge(context),
    clock: new DeliveryClock(() => NOW_MS),
    tools: { note: () => noted.push("a tool") },
    tried: { note: () => noted.push("a port of this host"), noteShutOut: () => undefined },
    behind: () => ranges("203.0.113.0/24"),
  });
  const refusal = (host: string, tag: string = logPrefixes.closed) => {
    const flags = TcpFlag.Rst | TcpFlag.Ack;
    const bytes = buildTcp({ source: host, destination: "192.0.2.1", sourcePort: 23, destinationPort: 40_000, flags });
    return engine.packet(bytes, 0, bytes.length, tag.charCodeAt(0));
  };
  // The same port of three hosts is three contacts.
  for (const [host, outcome] of [
    ["203.0.113.1", "watched"],
    ["203.0.113.2", "watched"],
    ["203.0.113.3", "found"],
  ] as const) {
    const walked = refusal(host);
    assert.equal(nameOf(walked), outcome, host);
    assert.deepEqual([walked.probe.kind, walked.probe.port, walked.isForProof], [Kind.Syn, 23, false]);
    const { host: asked } = hostOf(walked.probe);
    assert.equal(asked && formatPrefix(asked), host);
    const { finding } = walked.verdict ?? {};
    if (outcome === "found") assert.deepEqual([finding?.source, finding?.host], [prefix("192.0.2.1"), prefix(host)]);
  }
  assert.equal(refusal("203.0.113.4", logPrefixes.excused).probe.disposition, Disposition.Quiet);
  assert.deepEqual([noted, engine.counters.refusalsBehind], [[], 4]);
  const unreadable = Uint8Array.of(0x45, 0);
  assert.equal(nameOf(engine.packet(unreadable, 0, 2, logPrefixes.closed.charCodeAt(0))), "nothing");
});
