// What can be proposed, and in which words the rest is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeSettings, parseSince, proposeSettings, readPresent } from "../../src/replay/backtest-settings.ts";
import { load, settingsOf } from "../config/support.ts";

const present = settingsOf(load('POLICY="score"\nTOLERATED_PORTS_UDP="53,123"\n'));

test("each scan key is parsed as in the file, with quotes or without; the rest stays", () => {
  const sets = ['SCORE_PORTS="4"', "SCORE_WINDOW=5m", "SLOW_SCORE_PORTS=12", "SLOW_SCORE_WINDOW=2d"];
  const more = ["SCAN_TRIGGER=7", "TOLERATED_PORTS_TCP=80, 8000-8010", "TOLERATED_PORTS_UDP="];
  const proposed = proposeSettings(present, "trigger", [...sets, ...more]);
  assert.deepEqual(proposed, {
    ...present,
    policy: "trigger",
    scorePorts: 4,
    scoreWindowMs: 300_000,
    slowScorePorts: 12,
    slowScoreWindowMs: 172_800_000,
    scanTrigger: 7,
    tcp: {
      ...present.tcp,
      tolerated: [
        { first: 80, last: 80 },
        { first: 8000, last: 8010 },
      ],
    },
    udp: { ...present.udp, tolerated: [] },
  });
  assert.equal(proposeSettings(present, undefined, []), present);
});

test("what is wrong with a proposal is said as `check` says it", () => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [["SCORE_PORTS=9"], /^SCORE_PORTS="9": write a whole number, 2 to 6$/],
    [["SCORE_WINDOW=soon"], /^SCORE_WINDOW="soon": this is no time; write a time from/],
    [["POLICY=harsh"], /^POLICY="harsh": write "score" or "trigger"$/],
    [["SCORE_PORT=3"], /^--set SCORE_PORT is no known key; did you mean SCORE_PORTS\?$/],
    [["BLOCK_TCP=1"], /^--set BLOCK_TCP: it changes nothing here; these do: POLICY, /],
    [["SCORE_PORTS"], /^--set SCORE_PORTS: write KEY=VALUE/],
    [["=4"], /^--set {2}is no known key; these can be set: POLICY, /],
    [["SCAN_TRIGGER=1", "SCAN_TRIGGER=2"], /^SCAN_TRIGGER is given twice/],
    [["\x1b[31m=1"], /^--set \\x1b\[31m is no known key/],
  ];
  for (const [sets, message] of refused) {
    assert.throws(() => proposeSettings(present, undefined, sets), { name: "ControlError", exitCode: 64, message });
  }
  assert.throws(() => proposeSettings(present, "score", ["POLICY=score"]), /POLICY is given twice/);
});

test("a file that cannot be used ends with 78 and its first error", () => {
  assert.throws(() => readPresent("/nonexistent/portsentry.conf"), { exitCode: 78, message: /there is no such file/ });
});

test("since: a span before now, or a date", () => {
  const nowMs = Date.UTC(2026, 10, 22, 12);
  const day = 86_400_000;
  assert.equal(parseSince("7d", nowMs), nowMs - 7 * day);
  assert.equal(parseSince("90m", nowMs), nowMs - 90 * 60_000);
  assert.equal(parseSince("2026-11-20T10:00:00Z", nowMs), Date.UTC(2026, 10, 20, 10));
  assert.equal(parseSince("2026-11-20T10:00:00.250Z", nowMs), Date.UTC(2026, 10, 20, 10, 0, 0, 250));
  assert.equal(parseSince("2026-11-20", nowMs), new Date(2026, 10, 20).getTime());
  assert.equal(parseSince("2026-11-20 10:30", nowMs), new Date(2026, 10, 20, 10, 30).getTime());
  for (const text of ["", "tomorrow", "2026-13-01", "2026-11-20 10", "7y"]) {
    assert.throws(() => parseSince(text, nowMs), { exitCode: 64, message: /write a time like "12h", "7d"/ }, text);
  }
});

test("the keys that decide are told as they would stand in the file", () => {
  const tolerated = { TOLERATED_PORTS_TCP: "", TOLERATED_PORTS_UDP: "53,123" };
  assert.deepEqual(describeSettings(present), {
    POLICY: "score",
    SCORE_PORTS: "3",
    SCORE_WINDOW: "10m",
    SLOW_SCORE_PORTS: "10",
    SLOW_SCORE_WINDOW: "1d",
    ...tolerated,
  });
  const trigger = proposeSettings(present, "trigger", []);
  assert.deepEqual(describeSettings(trigger), { POLICY: "trigger", SCAN_TRIGGER: "0", ...tolerated });
});
