// The kernel's sensor with nft and sets in memory: what is loaded and when it has drifted, the hold, delegation and ports.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KernelError } from "../../src/kernel/errors.ts";
import { NftSensor } from "../../src/table/nft-sensor.ts";
import { SetUses } from "../../src/table/set-uses.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { block } from "../judge/blocks.ts";
import { prefix } from "../support/prefix.ts";
import { FakeNft, FakeTables } from "./fake-tables.ts";
import { ordinaryPlan } from "./plan.ts";

const nowMs = 1_700_000_000_000;
const near = new AddressRanges([prefix("2001:db8:a::/64")]);
const none = new AddressRanges([]);

function setUp() {
  const tables = new FakeTables();
  const nft = new FakeNft();
  return { tables, nft, sensor: new NftSensor(nft, tables, none) };
}

test("a table that takes the rules is not replaced; one in another form is, and one that takes neither is said", () => {
  const { nft, sensor } = setUp();
  assert.equal(sensor.load(ordinaryPlan, near), false);
  assert.equal(sensor.near, near);
  nft.answers.push(false, true);
  assert.equal(sensor.load(ordinaryPlan, near), true);
  assert.match(nft.ran.at(-1) ?? "", /^add table inet portreeve\ndelete table inet portreeve\n/);
  // Whether a feature is missing is tried: each works.
  nft.answers.push(false, false);
  assert.throws(() => sensor.load(ordinaryPlan, near), /nftables: cannot load the table: Error: syntax error/);
});

test("what the kernel lacks is the remedy that is named", () => {
  const { nft, sensor } = setUp();
  nft.answers.push(false, false, false);
  assert.throws(() => sensor.load(ordinaryPlan, near), /this kernel lacks nf_tables for family inet/);
});

test("drift is another fingerprint than when it was loaded; the set-up of the daemon's end is none that it knows", () => {
  const { tables, sensor } = setUp();
  sensor.load(ordinaryPlan, near);
  assert.equal(sensor.drift.hasDrifted(), false);
  tables.fingerprints = "others";
  assert.equal(sensor.drift.hasDrifted(), true);
  sensor.load(ordinaryPlan, near);
  assert.equal(sensor.drift.hasDrifted(), false);
  sensor.rest(ordinaryPlan);
  assert.equal(sensor.drift.hasDrifted(), true);
  tables.generations = 7;
  assert.equal(sensor.drift.generation(), 7);
});

test("a set that holds other elements than it was given is named: the small ones, or those that are asked for", () => {
  const { tables, sensor } = setUp();
  tables.digests.set("ignored4", "1024:5").set("guard4", "1025:5");
  sensor.load(ordinaryPlan, near);
  assert.deepEqual(sensor.drift.driftedSets(), []);
  tables.digests.set("ignored4", "1024:6").set("guard4", "1025:6").set("held4", "1:1");
  assert.deepEqual(sensor.drift.driftedSets(), ["ignored4"], "reading a long one takes too long");
  assert.deepEqual(sensor.drift.driftedSets(["guard4", "held4", "watched_tcp"]), ["guard4"]);
  sensor.drift.refill(ordinaryPlan);
  assert.deepEqual(sensor.drift.driftedSets(["guard4", "ignored4"]), []);
  tables.digests.set("ignored4", "0:0");
  sensor.follow(ordinaryPlan, none);
  assert.deepEqual([sensor.drift.driftedSets(), sensor.near], [[], none]);
});

test("what nft refuses to follow, to fill or to take out is said, each in its words", () => {
  const { nft, sensor } = setUp();
  for (const [task, words] of [
    [() => sensor.follow(ordinaryPlan, near), /cannot update the guard/],
    [() => sensor.drift.refill(ordinaryPlan), /cannot fill the sets/],
    [() => sensor.rest(ordinaryPlan), /cannot take out the sensor/],
  ] as const) {
    nft.answers.push(false);
    assert.throws(task, words);
  }
});

test("the hold: an address and a /64 have a key, a network has none", () => {
  const { tables, sensor } = setUp();
  tables.elements("held4").set("c0000201", 5_000);
  tables.elements("held6").set("20010db8000000010000000000000000", 5_000);
  assert.equal(sensor.hold.count(), 2);
  for (const source of ["192.0.2.1", "2001:db8:0:1::/64"].map(prefix)) {
    assert.equal(sensor.hold.isHeld(source), true);
    sensor.hold.release(source);
    assert.equal(sensor.hold.isHeld(source), false);
  }
  assert.equal(sensor.hold.isHeld(prefix("10.0.0.0/8")), false);
  const { length } = tables.asked;
  sensor.hold.release(prefix("10.0.0.0/8"));
  assert.equal(tables.asked.length, length);
});

test("the hold of networks: those around a source are named and let go, the others and its link stay, and the other way round", () => {
  const { tables, sensor } = setUp();
  const { hold } = sensor;
  const put = (set: string, key: readonly number[]) =>
    tables.insert([{ set, key: Uint8Array.from(key), timeoutMs: 5_000 }]);
  put("held24", [203, 0, 113, 0]);
  put("held16", [203, 0, 0, 0]);
  put("held24", [192, 0, 2, 0]);
  put("held48", [0x20, 0x01, 0x0d, 0xb8, ...new Array<number>(12).fill(0)]);
  put("heldmac", [2, 0, 0, 0, 0, 1]);
  const names = (source: string) => hold.networksOf(prefix(source)).map(formatPrefix);
  assert.deepEqual(names("203.0.113.7"), ["203.0.113.0/24", "203.0.0.0/16"]);
  assert.deepEqual(names("203.0.0.0/16"), ["203.0.0.0/16"]);
  assert.deepEqual(names("2001:db8:0:5::7"), ["2001:db8::/48"]);
  hold.releaseNetworks(prefix("203.0.113.7"), false);
  assert.deepEqual([names("203.0.113.7"), names("192.0.2.1")], [[], ["192.0.2.0/24"]]);
  assert.equal(tables.elements("heldmac").size, 1);
  hold.releaseNetworks(prefix("192.0.2.1"), true);
  assert.deepEqual([names("192.0.2.1"), tables.elements("heldmac").size], [["192.0.2.0/24"], 0]);
});

test("a delegated source passes until its block ends, and what came through of it is forgotten with it", () => {
  const { tables, sensor } = setUp();
  const { delegation } = sensor;
  assert.equal(delegation.delegate(block("192.0.2.1", { untilMs: nowMs + 60_000 }), nowMs), "");
  assert.equal(delegation.delegate(block("2001:db8:0:1::/64"), nowMs), "");
  assert.deepEqual([...tables.elements("delegated4")], [["c0000201", 60_000]]);
  assert.deepEqual([...tables.elements("delegated6").values()], [undefined]);
  tables.elements("through4").set("c0000201", 5_000);
  delegation.forgetThrough(prefix("192.0.2.1"));
  assert.deepEqual([tables.elements("through4").size, tables.elements("delegated4").size], [0, 1]);
  delegation.undelegate(prefix("192.0.2.1"));
  delegation.undelegate(prefix("2001:db8:0:1::/64"));
  assert.deepEqual([tables.elements("delegated4").size, tables.elements("delegated6").size], [0, 0]);
  tables.codes.push("EPERM");
  assert.equal(delegation.delegate(block("192.0.2.1"), nowMs), "EPERM");
  const { length } = tables.asked;
  assert.equal(delegation.delegate(block("10.0.0.0/8"), nowMs), "", "the sensor tells of no network");
  delegation.undelegate(prefix("10.0.0.0/8"));
  delegation.forgetThrough(prefix("10.0.0.0/8"));
  assert.equal(tables.asked.length, length);
});

test("served ports are remembered for LATELY_OPEN, the high ones 24 times as long, clients' datagram ports for a moment", () => {
  const { tables, sensor } = setUp();
  const ports = [
    [6, 1023],
    [6, 1024],
    [6, 40_000],
    [17, 1023],
    [17, 32_767],
    [17, 32_768],
    [17, 60_999],
    [17, 61_000],
  ].map(([protocol = 0, port = 0]) => ({ protocol, port }));
  assert.equal(sensor.served.remember(ports, 3_600_000, { first: 32_768, last: 60_999 }), "");
  const times = [1, 24, 24, 1, 24, 0.025, 0.025, 24].map((hours) => hours * 3_600_000);
  assert.deepEqual([...tables.elements("lately").values()], times);
  assert.ok(tables.elements("lately").has("0600000003ff0000"));
  assert.deepEqual(tables.elements("everywhere"), tables.elements("lately"));
  assert.deepEqual(tables.asked, ["replace 16"]);
  assert.equal(sensor.served.remember([], 3_600_000, { first: 32_768, last: 60_999 }), "");
  assert.deepEqual(tables.asked, ["replace 16"]);
});

test("a port that is served at one address is remembered there; where there is no room, everywhere", () => {
  const { tables, sensor } = setUp();
  const at = (address: string) => ({ protocol: 6, port: 443, address: prefix(address) });
  const remember = (...addresses: string[]) =>
    sensor.served.remember(addresses.map(at), 3_600_000, { first: 32_768, last: 60_999 });
  assert.equal(remember("192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1"), "");
  const port = "0600000001bb0000";
  const keys = (set: string) => [...tables.elements(set).keys()].sort();
  // With the elements that say that this family has one.
  assert.deepEqual(keys("lately4"), [`00000000${port}`, `c0000201${port}`, `c0000202${port}`]);
  assert.deepEqual(keys("lately6"), [`${"0".repeat(32)}${port}`, `20010db8000000000000000000000001${port}`]);
  assert.deepEqual([keys("lately"), keys("everywhere")], [[port], []]);
  assert.deepEqual(tables.asked, ["replace 6"], "each once: a second removal in one transaction fails");
  tables.codes.push("ENFILE");
  assert.equal(remember("192.0.2.3"), "");
  assert.deepEqual(keys("everywhere"), [port]);
  tables.codes.push("EPERM");
  assert.equal(remember("192.0.2.3"), "EPERM");
});

test("the decoy's set tells whether a SYN was to a closed port", () => {
  const { tables, sensor } = setUp();
  const [source0, source1, source2, source3] = [0, 0, 0xffff, 0xc0000201];
  const [local0, local1, local2, local3] = [0, 0, 0xffff, 0xc6336401];
  const arrival = {
    ...{ source0, source1, source2, source3, sourcePort: 40_000 },
    local0,
    local1,
    local2,
    local3,
    port: 79,
    ...{ protocol: 6, timeMs: 0 },
  };
  assert.equal(sensor.wasBaited(arrival), false);
  tables.elements("lured4").set("c00002019c400000c6336401004f0000", 5_000);
  assert.equal(sensor.wasBaited(arrival), true);
  assert.equal(sensor.wasBaited({ ...arrival, port: 80 }), false);
});

test("without the table no set is in use; any other error is the caller's", () => {
  const failing = (code: string) =>
    new SetUses({
      readSetUses: () => {
        throw new KernelError("nf_tables", code);
      },
    });
  assert.deepEqual(failing("ENOENT").read(), []);
  assert.throws(() => failing("EPERM").read(), KernelError);
});
