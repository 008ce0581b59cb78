// What happens with one packet and one delivery: what the record is told and when, what goes to the proofs, and that verdicts
// leave once, at the end of the delivery.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryClock } from "../../src/base/delivery-clock.ts";
import { Engine } from "../../src/daemon/engine.ts";
import { Walk } from "../../src/daemon/walk.ts";
import { Detector } from "../../src/detect/detector.ts";
import { FirstContacts } from "../../src/detect/first-contacts.ts";
import type { Probe } from "../../src/detect/probe.ts";
import type { ScorePolicy } from "../../src/detect/scorers.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { Judge, type JudgeContext } from "../../src/judge/judge.ts";
import type { Proven } from "../../src/judge/proof/prover.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { logPrefixes } from "../../src/table/log-rules.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { Arrival } from "../../src/wire/arrival.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { prefix, ranges, seed } from "../detect/probes.ts";
import { buildTcp } from "../support/build-packet.ts";
import { verdictOn } from "./fakes.ts";

const NOW_MS = 1_700_000_000_000;
const policy: ScorePolicy = {
  ...{ policy: "trigger", scanTrigger: 0, scorePorts: 3, scoreWindowMs: 60_000 },
  ...{ slowScorePorts: 10, slowScoreWindowMs: 86_400_000 },
};
const context: JudgeContext = {
  ...{ ignored: ranges("192.0.2.66"), guarded: ranges(), own: ranges("203.0.113.9", "203.0.113.1") },
  ...{ blockTcp: true, blockUdp: true, proof: "on", firewall: true },
};

/** A walk with a real engine; everybody else writes down what it is asked, in one list. */
function setUp({ tellsSpared = false } = {}) {
  const said: string[] = [];
  const proven: Proven[] = [];
  const chosen: Verdict[] = [];
  const taken: Verdict[] = [];
  /** What a test can turn. */
  const is = { silent: true, admitted: true, blocking: true, taking: (): void => {} };
  const now = { ms: NOW_MS };
  const clock = new DeliveryClock(() => now.ms);
  const detector = new Detector({ table: new SourceTable(64, seed), policy, near: ranges() });
  const judge = new Judge(context);
  const contacts = new FirstContacts(seed);
  const engine = new Engine({ detector, judge, clock, contacts, tellsSpared: () => tellsSpared });
  const portOf = ({ port }: Probe) => said.push(`probe ${port}`);
  const walk = new Walk({
    ...{ engine, clock, detector, judge, contacts },
    recorder: {
      probe: portOf,
      repeat: ({ port }) => said.push(`repeat ${port}`),
      untriggered: ({ port }) => said.push(`untriggered ${port}`),
      spared: ({ port }, because) => said.push(`spared ${port} ${because}`),
      passOver: () => said.push("passed over"),
      warning: (text) => said.push(`warning ${text}`),
    },
    handshakes: {
      arrived: ({ port }) => (port === 7 ? verdictOn("192.0.2.7", "block", NOW_MS) : undefined),
      upgrade: (verdict) => (verdict.finding.port === 81 ? verdictOn("192.0.2.81", "block", NOW_MS) : verdict),
    },
    prover: {
      probe: ({ port }, packet, hash) => {
        assert.equal(packet.destinationPort, port);
        assert.notEqual(hash, 0);
        said.push(`proof ${port}`);
      },
      get hasProven() {
        return proven.length > 0;
      },
      takeProven: () => proven.splice(0),
    },
    exit: {
      admits: (verdict, lot) => {
        said.push(`asks ${formatPrefix(verdict.finding.source)}${lot === undefined ? "" : ` ${lot}`}`);
        return is.admitted;
      },
      takeChosen: () => chosen.splice(0),
      take: (verdicts) => {
        is.taking();
        if (verdicts.length === 0) said.push("took nothing");
        taken.push(...verdicts);
        for (const { action, finding } of verdicts) said.push(`${action} ${formatPrefix(finding.source)}`);
        // What cannot be blocked may be found again.
        if (!is.blocking) for (const { finding } of verdicts) detector.reset(finding.source);
      },
      answered: (words) => said.push(`answered ${words.join(" ")}`),
    },
    testsSilence: () => is.silent,
    wasBaited: ({ port }) => port === 7,
    delivered: () => said.push("delivered"),
  });
  const syn = (source: string, port: number, tag: string = logPrefixes.probe): void => {
    const bytes = buildTcp({
      source,
      destination: "203.0.113.1",
      sourcePort: 40_000,
      destinationPort: port,
      flags: TcpFlag.Syn,
    });
    walk.packet(bytes, 0, bytes.length, tag.charCodeAt(0));
  };
  const take = () => said.splice(0);
  return { walk, now, detector, clock, syn, take, is, proven, chosen, taken };
}

const A = "192.0.2.1";
const B = "192.0.2.2";

test("verdicts leave once, at the end of the delivery; what their sources have sent since is told of behind them", () => {
  const { walk, syn, take } = setUp();
  syn(A, 23);
  syn(A, 24);
  syn(B, 25);
  syn(A, 26);
  assert.deepEqual(take(), [
    ...["probe 23", `asks ${A}`, "proof 23"],
    "proof 24",
    ...["probe 25", `asks ${B}`, "proof 25"],
    "proof 26",
  ]);
  walk.batchEnd();
  assert.deepEqual(take(), [`soft ${A}`, `soft ${B}`, "repeat 24", "repeat 26", "delivered"]);
  walk.batchEnd();
  assert.deepEqual(take(), ["delivered"], "nothing leaves twice");
  syn(A, 27);
  assert.deepEqual(take(), ["repeat 27", "proof 27"], "no verdict waits: it is told of at once");
});

test("of a source that is not blocked after all the next probes are not called those of a blocked one", () => {
  const { walk, syn, take, is } = setUp();
  is.blocking = false;
  syn(A, 23);
  syn(A, 24);
  take();
  walk.batchEnd();
  assert.deepEqual(take(), [`soft ${A}`, "probe 24", "delivered"]);
});

test("a claim that is not admitted does not leave, and nothing waits for it", () => {
  const { walk, syn, take, is } = setUp();
  is.admitted = false;
  syn(A, 23);
  syn(A, 24);
  assert.deepEqual(take(), ["probe 23", `asks ${A}`, "proof 23", "repeat 24", "proof 24"]);
  walk.batchEnd();
  assert.deepEqual(take(), ["delivered"]);
});

test("more repeats than can wait are counted, and those that waited are told of in their order", () => {
  const { walk, syn, take } = setUp();
  for (let port = 1; port <= 67; port++) syn(A, port);
  const during = take();
  assert.equal(during.filter((one) => one === "passed over").length, 2);
  walk.batchEnd();
  const ports = Array.from({ length: 64 }, (_, at) => `repeat ${at + 2}`);
  assert.deepEqual(take(), [`soft ${A}`, ...ports, "delivered"]);
  syn(B, 25);
  syn(B, 26);
  walk.batchEnd();
  assert.deepEqual(
    take().slice(-2),
    ["repeat 26", "delivered"],
    "the records are used again, and no old one is told of",
  );
});

test("claims that were chosen and sources that were proven leave with the others, in this order", () => {
  const { walk, syn, take, chosen, proven } = setUp();
  syn(A, 23);
  syn(B, 25);
  walk.batchEnd();
  take();
  const { w0, w1, w2, w3 } = prefix(A);
  proven.push({ source: prefix(A), counts: {} as Proven["counts"], words: [w0, w1, w2, w3], port: 443 });
  chosen.push(verdictOn("192.0.2.9", "soft", NOW_MS));
  syn("192.0.2.3", 26);
  take();
  walk.act();
  assert.deepEqual(take(), ["soft 192.0.2.3", "soft 192.0.2.9", `block ${A}`]);
  walk.act();
  assert.deepEqual(take(), []);
});

test("a source whose first SYNs were met with silence and are not repeated is a claim when its time is over", () => {
  const { walk, now, syn, take, is } = setUp();
  for (const source of [A, B, "192.0.2.4"])
    for (const port of [22, 110, 143, 993, 3306]) syn(source, port, logPrefixes.firstContact);
  syn(B, 110, logPrefixes.repeated);
  syn("192.0.2.4", 110, logPrefixes.waiting);
  walk.batchEnd();
  assert.deepEqual(take(), ["delivered"], "silence is told to nobody");
  now.ms += 6_000;
  walk.batchEnd();
  assert.deepEqual(take(), [`asks ${A}`, `soft ${A}`, "delivered"]);
  for (const port of [22, 110, 143, 993, 3306]) syn("192.0.2.3", port, logPrefixes.firstContact);
  walk.batchEnd();
  now.ms += 6_000;
  is.admitted = false;
  walk.batchEnd();
  assert.deepEqual(
    take(),
    ["delivered", "asks 192.0.2.3", "delivered"],
    "in a flood of claims it waits for its lot like others",
  );
});

test("while somebody is proven and not yet blocked, its probes wait; one whom nobody remembers is no verdict", () => {
  const { walk, syn, take, proven, detector } = setUp();
  syn(A, 23);
  walk.batchEnd();
  take();
  const { w0, w1, w2, w3 } = prefix(A);
  proven.push({ source: prefix(A), counts: {} as Proven["counts"], words: [w0, w1, w2, w3], port: 23 });
  syn(A, 24);
  assert.deepEqual(take(), ["proof 24"]);
  detector.reset(prefix(A));
  walk.batchEnd();
  assert.deepEqual(take(), ["probe 24", "delivered"]);
});

test("a proven source in a /64 is blocked by the /64, and the finding tells the address", () => {
  const { walk, take, proven, taken } = setUp();
  const address = "2001:db8::5";
  const { w0, w1, w2, w3 } = prefix(address);
  const bytes = buildTcp({
    ...{ source: address, destination: "2001:db8:1::1", sourcePort: 1, destinationPort: 23, flags: TcpFlag.Syn },
  });
  walk.packet(bytes, 0, bytes.length, logPrefixes.probe.charCodeAt(0));
  walk.batchEnd();
  take();
  proven.push({ source: prefix("2001:db8::/64"), counts: {} as Proven["counts"], words: [w0, w1, w2, w3], port: 24 });
  walk.act();
  assert.deepEqual(take(), ["block 2001:db8::/64"]);
  const { finding } = taken.at(-1) ?? {};
  assert.deepEqual([finding?.address, finding?.port, finding?.timeMs], [prefix(address), 24, NOW_MS]);
  assert.equal(taken[0]?.finding.address?.bits, 128, "the claim before it tells it as well");
});

test("the proofs get packets only while the settings leave them something to be silent in", () => {
  const { syn, take, is } = setUp();
  is.silent = false;
  syn(A, 23);
  syn(A, 24);
  assert.deepEqual(take(), ["probe 23", `asks ${A}`]);
});

test("a held packet is told of at once, whatever waits, and is called neither repeat nor untriggered", () => {
  const { syn, take, walk } = setUp();
  syn(A, 23);
  syn(A, 22, logPrefixes.held);
  syn(B, 5, logPrefixes.quiet);
  syn(B, 6, logPrefixes.stray);
  assert.deepEqual(take(), ["probe 23", `asks ${A}`, "proof 23", "probe 22", "proof 22", "probe 5", "probe 6"]);
  walk.batchEnd();
  assert.deepEqual(take(), [`soft ${A}`, "delivered"]);
});

test("a probe that makes no scan yet is said to be one", () => {
  const { detector, syn, take } = setUp();
  detector.setPolicy({ ...policy, scanTrigger: 2 });
  syn(A, 23);
  assert.deepEqual(take(), ["probe 23", "untriggered 23"]);
  syn(A, 24, logPrefixes.delegated);
  assert.deepEqual(take(), ["probe 24", "untriggered 24"]);
});

test("packets of our own addresses are told to nobody; an answer of ours goes to whoever watches commands", () => {
  const { syn, take } = setUp();
  syn("203.0.113.9", 23);
  assert.deepEqual(take(), []);
  syn(A, 23, logPrefixes.through);
  assert.deepEqual(take(), [`answered 0 0 ${0xffff} ${0xcb007101}`]);
});

test("a handshake with the decoy is a verdict of its delivery, and one that comes before its finding makes that a proof", () => {
  const { walk, syn, take } = setUp();
  const arrival = Object.assign(new Arrival(), { protocol: 6, port: 7 });
  assert.ok(walk.isBait(arrival));
  walk.handshake(arrival);
  arrival.port = 8;
  assert.equal(walk.isBait(arrival), false);
  walk.handshake(arrival);
  assert.deepEqual(take(), []);
  walk.batchEnd();
  assert.deepEqual(take(), ["block 192.0.2.7", "delivered"]);
  syn(A, 81);
  walk.batchEnd();
  assert.deepEqual(take(), ["probe 81", "asks 192.0.2.81", "proof 81", "block 192.0.2.81", "delivered"]);
  walk.failed(new Error("no more"));
  assert.deepEqual(take(), ["warning decoy: Error: no more"]);
});

test("what a mirror port and a listener of ours have found leaves by the same exit", () => {
  const { walk, take } = setUp();
  const { w0, w1, w2, w3 } = prefix(A);
  walk.tapFinding({ ...verdictOn(A, "soft", NOW_MS).finding, hosts: 2 } as Verdict["finding"], [w0, w1, w2, w3]);
  const arrival = Object.assign(new Arrival(), { source0: w0, source1: w1, source2: w2, source3: w3 });
  walk.arrival(Object.assign(arrival, { source3: prefix(B).w3, protocol: 17, port: 53, timeMs: NOW_MS }));
  walk.batchEnd();
  assert.deepEqual(take(), [`asks ${A}`, "probe 53", `asks ${B}`, `soft ${A}`, `soft ${B}`, "delivered"]);
});

test("after a delivery the clock goes on, before anything is carried out", () => {
  const { walk, clock, syn, now, is } = setUp();
  syn(A, 23);
  now.ms += 9;
  assert.equal(clock.nowMs(), NOW_MS);
  let takenMs = 0;
  is.taking = () => {
    takenMs = clock.nowMs();
  };
  walk.batchEnd();
  assert.equal(takenMs, NOW_MS + 9);
});

test("a probe that is spared is told of by its reason, and is neither remembered nor judged", () => {
  const { walk, syn, take, detector } = setUp({ tellsSpared: true });
  syn("192.0.2.66", 23, logPrefixes.ignored);
  syn("203.0.113.1", 24, logPrefixes.local);
  syn("127.0.0.1", 25, logPrefixes.local);
  walk.batchEnd();
  assert.deepEqual(take(), ["spared 23 ignored", "spared 24 to itself", "spared 25 own", "delivered"]);
  assert.equal(detector.table.size, 0);
});
