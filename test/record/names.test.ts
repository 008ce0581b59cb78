// The tool and the known name of a source: in events, and in no line of PortSentry's.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFormat } from "../../src/base/log-format.ts";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Probe } from "../../src/detect/probe.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import type { Event } from "../../src/record/event.ts";
import { Journal } from "../../src/record/journal.ts";
import { historyFor, Recorder } from "../../src/record/recorder.ts";
import { RunningCounts } from "../../src/record/series/running-counts.ts";
import { parseEvent } from "../../src/record/store-rows.ts";
import { IpProtocol } from "../../src/wire/packet.ts";
import { prefix } from "../support/prefix.ts";
import { lineSink } from "./line-sink.ts";

const timeMs = Date.UTC(2026, 10, 22, 9, 34, 31);
const plain: Finding = {
  source: prefix("192.0.2.1"),
  kind: Kind.Syn,
  protocol: IpProtocol.Tcp,
  port: 79,
  tcpFlags: 2,
  hasIpOptions: false,
  probes: 3,
  contacts: 3,
  firstMs: timeMs,
  timeMs,
  policy: "score",
};
const named: Finding = { ...plain, tool: "nmap", known: "Example \u202eUniversity" };

function record(format: LogFormat, finding: Finding) {
  const events: Event[] = [];
  const said: string[] = [];
  const nowMs = () => timeMs;
  const journal = new Journal({ sink: lineSink((text) => said.push(text)), format, nowMs });
  const store = { addEvent: (event: Event) => events.push(event) };
  const toolOf = () => finding.tool;
  const recorder = new Recorder(
    { series: new RunningCounts(), store, journal, history: undefined, nowMs, toolOf },
    { proof: "off", holdsTcp: true, holdsUdp: true },
  );
  const probe = new Probe();
  probe.protocol = IpProtocol.Tcp;
  probe.timeMs = timeMs;
  recorder.probe(probe, "192.0.2.1");
  recorder.finding({ action: "log", finding });
  return { events, said };
}

test("finding events carry both, probe events the tool, and a store gives them back", () => {
  const { events } = record("portsentry1", named);
  assert.deepEqual(
    events.map(({ type, tool, known }) => [type, tool, known]),
    [
      ["probe", "nmap", undefined],
      ["finding", "nmap", "Example \u202eUniversity"],
    ],
  );
  for (const event of events) assert.deepEqual(parseEvent(JSON.stringify(event)), event);
  assert.equal(parseEvent(JSON.stringify({ ...events[1], known: 7 })), undefined);
});

test("PortSentry's lines are the same with and without; JSON lines have them, escaped", () => {
  for (const format of ["portsentry1", "portsentry2"] as const)
    assert.deepEqual(record(format, named).said, record(format, plain).said);
  const [line = ""] = record("json", named).said;
  assert.match(line, /"tool":"nmap","known":"Example \\u202eUniversity"/);
});

test("breadth alone makes no history line, whatever PROOF says", () => {
  const verdict = (finding: Finding): Verdict => ({ action: "log", finding });
  const weak: Finding = { ...plain, hosts: 1, policy: "breadth" };
  assert.deepEqual(
    [plain, weak].map((finding) => historyFor(verdict(finding), "off")),
    [true, false],
  );
});
