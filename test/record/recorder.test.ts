import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Probe } from "../../src/detect/probe.ts";
import type { Block } from "../../src/judge/block.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import type { Event } from "../../src/record/event.ts";
import { Journal } from "../../src/record/journal.ts";
import { historyFor, Recorder } from "../../src/record/recorder.ts";
import { RunningCounts } from "../../src/record/series/running-counts.ts";
import { prefix } from "../support/prefix.ts";
import { lineSink } from "./line-sink.ts";

const timeMs = Date.UTC(2026, 10, 22, 9, 34, 31);

function finding(source = "192.0.2.1", more: Partial<Finding> = {}): Finding {
  return {
    source: prefix(source),
    kind: Kind.Syn,
    protocol: 6,
    port: 79,
    tcpFlags: 2,
    hasIpOptions: false,
    probes: 3,
    contacts: 2,
    firstMs: timeMs - 1500,
    timeMs,
    policy: "trigger",
    ...more,
  };
}

function probe(more: Partial<Probe> = {}): Probe {
  const { w0, w1, w2, w3 } = prefix("192.0.2.1");
  const words = { source0: w0, source1: w1, source2: w2, source3: w3 };
  return Object.assign(new Probe(), { ...words, protocol: 6, port: 79, kind: Kind.Syn, tcpFlags: 2, timeMs, ...more });
}

function setUp(
  options: { proof?: "on" | "off"; format?: "portsentry1" | "json"; isFlooded?: () => boolean; aheadMs?: number } = {},
) {
  const clock = { ms: timeMs };
  const { aheadMs = 0 } = options;
  const wallMs = (ms: number) => ms + aheadMs;
  const nowMs = () => clock.ms;
  const events: Event[] = [];
  const said: string[] = [];
  const history: string[] = [];
  const sink = lineSink((text) => said.push(text));
  const journal = new Journal({ sink, format: options.format ?? "portsentry1", nowMs, wallMs });
  const recorder = new Recorder(
    {
      store: { addEvent: (event) => events.push(event) },
      series: new RunningCounts(),
      journal,
      history: { append: (line) => history.push(line) },
      nowMs,
      wallMs,
      ...(options.isFlooded !== undefined && { isFlooded: options.isFlooded }),
    },
    { proof: options.proof ?? "off", holdsTcp: true, holdsUdp: false },
  );
  return { clock, events, said, history, journal, recorder };
}

const block: Block = {
  source: prefix("192.0.2.1"),
  sinceMs: timeMs,
  untilMs: timeMs + 86_400_000,
  grade: "direct",
  soft: false,
  reason: "3 probes",
  offences: 1,
  backend: "nftables",
  enforced: true,
};
const command = "nft add element inet portreeve blocked4 { 192.0.2.1 timeout 86400s }";

test("a run in 1.2's words: start, finding, block, repeat, stop", () => {
  const { recorder, said } = setUp();
  recorder.starting();
  recorder.listening();
  recorder.finding({ action: "block", grade: "direct", finding: finding() });
  recorder.blocked(block, command, finding());
  recorder.repeat(probe({ hasIpOptions: 1 }));
  recorder.stopping();
  assert.deepEqual(said, [
    "adminalert: PortSentry 1.2 is starting.\n",
    "adminalert: PortSentry is now active and listening.\n",
    "attackalert: TCP SYN/Normal scan from host: 192.0.2.1/192.0.2.1 to TCP port: 79\n",
    `attackalert: Host 192.0.2.1 has been blocked via dropped route using command: "${command}"\n`,
    "attackalert: TCP SYN/Normal scan from host: 192.0.2.1/192.0.2.1 to TCP port: 79\n",
    "attackalert: Packet from host: 192.0.2.1/192.0.2.1 to TCP port: 79 has IP options set (detection avoidance technique).\n",
    "attackalert: Host: 192.0.2.1/192.0.2.1 is already blocked Ignoring\n",
    "securityalert: PortSentry is shutting down\n",
    "adminalert: PortSentry is shutting down\n",
  ]);
});

test("events carry what applies and nothing else", () => {
  const { recorder, events } = setUp();
  recorder.probe(probe());
  recorder.probe(probe({ protocol: 17, kind: Kind.Udp }));
  recorder.probe(probe({ disposition: Disposition.Quiet }));
  recorder.finding({ action: "spare", because: "guarded", finding: finding() });
  recorder.finding({ action: "soft", grade: "direct", finding: finding() });
  recorder.blocked({ ...block, soft: true }, command);
  recorder.unblocked(block.source, "expired");
  recorder.drift("table flushed");
  const contact = { time: "2026-11-22T09:34:31.000Z", source: "192.0.2.1", protocol: "tcp", port: 79, kind: "syn" };
  const message = "3 probes in 2 s, the last tcp/79";
  const { time, source } = contact;
  assert.deepEqual(events, [
    { ...contact, type: "probe", action: "held", disposition: "probe" },
    { ...contact, type: "probe", protocol: "udp", kind: "udp", action: "logged", disposition: "probe" },
    { ...contact, type: "probe", action: "logged", disposition: "quiet" },
    { ...contact, type: "finding", action: "guarded", message },
    { ...contact, type: "finding", grade: "direct", action: "soft", message },
    { time, type: "block", source, grade: "direct", action: "soft", message: "3 probes" },
    { time, type: "unblock", source, action: "expired" },
    { time, type: "drift", message: "table flushed" },
  ]);
});

test("the record tells how many probes are not in it", () => {
  const { recorder, events, clock } = setUp();
  for (let sent = 0; sent < 2_005; sent++) recorder.probe(probe());
  assert.equal(events.length, 2_000);
  assert.ok(events.every((event) => event.missed === undefined));
  clock.ms += 1_000;
  recorder.repeat(probe());
  recorder.probe(probe());
  assert.deepEqual(
    events.slice(2_000).map(({ missed }) => missed),
    [5, undefined],
  );
});

test("log only: 1.2's ignoring line; spared sources are not said to readers that act on lines", () => {
  const { recorder, said, history } = setUp();
  recorder.finding({ action: "log", finding: finding("192.0.2.1", { protocol: 17, kind: Kind.Udp }) });
  recorder.finding({ action: "spare", because: "ignored", finding: finding("192.0.2.2") });
  assert.deepEqual(said, [
    "attackalert: UDP scan from host: 192.0.2.1/192.0.2.1 to UDP port: 79\n",
    "attackalert: Ignoring UDP response per configuration file setting.\n",
  ]);
  assert.equal(history.length, 1);
});

test("a block that failed is never called blocked", () => {
  const { recorder, said, events } = setUp();
  recorder.blockFailed(block.source, "EPERM; needs CAP_NET_ADMIN", finding());
  assert.deepEqual(said, [
    "attackalert: ERROR: Could not block host 192.0.2.1/192.0.2.1!!\n",
    "adminalert: WARNING: cannot block 192.0.2.1: EPERM; needs CAP_NET_ADMIN\n",
  ]);
  assert.deepEqual([events[0]?.type, events[0]?.action], ["warning", "block-failed"]);
});

test("history: one line a source until it is unblocked", () => {
  const { recorder, history } = setUp();
  const verdict: Verdict = { action: "block", grade: "direct", finding: finding() };
  recorder.finding(verdict);
  recorder.finding(verdict);
  assert.equal(history.length, 1);
  assert.match(history[0] ?? "", /^1795340071 - .* Host: 192\.0\.2\.1\/192\.0\.2\.1 Port: 79 TCP Blocked$/);
  recorder.unblocked(block.source, "expired");
  recorder.finding(verdict);
  assert.equal(history.length, 2);
});

test("while the breaker is open fewer probes are recorded", () => {
  let isFlooded = true;
  const { recorder, events, clock } = setUp({ isFlooded: () => isFlooded });
  for (let sent = 0; sent < 1_000; sent++) recorder.probe(probe());
  assert.equal(events.length, 200);
  assert.equal(recorder.counters.probeEventsDropped, 800);
  clock.ms += 1_000;
  for (let sent = 0; sent < 1_000; sent++) recorder.probe(probe());
  assert.equal(events.length, 250);
  isFlooded = false;
  recorder.probe(probe());
  assert.equal(events.at(-1)?.missed, 950);
});

test("history: with PROOF on only proof, never a spared source", () => {
  const of = (verdict: Verdict) => [historyFor(verdict, "off"), historyFor(verdict, "on")];
  const found = finding();
  assert.deepEqual(of({ action: "log", finding: found }), [true, false]);
  assert.deepEqual(of({ action: "soft", grade: "direct", finding: found }), [true, false]);
  assert.deepEqual(of({ action: "block", grade: "direct", finding: found }), [true, false]);
  assert.deepEqual(of({ action: "block", grade: "handshake", finding: found }), [true, true]);
  assert.deepEqual(of({ action: "block", grade: "silence", finding: found }), [true, true]);
  assert.deepEqual(of({ action: "spare", because: "guarded", finding: found }), [false, false]);
  for (const grade of ["direct", "handshake", "silence"] as const)
    assert.deepEqual(of({ action: "block", grade, guard: "gateway", finding: found }), [false, false], grade);
});

test("history: fail2ban bans on a line, so a guarded source has none though it is proven and blocked", () => {
  const { history, recorder } = setUp({ proof: "on" });
  recorder.finding({ action: "block", grade: "silence", guard: "gateway", finding: finding() });
  recorder.blocked({ ...block, grade: "silence" }, command, finding());
  assert.deepEqual(history, []);
  recorder.finding({ action: "block", grade: "silence", finding: finding("192.0.2.2") });
  assert.equal(history.length, 1);
});

test("JSON: one line an event", () => {
  const { recorder, said, events } = setUp({ format: "json" });
  recorder.finding({ action: "spare", because: "guarded", finding: finding() });
  recorder.blocked(block, command, finding());
  recorder.repeat(probe());
  assert.deepEqual(
    said.map((line) => JSON.parse(line)),
    events,
  );
  assert.ok(said.every((line) => line.indexOf("\n") === line.length - 1));
});

test("a flood of probes costs no more than its budget, and no text", () => {
  const { clock, recorder, events } = setUp();
  const flood = probe();
  let texts = 0;
  Object.defineProperty(flood, "sourceBits", {
    get: () => {
      texts++;
      return 128;
    },
  });
  for (let i = 0; i < 10_000; i++) recorder.probe(flood);
  assert.equal(events.length, 2000);
  assert.equal(texts, 2000);
  assert.equal(recorder.counters.probeEventsDropped, 8000);
  clock.ms += 1000;
  for (let i = 0; i < 10_000; i++) recorder.probe(flood);
  assert.equal(events.length, 2500);
});

test("3,000 sources found and blocked at once are all recorded", () => {
  const { recorder, events, history } = setUp();
  for (let i = 0; i < 3000; i++) {
    const source = `10.0.${i >> 8}.${i & 255}`;
    recorder.finding({ action: "block", grade: "direct", finding: finding(source) });
    recorder.blocked({ ...block, source: prefix(source) }, command);
  }
  assert.equal(events.length, 6000);
  assert.equal(history.length, 3000);
});

test("followers hear each event, may leave, are bounded, and one that throws is dropped", () => {
  const { recorder } = setUp();
  const heard: Event[] = [];
  const stop = recorder.follow((event) => heard.push(event));
  recorder.follow(() => {
    throw new Error("gone");
  });
  for (let i = 0; i < 62; i++) assert.ok(recorder.follow(() => {}) !== undefined);
  assert.equal(
    recorder.follow(() => {}),
    undefined,
  );
  recorder.warning("one", "192.0.2.1");
  assert.equal(recorder.counters.listenersFailed, 1);
  assert.ok(recorder.follow(() => {}) !== undefined);
  stop?.();
  recorder.warning("two");
  assert.deepEqual(
    heard.map((event) => [event.message, event.source]),
    [["one", "192.0.2.1"]],
  );
});

test("a time that no calendar has does not throw", () => {
  const { recorder, events } = setUp();
  recorder.probe(probe({ timeMs: Number.NaN }));
  recorder.finding({ action: "log", finding: finding("192.0.2.1", { timeMs: 1e300 }) });
  assert.equal(events.length, 2);
});

test("a wall clock that was set: events, lines of JSON and history have its time", () => {
  const HOUR = 3_600_000;
  const { events, said, history, recorder } = setUp({ format: "json", aheadMs: HOUR });
  recorder.probe(probe());
  recorder.finding({ action: "block", grade: "direct", finding: finding() });
  recorder.blocked(block, "nft add element ...", finding());
  recorder.unblocked(block.source, "by hand");
  recorder.warning("something");
  recorder.notice("something else");
  const shown = new Date(timeMs + HOUR).toISOString();
  assert.deepEqual(
    events.map(({ time, type }) => [time, type]),
    ["probe", "finding", "block", "unblock", "warning"].map((type) => [shown, type]),
  );
  const times = said.map((line) => String(JSON.parse(line).time));
  assert.ok(times.length >= 5);
  for (const time of times) assert.equal(time, shown);
  assert.equal(history.length, 1);
  assert.ok(history[0]?.startsWith(`${(timeMs + HOUR) / 1000} `), history[0]);
});

test("a finding about a network is a warning and an event: no line that readers take for a host's, no history", () => {
  for (const source of ["198.51.100.0/24", "0.0.0.0/0"]) {
    const { recorder, events, said, history } = setUp({ proof: "off" });
    const policy = source === "0.0.0.0/0" ? "scattered" : "neighbours";
    recorder.finding({ action: "log", finding: finding(source, { policy, members: 16 }) });
    assert.deepEqual(
      events.map((event) => [event.type, event.source, event.action]),
      [["finding", source, "log"]],
    );
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /^adminalert: WARNING: 16 /);
    assert.deepEqual(history, []);
  }
  const { recorder, history } = setUp({ proof: "off" });
  const tolerated = finding("192.0.2.1", { policy: "tolerated", habits: ["web"] });
  recorder.finding({ action: "soft", grade: "direct", finding: tolerated });
  assert.deepEqual(history, []);
});
