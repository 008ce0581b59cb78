import assert from "node:assert/strict";
import { test } from "node:test";
import { Bucket } from "../../src/base/bucket.ts";
import { Journal, LineClass, syslogSink } from "../../src/record/journal.ts";
import { alreadyBlockedLine, noticeLine, startingLine } from "../../src/record/lines.ts";
import { lineSink } from "./line-sink.ts";

function setUp(format: "portsentry1" | "json") {
  const clock = { ms: Date.UTC(2026, 10, 22) };
  const written: string[] = [];
  const sink = lineSink((text) => written.push(text));
  return { clock, written, journal: new Journal({ sink, format, nowMs: () => clock.ms }) };
}

test("a bucket gives its burst, then its rate; a clock that jumps back refills nothing", () => {
  const bucket = new Bucket({ burst: 3, perSecond: 2 }, 10_000);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.take(10_000, 1)),
    [true, true, true, false],
  );
  assert.equal(bucket.take(10_499, 1), false);
  assert.equal(bucket.take(10_500, 1), true);
  assert.equal(bucket.take(0, 1), false);
  assert.equal(bucket.take(500, 1), true);
  assert.equal(bucket.take(1_000_000, 4), false);
  assert.equal(bucket.take(1_000_000, 3), true);
});

test("stdout has one line each, without control characters", () => {
  const { journal, written } = setUp("portsentry1");
  journal.write([startingLine, noticeLine("bad\nname\u001b[31m")]);
  assert.deepEqual(written, ["adminalert: PortSentry 1.2 is starting.\n", "adminalert: bad\\x0aname\\x1b[31m\n"]);
});

test("syslog has priority 29 and 1.2's newlines", () => {
  const sent: [number, string][] = [];
  const sink = syslogSink({ write: (priority, text) => sent.push([priority, text]) > 0 });
  const journal = new Journal({ sink, format: "portsentry1", nowMs: () => 0 });
  journal.write([startingLine, alreadyBlockedLine("192.0.2.1")]);
  assert.deepEqual(sent, [
    [29, "adminalert: PortSentry 1.2 is starting.\n"],
    [29, "attackalert: Host: 192.0.2.1/192.0.2.1 is already blocked Ignoring"],
  ]);
});

test("JSON prints the event instead of its lines, and lines without an event as notices", () => {
  const { journal, written } = setUp("json");
  journal.write([alreadyBlockedLine("192.0.2.1")], { time: "t", type: "warning", message: "x\u202e\u0007" });
  journal.write([startingLine]);
  assert.deepEqual(written, [
    '{"time":"t","type":"warning","message":"x\\u202e\\u0007"}\n',
    '{"time":"2026-11-22T00:00:00.000Z","type":"notice","message":"adminalert: PortSentry 1.2 is starting."}\n',
  ]);
});

test("repeats are held to 500 and 50 a second; what is held back is said once a minute", () => {
  const { clock, journal, written } = setUp("portsentry1");
  const passed = () => {
    let count = 0;
    for (let i = 0; i < 600; i++) if (journal.admit(LineClass.Repeat, 2)) count += 2;
    return count;
  };
  assert.equal(passed(), 500);
  journal.tick();
  assert.deepEqual(written, ["adminalert: 700 more lines about blocked sources were suppressed in the last second\n"]);
  clock.ms += 500;
  assert.equal(passed(), 24);
  journal.tick();
  assert.equal(written.length, 1);
  clock.ms += 59_500;
  journal.tick();
  assert.equal(
    written[1],
    "adminalert: 1176 more lines about blocked sources were suppressed in the last 60 seconds\n",
  );
  clock.ms += 60_000;
  journal.tick();
  assert.equal(written.length, 2);
  assert.equal(journal.counters.linesSuppressed, 700 + 1176);
});

test("decisions have a budget of their own and notices have none", () => {
  const { clock, journal } = setUp("portsentry1");
  while (journal.admit(LineClass.Repeat, 1));
  let decisions = 0;
  while (journal.admit(LineClass.Decision, 1)) decisions++;
  assert.equal(decisions, 5000);
  clock.ms += 1000;
  decisions = 0;
  while (journal.admit(LineClass.Decision, 1)) decisions++;
  assert.equal(decisions, 500);
  for (let i = 0; i < 100_000; i++) assert.ok(journal.admit(LineClass.Notice, 1));
});

test("a line that the log socket does not take is counted as lost", () => {
  const journal = new Journal({ sink: syslogSink({ write: () => false }), format: "portsentry1", nowMs: () => 0 });
  journal.write([startingLine]);
  assert.equal(journal.counters.linesLost, 1);
});

test("while the log socket takes no lines, that and the remedy are told, and no longer", () => {
  let isTaken = true;
  const sink = syslogSink({ write: () => isTaken });
  const options = { sink, format: "portsentry1", nowMs: () => 0 } as const;
  const journal = new Journal({ ...options, lossText: "nobody listens" });
  journal.write([startingLine]);
  assert.equal(journal.trouble, "");
  isTaken = false;
  journal.write([startingLine, startingLine]);
  assert.equal(journal.trouble, "log lines are lost, 2 until now: nobody listens");
  isTaken = true;
  journal.write([startingLine]);
  assert.equal(journal.trouble, "");
});

test("a sink that throws is counted", () => {
  const sink = lineSink(() => {
    throw new Error("EPIPE");
  });
  const journal = new Journal({ sink, format: "portsentry1", nowMs: () => 0 });
  journal.write([startingLine, startingLine]);
  assert.equal(journal.counters.linesLost, 2);
});

test("a flood that goes on all day writes no more lines than fit on a disk", () => {
  const { clock, journal } = setUp("portsentry1");
  const lines: Record<number, number> = {};
  for (let second = 0; second < 86_400; second += 10) {
    clock.ms += 10_000;
    for (const lineClass of [LineClass.Warning, LineClass.Decision, LineClass.Repeat]) {
      for (let i = 0; i < 200; i++) {
        if (journal.admit(lineClass, 30)) lines[lineClass] = (lines[lineClass] ?? 0) + 30;
      }
    }
  }
  const upTo = (lineClass: number, limit: number) => {
    const count = lines[lineClass] ?? 0;
    assert.ok(count > limit * 0.9 && count <= limit, `${count} lines of class ${lineClass}`);
  };
  upTo(LineClass.Warning, 5_000 + 0.2 * 86_400);
  upTo(LineClass.Decision, 50_000 + 2 * 86_400);
  upTo(LineClass.Repeat, 20_000 + 86_400);
});
