// portreeve report: the sums over recorded events, as text and as JSON, and which events the daemon is asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Summary } from "../../src/cli/summary.ts";
import type { EventsAfterRequest } from "../../src/control/api.ts";
import type { Event } from "../../src/record/event.ts";
import { makeLab } from "./run-command.ts";

const time = "2026-11-22T10:00:00.000Z";
const probe = (last: number, port: number, more: Partial<Event> = {}): Event => ({
  ...{ time, type: "probe", source: `192.0.2.${last}`, protocol: "tcp", port, kind: "syn" },
  ...more,
});
const decided = (type: Event["type"], last: number, more: Partial<Event> = {}): Event => ({
  ...{ time, type, source: `192.0.2.${last}`, grade: "direct" },
  ...more,
});
const night: readonly Event[] = [
  probe(1, 23),
  probe(1, 80),
  probe(1, 23, { tool: "zmap" }),
  probe(2, 23, { missed: 9 }),
  decided("finding", 1, { action: "soft", known: "Censys" }),
  decided("finding", 1, { action: "block" }),
  decided("block", 1, { action: "soft", message: "3 ports" }),
  decided("block", 1, { action: "block", grade: "silence", message: "84 ports" }),
  decided("unblock", 1, { action: "expired" }),
  { time, type: "warning", message: "the store is full" },
];

test("a report sums up what the record has of its time", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const asked: EventsAfterRequest[] = [];
  daemon.api.eventsAfter = (request) => {
    asked.push(request);
    if (request.limit === 1)
      return { ok: [{ number: 3, event: { ...probe(9, 9), time: "2026-11-22T08:00:00.000Z" } }] };
    return { ok: request.after === 0 ? night.map((event, index) => ({ number: index + 10, event })) : [] };
  };
  const { code, out, err } = await ask("report", "--since", "2026-11-22 06:00", "--until", "2026-11-22 18:00");
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(
    out,
    `2026-11-22 06:00:00 to 2026-11-22 18:00:00 (12h)

The record begins at 2026-11-22 08:00:00: nothing older is kept (MAX_EVENTS), or nothing had happened.
13 probes came from 2 sources (9 of them came too fast to be recorded one by one).
2 scans were found, of 1 source.
1 full block and 1 soft block began, and 1 block ended.
1 warning was given.

The sources with the most probes:
SOURCE     PROBES  FINDINGS  BLOCKS  NAME
192.0.2.1  3       2         2       Censys, zmap
192.0.2.2  1       0         0       -

The ports with the most probes:
PORT    PROBES
tcp/23  3
tcp/80  1

The last blocks:
TIME                 TYPE     SOURCE           PORT       WHAT
2026-11-22 10:00:00  block    192.0.2.1        -          3 ports; not proven (direct); soft block
2026-11-22 10:00:00  block    192.0.2.1        -          84 ports; proven by the silence test (silence); full block

The last warnings:
TIME                 TYPE     SOURCE           PORT       WHAT
2026-11-22 10:00:00  warning  -                -          the store is full
`,
  );
  const [sinceMs, untilMs] = [Date.UTC(2026, 10, 22, 6), Date.UTC(2026, 10, 22, 18)];
  assert.deepEqual(asked, [
    { after: 0, limit: 1 },
    { after: 0, sinceMs, untilMs },
    { after: 19, sinceMs, untilMs },
  ]);
  const told = JSON.parse((await ask("report", "--json", "--since", "2026-11-22 06:00")).out);
  assert.deepEqual(
    [told.since, told.probes, told.fullBlocks, told.topPorts[0], told.lastWarnings.length],
    ["2026-11-22T06:00:00.000Z", 13, 1, { port: "tcp/23", probes: 3 }, 1],
  );
});

test("without --since the last day is told, and an empty record says so", async (t) => {
  const { daemon, ask } = await makeLab(t);
  const asked: EventsAfterRequest[] = [];
  daemon.api.eventsAfter = (request) => {
    asked.push(request);
    return { ok: [] };
  };
  const { out } = await ask("report");
  assert.match(out, /\(1d\)\n\nThe record is empty\.\n$/);
  const sinceMs = asked[1]?.sinceMs ?? 0;
  assert.ok(Math.abs(Date.now() - 86_400_000 - sinceMs) < 60_000, String(sinceMs));
  assert.equal((await ask("report", "--since", "soon")).code, 64);
});

test("tables have ten rows, the busiest first, and the newest blocks", () => {
  const summary = new Summary({ sinceMs: 0, untilMs: 1 });
  for (let last = 1; last <= 20; last++) {
    for (let count = 0; count < last; count++) summary.see(probe(last, last));
    summary.see(decided("block", last));
  }
  const { topSources, topPorts, lastBlocks, sources } = summary.report();
  assert.equal(sources, 20);
  assert.deepEqual(
    [topSources.length, topSources[0]?.source, topSources[9]?.source, topPorts[0], lastBlocks.at(-1)?.source],
    [10, "192.0.2.20", "192.0.2.11", { port: "tcp/20", probes: 20 }, "192.0.2.20"],
  );
});
