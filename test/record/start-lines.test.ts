// Every expected text is copied from the golden transcripts of real 1.2 runs; "$" stands for a newline in the datagram.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../../src/record/lines.ts";
import * as start from "../../src/record/start-lines.ts";

const shown = (lines: readonly Line[]) => lines.map(({ text, newline }) => (newline ? `${text}$` : text));
const none = { ports: [], below: 0, excluded: [], inUse: [] };

test("-tcp: a port that is taken is complained of after its own line", () => {
  const lines = start.modeLines({ ...none, modeName: "tcp", protocol: 6, ports: [21, 22, 23], inUse: [21] });
  assert.deepEqual(shown(lines), [
    "adminalert: Going into listen mode on TCP port: 21$",
    "adminalert: ERROR: could not bind TCP socket: 21. Attempting to continue$",
    "adminalert: Going into listen mode on TCP port: 22$",
    "adminalert: Going into listen mode on TCP port: 23$",
  ]);
});

test("-udp", () => {
  const lines = start.modeLines({ ...none, modeName: "udp", protocol: 17, ports: [7, 69] });
  assert.deepEqual(shown(lines), [
    "adminalert: Going into listen mode on UDP port: 7$",
    "adminalert: Going into listen mode on UDP port: 69$",
  ]);
});

test("-stcp and -sudp", () => {
  const tcp = start.modeLines({ ...none, modeName: "stcp", protocol: 6, ports: [11, 79], inUse: [11] });
  assert.deepEqual(shown(tcp), [
    "adminalert: Going into stealth listen mode on TCP port: 11$",
    "adminalert: ERROR: Socket 11 is in use and will not be monitored. Attempting to continue$",
    "adminalert: Going into stealth listen mode on TCP port: 79$",
  ]);
  const udp = start.modeLines({ ...none, modeName: "sudp", protocol: 17, ports: [37444, 34555] });
  assert.deepEqual(shown(udp), [
    "adminalert: Going into stealth listen mode on UDP port: 37444$",
    "adminalert: Going into stealth listen mode on UDP port: 34555$",
  ]);
});

test("-atcp: used ports before excluded ones, and the blank at the end of an exclusion", () => {
  const facts = { ports: [], below: 1024, excluded: [113, 139], inUse: [11, 79, 143, 5000] };
  assert.deepEqual(shown(start.modeLines({ ...facts, modeName: "atcp", protocol: 6 })), [
    "adminalert: Advanced mode will monitor first 1024 ports",
    "adminalert: Advanced mode will manually exclude port: 113 ",
    "adminalert: Advanced mode will manually exclude port: 139 ",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored TCP port: 11$",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored TCP port: 79$",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored TCP port: 143$",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored TCP port: 113$",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored TCP port: 139$",
  ]);
});

test("-audp: exclusions in the file's order; and without any", () => {
  const facts = { ...none, below: 1024, excluded: [520, 138] };
  assert.deepEqual(shown(start.modeLines({ ...facts, modeName: "audp", protocol: 17 })), [
    "adminalert: Advanced mode will monitor first 1024 ports",
    "adminalert: Advanced mode will manually exclude port: 520 ",
    "adminalert: Advanced mode will manually exclude port: 138 ",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored UDP port: 520$",
    "adminalert: Advanced Stealth scan detection mode activated. Ignored UDP port: 138$",
  ]);
  assert.deepEqual(shown(start.modeLines({ ...none, below: 10, modeName: "audp", protocol: 17 })), [
    "adminalert: Advanced mode will monitor first 10 ports",
    "adminalert: Advanced mode will manually exclude no ports",
  ]);
});

test("modes that 1.2 did not have say nothing, and 65,535 ports do not make 65,535 lines", () => {
  assert.deepEqual(start.modeLines({ ...none, modeName: "stealth", protocol: 6, ports: [1] }), []);
  const ports = Array.from({ length: 65_535 }, (_, index) => index + 1);
  const lines = start.modeLines({ ...none, modeName: "stcp", protocol: 6, ports });
  assert.equal(lines.length, 1025);
  assert.equal(lines[1024]?.text, "adminalert: ... and 64511 more ports");
});

test("what keeps 1.2 from starting", () => {
  const lines = [
    start.cannotOpenConfigLine("/etc/portsentry/portsentry.conf"),
    start.configMissingLine,
    start.configCorruptedLine,
    start.noModeLine,
  ];
  assert.deepEqual(shown(lines), [
    "adminalert: Cannot open config file: /etc/portsentry/portsentry.conf. Exiting$",
    "adminalert: ERROR: Configuration files are missing/corrupted. Shutting down.$",
    "adminalert: ERROR: Your config file is corrupted/missing mandatory option! Shutting down.$",
    "adminalert: ERROR: could not go into PortSentry mode. Shutting down.$",
  ]);
});
