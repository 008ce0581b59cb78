// Recorded probes under two policies: who is found by which, and what is known of them besides.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settings } from "../../src/config/settings.ts";
import type { Event } from "../../src/record/event.ts";
import { Backtest } from "../../src/replay/backtest.ts";
import { describeSources, summarize } from "../../src/replay/backtest-report.ts";
import { proposeSettings } from "../../src/replay/backtest-settings.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../support/prefix.ts";
import { CLIENT, HOUR_MS, numbered, probe, SCANNER, SLOW, START, scan, slips, slow } from "./backtest-events.ts";

const SCORE = 'POLICY="score"\nTOLERATED_PORTS_TCP="443"\nIGNORE_FILE="/etc/portsentry/portsentry.ignore"\n';
const present = settingsOf(load(SCORE));

interface Choice {
  readonly policy?: string;
  readonly set?: readonly string[];
  readonly from?: Settings;
  readonly sinceMs?: number;
  readonly first?: number;
}

function run(events: readonly Event[], { policy, set = [], from = present, sinceMs, first }: Choice = {}): Backtest {
  const proposed = proposeSettings(from, policy, set);
  const backtest = new Backtest({ present: from, proposed, sinceMs, seed: { k0: 1, k1: 2 } });
  for (const one of numbered(events, first)) backtest.see(one);
  return backtest;
}

/** "source change" of each, by time. */
function changes(backtest: Backtest): string[] {
  return describeSources(backtest).map(({ source, change }) => `${source} ${change}`);
}

const everybody = [...scan, ...slips, ...slow];

test("score finds the scanner and the slow one, and no client with slips; trigger finds everybody", () => {
  assert.deepEqual(changes(run(everybody)), [`${SCANNER} same`, `${SLOW} same`]);
  const harsh = run(everybody, { policy: "trigger" });
  assert.deepEqual(changes(harsh), [`${SCANNER} same`, `${SLOW} same`, `${CLIENT} new`]);
  const [scanner, slowOne, client] = describeSources(harsh);
  assert.deepEqual([scanner?.present?.probes, scanner?.proposed?.probes], [3, 1]);
  assert.equal(slowOne?.present?.probes, 10);
  assert.equal(client?.proposed?.reason, "a probe of closed port tcp/8081");
  assert.equal(client?.present, undefined);
  assert.equal(harsh.sources, 3);
});

test("each key that can be set changes who is found", () => {
  const gone = (set: string) => changes(run(everybody, { set: [set] }));
  assert.deepEqual(gone("SLOW_SCORE_WINDOW=0"), [`${SCANNER} same`, `${SLOW} gone`]);
  assert.deepEqual(gone("SLOW_SCORE_PORTS=12"), [`${SCANNER} same`, `${SLOW} same`]);
  // The sketch counts too few, never too many: 30 ports are not 24 to it.
  assert.deepEqual(gone("SLOW_SCORE_PORTS=24"), [`${SCANNER} same`, `${SLOW} gone`]);
  assert.deepEqual(gone("SCORE_WINDOW=1s"), [`${SCANNER} same`, `${SLOW} same`]);
  const few = run(scan.slice(0, 4), { set: ["SCORE_PORTS=6"] });
  assert.deepEqual(changes(few), [`${SCANNER} gone`]);
  const twice = { policy: "trigger", set: ["SCAN_TRIGGER=3"] };
  assert.deepEqual(changes(run(slips, twice)), []);
  assert.deepEqual(changes(run(slips, { ...twice, set: ["SCAN_TRIGGER=2"] })), [`${CLIENT} new`]);
});

test("tolerated ports: what is no longer tolerated is a probe, what is tolerated now is weak", () => {
  const habit = [1, 2, 3].map((step) => probe(CLIENT, 443, 1000 * step, { disposition: "quiet" }));
  assert.deepEqual(changes(run(habit, { policy: "trigger" })), []);
  assert.deepEqual(changes(run(habit, { policy: "trigger", set: ["TOLERATED_PORTS_TCP="] })), [`${CLIENT} new`]);
  // Quiet, and never tolerated: the port had been open lately, which no setting changes.
  const restart = [1, 2, 3].map((step) => probe(CLIENT, 8443, 1000 * step, { disposition: "quiet" }));
  assert.deepEqual(changes(run(restart, { policy: "trigger", set: ["TOLERATED_PORTS_TCP="] })), []);
  assert.deepEqual(changes(run(slips, { policy: "trigger", set: ['TOLERATED_PORTS_TCP="443,8081"'] })), []);
  // The sensor tolerates SYNs: a FIN to such a port is a scan.
  const fins = [probe(SCANNER, 8081, 0, { kind: "fin" })];
  assert.deepEqual(changes(run(fins, { policy: "trigger", set: ["TOLERATED_PORTS_TCP=8081"] })), [`${SCANNER} new`]);
});

test("what is no evidence to the daemon is none here", () => {
  const dispositions = ["held", "quiet", "stray", "other", "delegated", "guarded"] as const;
  const events = dispositions.flatMap((disposition, index) =>
    scan.map((event) => ({ ...event, source: `198.51.100.${20 + index}`, disposition })),
  );
  const backtest = run(events, { policy: "trigger" });
  assert.deepEqual(changes(backtest), []);
  assert.equal(backtest.record.probes, events.length);
});

test("a handshake with the decoy is told beside its SYN and counts once; one with a listener counts", () => {
  const handshake = [probe(CLIENT, 99, 0), probe(CLIENT, 99, 10, { kind: "connect" })];
  const trigger = { policy: "trigger", set: ["SCAN_TRIGGER=2"] };
  const decoy = settingsOf(load(`${SCORE}ANSWER="open"\nBLOCK_TCP="1"\n`));
  assert.deepEqual(changes(run(handshake, { ...trigger, from: decoy })), []);
  const connects = [1, 2].map((step) => probe(CLIENT, 99, step, { kind: "connect" }));
  assert.deepEqual(changes(run(connects, trigger)), [`${CLIENT} new`]);
});

test("events of an older version: the disposition is guessed, and counted", () => {
  const old = everybody.map(({ disposition: _, ...event }) => event);
  const backtest = run([...old, probe(CLIENT, 80, 5, { kind: "ack" })], { policy: "trigger" });
  assert.deepEqual(changes(backtest), [`${SCANNER} same`, `${SLOW} same`, `${CLIENT} new`]);
  assert.equal(backtest.record.guessed, old.length);
  const lone = run(
    [probe(CLIENT, 443, 0)].map(({ disposition: _, ...event }) => event),
    { policy: "trigger" },
  );
  assert.deepEqual(changes(lone), [], "a tolerated port");
});

test("the record is counted, with what is not in it", () => {
  const backtest = run(
    [
      ...scan.map((event, index) => (index === 3 ? { ...event, missed: 40 } : event)),
      { time: new Date(START).toISOString(), type: "drift", message: "rules are gone" },
      probe("no address", 1, 50),
      probe(SCANNER, 1, 60, { protocol: "carrier pigeon" }),
    ],
    { first: 311 },
  );
  assert.deepEqual(backtest.record, {
    probes: 20,
    firstMs: START,
    lastMs: START + 1900,
    deleted: 310,
    missed: 40,
    guessed: 0,
    unusable: 2,
  });
  const empty = summarize(
    run([]),
    { present, proposed: present },
    { clientsKnown: false, guardKnown: false, badRows: 3 },
  );
  assert.deepEqual(empty.record, {
    probes: 0,
    sources: 0,
    seconds: 0,
    deletedEvents: 0,
    missedProbes: 0,
    guessedProbes: 0,
    unusableEvents: 3,
    clientsKnown: false,
    guardKnown: false,
  });
});

test("--since leaves out what was before, and says nothing else is deleted", () => {
  const backtest = run(everybody, { sinceMs: START + HOUR_MS });
  assert.deepEqual(changes(backtest), [`${SLOW} same`]);
  assert.equal(backtest.record.probes, slips.length + slow.length - 1);
});

test("clients, spared sources and those who were blocked then are marked and counted", () => {
  const block: Event = { time: new Date(START + 5000).toISOString(), type: "block", source: SCANNER, action: "block" };
  const there = [SCANNER, CLIENT, "2001:db8:5:5::/64", "192.0.2.3", "192.0.2.4"];
  const events = [block, ...there.flatMap((source) => [1, 2, 3, 4].map((port) => probe(source, port, port * 1000)))];
  const backtest = run(events, { set: ["SCORE_PORTS=6", "SLOW_SCORE_WINDOW=0"] });
  for (const port of [443, 80]) backtest.found.noteClient({ source: CLIENT, port });
  backtest.found.noteClient({ source: "2001:db8:5:5::99", port: 25 });
  backtest.found.noteClient({ source: "2001:db8:5:6::99", port: 25 });
  backtest.found.noteClient({ source: "192.0.2.3", port: 25 });
  backtest.found.noteSpared([
    { because: "ignored", blocks: [prefix("192.0.2.3")] },
    { because: "gateway", blocks: [prefix("192.0.2.2/31"), prefix("192.0.2.4"), prefix("2001:db8:5:5::1")] },
  ]);
  const marks = describeSources(backtest).map(({ source, clientOf, spared, wasBlocked }) => [
    source,
    clientOf,
    spared,
    wasBlocked,
  ]);
  assert.deepEqual(marks, [
    [SCANNER, undefined, undefined, true],
    [CLIENT, [80, 443], "gateway", undefined],
    ["2001:db8:5:5::/64", [25], undefined, undefined],
    ["192.0.2.3", [25], "ignored", undefined],
    ["192.0.2.4", undefined, "gateway", undefined],
  ]);
  const settings = { present, proposed: proposeSettings(present, undefined, ["SCORE_PORTS=6"]) };
  const summary = summarize(backtest, settings, {
    clientsKnown: true,
    guardKnown: true,
    badRows: 0,
    live: { missedProbes: 7, lostPackets: 1, lostEvents: 0 },
  });
  const { found, clients, ignored, guarded } = summary.present;
  assert.deepEqual([found, clients, ignored, guarded], [5, 1, 1, 2]);
  assert.deepEqual([summary.proposed.found, summary.new, summary.gone, summary.goneUnsure], [0, 0, 5, 1]);
  assert.deepEqual([summary.record.missedProbes, summary.record.lostPackets, summary.blocks], [7, 1, "fully"]);
});
