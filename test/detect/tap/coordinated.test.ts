import assert from "node:assert/strict";
import { test } from "node:test";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import type { CoordinatedFinding } from "../../../src/detect/tap/coordinated.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { type Ask, ask, createScans } from "./asks.ts";
import { randomOf } from "./sequential-theory.ts";
import { shuffled } from "./zipf-ports.ts";

const HOUR = 3_600_000;

function run(asks: Iterable<Ask>, scans = createScans()): { findings: CoordinatedFinding[]; after: number } {
  const findings: CoordinatedFinding[] = [];
  let after = 0;
  let at = 0;
  for (const each of asks) {
    at++;
    const finding = ask(scans, each);
    if (finding === undefined) continue;
    if (findings.length === 0) after = at;
    findings.push(finding);
  }
  return { findings, after };
}

test("ten sources that share out a thousand ports of a host are one finding with all its members", () => {
  const asks = shuffled(1000).map((at) => ({ source: at % 10, port: at + 1 }));
  const { findings, after } = run(asks);
  assert.equal(findings.length, 1);
  const [finding] = findings;
  assert.ok(finding !== undefined && after < 250, `after ${after} probes`);
  assert.equal(finding.space, "ports");
  assert.equal(finding.host === undefined ? "" : formatPrefix(finding.host), "192.0.2.1");
  assert.equal(finding.members.length, 10);
  // It has grown with what came after it.
  assert.deepEqual([finding.elements, finding.probes, finding.overlap, finding.coverage], [1000, 1000, 0, 1]);
});

test("two hundred sources with one port each are found too; each alone would not be", () => {
  const asks = shuffled(65_535)
    .slice(0, 200)
    .map((port, source) => ({ source, port: port + 1 }));
  const { findings, after } = run(asks);
  assert.equal(findings.length, 1);
  assert.ok(after >= 164 && after <= 175, `after ${after}`);
  assert.equal(findings[0]?.members.length, 200);
});

test("sources that share out the hosts of a network are found by their service", () => {
  const asks = shuffled(256).map((host) => ({ source: host % 4, host, port: 22 }));
  const { findings } = run(asks, createScans({ homeAddresses: 256 }));
  assert.equal(findings.length, 1);
  assert.equal(findings[0]?.space, "hosts");
  assert.equal(findings[0]?.port, 22);
  assert.equal(findings[0]?.host, undefined);
  assert.equal(findings[0]?.coverage, 1);
});

test("some overlap is let pass, much is not", () => {
  const withOverlap = (share: number) => {
    const random = randomOf(5);
    return shuffled(1000).flatMap((at) => {
      const own = { source: at % 8, port: at + 1 };
      return random() < share ? [own, { source: (at + 1) % 8, port: at + 1 }] : [own];
    });
  };
  assert.equal(run(withOverlap(0.02)).findings.length, 1);
  assert.equal(run(withOverlap(0.5)).findings.length, 0);
});

test("two sources are no group, nor are one large scan and a few strays", () => {
  assert.equal(run(shuffled(1000).map((at) => ({ source: at % 2, port: at + 1 }))).findings.length, 0);
  const strays = [1, 2, 3, 4].map((source) => ({ source, port: 40_000 + source }));
  const asks = [...strays, ...shuffled(1000).map((at) => ({ source: 0, port: at + 1 }))];
  assert.equal(run(asks).findings.length, 0);
});

test("clients that come to the same popular closed port, or to two of them, are no group", () => {
  assert.equal(run(Array.from({ length: 500 }, (_, source) => ({ source, port: 443 }))).findings.length, 0);
  const random = randomOf(2);
  // A busy NAT or a load balancer: forty addresses, each with one or two of the five ports that clients use.
  const ports = [443, 80, 8080, 993, 22];
  const asks = Array.from({ length: 80 }, (_, at) => ({
    source: at % 40,
    port: ports[Math.floor(random() * ports.length)] ?? 0,
  }));
  assert.equal(run(asks).findings.length, 0);
});

test("nmap users who each scan the same thousand ports are no group", () => {
  const asks = [0, 1, 2, 3, 4, 5].map((source) =>
    shuffled(1000, randomOf(source + 40)).map((port) => ({ source, port })),
  );
  const inTurn = Array.from({ length: 6000 }, (_, at) => asks[at % 6]?.[Math.floor(at / 6)] ?? { source: 0, port: 0 });
  assert.equal(run(inTurn).findings.length, 0);
});

test("other fingerprints and other targets are other clusters; what was accepted is in none", () => {
  const spread = shuffled(200).map((at) => ({ source: at % 10, port: at + 1 }));
  assert.equal(run(spread.map((each) => ({ ...each, fingerprint: each.source }))).findings.length, 0);
  assert.equal(run(spread.map((each) => ({ ...each, host: each.port % 20 }))).findings.length, 0);
  assert.equal(run(spread.map((each) => ({ ...each, outcome: Outcome.Accepted }))).findings.length, 0);
});

test("a cluster begins anew when its time is over: what took longer than that is not one scan", () => {
  const slow = (gapMs: number) =>
    shuffled(65_535)
      .slice(0, 300)
      .map((port, at) => ({ source: at % 100, port, timeMs: at * gapMs }));
  assert.equal(run(slow((5 * HOUR) / 300)).findings.length, 1);
  assert.equal(run(slow((20 * HOUR) / 300)).findings.length, 0);
});

test("the table stays within its bound, and counts what it could not keep", () => {
  const scans = createScans({ capacity: 8 });
  for (let host = 0; host < 200; host++) ask(scans, { source: host, host });
  assert.ok(scans.evictions >= 150);
  for (let port = 0; port < 3000; port++) ask(scans, { source: 1, host: 1, port });
  assert.ok(scans.untracked > 900);
});

test("a growing group is not pushed out by passers-by", () => {
  const scans = createScans({ capacity: 64 });
  let found = 0;
  for (const [at, port] of shuffled(1000).entries()) {
    if (ask(scans, { source: at % 10, port: port + 1 }) !== undefined) found++;
    for (let other = 0; other < 5; other++) ask(scans, { source: 5000 + at * 5 + other, host: 1000 + at * 5 + other });
  }
  assert.equal(found, 1);
});

test("a policy that is none is refused", () => {
  for (const wrong of [{ alpha: 0 }, { maxOverlap: 1 }, { minMembers: 1 }, { homeAddresses: 0 }, { capacity: 1 }]) {
    assert.throws(() => createScans(wrong), RangeError);
  }
  for (const wrong of [
    { alpha: 1 },
    { maxOverlap: -0.1 },
    { homeAddresses: 1 },
    { uniformShare: -0.1 },
    { uniformShare: 1 },
  ]) {
    assert.throws(() => createScans(wrong), RangeError);
  }
  // The ends that are allowed.
  createScans({ maxOverlap: 0, minMembers: 2, homeAddresses: 2, uniformShare: 0 });
});
