// The detectors of a mirror port on a clock of the test's own: findings as the judge gets them, waits that end without a
// packet, and when a source is found again.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { describeFinding } from "../../src/record/finding-text.ts";
import { TapWatch } from "../../src/sense/tap-watch.ts";
import { formatPrefix, formatWords } from "../../src/wire/address.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix, ranges } from "../detect/probes.ts";
import { buildIcmp, buildTcp, buildUdp } from "../support/build-packet.ts";

const RAW = 101;
const SCANNER = "203.0.113.7";
const HOME = "192.0.2.1";
const CONF = 'POLICY="score"\nCAPTURE="ring"\nHOME_NETWORKS="192.0.2.0/24,2001:db8:d::/64"\n';
const DAY_MS = 86_400_000;

function setUp(conf = "") {
  const settings = settingsOf(load(CONF + conf));
  const watch = new TapWatch(settings, { k0: 1, k1: 2 });
  const findings: { readonly finding: Finding; readonly address: string }[] = [];
  watch.onFound((finding, words) => findings.push({ finding, address: formatWords(...words) }));
  const clock = { ms: 1_700_000_000_000 };
  const give = (bytes: Uint8Array) => watch.frame(bytes, 0, bytes.length, RAW, clock.ms++);
  const take = () => findings.splice(0);
  /** A SYN to each port, which the host refuses. */
  const scan = (from: string, ports: readonly number[], to = HOME) => {
    for (const port of ports) {
      give(buildTcp({ source: from, destination: to, sourcePort: 40_000, destinationPort: port, flags: TcpFlag.Syn }));
      give(refusal(to, from, port));
    }
  };
  return { watch, clock, give, take, scan };
}

function refusal(source: string, destination: string, port: number): Uint8Array {
  return buildTcp({ source, destination, sourcePort: port, destinationPort: 40_000, flags: TcpFlag.Rst | TcpFlag.Ack });
}

const PORTS = [21, 23, 79, 110, 111, 119, 143] as const;

test("a scan of closed ports: one finding, by address, with ports and hosts", () => {
  const { watch, take, scan } = setUp();
  assert.equal(watch.takeHasFound(), false);
  scan(SCANNER, PORTS);
  const [found, more] = take();
  assert.equal(more, undefined);
  const { finding, address } = found ?? assert.fail("nobody was found");
  assert.equal(address, SCANNER);
  assert.equal(formatPrefix(finding.source), SCANNER);
  assert.deepEqual([finding.kind, finding.protocol, finding.hosts], [Kind.Syn, 6, 1]);
  assert.match(describeFinding(finding), /^\d different ports of 1 host within a second; found by /);
  assert.deepEqual([watch.takeHasFound(), watch.takeHasFound()], [true, false]);
  assert.equal(watch.sources, 1);
  assert.equal(watch.probes, PORTS.length);
});

test("an IPv6 source is its /64, with the address that probed; one of our networks is itself", () => {
  const { take, scan } = setUp();
  scan("2001:db8:b:1::5", PORTS, "2001:db8:d::1");
  scan("2001:db8:d::9", PORTS, "2001:db8:d::1");
  const keys = take().map(({ finding: { source, address } }) =>
    [source, address].map((one) => one && formatPrefix(one)),
  );
  assert.deepEqual(keys, [
    ["2001:db8:b:1::/64", "2001:db8:b:1::5"],
    ["2001:db8:d::9", undefined],
  ]);
});

test("waits end with the clock, though no packet comes; not before what is still in the queue", () => {
  const { watch, clock, give, take, scan } = setUp();
  // Somebody answers, so both directions are seen.
  scan("203.0.113.8", [80]);
  for (let port = 1_000; port < 1_040; port++)
    give(buildUdp({ source: SCANNER, destination: HOME, sourcePort: 40_000, destinationPort: port }));
  clock.ms += 3_000;
  watch.tick(clock.ms);
  assert.deepEqual(take(), []);
  clock.ms += 1_000;
  watch.tick(clock.ms);
  const [found] = take();
  assert.equal(found?.finding.policy, "breadth");
  assert.match(describeFinding(found?.finding ?? assert.fail()), /; found by breadth alone$/);
});

test("a datagram to an ephemeral port may be a late answer: unheard or refused, it is nobody's probe", () => {
  const { watch, clock, give, take, scan } = setUp();
  scan("203.0.113.8", [80]);
  const send = (source: string, firstPort: number, count: number, isRefused: boolean) => {
    for (let port = firstPort; port < firstPort + count; port++) {
      const datagram = buildUdp({ source, destination: HOME, sourcePort: 40_000, destinationPort: port });
      give(datagram);
      const payload = datagram.subarray(0, 28);
      if (isRefused) give(buildIcmp({ source: HOME, destination: source, type: 3, code: 3, payload }));
    }
    clock.ms += 4_001;
    watch.tick(clock.ms);
    return take().map(({ finding: { policy } }) => policy);
  };
  assert.deepEqual(send("203.0.113.10", 32_768, 200, false), [], "unheard, ephemeral");
  assert.deepEqual(send("203.0.113.11", 32_767 - 40, 40, false), ["breadth"], "unheard, below");
  assert.deepEqual(send("203.0.113.12", 32_768, 3, true), [], "refused, ephemeral");
  assert.deepEqual(send("203.0.113.13", 32_765, 3, true), ["score"], "refused, below");
});

test("who was found by breadth alone is found once more by something stronger, and then no more", () => {
  const { watch, clock, give, take, scan } = setUp();
  scan("203.0.113.8", [80]);
  for (let port = 1_000; port < 1_040; port++)
    give(buildUdp({ source: SCANNER, destination: HOME, sourcePort: 40_000, destinationPort: port }));
  clock.ms += 4_001;
  watch.tick(clock.ms);
  scan(SCANNER, PORTS);
  scan(SCANNER, [1, 2, 3, 4, 5, 6, 7, 8]);
  const [weak, strong, more] = take().map(({ finding }) => finding.policy);
  assert.equal(weak, "breadth");
  assert.ok(strong !== undefined && strong !== "breadth", strong);
  assert.equal(more, undefined);
});

test("found again: after a day of quiet, when its block has ended, and after a reload; not before", () => {
  const { watch, clock, take, scan } = setUp();
  const scanned = () => {
    scan(SCANNER, PORTS);
    return take().length;
  };
  assert.equal(scanned(), 1);
  clock.ms += DAY_MS / 2;
  assert.equal(scanned(), 0);
  clock.ms += DAY_MS;
  assert.equal(scanned(), 1);
  assert.equal(watch.forget(prefix(SCANNER)), true);
  assert.equal(watch.forget(prefix("203.0.113.99")), false);
  assert.equal(scanned(), 1);
  watch.reconfigure(settingsOf(load(`${CONF}BLOCK_TIME="2h"\n`)));
  scan(SCANNER, [901, 902, 903, 904, 905, 906, 907, 908]);
  assert.equal(take().length, 1);
  assert.equal(watch.sources, 1);
});

test("other thresholds make other detectors, which remember nothing; HOME_NETWORKS that went stays until the next start", () => {
  const { watch, scan, take } = setUp();
  scan(SCANNER, [21, 23]);
  watch.reconfigure(settingsOf(load('POLICY="score"\nCAPTURE="ring"\nSCORE_PORTS="6"\n')));
  assert.equal(watch.sources, 0);
  assert.equal(watch.homes.contains(0, 0, 0xffff, 0xc0000201), true);
  scan(SCANNER, PORTS);
  assert.equal(take().length, 1);
});

test("who is on the allow list is not judged, from the next packet on", () => {
  const { watch, scan, take } = setUp();
  watch.setIgnored(ranges("203.0.113.0/24"));
  scan(SCANNER, PORTS);
  assert.deepEqual(take(), []);
  watch.setIgnored(ranges());
  scan("203.0.113.8", PORTS);
  assert.equal(take().length, 1);
});

test("probes of others than the home networks are nobody's scan here", () => {
  const { watch, scan, take } = setUp();
  scan(SCANNER, PORTS, "198.51.100.1");
  assert.deepEqual([take().length, watch.sources], [0, 0]);
});

test("bytes of every length are taken without harm", () => {
  const { watch, give } = setUp();
  const bytes = refusal(HOME, SCANNER, 80);
  for (let length = 0; length <= bytes.length; length++) give(bytes.subarray(0, length));
  const { tapUndecodable = 0, tapPackets = 0 } = watch.counters;
  assert.ok(tapUndecodable > 0 && tapPackets > 0);
});
