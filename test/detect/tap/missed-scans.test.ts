// Scans of public captures that were missed, each kind made anew, and the innocents that come nearest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpFlag } from "../../../src/wire/packet.ts";
import { buildIcmp } from "../../support/build-packet.ts";
import { KERNEL, STAMPED, series, Tape } from "./tape.ts";

const { Syn, Ack } = TcpFlag;
const SCANNER = "198.51.100.7";

function pings(count: number, answered: number): string[] {
  const tape = new Tape().bothSides();
  for (const [at, host] of series(count, (number) => `192.0.2.${number}`).entries()) {
    const payload = new Uint8Array(8);
    tape.ip(buildIcmp({ source: SCANNER, destination: host, type: 8, code: 0, payload }));
    // Most answers come behind one another, and the silence in between.
    const isAnswered = at % 5 < 3 && answered > at - Math.floor(at / 5) * 2 - Math.max(0, (at % 5) - 3);
    if (isAnswered) tape.ip(buildIcmp({ source: host, destination: SCANNER, type: 0, code: 0, payload }));
  }
  return tape.wait(5_000).end();
}

test("a ping sweep of 18 hosts, of which eleven answer", () => {
  assert.deepEqual(pings(18, 11), [`${SCANNER} breadth`]);
  assert.deepEqual(pings(15, 12), []);
});

test("one direction only: ten services of a host within a second are no client's", () => {
  const scan = (ports: number, gapMs: number) => {
    const tape = new Tape();
    for (const port of series(ports, String, 2_000))
      tape.tcp(`${SCANNER} 40000`, `192.0.2.1 ${port}`, Syn, KERNEL).wait(gapMs);
    return tape.end();
  };
  assert.deepEqual(scan(15, 20), [`${SCANNER} breadth`]);
  assert.deepEqual(scan(9, 20), []);
  assert.deepEqual(scan(15, 300), []);
});

test("one direction only: ten hosts within a second, with SYNs that no kernel makes; a browser opens as many", () => {
  const ask = (more: { readonly tcpOptions?: readonly number[] }) => {
    const tape = new Tape();
    for (const host of series(12, (number) => `192.0.2.${number}`))
      tape.tcp(`${SCANNER} 32000`, `${host} 443`, Syn, more);
    return tape.end();
  };
  assert.deepEqual(ask({}), [`${SCANNER} breadth`]);
  assert.deepEqual(ask(KERNEL), []);
});

interface Sent {
  readonly host: number;
  readonly afterMs: number;
  readonly flags: number;
}

/** A worm's connections: each host is asked by a kernel, at once, after 3 s and after 9 s, and the next one ten minutes later. */
function worm(hosts: number, repeats: readonly number[], goesOn = false): Sent[] {
  return series(hosts, String).flatMap((_, at) => {
    const host = at + 1;
    const syns = repeats.map((ms) => ({ host, afterMs: at * 600_000 + ms, flags: Syn }));
    return goesOn ? [...syns, { host, afterMs: at * 600_000 + 9_500, flags: Ack }] : syns;
  });
}

function play(sent: readonly Sent[]): string[] {
  const tape = new Tape();
  const startMs = tape.nowMs;
  for (const { host, afterMs, flags } of sent) {
    tape.nowMs = startMs + afterMs;
    const look = flags === Syn ? KERNEL : STAMPED;
    tape.tcp(`${SCANNER} ${50_000 + host}`, `192.0.2.${host} 445`, flags, { ...look, sequence: host * 7_919 });
  }
  return tape.end();
}

test("one direction only: who sends its SYN three times has had no answer, in a file sorted newest first as well", () => {
  const sent = worm(6, [0, 3_000, 9_000]);
  assert.deepEqual(play(sent), [`${SCANNER} sequential`]);
  assert.deepEqual(play([...sent].reverse()), [`${SCANNER} sequential`]);
});

test("one direction only: a SYN that is lost once, shown twice, or gone on with says nothing", () => {
  assert.deepEqual(play(worm(6, [0, 3_000])), []);
  assert.deepEqual(play(worm(6, [0, 0, 0, 0])), []);
  assert.deepEqual(play(worm(6, [0, 3_000, 9_000], true)), []);
});

test("newest first or oldest first, time forgives failures that are far apart", () => {
  const daily = series(20, (day) => String(day)).map((day) => ({ host: Number(day), atMs: Number(day) * 86_400_000 }));
  const run = (days: readonly { readonly host: number; readonly atMs: number }[]) => {
    const tape = new Tape().bothSides();
    const startMs = tape.nowMs;
    for (const { host, atMs } of days) {
      tape.nowMs = startMs + atMs;
      tape.refused("192.0.2.200 40000", `192.0.2.${host} 8080`, KERNEL);
    }
    return tape.end();
  };
  assert.deepEqual(run(daily), []);
  assert.deepEqual(run([...daily].reverse()), []);
});
