// Findings about many sources: what a reload changes reaches each of the three that look for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrowdPolicy, Crowds } from "../../src/detect/crowds.ts";
import { Disposition } from "../../src/detect/probe.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { hashOf, prefix, probe, ranges, seed } from "./probes.ts";

const START_MS = 1_700_000_000_000;
const never: CrowdPolicy = {
  neighbours: 0,
  slowNeighbours: 0,
  slowScoreWindowMs: 86_400_000,
  scatteredSources: 0,
  scoreWindowMs: 600_000,
  policy: "score",
  toleratedKinds: 0,
  toleratedTcp: [{ first: 1, last: 65_535 }],
  toleratedUdp: [],
};

/** Whom sixteen neighbours, and one source that tries tolerated ports, make findings of. */
function found(crowds: Crowds): string[] {
  const probes = [
    ...Array.from({ length: 16 }, (_, at) => ({ source: `203.0.113.${at + 1}`, port: 1_000 + at })),
    ...[22, 25, 53, 80, 113, 139, 3306].map((port) => ({ source: "192.0.2.1", port, disposition: Disposition.Quiet })),
  ];
  return probes.flatMap((more) => {
    const one = probe({ timeMs: START_MS, ...more });
    const finding = crowds.note(one, hashOf(one));
    return finding === undefined ? [] : [`${formatPrefix(finding.source)} by ${finding.policy}`];
  });
}

test("nobody is looked for until a reload says so, and then by each that it names", () => {
  const made = () => new Crowds({ policy: never, near: ranges(), seed });
  assert.deepEqual(found(made()), []);
  const neighbours = made();
  neighbours.setPolicy({ ...never, neighbours: 8 });
  assert.deepEqual(found(neighbours), ["203.0.113.0/24 by neighbours"]);
  const habits = made();
  habits.setPolicy({ ...never, toleratedKinds: 4 });
  assert.deepEqual(found(habits), ["192.0.2.1 by tolerated"]);
  habits.setPolicy(never);
  habits.unflagAll();
  assert.deepEqual(found(habits), []);
});

test("findings about many sources are told of for ten minutes, the latest last and no more than eight", () => {
  const crowds = new Crowds({ policy: { ...never, neighbours: 8 }, near: ranges(), seed });
  const scan = (net: number, timeMs: number) => {
    for (let at = 1; at <= 8; at++) {
      const one = probe({ source: `198.18.${net}.${at}`, port: 1_000 + at, timeMs });
      crowds.note(one, hashOf(one));
    }
  };
  const told = (timeMs: number) => crowds.recent(timeMs).map(({ source }) => formatPrefix(source));
  for (let net = 0; net < 10; net++) scan(net, START_MS + net * 60_000);
  const all = Array.from({ length: 10 }, (_, net) => `198.18.${net}.0/24`);
  assert.deepEqual(told(START_MS + 9 * 60_000), all.slice(2));
  assert.deepEqual(told(START_MS + 15 * 60_000), all.slice(5));
  assert.deepEqual(told(START_MS + 60 * 60_000), []);
  const { neighbourFindings } = crowds.counters;
  assert.equal(neighbourFindings, 10);
});

test("a scan by many is told of by its family, and not what lies in a network that is found already", () => {
  const crowds = new Crowds({ policy: { ...never, scatteredSources: 32, neighbours: 8 }, near: ranges(), seed });
  const give = (source: string, port: number) => {
    const one = probe({ source, port, timeMs: START_MS });
    return crowds.note(one, hashOf(one));
  };
  const texts: string[] = [];
  for (let at = 0; at < 600; at++)
    for (const source of [`198.${18 + (at >> 8)}.${at & 255}.1`, `2001:${(0x400 + at).toString(16)}:1:1::/64`]) {
      const finding = give(source, 1 + at * 97);
      if (finding !== undefined) texts.push(`${formatPrefix(finding.source)} by ${finding.policy}`);
    }
  assert.deepEqual(texts.sort(), ["0.0.0.0/0 by scattered", "::/0 by scattered"]);
  const { scatteredFindings } = crowds.counters;
  assert.equal(scatteredFindings, 2);
});

test("what a source has tried of tolerated ports, and what its networks have, is told until it is forgotten", () => {
  const crowds = new Crowds({ policy: { ...never, toleratedKinds: 4, neighbours: 8 }, near: ranges(), seed });
  found(crowds);
  const source = prefix("192.0.2.1");
  assert.deepEqual(crowds.habitsOf(source, START_MS), [
    "web",
    "mail",
    "names",
    "SSH",
    "ident",
    "Windows shares",
    "others",
  ]);
  assert.deepEqual(crowds.habitsOf(prefix("192.0.2.2"), START_MS), []);
  const network = prefix("203.0.113.0/24");
  assert.deepEqual(
    crowds.evidenceOn(prefix("203.0.113.9")).map(({ isFound, sources }) => [isFound, sources]),
    [[true, 16]],
  );
  crowds.forget(source);
  crowds.forget(network);
  assert.deepEqual([crowds.habitsOf(source, START_MS), crowds.evidenceOn(network)], [[], []]);
  assert.equal(found(crowds).length, 2, "both are found again");
});

test("of a flood some thousand direct probes a second are looked at: the others are counted, and a network that goes on is found", () => {
  const crowds = new Crowds({ policy: { ...never, neighbours: 8 }, near: ranges(), seed });
  const give = (source: string, port: number, timeMs: number) => {
    const one = probe({ source, port, timeMs });
    return crowds.note(one, hashOf(one));
  };
  for (let at = 0; at < 30_000; at++) give(`${1 + (at >> 13)}.${(at >> 5) & 255}.${at & 31}.1`, 7, START_MS);
  const passedOver = () => {
    const { crowdProbesPassedOver = 0 } = crowds.counters;
    return crowdProbesPassedOver;
  };
  assert.equal(passedOver(), 10_000);
  // Among 40,000 a second, in deliveries of a hundredth of it, are ten of the scan.
  const found: string[] = [];
  for (let turn = 1; turn <= 1_000; turn++) {
    const timeMs = START_MS + turn * 10;
    for (let at = 0; at < 400; at++) {
      const isScan = at % 40 === turn % 40;
      const strange = `${1 + (turn % 200)}.${at >> 1}.${turn & 255}.1`;
      const finding = give(
        isScan ? `203.0.113.${1 + ((turn + at) % 50)}` : strange,
        1 + ((turn * 7 + at) % 900),
        timeMs,
      );
      if (finding !== undefined) found.push(formatPrefix(finding.source));
    }
  }
  assert.ok(passedOver() > 300_000);
  assert.deepEqual(found, ["203.0.113.0/24"]);
});
