// Findings about many sources: what a reload changes reaches each of the three that look for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrowdPolicy, Crowds } from "../../src/detect/crowds.ts";
import { hashSource } from "../../src/detect/keyed-hash.ts";
import { Disposition, type Probe } from "../../src/detect/probe.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { probe, ranges, seed } from "./probes.ts";

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

function hashOf({ source0, source1, source2, source3, sourceBits }: Probe): number {
  return hashSource(seed, source0, source1, source2, source3, sourceBits);
}

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
