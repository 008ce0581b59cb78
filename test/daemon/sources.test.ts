// What is remembered of a source, and that whoever forgets it forgets it everywhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { InForce } from "../../src/daemon/in-force.ts";
import { crowdPolicy } from "../../src/daemon/plan.ts";
import { Sources } from "../../src/daemon/sources.ts";
import { Crowds } from "../../src/detect/crowds.ts";
import { Detector } from "../../src/detect/detector.ts";
import { FirstContacts } from "../../src/detect/first-contacts.ts";
import { RepeatedProbes } from "../../src/detect/repeated-probes.ts";
import { SourceTable } from "../../src/detect/source-table.ts";
import { TriedPorts } from "../../src/detect/tried-ports.ts";
import type { HostFacts } from "../../src/host/host.ts";
import { FinishedHandshakes } from "../../src/judge/proof/finished-handshakes.ts";
import { formatPrefix, type Prefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix, probe, ranges, seed } from "../detect/probes.ts";

const NOW_MS = 1_000_000;
const A = prefix("192.0.2.7");
const words = [A.w0, A.w1, A.w2, A.w3] as const;
const host: HostFacts = {
  ...{ own: [], broadcast: [], near: [], gateways: [], resolvers: [], ephemeral: { first: 32_768, last: 60_999 } },
};

function setUp() {
  const settings = settingsOf(load('BLOCK_TCP="1"\nPOLICY="score"\nSCORE_PORTS="3"\n'));
  const inForce = new InForce({ settings, host, sensor: { load: () => false }, uptimeMs: () => 1e9 });
  const detector = new Detector({ table: new SourceTable(64, seed), policy: settings, near: inForce.near });
  const crowds = new Crowds({ policy: crowdPolicy(settings), near: ranges(), seed });
  const finished = new FinishedHandshakes(
    () => inForce.settings,
    () => NOW_MS,
  );
  const said: string[] = [];
  const name = (what: string) => (source: Prefix) => said.push(`${what} ${formatPrefix(source)}`) > 0;
  const tap = {
    ...{ forget: name("tap forgets"), sourceOf: () => undefined },
    reconfigure: () => void said.push("tap reconfigured"),
  };
  const hold = {
    isHeld: ({ bits }: Prefix) => bits === 64,
    release: (source: Prefix) => void name("let go")(source),
    networksOf: (source: Prefix) => [source],
    releaseNetworks: (source: Prefix, isOnLink: boolean) =>
      void name(isOnLink ? "link of it let go" : "networks of it let go")(source),
  };
  const clock = { nowMs: () => NOW_MS };
  const repeated = new RepeatedProbes(seed);
  const contacts = new FirstContacts(seed);
  const tried = new TriedPorts({ burst: 10, perSecond: 10 });
  const sources = new Sources({
    ...{ inForce, detector, crowds, contacts, repeated, finished, tap, hold, clock, tried },
    prover: undefined,
  });
  inForce.tell(sources);
  const scan = (source: string, ports: readonly number[]) => {
    let found = 0;
    for (const port of ports) if (detector.see(probe({ source, port, timeMs: NOW_MS })) !== undefined) found++;
    return found;
  };
  return { inForce, detector, crowds, contacts, finished, sources, scan, take: () => said.splice(0) };
}

test("reset() forgets probes, handshakes and what a mirror port has shown; release() lets it go from the hold as well", () => {
  const { sources, detector, finished, scan, take } = setUp();
  for (const forget of [() => assert.equal(sources.reset(A), true), () => sources.release(A)]) {
    assert.equal(scan("192.0.2.7", [1, 2, 3]), 1);
    for (const port of [1, 2, 3]) finished.note(A, words, port, NOW_MS);
    assert.equal(sources.evidenceOn(A)?.isFlagged, true);
    forget();
    assert.deepEqual([sources.evidenceOn(A), finished.hasEnough(A), detector.table.size], [undefined, false, 0]);
  }
  assert.deepEqual(take(), ["tap forgets 192.0.2.7", "let go 192.0.2.7", "tap forgets 192.0.2.7"]);
  assert.equal(sources.reset(A), false);
});

test("a source that must wait is found again by its next probe, until something is done about it", () => {
  const { sources, scan, take, finished } = setUp();
  scan("192.0.2.7", [1, 2, 3]);
  finished.note(A, words, 1, NOW_MS);
  sources.letWait(A);
  assert.deepEqual([scan("192.0.2.7", [4]), finished.isEmpty], [1, false]);
  sources.letWait(A);
  sources.endWait(A);
  assert.equal(scan("192.0.2.7", [5]), 0);
  assert.deepEqual(take(), ["tap forgets 192.0.2.7", "tap forgets 192.0.2.7"]);
  assert.equal(sources.lastSeenMs(A), NOW_MS);
  assert.equal(sources.lastSeenMs(prefix("192.0.2.8")), undefined);
});

test("an IPv6 source is its /64, but on a link of ours, once the host has it", () => {
  const { sources, inForce, detector } = setUp();
  const address = prefix("2001:db8::5");
  assert.deepEqual(formatPrefix(sources.keyOf(address)), "2001:db8::/64");
  assert.equal(sources.isHeld(sources.keyOf(address)), true);
  inForce.apply({ host: { ...host, near: [prefix("2001:db8::/64")] } });
  assert.equal(sources.keyOf(address), address);
  assert.equal(sources.isHeld(address), false);
  assert.ok(detector.near.contains(address.w0, address.w1, address.w2, address.w3));
});

test("the networks around a source are let go; on a link of ours, of either family, the link-layer addresses", () => {
  const { sources, inForce, take } = setUp();
  const at = { ...host, near: [prefix("2001:db8::/64")], nearIpv4: [prefix("198.51.100.0/24")] };
  inForce.apply({ host: at });
  const asked = ["192.0.2.7", "198.51.100.7", "2001:db8::7", "2001:db8:0:1::7"].map(prefix);
  for (const source of asked) sources.releaseNetworks(source);
  assert.deepEqual(take(), [
    "networks of it let go 192.0.2.7",
    "link of it let go 198.51.100.7",
    "link of it let go 2001:db8::7",
    "networks of it let go 2001:db8:0:1::7",
  ]);
  assert.deepEqual(sources.heldNetworksOf(A), [A]);
});

test("new settings let everybody be found again, by the new rule; a new host or allow list does not", () => {
  const { scan, inForce, take } = setUp();
  assert.equal(scan("192.0.2.7", [1, 2, 3, 4]), 1);
  inForce.apply({ host });
  inForce.apply({ ignored: [] });
  assert.equal(scan("192.0.2.7", [5]), 0);
  assert.deepEqual(take(), []);
  inForce.apply({ settings: settingsOf(load('POLICY="trigger"\nSCAN_TRIGGER="1"\n')) });
  assert.deepEqual([scan("192.0.2.7", [6]), scan("192.0.2.9", [6])], [1, 1]);
  assert.deepEqual(take(), ["tap reconfigured"]);
});
