import assert from "node:assert/strict";
import { test } from "node:test";
import { Contact, Outcome } from "../../../src/detect/tap/contact.ts";
import {
  type CoordinatedFinding,
  type CoordinatedPolicy,
  CoordinatedScans,
  DEFAULT_COORDINATED,
} from "../../../src/detect/tap/coordinated.ts";
import { formatPrefix, IPV4_MAPPED_WORD, prefixOfWords } from "../../../src/wire/address.ts";
import { seed } from "../probes.ts";
import { randomOf } from "./sequential-theory.ts";
import { drawFrom, zipfPorts } from "./zipf-ports.ts";

const MASSCAN = 1;
const HOUR = 3_600_000;

interface Ask {
  readonly source: number;
  readonly host?: number;
  readonly port?: number;
  readonly outcome?: Outcome;
  readonly timeMs?: number;
  readonly fingerprint?: number;
}

function ask(scans: CoordinatedScans, fields: Ask): CoordinatedFinding | undefined {
  const { source, host = 1, port = 80, outcome = Outcome.Unanswered, timeMs = 0, fingerprint = MASSCAN } = fields;
  const contact = new Contact();
  contact.host2 = IPV4_MAPPED_WORD;
  contact.host3 = 0xc0000200 + host;
  contact.protocol = 6;
  contact.port = port;
  contact.outcome = outcome;
  contact.timeMs = timeMs;
  return scans.note(contact, prefixOfWords(0, 0, IPV4_MAPPED_WORD, 0xc6336400 + source, 128), fingerprint);
}

function create(fields: Partial<CoordinatedPolicy> = {}): CoordinatedScans {
  return new CoordinatedScans({ policy: { ...DEFAULT_COORDINATED, ...fields }, seed });
}

function run(asks: Iterable<Ask>, scans = create()): { findings: CoordinatedFinding[]; after: number } {
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

/** 0..n-1 in an order that is the same every time. */
function shuffled(count: number, random = randomOf(21)): number[] {
  const all = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [all[at], all[other]] = [all[other] ?? 0, all[at] ?? 0];
  }
  return all;
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
  const { findings } = run(asks, create({ homeAddresses: 256 }));
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

test("independent sources by Zipf's law are taken for a group as rarely as stated", () => {
  const chances = zipfPorts(DEFAULT_COORDINATED.uniformShare);
  // alpha is 1e-2 here, or nothing would show. Each run: 400 probes, by sources with so many ports each.
  for (const [portsEach, runs] of [
    [1, 400],
    [2, 400],
    [20, 400],
  ] as const) {
    const draw = drawFrom(chances, randomOf(100 + portsEach));
    let found = 0;
    for (let round = 0; round < runs; round++) {
      const asks: Ask[] = [];
      for (let source = 0; source * portsEach < 400; source++) {
        for (let probe = 0; probe < portsEach; probe++) asks.push({ source, port: draw() + 1 });
      }
      if (run(asks, create({ alpha: 1e-2, capacity: 64 })).findings.length > 0) found++;
    }
    // Looked at some forty times on its way: three times alpha at most, and four standard errors.
    const allowed = 3e-2 * runs;
    assert.ok(found <= allowed + 4 * Math.sqrt(allowed), `${portsEach} ports each: ${found} of ${runs}`);
  }
});

test("the table stays within its bound, and counts what it could not keep", () => {
  const scans = create({ capacity: 8 });
  for (let host = 0; host < 200; host++) ask(scans, { source: host, host });
  assert.ok(scans.evictions >= 150);
  for (let port = 0; port < 3000; port++) ask(scans, { source: 1, host: 1, port });
  assert.ok(scans.untracked > 900);
});

test("a growing group is not pushed out by passers-by", () => {
  const scans = create({ capacity: 64 });
  let found = 0;
  for (const [at, port] of shuffled(1000).entries()) {
    if (ask(scans, { source: at % 10, port: port + 1 }) !== undefined) found++;
    for (let other = 0; other < 5; other++) ask(scans, { source: 5000 + at * 5 + other, host: 1000 + at * 5 + other });
  }
  assert.equal(found, 1);
});

test("a policy that is none is refused", () => {
  for (const wrong of [{ alpha: 0 }, { maxOverlap: 1 }, { minMembers: 1 }, { homeAddresses: 0 }, { capacity: 1 }]) {
    assert.throws(() => create(wrong), RangeError);
  }
});
