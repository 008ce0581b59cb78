// The door of the silence test: open to all in peace; in a flood of many sources a scanner still comes in soon, and so few
// others that it stays in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Newcomers } from "../../../src/judge/proof/newcomers.ts";
import { silenceLimits } from "../../../src/judge/proof/silence-test.ts";
import { hashOf, probe } from "../../detect/probes.ts";

const START_MS = 1_700_000_000_000;

/** A flood of `perSecond` sources, each with `ports` ports in a row, and a scanner with 100 ports a second in it. */
function flood(ports: number, perSecond: number) {
  const newcomers = new Newcomers(START_MS);
  const forged = probe({ source: "11.0.0.0" });
  const scanner = probe({ source: "192.0.2.1" });
  const scannersTries: number[] = [];
  let admitted = 0;
  for (let count = 0; count < 5 * perSecond; count++) {
    const timeMs = START_MS + (count * 1000) / perSecond;
    forged.source3 = Math.imul(Math.floor(count / ports), 0x9e3779b1) >>> 0;
    forged.port = 2_000 + (count % ports);
    forged.timeMs = timeMs;
    if (newcomers.admit(forged, hashOf(forged))) admitted++;
    if (count % (perSecond / 100) !== 0) continue;
    scanner.port++;
    scanner.timeMs = timeMs;
    if (newcomers.admit(scanner, hashOf(scanner))) scannersTries.push(scanner.port);
  }
  return { admitted, scannersTries, refused: newcomers.refused };
}

test("in peace everybody comes in at once", () => {
  const newcomers = new Newcomers(START_MS);
  const one = probe({ source: "192.0.2.1", timeMs: START_MS });
  for (let index = 0; index < 100; index++) {
    one.source3++;
    assert.equal(newcomers.admit(one, hashOf(one)), true);
  }
  assert.equal(newcomers.refused, 0);
});

test("in a flood of sources with one port each a scanner comes in while it tries its first ten ports", () => {
  const { admitted, scannersTries } = flood(1, 80_000);
  assert.ok((scannersTries[0] ?? Number.POSITIVE_INFINITY) <= probe({}).port + 10, `${scannersTries.slice(0, 3)}`);
  assert.ok(scannersTries.length >= 300, `${scannersTries.length}`);
  assert.ok(admitted < 1_000, `${admitted}`);
});

test("whatever the flood does, whoever is in stays in for eight seconds", () => {
  for (const ports of [1, 2, 3, 10]) {
    const { admitted, refused } = flood(ports, 80_000);
    assert.ok(refused > 0);
    // In the five seconds that were played: bursts and all.
    assert.ok(admitted + 3 * 325 <= silenceLimits.sources, `${ports} ports: ${admitted}`);
  }
});

test("who has come in is known by its hash, others mostly not, until it is forgotten", () => {
  const newcomers = new Newcomers(START_MS);
  const one = probe({ source: "192.0.2.0", timeMs: START_MS });
  const inside: number[] = [];
  for (let index = 0; index < 200; index++) {
    one.source3++;
    if (newcomers.admit(one, hashOf(one))) inside.push(hashOf(one));
  }
  assert.equal(inside.length, 200);
  assert.ok(inside.every((hash) => newcomers.mayBeInside(hash)));
  let taken = 0;
  for (let index = 0; index < 10_000; index++) {
    one.source3++;
    if (newcomers.mayBeInside(hashOf(one))) taken++;
  }
  assert.ok(taken < 100, `${taken} of 10,000 strangers`);
  newcomers.forgetAll();
  assert.ok(!inside.some((hash) => newcomers.mayBeInside(hash)));
  const [first = 0] = inside;
  newcomers.enter(first);
  assert.ok(newcomers.mayBeInside(first));
});

test("when the door for anybody is shut, a source comes in that has tried several ports, and none that repeats itself", () => {
  for (const { what, ports, isIn } of [
    { what: "several ports", ports: [1_000, 2_000, 3_000, 4_000], isIn: true },
    { what: "ports one after the other", ports: [16, 17, 18, 19], isIn: true },
    { what: "one port", ports: [23, 23, 23, 23, 23, 23], isIn: false },
    { what: "one port and then another", ports: [23, 23, 80, 80], isIn: false },
  ]) {
    const newcomers = new Newcomers(START_MS);
    const forged = probe({ source: "11.0.0.0", timeMs: START_MS });
    do forged.source3 = (forged.source3 + 0x9e37) >>> 0;
    while (newcomers.admit(forged, hashOf(forged)));
    const before = newcomers.refused;
    const one = probe({ source: "192.0.2.1", timeMs: START_MS });
    const admitted = ports.map((port) => newcomers.admit(Object.assign(one, { port }), hashOf(one)));
    assert.equal(admitted.includes(true), isIn, what);
    assert.equal(admitted[0], false, "the first port of a source says nothing yet");
    assert.equal(newcomers.refused - before, admitted.filter((came) => !came).length);
  }
});

test("the door for any source lets in 200 at once and 25 a second; a source with three ports has another", () => {
  const newcomers = new Newcomers(START_MS);
  const one = probe({ source: "192.0.2.1", timeMs: START_MS });
  const nextComesIn = () => {
    one.source3++;
    return newcomers.admit(one, hashOf(one));
  };
  for (let count = 0; count < 200; count++) assert.ok(nextComesIn(), `${count}`);
  assert.ok(!nextComesIn());
  one.timeMs += 1_000;
  for (let count = 0; count < 25; count++) assert.ok(nextComesIn(), `${count}, a second later`);
  assert.ok(!nextComesIn());
  for (const [port, comesIn] of [
    [1, false],
    [1, false],
    [2, false],
    [3, true],
  ] as const) {
    const scanner = probe({ source: "203.0.113.1", timeMs: one.timeMs, port });
    assert.equal(newcomers.admit(scanner, hashOf(scanner)), comesIn, `port ${port}`);
  }
});
