// What is in force: each change reaches every room once and in order, and settings that the kernel refuses change nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, type Facts, InForce } from "../../src/daemon/in-force.ts";
import type { HostFacts } from "../../src/host/host.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import type { AddressRanges } from "../../src/wire/address-ranges.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix, ranges } from "../detect/probes.ts";

const host: HostFacts = {
  ...{ own: [prefix("192.0.2.1")], broadcast: [], near: [prefix("2001:db8:1::/64")], gateways: [], resolvers: [] },
  ephemeral: { first: 32_768, last: 60_999 },
};
const blocking = settingsOf(load('BLOCK_TCP="1"\nBOOT_GRACE="120s"\n'));
const logging = settingsOf(load('BLOCK_TCP="0"\nFIREWALL="none"\n'));

function setUp(more: { readonly tap?: { homes: AddressRanges } } = {}) {
  const said: string[] = [];
  const sensor = {
    refusal: "",
    isReplaced: false,
    plans: [] as RulesetPlan[],
    load(plan: RulesetPlan, near: AddressRanges): boolean {
      said.push(`load ${near.prefixes().length}`);
      if (sensor.refusal !== "") throw new Error(sensor.refusal);
      sensor.plans.push(plan);
      return sensor.isReplaced;
    },
  };
  const up = { ms: 1e9 };
  const inForce = new InForce({
    ...{ settings: blocking, host, sensor, ...more },
    decoy: {
      follow: ({ firewall }) => said.push(`decoy ${firewall}`),
      plan: () => ({ mark: 7, door: { four: 1, six: 2 }, behindNat: false }),
    },
    uptimeMs: () => up.ms,
  });
  const changes: (readonly [Change, Facts])[] = [];
  inForce.tell(
    {
      follow: (change, before) => {
        said.push(`first ${Object.keys(change).join()}`);
        changes.push([change, before]);
      },
    },
    {
      follow: () => said.push(`second ${inForce.settings.firewall}`),
      loaded: ({ grace }, isReplaced) => said.push(`loaded ${grace} ${isReplaced}`),
    },
  );
  return { inForce, said, sensor, changes, up, take: () => said.splice(0) };
}

test("new settings: the decoy stands, then the rules are loaded, then each room follows in its turn", () => {
  const { inForce, take, changes, sensor } = setUp();
  inForce.apply({ settings: logging });
  assert.deepEqual(take(), ["decoy none", "load 3", "loaded false false", "first settings", "second none"]);
  assert.equal(changes[0]?.[1].settings, blocking, "rooms are told what was");
  assert.deepEqual([inForce.settings, inForce.enforces, sensor.plans[0]?.enforce], [logging, false, false]);
});

test("settings that the kernel refuses change nothing, and the decoy goes back", () => {
  const { inForce, take, sensor } = setUp();
  sensor.refusal = "ENOMEM";
  assert.throws(() => inForce.apply({ settings: logging }), /ENOMEM/);
  assert.deepEqual(take(), ["decoy none", "load 3", "decoy auto"]);
  assert.deepEqual([inForce.settings, inForce.enforces], [blocking, true]);
  sensor.refusal = "";
  inForce.apply({ settings: logging });
  assert.equal(inForce.settings, logging);
});

test("host, allow list and listeners load no rules; the rooms that follow say what the sensor must know", () => {
  const { inForce, take, changes } = setUp();
  const moved = { ...host, own: [prefix("192.0.2.9")], near: [] };
  inForce.apply({ host: moved });
  assert.deepEqual(take(), ["first host", "second auto"]);
  assert.deepEqual([inForce.host, inForce.near.prefixes().length], [moved, 2]);
  assert.deepEqual([changes[0]?.[1].host, changes[0]?.[1].near.prefixes().length], [host, 3]);
  inForce.apply({ ignored: [prefix("198.51.100.0/24")] });
  assert.deepEqual(inForce.plan().ignored, [prefix("198.51.100.0/24")]);
  assert.equal(inForce.settings.blockTimeMs, blocking.blockTimeMs);
  const listened = { tcp: [{ first: 23, last: 23 }], udp: [{ first: 69, last: 69 }] };
  inForce.apply({ listened });
  const { listenedTcp, listenedUdp, guarded } = inForce.plan();
  assert.deepEqual([listenedTcp, listenedUdp, guarded], [listened.tcp, listened.udp, [prefix("192.0.2.9")]]);
  assert.deepEqual(take(), ["first ignored", "second auto", "first listened", "second auto"]);
});

test("what did not change stays: the listeners over a reload, the links over a change of the allow list", () => {
  const { inForce, changes } = setUp();
  const listened = { tcp: [{ first: 23, last: 23 }], udp: [] };
  inForce.apply({ listened });
  const { near } = inForce;
  inForce.apply({ settings: blocking });
  assert.deepEqual(inForce.plan().listenedTcp, listened.tcp);
  assert.equal(inForce.near, near);
  assert.equal(changes[1]?.[1].listened, listened);
});

test("BOOT_GRACE goes by the uptime at each look, and everybody hears with which rules the sensor was loaded", () => {
  const { inForce, take, up, sensor } = setUp();
  up.ms = 119_000;
  assert.equal(inForce.graceLeftMs(), 1_000);
  sensor.isReplaced = true;
  inForce.load();
  up.ms = 120_000;
  assert.equal(inForce.graceLeftMs(), 0);
  inForce.load();
  assert.deepEqual(take(), ["decoy auto", "load 3", "loaded true true", "decoy auto", "load 3", "loaded false true"]);
  assert.equal(inForce.plan().decoy?.mark, 7);
});

test("on a mirror port sources count one by one in the networks that it watches, whatever these become", () => {
  const tap = { homes: ranges("2001:db8:9::/64") };
  const { inForce } = setUp({ tap });
  assert.equal(inForce.near, tap.homes);
  tap.homes = ranges("2001:db8:8::/64");
  assert.equal(inForce.near, tap.homes);
});
