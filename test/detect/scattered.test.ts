// A scan shared out among sources from anywhere is told of once in a window; what reaches any host is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ScatteredScans } from "../../src/detect/scattered.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { hashOf, probe } from "./probes.ts";

const WINDOW_MS = 600_000;
const START_MS = 20_000 * 86_400_000;
const policy = { scatteredSources: 64, scoreWindowMs: WINDOW_MS };

/** A random generator of one's own, the same each time. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function send(scans: ScatteredScans, number: number, port: number, timeMs: number) {
  const source = `198.${18 + ((number >>> 16) & 1)}.${(number >>> 8) & 255}.${number & 255}`;
  const one = probe({ source, port, timeMs });
  const hash = hashOf(one);
  return scans.note(one, hash) ? scans.findingOf(one) : undefined;
}

/** Ports by popularity, as on the Internet: a share of the probes by Zipf's law, the others any port. */
function background(next: () => number, uniformShare: number): number {
  if (next() < uniformShare) return Math.floor(next() * 65_536);
  return Math.floor(65_536 ** next());
}

test("600 sources with one port each: told of once, of everywhere, long before the last", () => {
  const scans = new ScatteredScans(4, policy);
  const findings = Array.from({ length: 600 }, (_, at) => send(scans, at, 1 + at * 97, START_MS + at * 100));
  const told = findings.filter((finding) => finding !== undefined);
  assert.equal(told.length, 1);
  const [finding] = told;
  assert.equal(finding === undefined ? "" : formatPrefix(finding.source), "0.0.0.0/0");
  assert.ok((finding?.members ?? 0) < 400, `${finding?.members}`);
  assert.equal(finding?.contacts, finding?.members);
});

test("a forged flood is told of once in a window and costs a look-up less once the window is full", () => {
  const scans = new ScatteredScans(4, policy);
  const next = random(1);
  let told = 0;
  for (let at = 0; at < 60_000; at++) {
    const port = Math.floor(next() * 65_536);
    if (send(scans, at, port, START_MS + Math.floor(at / 10)) !== undefined) told++;
  }
  assert.equal(told, 1);
  assert.equal(scans.counters.scatteredUncounted, 60_000 - 4_096);
});

test("a scan cannot hide behind as many probes of one port as a window counts, sent before it", () => {
  const scans = new ScatteredScans(4, policy);
  for (let at = 0; at < 4_096; at++) assert.equal(send(scans, at, 23, START_MS + at), undefined);
  const findings = Array.from({ length: 600 }, (_, at) => send(scans, 50_000 + at, 1 + at * 97, START_MS + 5_000 + at));
  assert.equal(findings.filter((finding) => finding !== undefined).length, 1);
});

test("a host that was made used to floods is told of a scan all the same", () => {
  const scans = new ScatteredScans(4, policy);
  for (let window = 0; window < 60; window++) {
    for (let at = 0; at < 4_000; at++) send(scans, at, 23, START_MS + window * WINDOW_MS + at);
  }
  const startMs = START_MS + 60 * WINDOW_MS;
  const findings = Array.from({ length: 5_000 }, (_, at) => send(scans, 50_000 + at, 1 + at * 13, startMs + at));
  assert.equal(findings.filter((finding) => finding !== undefined).length, 1);
});

test("what reaches any host makes no finding in 200 windows, even where three of four probes go to any port", () => {
  for (const [share, perWindow] of [
    [0.5, 40],
    [0.75, 60],
    [0.75, 400],
  ] as const) {
    const next = random(perWindow);
    const scans = new ScatteredScans(4, policy);
    let source = 0;
    let told = 0;
    for (let window = 0; window < 200; window++) {
      for (let at = 0; at < perWindow; at++) {
        const timeMs = START_MS + window * WINDOW_MS + (at * WINDOW_MS) / perWindow;
        if (send(scans, source++, background(next, share), timeMs) !== undefined) told++;
      }
    }
    assert.equal(told, 0, `${share} of any port, ${perWindow} a window`);
  }
});

test("one scanner with many ports, and clients that all try one port, are no scan by many", () => {
  const scans = new ScatteredScans(4, policy);
  for (let port = 1; port < 5_000; port++) assert.equal(send(scans, 7, port, START_MS), undefined);
  for (let at = 0; at < 3_000; at++) assert.equal(send(scans, at, 8_000, START_MS + WINDOW_MS), undefined);
});

test("a scan is found among what the host is used to", () => {
  const scans = new ScatteredScans(4, policy);
  const next = random(3);
  let source = 0;
  for (let at = 0; at < 1_000; at++) {
    assert.equal(send(scans, source++, background(next, 0.5), START_MS + at * 20_000), undefined);
  }
  const later = START_MS + 40 * WINDOW_MS;
  const told = Array.from({ length: 600 }, (_, at) => send(scans, source++, 1 + at * 97, later + at * 100));
  assert.equal(told.filter((finding) => finding !== undefined).length, 1);
});

test("off, and only TCP and UDP", () => {
  const off = new ScatteredScans(6, { ...policy, scatteredSources: 0 });
  for (let at = 0; at < 1_000; at++) assert.equal(send(off, at, at + 1, START_MS), undefined);
});

test("what a finding tells is counted plainly: each source once, two of its ports, none of them twice", () => {
  const scans = new ScatteredScans(4, policy);
  const tried = new Map<number, Set<number>>();
  for (let number = 0; number < 600; number++) {
    const own = [1 + number * 97, 1 + number * 97, 30_000 + number * 41, 7, 30_000 + number * 41, 8];
    for (const port of own) {
      const ports = tried.get(number) ?? new Set<number>();
      if (ports.size < 2) ports.add(port);
      tried.set(number, ports);
      const finding = send(scans, number, port, START_MS + number * 100);
      if (finding === undefined) continue;
      const all = [...tried.values()].flatMap((each) => [...each]);
      assert.deepEqual(
        [finding.members, finding.probes, finding.contacts],
        [tried.size, all.length, new Set(all).size],
      );
      assert.deepEqual([finding.firstMs, finding.timeMs], [START_MS, START_MS + number * 100]);
      return;
    }
  }
  assert.fail("not found");
});

test("a new window begins with nobody, and so does one of another length", () => {
  const scans = new ScatteredScans(4, policy);
  let told = 0;
  const part = (from: number, to: number, timeMs: number) => {
    for (let at = from; at < to; at++) if (send(scans, at, 1 + at * 97, timeMs) !== undefined) told++;
  };
  // A third of what is enough, in each of many windows.
  for (let window = 0; window < 12; window++) part(window * 100, window * 100 + 100, START_MS + window * WINDOW_MS);
  assert.equal(told, 0);
  const fresh = new ScatteredScans(4, policy);
  for (let at = 0; at < 100; at++) send(fresh, at, 1 + at * 97, START_MS);
  fresh.setPolicy({ ...policy, scoreWindowMs: policy.scoreWindowMs * 2 });
  let findings = 0;
  let sent = 0;
  for (let at = 100; at < 1_000 && findings === 0; at++, sent++)
    if (send(fresh, at, 1 + at * 97, START_MS) !== undefined) findings++;
  const alone = new ScatteredScans(4, policy);
  let needed = 0;
  while (send(alone, needed, 1 + needed * 97, START_MS) === undefined) needed++;
  assert.ok(sent >= needed, `${sent} after the reload, ${needed} alone`);
});

test("below SCATTERED_SOURCES there is none however far from chance, and from there on it is told at once", () => {
  const scans = new ScatteredScans(4, { ...policy, scatteredSources: 500 });
  const toldAt = Array.from({ length: 520 }, (_, at) => send(scans, at, 1 + at * 97, START_MS + at)).findIndex(
    (finding) => finding !== undefined,
  );
  assert.ok(toldAt >= 499 && toldAt < 520, `${toldAt}`);
});

test("each window tells of its own scan, once", () => {
  const scans = new ScatteredScans(4, policy);
  const told = [0, 1, 2].map((window) => {
    const startMs = START_MS + window * WINDOW_MS;
    const findings = Array.from({ length: 900 }, (_, at) =>
      send(scans, window * 1_000 + at, 1 + at * 61, startMs + at),
    );
    const found = findings.filter((finding) => finding !== undefined);
    assert.equal(found[0]?.firstMs, startMs);
    return found.length;
  });
  assert.deepEqual(told, [1, 1, 1]);
  assert.equal(scans.counters.scatteredFindings, 3);
});

test("a host that usually has many visitors is told of a scan by four times as many, and of none by fewer", () => {
  const toldAt = (usual: number, quietWindows: number) => {
    const scans = new ScatteredScans(4, policy);
    let source = 0;
    let window = 0;
    for (; window < 60; window++)
      for (let at = 0; at < usual; at++) send(scans, source++, 23, START_MS + window * WINDOW_MS + at);
    window += quietWindows;
    const startMs = START_MS + window * WINDOW_MS;
    return Array.from({ length: 1_500 }, (_, at) => send(scans, source++, 1 + at * 41, startMs + at)).findIndex(
      (finding) => finding !== undefined,
    );
  };
  const busy = toldAt(200, 0);
  assert.ok(busy >= 700 && busy < 850, `${busy}`);
  const lone = toldAt(0, 0);
  assert.ok(lone >= 63 && lone < 400, `${lone}`);
  assert.ok(toldAt(200, 40) < busy / 2, "what was usual before forty quiet windows is usual no more");
});
