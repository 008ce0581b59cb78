// Who is a scanner on a mirror port, from packets: what is told of sources together, and what forgetting, the allow list and tolerated
// ports do to a source.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../../src/detect/kinds.ts";
import { TapDetector } from "../../../src/detect/tap/tap-detector.ts";
import type { TapPolicy } from "../../../src/detect/tap/tap-rules.ts";
import { scorerNames, TapSource } from "../../../src/detect/tap/tap-source.ts";
import { ToolEvidence } from "../../../src/detect/tool/tool-evidence.ts";
import { tapPolicy } from "../../../src/policy/tap-policy.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { decodeFrame } from "../../../src/wire/link.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { load, settingsOf } from "../../config/support.ts";
import { buildTcp } from "../../support/build-packet.ts";
import { prefix, ranges, seed } from "../probes.ts";

const RAW = 101;

function setUp(more: Partial<TapPolicy> = {}, conf = "") {
  const settings = settingsOf(load(`POLICY="score"\n${conf}`));
  const policy = tapPolicy(settings, ranges("192.0.2.0/24", "2001:db8:1::/48"), new Set(scorerNames));
  const found: string[] = [];
  const detector = new TapDetector({ ...policy, ...more }, seed, {
    found: ({ source }) => void found.push(formatPrefix(source)),
  });
  const packet = new Packet();
  const clock = { ms: 1_700_000_000_000 };
  const give = (bytes: Uint8Array) => {
    const result = decodeFrame(RAW, bytes, 0, bytes.length, packet);
    detector.see(packet, result, bytes, clock.ms++);
  };
  /** A SYN to each port, refused. */
  const scan = (source: string, ports: readonly number[]) => {
    const home = source.includes(":") ? "2001:db8:1::1" : "192.0.2.1";
    for (const port of ports) {
      give(buildTcp({ source, destination: home, sourcePort: 40_000, destinationPort: port }));
      const back = { source: home, destination: source, sourcePort: port, destinationPort: 40_000 };
      give(buildTcp({ ...back, flags: TcpFlag.Rst | TcpFlag.Ack }));
    }
  };
  return { detector, judge: detector.judge, found, clock, scan };
}

const ports = Array.from({ length: 12 }, (_, at) => 2_000 + at);

test("several scanners of a /56 make it one, and of the rest of its /48 nothing is said", () => {
  const { judge, found, scan } = setUp();
  const wider = () => judge.groups.widerPrefixes.map(formatPrefix);
  for (const end of ["10", "20"]) scan(`2001:db8:77:1${end}::5`, ports);
  assert.deepEqual([found.length, wider()], [2, []]);
  scan("2001:db8:77:130::5", ports);
  assert.deepEqual(wider(), ["2001:db8:77:100::/56"]);
  scan("2001:db8:77:130::6", ports);
  scan("2001:db8:77:930::6", ports);
  scan("203.0.113.7", ports);
  assert.deepEqual(wider(), ["2001:db8:77:100::/56"]);
  assert.deepEqual(found, ["110", "120", "130", "930"].map((end) => `2001:db8:77:${end}::/64`).concat("203.0.113.7"));
});

test("a source is found once, and again when it is forgotten or all are to be found again", () => {
  const { judge, found, scan } = setUp();
  scan("203.0.113.7", ports);
  scan(
    "203.0.113.7",
    ports.map((port) => port + 100),
  );
  assert.deepEqual(found, ["203.0.113.7"]);
  assert.deepEqual(
    judge.scanners().map(({ source }) => formatPrefix(source)),
    found,
  );
  assert.deepEqual([judge.forget(prefix("203.0.113.7")), judge.forget(prefix("203.0.113.8"))], [true, false]);
  assert.deepEqual([judge.scanners(), judge.sourceOf(prefix("203.0.113.7"))], [[], undefined]);
  scan(
    "203.0.113.7",
    ports.map((port) => port + 200),
  );
  assert.equal(found.length, 2);
  judge.unflagAll();
  assert.deepEqual(judge.scanners(), []);
  scan(
    "203.0.113.7",
    ports.map((port) => port + 300),
  );
  assert.equal(found.length, 3);
});

test("a source that was quiet for long starts afresh where the policy says so", () => {
  for (const [refindAfterMs, times] of [
    [60_000, 2],
    [600_000, 1],
  ] as const) {
    const { found, clock, scan } = setUp({ refindAfterMs });
    scan("203.0.113.7", ports);
    clock.ms += 300_000;
    scan(
      "203.0.113.7",
      ports.map((port) => port + 100),
    );
    assert.equal(found.length, times);
  }
});

test("the allow list is not judged, and a new one holds from the next contact on", () => {
  const { judge, found, scan } = setUp({ ignored: ranges("203.0.113.7") });
  scan("203.0.113.7", ports);
  assert.deepEqual([found, judge.size], [[], 0]);
  assert.ok(judge.counters.tapIgnored >= ports.length);
  judge.setIgnored(ranges("203.0.113.8"));
  scan("203.0.113.8", ports);
  scan(
    "203.0.113.7",
    ports.map((port) => port + 100),
  );
  assert.deepEqual(found, ["203.0.113.7"]);
});

test("tolerated ports alone are weak evidence: the score calls their source no scanner, and that of others it does", () => {
  const tolerated = ports.slice(0, 6);
  const policy = {
    scorers: new Set(["score"] as const),
    isTolerated: (_: number, port: number) => tolerated.includes(port),
  };
  const { found, scan } = setUp(policy, 'SCORE_PORTS="5"\n');
  scan("203.0.113.7", tolerated);
  scan("203.0.113.8", ports.slice(6));
  assert.deepEqual(found, ["203.0.113.8"]);
});

test("a source that is found by its first packet is told with the kind of that packet", () => {
  const settings = settingsOf(load('POLICY="trigger"\n'));
  const kindsAtOnce: Kind[][] = [];
  const detector = new TapDetector(tapPolicy(settings, ranges("192.0.2.0/24"), new Set(scorerNames)), seed, {
    found: (source) => void kindsAtOnce.push(source.kindList()),
  });
  const bytes = buildTcp({
    ...{ source: "203.0.113.7", destination: "192.0.2.1", sourcePort: 40_000, destinationPort: 22 },
    flags: TcpFlag.Fin,
  });
  const packet = new Packet();
  detector.see(packet, decodeFrame(RAW, bytes, 0, bytes.length, packet), bytes, 1_700_000_000_000);
  assert.deepEqual(kindsAtOnce, [[Kind.Fin]]);
});

test("plain SYNs are called a connect() only where a kernel sent them, finished every handshake, and no tool is known", () => {
  const kindsOf = (more: Partial<TapSource>) => {
    const source = new TapSource(0, 0, 0xffff, 0xc0000207, 128, 0);
    return Object.assign(source, { kinds: 1 << Kind.Syn, kernelSyns: 3, ...more }).kindList();
  };
  const named = Object.assign(new ToolEvidence(), { tools: () => ["zmap"] });
  assert.deepEqual(kindsOf({}), [Kind.Connect]);
  assert.deepEqual(kindsOf({ halfOpen: 1 }), [Kind.Syn]);
  assert.deepEqual(kindsOf({ kernelSyns: 0, rawSyns: 3 }), [Kind.Syn]);
  assert.deepEqual(kindsOf({ tools: named }), [Kind.Syn]);
  assert.deepEqual(kindsOf({ tools: new ToolEvidence() }), [Kind.Connect]);
  assert.deepEqual(
    kindsOf({ rawSyns: 1 }),
    [Kind.Syn, Kind.Connect].sort((a, b) => a - b),
    "a tool looks closer",
  );
  assert.deepEqual(kindsOf({ rawSyns: 1, kinds: (1 << Kind.Syn) | (1 << Kind.OsDetection) }), [
    Kind.Syn,
    Kind.OsDetection,
  ]);
});
