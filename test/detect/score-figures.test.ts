// Scans of every pace are found, a client's slips are not, and docs/reference/detection.md has the figures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readRepositoryFile } from "../config/support.ts";
import {
  DAY,
  errByChance,
  fastAlarms,
  HOUR,
  MINUTE,
  meanContacts,
  scanAtPace,
  shipped,
  slowAlarmBound,
  Watched,
} from "./score-figures.ts";

const SOURCES = 500;
const WEEKS = 100_000;
const page = readRepositoryFile("docs/reference/detection.md");
const ONE_A_DAY = 1;

test("one probe a minute, one every five, one an hour: every scanner is found", () => {
  for (const gapMs of [MINUTE, 5 * MINUTE, HOUR]) {
    const { missed, probes } = scanAtPace(gapMs, SOURCES);
    assert.equal(missed, 0, `${gapMs} ms`);
    assert.ok((probes.at(-1) ?? Number.NaN) * gapMs <= 2 * DAY);
  }
  assert.deepEqual(scanAtPace(5 * MINUTE, 1).probes, [3]);
});

test("one wrong port a day, for 60 days, the same or another: nobody is found", () => {
  const watched = new Watched(shipped);
  for (let source = 0; source < SOURCES; source++) {
    watched.nextSource();
    for (let day = 0; day < 60; day++) {
      const timeMs = 20_000 * DAY + day * DAY + source * (DAY / SOURCES);
      assert.equal(watched.probe(source % 2 === 0 ? 81 : 8000 + day, timeMs), undefined);
    }
  }
});

test("the page has the probes and the time that each pace takes", () => {
  const paces = [
    ["1 s", 1000],
    ["1 min", MINUTE],
    ["5 min", 5 * MINUTE],
    ["9 min", 9 * MINUTE],
    ["10 min", 10 * MINUTE],
    ["30 min", 30 * MINUTE],
    ["1 h", HOUR],
    ["2 h", 2 * HOUR],
    ["3 h", 3 * HOUR],
    ["4 h", 4 * HOUR],
    ["6 h", 6 * HOUR],
    ["12 h", 12 * HOUR],
  ] as const;
  for (const [name, gapMs] of paces) {
    const { probes, memory, missed } = scanAtPace(gapMs, SOURCES);
    const [median, most] = [probes[Math.floor(probes.length / 2)], probes.at(-1)];
    const found = `${((1 - missed / SOURCES) * 100).toFixed(0)} %`;
    const cells = [name, found, memory ?? "-", told(median), told(most), time(median, gapMs), time(most, gapMs)];
    assertOnPage(`| ${cells.join(" | ")} |`);
  }
});

test("the page has the ports that other slow windows need for the same bound", () => {
  for (const days of [1, 2, 3, 7]) {
    const slowScoreWindowMs = days * DAY;
    let ports = 2;
    while (slowAlarmBound(ONE_A_DAY, { ...shipped, slowScorePorts: ports, slowScoreWindowMs }) >= 1e-4) ports++;
    const mean = meanContacts(ports);
    const gapHours = (2 * days * 24) / mean;
    const cells = [`${days}d`, ports, mean.toFixed(1), `${gapHours.toFixed(1)} h`, `${(mean - 1).toFixed(0)} h`];
    assertOnPage(`| ${cells.join(" | ")} |`);
  }
});

test("the page has the false alarms of clients who err by chance, and they are below what was promised", () => {
  assert.ok(slowAlarmBound(ONE_A_DAY, shipped) < 1e-4);
  assert.ok(slowAlarmBound(ONE_A_DAY, { ...shipped, slowScorePorts: 9 }) > 1e-4, "10 is the least");
  for (const [name, perDay] of [
    ["1 a week", 1 / 7],
    ["1 in two days", 0.5],
    ["1 a day", ONE_A_DAY],
    ["2 a day", 2],
  ] as const) {
    const { fast, slow } = errByChance(perDay, WEEKS);
    const [fastTheory, slowBound] = [fastAlarms(perDay, shipped), slowAlarmBound(perDay, shipped)];
    assert.ok(slow / WEEKS <= slowBound, `${name}: ${slow}`);
    const deviation = Math.sqrt(fastTheory * WEEKS);
    assert.ok(Math.abs(fast - fastTheory * WEEKS) <= 4 * deviation + 1, `${name}: ${fast}`);
    const cells = [name, rate(fast / WEEKS), rate(fastTheory), rate(slow / WEEKS), rate(slowBound)];
    assertOnPage(`| ${cells.join(" | ")} |`);
  }
});

test("with four ports a client who errs once a day is found by neither memory too often", () => {
  const { fast, slow } = errByChance(ONE_A_DAY, WEEKS, { ...shipped, scorePorts: 4 });
  assert.ok(fast <= 1 && (fast + slow) / WEEKS < 1e-4, `${fast} + ${slow}`);
  assertOnPage(`SCORE_PORTS="4": in ${fast + slow} of 100,000 weeks`);
});

function assertOnPage(line: string): void {
  assert.ok(page.includes(line), `docs/reference/detection.md has no line\n${line}`);
}

function told(count: number | undefined): string {
  return count === undefined ? "-" : `${count}`;
}

function time(probes: number | undefined, gapMs: number): string {
  if (probes === undefined) return "-";
  const ms = (probes - 1) * gapMs;
  if (ms < 2 * MINUTE) return `${ms / 1000} s`;
  if (ms < 3 * HOUR) return `${ms / MINUTE} min`;
  return ms < 3 * DAY ? `${ms / HOUR} h` : `${(ms / DAY).toFixed(1)} d`;
}

function rate(probability: number): string {
  return probability === 0 ? "0" : probability.toExponential(2);
}
