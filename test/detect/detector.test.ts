import assert from "node:assert/strict";
import { test } from "node:test";
import { Detector, Noted } from "../../src/detect/detector.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Probe } from "../../src/detect/probe.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { IpProtocol, Packet } from "../../src/wire/packet.ts";
import { prefix, probe, ranges, seed } from "./probes.ts";

const policy = {
  policy: "score",
  scanTrigger: 1,
  scorePorts: 2,
  scoreWindowMs: 60_000,
  slowScorePorts: 10,
  slowScoreWindowMs: 86_400_000,
} as const;

function detector(): Detector {
  return new Detector({ table: new SourceTable(16, seed), policy, near: ranges("fe80::/10") });
}

function synTo(port: number): Packet {
  const source = prefix("2001:db8::5");
  return Object.assign(new Packet(), {
    family: 6,
    source0: source.w0,
    source1: source.w1,
    source2: source.w2,
    source3: source.w3,
    protocol: IpProtocol.Tcp,
    destinationPort: port,
    tcpFlags: 0x42,
    hasIpOptions: 1,
  });
}

test("from packets to a finding, once until the source is reset", () => {
  const d = detector();
  const out = new Probe();
  const see = (port: number, timeMs: number) => {
    d.classify(synTo(port), Disposition.Probe, timeMs, out);
    return d.see(out);
  };
  assert.equal(see(23, 1_000_500), undefined);
  assert.equal(see(23, 1_001_000), undefined);
  assert.deepEqual(see(2323, 1_002_000), {
    source: prefix("2001:db8::/64"),
    kind: Kind.Syn,
    protocol: 6,
    port: 2323,
    tcpFlags: 0x42,
    hasIpOptions: true,
    probes: 3,
    contacts: 2,
    firstMs: 1_000_000,
    timeMs: 1_002_000,
    policy: "score",
  });
  assert.equal(see(2324, 1_002_500), undefined);
  assert.equal(d.reset(prefix("2001:db8::5")), false, "the key is the /64");
  assert.equal(d.reset(prefix("2001:db8::/64")), true);
  assert.equal(d.reset(prefix("2001:db8::/64")), false);
  assert.equal(see(23, 1_003_000), undefined);
  assert.equal(see(24, 1_003_000)?.probes, 2);
});

test("a source that must wait is found again by its next direct probe, and by no other", () => {
  const d = detector();
  const source = "192.0.2.1";
  let last: Readonly<Noted> = new Noted();
  const noted = (port: number, disposition: Disposition = Disposition.Probe) => {
    last = d.note(probe({ source, port, disposition, timeMs: 1_000_000 }));
    return last.isFound;
  };
  assert.deepEqual([noted(23), noted(2323)], [false, true]);
  assert.equal(noted(2323), false, "found already");
  d.letWait(prefix(source));
  assert.deepEqual([noted(22, Disposition.Quiet), noted(2323), noted(24)], [false, true, false]);
  assert.deepEqual([last.probes, last.isRepeat], [6, true]);
  d.passOver(last);
  assert.ok(d.isFound(prefix(source)) && d.evidenceOn(prefix(source), 1_000_000)?.isWaiting);
  d.endWait(prefix(source));
  assert.deepEqual([noted(26), d.evidenceOn(prefix(source), 1_000_000)?.isWaiting], [false, false]);
  d.passOver(last);
  assert.ok(noted(27));
  d.resetAll();
  assert.deepEqual([d.isFound(prefix(source)), noted(28), noted(29)], [false, true, false]);
  d.letWait(prefix("192.0.2.2"));
  assert.equal(d.table.size, 1);
});

test("a finding of the slow memory says since when its contacts count", () => {
  const d = detector();
  const day = 86_400_000;
  const start = 20_000 * day;
  const hours = Array.from({ length: 40 }, (_, hour) => start + hour * 3_600_000);
  const findings = hours.map((timeMs, port) => d.see(probe({ port, timeMs })));
  const found = findings.findIndex((finding) => finding !== undefined);
  const finding = findings[found];
  assert.deepEqual([finding?.contacts, finding?.probes, finding?.firstMs], [10, found + 1, start]);
  assert.equal(finding?.slowSinceMs, start);
  assert.equal(findings.filter((each) => each !== undefined).length, 1);
  const evidence = d.evidenceOn(prefix("192.0.2.1"), hours[found] ?? Number.NaN);
  assert.deepEqual([evidence?.slowContacts, evidence?.isFlagged, evidence?.slowSinceMs], [10, true, start]);
  assert.ok(evidence !== undefined && evidence.score >= 1 && evidence.score < 1.02);
  const about = { kind: Kind.Connect, protocol: 6, port: 3, timeMs: hours[found] ?? Number.NaN };
  assert.equal(d.findingAbout(prefix("192.0.2.1"), about)?.slowSinceMs, start, "proven later, it is still a slow one");
  assert.equal(d.evidenceOn(prefix("192.0.2.2"), start), undefined);
});

test("classify alone remembers nothing", () => {
  const d = detector();
  d.classify(synTo(1), Disposition.Probe, 1, new Probe());
  assert.equal(d.table.size, 0);
});

test("a new policy and new on-link prefixes hold from the next packet on", () => {
  const d = detector();
  const out = new Probe();
  assert.equal(d.see(probe({ port: 1 })), undefined);
  d.setPolicy({ ...policy, policy: "trigger", scanTrigger: 2 });
  assert.equal(d.see(probe({ port: 1 }))?.policy, "trigger");
  d.setNear(ranges("2001:db8::/64"));
  d.classify(synTo(1), Disposition.Probe, 7, out);
  assert.equal(out.sourceBits, 128);
  assert.equal(out.timeMs, 7);
  d.see(out);
  const row = d.table.find(out.source0, out.source1, out.source2, out.source3, 128);
  assert.equal(formatPrefix(d.table.source(row)), "2001:db8::5");
});

test("a probe's source counts as found from its finding until it is reset, and no other source does", () => {
  const d = detector();
  const [one, stranger] = [probe({ source: "192.0.2.1", port: 23 }), probe({ source: "192.0.2.2", port: 23 })];
  assert.equal(d.isFoundBy(one), false, "it has sent nothing");
  d.see(one);
  assert.equal(d.isFoundBy(one), false, "one contact is no scan");
  assert.ok(d.see(probe({ source: "192.0.2.1", port: 24 })));
  d.see(stranger);
  assert.deepEqual([d.isFoundBy(one), d.isFoundBy(stranger)], [true, false]);
  d.reset(prefix("192.0.2.1"));
  assert.deepEqual([d.isFoundBy(one), d.isFound(prefix("192.0.2.1"))], [false, false]);
});
