// portreeve backtest as a user sees it: against a fake daemon, and on the files of one that does not run.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { EventsAfterRequest, KnownClient } from "../../src/control/api.ts";
import type { Event } from "../../src/record/event.ts";
import { openStore } from "../../src/record/sqlite-store.ts";
import { LearnedBytes } from "../../src/table/learned-file.ts";
import { makeFolder } from "../control/fake-daemon.ts";
import {
  CLIENT,
  HOUR_MS,
  numbered,
  probe,
  SCANNER,
  SLOW,
  START,
  scan,
  slips,
  slow,
} from "../replay/backtest-events.ts";
import { makeLab, portreeve } from "./run-command.ts";

const POLICY = 'POLICY="score"\nPROOF="on"\nTOLERATED_PORTS_TCP="443"\n';
const until = "2026-11-29T10:00:00.000Z";
const known: readonly KnownClient[] = [
  { source: CLIENT, protocol: "tcp", port: 80, until },
  { source: "203.0.113.77", protocol: "tcp", port: 22, until },
];
const everybody: readonly Event[] = [
  ...scan.map((event, index) => (index === 5 ? { ...event, missed: 12 } : event)),
  ...slips,
  ...slow,
  probe("198.51.100.254", 7, 2 * HOUR_MS),
];

type Lab = Awaited<ReturnType<typeof makeLab>>;

function fill({ daemon, conf, socket }: Lab, events: readonly Event[] = everybody): void {
  writeFileSync(conf, `CONTROL_SOCKET="${socket}"\n${POLICY}`);
  const record = numbered(events, 101);
  Object.assign(daemon.api, {
    eventsAfter: ({ after, limit = 10_000 }: EventsAfterRequest) => ({
      ok: record.filter(({ number }) => number > after).slice(0, limit),
    }),
    knownClients: async () => ({ ok: known }),
  });
  daemon.guarded = [{ source: "198.51.100.254", because: "gateway", until: null }];
  daemon.status = { ...daemon.status, lost: 3, counters: { probeEventsDropped: 5, eventsDropped: 2, badRows: 1 } };
}

const scoreKeys = 'POLICY="score" SCORE_PORTS="3" SCORE_WINDOW="10m" SLOW_SCORE_PORTS="10" SLOW_SCORE_WINDOW="1d"';

test("another policy: what it rests on, who is found by which, clients first", async (t) => {
  const lab = await makeLab(t);
  fill(lab);
  const { code, out, err } = await lab.ask("backtest", "--policy", "trigger");
  assert.deepEqual([code, err], [0, ""]);
  assert.deepEqual(out.split("\n"), [
    "This test rests on 54 recorded probes of 4 sources, 2026-11-16 10:00:00 to 2026-11-17 15:00:00 (1d 5h).",
    "The record lacks 100 older events, deleted (MAX_EVENTS); 12 probes that came too fast to be recorded; " +
      "3 packets lost before they were judged; 2 events that could not be stored; 1 event that cannot be used.",
    "",
    `Now:       ${scoreKeys}: 2 sources found scanning, 0 known clients`,
    'Proposed:  POLICY="trigger" SCAN_TRIGGER="0": 4 sources found scanning, 1 known client, 1 guarded',
    "",
    "2 sources would be found as well, 0 no longer.",
    '1 known client would be shut out with BLOCK_TCP="1" and BLOCK_UDP="1", softly at first (PROOF="on").',
    "",
    "   SOURCE          FOUND                BY                               NOTE",
    `+  ${CLIENT}       2026-11-16 11:00:00  a probe of closed port tcp/8081  known client of tcp/80`,
    "+  198.51.100.254  2026-11-16 12:00:00  a probe of closed port tcp/7     guarded: gateway",
    `=  ${SCANNER}    2026-11-16 10:00:00  a probe of closed port tcp/1000`,
    `=  ${SLOW}     2026-11-16 10:00:00  a probe of closed port tcp/2000`,
    "",
  ]);
});

test("the settings as they are: who would be blocked if blocking were switched on", async (t) => {
  const lab = await makeLab(t);
  fill(lab);
  const { code, out } = await lab.ask("backtest", "--since", "2026-11-16T10:30:00Z");
  assert.equal(code, 0);
  assert.deepEqual(out.split("\n"), [
    "This test rests on 33 recorded probes of 3 sources, 2026-11-16 11:00:00 to 2026-11-17 15:00:00 (1d 4h).",
    "The record lacks 100 older events, deleted (MAX_EVENTS); 1 event that cannot be used.",
    "",
    `Now:       ${scoreKeys}: 1 source found scanning, 0 known clients`,
    "",
    "   SOURCE       FOUND                BY                                                     NOTE",
    // The sketch passes over two of its ports.
    `=  ${SLOW}  2026-11-16 23:00:00  10 or more different ports in 12 h, the last tcp/2013`,
    "",
  ]);
});

test("fewer are found: those who had been blocked are unsure, for their record was cut short", async (t) => {
  const lab = await makeLab(t);
  const block: Event = { time: new Date(START + 60_000).toISOString(), type: "block", source: SCANNER, action: "soft" };
  fill(lab, [...scan.slice(0, 4), block, ...slips.map(({ disposition: _, ...event }) => event)]);
  const { out } = await lab.ask("backtest", "--set", "SCORE_PORTS=6", "--set", "TOLERATED_PORTS_TCP=80,443");
  assert.match(out, /^3 probes came from an older version, which did not record/m);
  assert.match(
    out,
    /^Now: .* SLOW_SCORE_WINDOW="1d" TOLERATED_PORTS_TCP="443": 1 source found scanning, 0 known clients$/m,
  );
  assert.match(out, /^Proposed: .*SCORE_PORTS="6".* TOLERATED_PORTS_TCP="80,443": 0 sources found scanning/m);
  assert.match(
    out,
    /^0 sources would be found as well, 1 no longer \(1 of them had been blocked, so the record lacks the probes/m,
  );
  assert.match(out, new RegExp(`^- {2}${SCANNER} .* was blocked then$`, "m"));
});

test("--json: a source a line, the summary last", async (t) => {
  const lab = await makeLab(t);
  fill(lab);
  const { code, out } = await lab.ask("backtest", "--policy", "trigger", "--json");
  assert.equal(code, 0);
  const lines: unknown[] = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 5);
  assert.deepEqual(lines[2], {
    source: CLIENT,
    change: "new",
    proposed: {
      time: "2026-11-16T11:00:00.000Z",
      protocol: "tcp",
      port: 8081,
      kind: "syn",
      probes: 1,
      contacts: 1,
      reason: "a probe of closed port tcp/8081",
    },
    clientOf: [80],
  });
  const tolerated = { TOLERATED_PORTS_TCP: "443", TOLERATED_PORTS_UDP: "" };
  const score = { SCORE_PORTS: "3", SCORE_WINDOW: "10m", SLOW_SCORE_PORTS: "10", SLOW_SCORE_WINDOW: "1d" };
  assert.deepEqual(lines[4], {
    summary: {
      present: { settings: { POLICY: "score", ...score, ...tolerated }, found: 2, clients: 0, ignored: 0, guarded: 0 },
      proposed: {
        settings: { POLICY: "trigger", SCAN_TRIGGER: "0", ...tolerated },
        found: 4,
        clients: 1,
        ignored: 0,
        guarded: 1,
      },
      new: 2,
      gone: 0,
      goneUnsure: 0,
      record: {
        probes: 54,
        sources: 4,
        first: "2026-11-16T10:00:00.000Z",
        last: "2026-11-17T15:00:00.000Z",
        seconds: 104_400,
        deletedEvents: 100,
        missedProbes: 12,
        lostPackets: 3,
        lostEvents: 2,
        guessedProbes: 0,
        unusableEvents: 1,
        clientsKnown: true,
        guardKnown: true,
      },
      further: 0,
      blocks: "softly",
    },
  });
});

test("no more than a hundred lines for a person", async (t) => {
  const lab = await makeLab(t);
  const many = Array.from({ length: 130 }, (_, index) => probe(`203.0.113.${index}`, 7, index));
  fill(lab, many);
  const { out } = await lab.ask("backtest", "--policy", "trigger");
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.filter((line) => line.startsWith("+")).length, 100);
  assert.equal(lines.at(-1), "... and 30 more; --json lists them all");
});

test("no daemon: the files of STATE_DIR, and what cannot be known without one is said", async (t) => {
  const folder = makeFolder(t);
  const state = join(folder, "state");
  mkdirSync(state);
  const conf = join(folder, "portsentry.conf");
  writeFileSync(conf, `CONTROL_SOCKET="${folder}/control.sock"\nSTATE_DIR="${state}"\n${POLICY}`);
  const nothing = await portreeve(["backtest", "-c", conf]);
  assert.equal(nothing.code, 69);
  assert.match(nothing.err, /no daemon runs, and its store .*portreeve\.db cannot be read: there is no such file/);

  const listener = { onTrouble: () => assert.fail(), onRecovered: () => assert.fail() };
  const store = openStore(join(state, "portreeve.db"), Date.now, { maxEvents: 1000 }, listener);
  const empty = await portreeve(["backtest", "-c", conf]);
  for (const { event } of numbered(everybody)) store.addEvent(event);
  store.close();
  assert.deepEqual(
    [empty.code, empty.out],
    [0, "No probe is recorded, so there is nothing to test the settings on.\n"],
  );
  const without = await portreeve(["backtest", "-c", conf, "--policy", "trigger"]);
  assert.equal(without.code, 0, without.err);
  assert.match(without.out, /^The known clients could not be read, so no source is marked as one\.$/m);

  const learned = new LearnedBytes();
  learned.add("known4", Buffer.from([192, 0, 2, 2, 0, 80, 0, 0]), Date.parse(until));
  writeFileSync(join(state, "learned"), learned.finish());
  const { code, out } = await portreeve(["backtest", "-c", conf, "--policy", "trigger"]);
  assert.equal(code, 0);
  assert.match(out, /^The daemon does not run, so the hosts that this host depends on are not known/m);
  assert.match(out, new RegExp(`^\\+ {2}${CLIENT} .* known client of tcp/80$`, "m"));
  assert.match(out, /^\+ {2}198\.51\.100\.254 .* a probe of closed port tcp\/7$/m);
  assert.doesNotMatch(out, /known clients could not be read/);
});

test("what cannot be proposed, and a file that cannot be used", async (t) => {
  const lab = await makeLab(t);
  fill(lab);
  const wrong = await lab.ask("backtest", "--set", "SCORE_PORTS=77");
  assert.deepEqual([wrong.code, wrong.out], [64, ""]);
  assert.equal(wrong.err, 'portreeve: SCORE_PORTS="77": write a whole number, 2 to 6\n');
  assert.equal((await lab.ask("backtest", "--policy", "harsh")).code, 64);
  assert.equal((await lab.ask("backtest", "--since", "once")).code, 64);
  writeFileSync(lab.conf, 'SCORE_PORTS="many"\n');
  const broken = await lab.ask("backtest");
  assert.equal(broken.code, 78);
  assert.match(broken.err, /portsentry\.conf:1: error: SCORE_PORTS="many"/);
});
