// What the recorder says in each format of a scan and what came of it: 1.2 before its outcome, 2.x after it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFormat } from "../../src/base/log-format.ts";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Probe } from "../../src/detect/probe.ts";
import type { Block } from "../../src/judge/block.ts";
import type { ResponseOutcome } from "../../src/record/dialect.ts";
import type { Event } from "../../src/record/event.ts";
import { Journal, syslogSink } from "../../src/record/journal.ts";
import { offsetTime, plainLine } from "../../src/record/lines2.ts";
import { Recorder, type RecorderPolicy } from "../../src/record/recorder.ts";
import { RunningCounts } from "../../src/record/series/running-counts.ts";
import { prefix } from "../support/prefix.ts";
import { lineSink } from "./line-sink.ts";

const timeMs = Date.UTC(2026, 10, 22, 9, 34, 31, 335);

const source = prefix("192.0.2.1");
const finding: Finding = {
  source,
  kind: Kind.Syn,
  protocol: 6,
  port: 79,
  tcpFlags: 2,
  hasIpOptions: false,
  probes: 1,
  contacts: 1,
  firstMs: timeMs,
  timeMs,
  policy: "trigger",
};
const block: Block = {
  source,
  sinceMs: timeMs,
  untilMs: undefined,
  grade: "direct",
  soft: false,
  reason: "1 probe",
  offences: 1,
  backend: "nftables",
  enforced: true,
};

function probe(more: Partial<Probe> = {}): Probe {
  const words = { source0: source.w0, source1: source.w1, source2: source.w2, source3: source.w3 };
  return Object.assign(new Probe(), { ...words, protocol: 6, port: 80, kind: Kind.Syn, tcpFlags: 2, timeMs, ...more });
}

function setUp(format: LogFormat, policy: Partial<RecorderPolicy> = {}, names?: Map<string, Promise<string>>) {
  const said: string[] = [];
  const history: string[] = [];
  const events: Event[] = [];
  const nowMs = () => timeMs;
  const sink = lineSink(
    (text) => said.push(text.slice(0, -1)),
    (text) => said.push(`ERR ${text.slice(0, -1)}`),
  );
  const lookup = (address: string) => names?.get(address) ?? Promise.resolve(address);
  const recorder = new Recorder(
    {
      store: { addEvent: (event) => events.push(event) },
      series: new RunningCounts(),
      journal: new Journal({ sink, format, nowMs }),
      history: { append: (line) => history.push(line) },
      nowMs,
      version: "0.1.0",
      ...(names !== undefined && { names: { lookup } }),
    },
    { proof: "off", holdsTcp: true, holdsUdp: false, ...policy },
  );
  return { recorder, said, history, events };
}

const run: ResponseOutcome = { step: "run", ok: true, text: "/bin/echo run 192.0.2.1 79 tcp", detail: "" };
const wrappers: ResponseOutcome = { step: "hosts-deny", ok: true, text: "ALL: 192.0.2.1 : DENY", detail: "" };
const route: ResponseOutcome = { step: "route", ok: true, text: "iptables -I INPUT -s 192.0.2.1 -j DROP", detail: "" };
const failed: ResponseOutcome = { step: "route", ok: false, text: "/bin/false 192.0.2.1", detail: "exit code 1" };

const scan = (port: number, flags: string) =>
  `Scan from: [192.0.2.1] (192.0.2.1) protocol: [TCP] port: [${port}] type: [TCP SYN/Normal scan] IP opts: [not set] ${flags}`;
const blockedFlags = "ignored: [false] triggered: [true] noblock: [false] blocked: [true]";
const failedFlags = "ignored: [false] triggered: [true] noblock: [false] blocked: [false]";
const loggedFlags = "ignored: [false] triggered: [true] noblock: [true] blocked: [false]";

test("1.2: KILL_RUN_CMD_FIRST, hosts.deny and route, in that order (golden run A)", () => {
  const { recorder, said, events } = setUp("portsentry1", { modeNames: { tcp: "tcp", udp: "udp" } });
  recorder.finding({ action: "block", grade: "direct", finding: { ...finding, kind: Kind.Connect } });
  recorder.responded(source, [run, wrappers, route], { block, finding });
  recorder.repeat(probe({ kind: Kind.Connect }));
  assert.deepEqual(said, [
    "attackalert: Connect from host: 192.0.2.1/192.0.2.1 to TCP port: 79",
    'attackalert: External command run for host: 192.0.2.1 using command: "/bin/echo run 192.0.2.1 79 tcp"',
    'attackalert: Host 192.0.2.1 has been blocked via wrappers with string: "ALL: 192.0.2.1 : DENY"',
    'attackalert: Host 192.0.2.1 has been blocked via dropped route using command: "iptables -I INPUT -s 192.0.2.1 -j DROP"',
    "attackalert: Connect from host: 192.0.2.1/192.0.2.1 to TCP port: 80",
    "attackalert: Host: 192.0.2.1 is already blocked. Ignoring",
  ]);
  assert.deepEqual(
    events.map(({ type, action }) => [type, action]),
    [
      ["finding", "block"],
      ["block", "block"],
      ["probe", "held"],
    ],
  );
});

test("1.2: a command that failed is never called a success, in the words of each mode", () => {
  const forms = new Map([
    ["tcp", "attackalert: ERROR: Could not block host 192.0.2.1 !!"],
    ["stcp", "attackalert: ERROR: Could not block host 192.0.2.1/192.0.2.1 !!"],
    ["atcp", "attackalert: ERROR: Could not block host 192.0.2.1/192.0.2.1!!"],
  ]);
  for (const [modeName, form] of forms) {
    const { recorder, said, events } = setUp("portsentry1", { modeNames: { tcp: modeName, udp: "audp" } });
    recorder.responded(source, [wrappers, failed], { finding });
    assert.deepEqual(said, [
      'attackalert: Host 192.0.2.1 has been blocked via wrappers with string: "ALL: 192.0.2.1 : DENY"',
      'adminalert: ERROR: There was an error trying to block host (exit code 1) 192.0.2.1: "/bin/false 192.0.2.1"',
      form,
    ]);
    assert.deepEqual(events, [
      {
        time: "2026-11-22T09:34:31.335Z",
        type: "warning",
        source: "192.0.2.1",
        protocol: "tcp",
        port: 79,
        kind: "syn",
        action: "block-failed",
        message: "route: exit code 1: /bin/false 192.0.2.1",
      },
    ]);
  }
});

test("1.2: a run command and a hosts.deny that failed", () => {
  const { recorder, said } = setUp("portsentry1");
  recorder.responded(source, [
    { ...run, ok: false, detail: "SIGKILL after 10 s" },
    { ...wrappers, ok: false, detail: "EISDIR" },
  ]);
  assert.deepEqual(said, [
    'adminalert: ERROR: There was an error trying to run command (SIGKILL after 10 s) 192.0.2.1: "/bin/echo run 192.0.2.1 79 tcp"',
    'adminalert: ERROR: There was an error trying to block host (EISDIR) 192.0.2.1: "ALL: 192.0.2.1 : DENY"',
    "securityalert: ERROR: There was an error trying to block host 192.0.2.1",
    "attackalert: ERROR: Could not block host 192.0.2.1/192.0.2.1!!",
  ]);
});

test('BLOCK_*="2": the command is said, and no block recorded', () => {
  const { recorder, said, events } = setUp("portsentry1");
  recorder.responded(source, [run], { finding });
  assert.equal(said.length, 1);
  assert.deepEqual([events[0]?.type, events[0]?.action], ["finding", "ran"]);
});

test('BLOCK_*="2": a command that failed is said, and no host is said to be missed', () => {
  for (const form of ["portsentry1", "portsentry2"] as const) {
    const { recorder, said, events } = setUp(form);
    recorder.responded(source, [{ ...run, ok: false, detail: "timed out after 600 s" }], { finding });
    assert.match(said[0] ?? "", /timed out after 600 s/);
    assert.equal(said.length, 1, said.join("\n"));
    assert.deepEqual(
      events.map(({ type, action, message }) => [type, action, message]),
      [["warning", "command-failed", "run: timed out after 600 s: /bin/echo run 192.0.2.1 79 tcp"]],
    );
  }
});

test("a failed route beside a block that stands: both are recorded, once each", () => {
  const { recorder, said, events } = setUp("json");
  recorder.responded(source, [failed], { block, finding });
  assert.deepEqual(
    events.map(({ type, action }) => [type, action]),
    [
      ["warning", "block-failed"],
      ["block", "block"],
    ],
  );
  assert.deepEqual(
    said.map((line) => JSON.parse(line)),
    events,
  );
});

test("a command that failed beside the built-in table's block: a line of its own, and the host is not called unblocked", () => {
  const first = setUp("portsentry1");
  first.recorder.responded(source, [wrappers, failed], { finding, stands: true });
  assert.deepEqual(first.said, [
    'attackalert: Host 192.0.2.1 has been blocked via wrappers with string: "ALL: 192.0.2.1 : DENY"',
    'adminalert: ERROR: There was an error trying to block host (exit code 1) 192.0.2.1: "/bin/false 192.0.2.1"',
  ]);
  assert.deepEqual([first.events[0]?.type, first.events[0]?.action], ["warning", "command-failed"]);
  const second = setUp("portsentry2");
  second.recorder.finding({ action: "block", grade: "direct", finding });
  second.recorder.responded(source, [failed], { finding, stands: true });
  assert.deepEqual(second.said, [
    'ERR There was an error trying to block host (exit code 1) 192.0.2.1: "/bin/false 192.0.2.1"',
    scan(79, blockedFlags),
  ]);
});

test("2.x: responses first, then the Scan line, which is the history line too", () => {
  const { recorder, said, history } = setUp("portsentry2");
  recorder.starting();
  recorder.modes([plainLine("never said")]);
  recorder.listening();
  recorder.finding({ action: "block", grade: "direct", finding });
  assert.equal(said.length, 2);
  recorder.responded(source, [wrappers, route], { block, finding });
  recorder.repeat(probe());
  recorder.stopping();
  assert.deepEqual(said, [
    "Portsentry 2.0.7 (portreeve 0.1.0)",
    "Portsentry is now active and listening.",
    'attackalert: Host 192.0.2.1 has been blocked via wrappers with string: "ALL: 192.0.2.1 : DENY"',
    'attackalert: Host 192.0.2.1 has been blocked via dropped route using command: "iptables -I INPUT -s 192.0.2.1 -j DROP"',
    scan(79, blockedFlags),
    "attackalert: Host: 192.0.2.1/192.0.2.1 is already blocked Ignoring",
    scan(80, blockedFlags),
    "Portsentry is shutting down",
  ]);
  const at = offsetTime(new Date(timeMs));
  assert.deepEqual(history, [`${at} ${scan(79, blockedFlags)}`, `${at} ${scan(80, blockedFlags)}`]);
});

test("2.x: failures are errors and say blocked: [false]", () => {
  const { recorder, said, history } = setUp("portsentry2");
  recorder.finding({ action: "block", grade: "direct", finding });
  recorder.responded(source, [failed], { finding });
  recorder.finding({ action: "block", grade: "direct", finding });
  recorder.blockFailed(source, "EPERM", finding);
  assert.deepEqual(said, [
    'ERR There was an error trying to block host (exit code 1) 192.0.2.1: "/bin/false 192.0.2.1"',
    "ERR attackalert: Error during target dispose 192.0.2.1/192.0.2.1!",
    scan(79, failedFlags),
    "ERR attackalert: Error during target dispose 192.0.2.1/192.0.2.1!",
    "ERR WARNING: cannot block 192.0.2.1: EPERM",
    scan(79, failedFlags),
  ]);
  assert.equal(history.length, 2);
});

test('2.x with BLOCK_*="0": noblock, and nobody is "already blocked"', () => {
  const { recorder, said, history } = setUp("portsentry2", { holdsTcp: false });
  recorder.untriggered(probe({ port: 78 }));
  recorder.finding({ action: "log", finding });
  recorder.repeat(probe());
  assert.deepEqual(said, [
    scan(78, "ignored: [false] triggered: [false] noblock: [unset] blocked: [unset]"),
    scan(79, loggedFlags),
    scan(80, loggedFlags),
  ]);
  assert.equal(history.length, 2);
});

test("2.x: an ignored source is said and never in the history, on which fail2ban bans", () => {
  const { recorder, said, history } = setUp("portsentry2");
  recorder.finding({ action: "spare", because: "ignored", finding });
  recorder.untriggered(probe());
  assert.equal(said[0], scan(79, "ignored: [true] triggered: [unset] noblock: [unset] blocked: [unset]"));
  assert.deepEqual(history, []);
});

test("2.x's -v and -d say why nothing is done about a probe; without them only the scan line is there", () => {
  const ignored = scan(80, "ignored: [true] triggered: [unset] noblock: [unset] blocked: [unset]");
  const own = scan(80, "ignored: [true] triggered: [true] noblock: [true] blocked: [false]");
  const found = "Host: 192.0.2.1 found in ignore file /etc/ignore, aborting actions";
  const same = "debug: Source address 192.0.2.1 same as destination address 192.0.2.1, skipping";
  const address = "debug: Source address 192.0.2.1 is an address of this host, skipping";
  for (const [switches, lines] of [
    [{ verbose: true, debug: false }, [found, ignored, own, own]],
    [{ verbose: false, debug: true }, [ignored, same, own, address, own]],
  ] as const) {
    const { recorder, said, history } = setUp("portsentry2", { switches, ignoreFile: "/etc/ignore" });
    for (const because of ["ignored", "to itself", "own"] as const) recorder.spared(probe(), because);
    assert.deepEqual([said, history], [lines, []]);
  }
  const first = setUp("portsentry1");
  first.recorder.spared(probe(), "ignored");
  assert.deepEqual(first.said, []);
});

test("a source that a command had blocked before the restart: each generation says so, 2.x before its scan line", () => {
  const already = "attackalert: Host: 192.0.2.1/192.0.2.1 is already blocked Ignoring";
  const second = setUp("portsentry2");
  second.recorder.finding({ action: "block", grade: "direct", finding });
  second.recorder.stillBlocked(finding);
  assert.deepEqual(second.said, [already, scan(79, blockedFlags)]);
  assert.equal(second.history.length, 1);
  const first = setUp("portsentry1");
  first.recorder.finding({ action: "block", grade: "direct", finding });
  first.recorder.stillBlocked(finding);
  assert.equal(first.said.at(-1), already);
});

test("2.x with PROOF on: an unproven source leaves no history line, whatever it goes on to send", () => {
  const { recorder, said, history } = setUp("portsentry2", { proof: "on" });
  recorder.finding({ action: "soft", grade: "direct", finding });
  recorder.blocked({ ...block, soft: true }, "nft ...", finding);
  recorder.repeat(probe());
  assert.equal(said.length, 4);
  assert.deepEqual(history, []);
});

test("2.x: a finding whose outcome never came is told before the end, and before its source's next", () => {
  const { recorder, said } = setUp("portsentry2");
  recorder.finding({ action: "block", grade: "direct", finding });
  recorder.finding({ action: "block", grade: "direct", finding: { ...finding, port: 80 } });
  recorder.stopping();
  const unknown = "ignored: [false] triggered: [true] noblock: [false] blocked: [unset]";
  assert.deepEqual(said, [scan(79, unknown), scan(80, unknown), "Portsentry is shutting down"]);
});

test("2.x in syslog: notice and err, no newline", () => {
  const sent: [number, string][] = [];
  const sink = syslogSink({ write: (priority, text) => sent.push([priority, text]) > 0 });
  const journal = new Journal({ sink, format: "portsentry2", nowMs: () => 0 });
  journal.write([plainLine("Portsentry is shutting down"), { ...plainLine("bad"), severity: "error" }]);
  assert.deepEqual(sent, [
    [29, "Portsentry is shutting down"],
    [27, "bad"],
  ]);
});

test("RESOLVE_HOST: the name comes first in host pairs and history, and the order stays", async () => {
  let answer = (_name: string): void => undefined;
  const named = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const names = new Map([["192.0.2.1", named]]);
  const { recorder, said, history, events } = setUp("portsentry1", {}, names);
  recorder.finding({ action: "block", grade: "direct", finding });
  recorder.responded(source, [route, { ...failed }], { block, finding });
  recorder.notice("later");
  assert.deepEqual(said, []);
  assert.equal(events.length, 3);
  answer("scanner.example");
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.deepEqual(said, [
    "attackalert: TCP SYN/Normal scan from host: scanner.example/192.0.2.1 to TCP port: 79",
    'attackalert: Host 192.0.2.1 has been blocked via dropped route using command: "iptables -I INPUT -s 192.0.2.1 -j DROP"',
    'adminalert: ERROR: There was an error trying to block host (exit code 1) 192.0.2.1: "/bin/false 192.0.2.1"',
    "attackalert: ERROR: Could not block host scanner.example/192.0.2.1!!",
    "adminalert: later",
  ]);
  assert.match(history[0] ?? "", / Host: scanner\.example\/192\.0\.2\.1 Port: 79 TCP Blocked$/);
});

test("RESOLVE_HOST: a probe that waits is the one that was seen, not the record's next content", async () => {
  const { recorder, said } = setUp("portsentry1", {}, new Map());
  const reused = probe();
  recorder.repeat(reused);
  reused.port = 9999;
  recorder.stopping();
  assert.equal(said[0], "attackalert: TCP SYN/Normal scan from host: 192.0.2.1/192.0.2.1 to TCP port: 80");
  assert.equal(said.at(-1), "adminalert: PortSentry is shutting down");
});
