// The assembled daemon, from fakes: its three parts work on one another as in a run, and what time brings is done between packets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";
import { assemble, host, NOW_MS, settingsWith } from "./assembled.ts";

const BLOCKING = 'BLOCK_TCP="1"\nPROOF="off"\nPOLICY="score"\n';
const listed = ({ blocker }: ReturnType<typeof assemble>["daemon"]) =>
  [...blocker.list.values()].map(({ source, soft }) => `${soft ? "soft" : "full"} ${formatPrefix(source)}`);

test("the third port of a scan: the line of the finding, then the kernel's element, then the line of the block", (t) => {
  const { daemon, deliver, tables, take } = assemble(t, BLOCKING);
  deliver("198.51.100.7", 1, 7);
  assert.deepEqual([listed(daemon), take()], [[], []]);
  const held: number[] = [];
  const { insert } = tables;
  tables.insert = (changes) => {
    held.push(take().length);
    return insert.call(tables, changes);
  };
  deliver("198.51.100.7", 9);
  assert.deepEqual(held, [1], "one line stood when the kernel was asked");
  assert.deepEqual(listed(daemon), ["full 198.51.100.7"]);
  assert.deepEqual([...tables.elements("blocked4").keys()], ["c6336407"]);
  assert.match(take().join("\n"), /^attackalert: Host 198\.51\.100\.7 has been blocked via dropped route/);
  const { blocked, probes, sources } = daemon.status();
  assert.deepEqual([blocked, probes, sources], [1, 3, 1]);
});

test("a block that the kernel does not take is said to have failed, and nobody calls the source blocked", (t) => {
  const { daemon, deliver, tables, take } = assemble(t, BLOCKING);
  tables.refused.add("c6336407");
  deliver("198.51.100.7", 1, 7, 9);
  assert.deepEqual(listed(daemon), []);
  const said = take().join("\n");
  assert.match(said, /cannot block 198\.51\.100\.7: ENFILE/);
  assert.doesNotMatch(said, /has been blocked/);
  assert.equal(daemon.status().counters.blockFailures, 1);
});

test("who is this host, or is on the allow list from now on, is not blocked; a change reaches judge and blocks at once", (t) => {
  const { daemon, deliver } = assemble(t, BLOCKING);
  deliver("198.51.100.7", 1, 7, 9);
  daemon.inForce.apply({ ignored: ["198.51.100.7", "198.51.100.8"].map(prefix) });
  assert.deepEqual(listed(daemon), []);
  deliver("198.51.100.8", 1, 7, 9);
  assert.deepEqual(listed(daemon), []);
  daemon.inForce.apply({ host: { ...host, own: [...host.own, prefix("198.51.100.9")] } });
  deliver("198.51.100.9", 1, 7, 9);
  assert.deepEqual(listed(daemon), []);
  deliver("198.51.100.10", 1, 7, 9);
  assert.deepEqual(listed(daemon), ["full 198.51.100.10"]);
});

test("a reload that only logs blocks nobody from then on; one that the kernel refuses changes nothing", (t) => {
  const { daemon, deliver, sensor } = assemble(t, BLOCKING);
  const logging = { ...settingsWith('BLOCK_TCP="0"\nPROOF="off"\n'), file: daemon.settings.file };
  sensor.refusal = "netlink: ENOMEM";
  assert.throws(() => daemon.inForce.apply({ settings: logging }), /ENOMEM/);
  deliver("198.51.100.7", 1, 7, 9);
  assert.deepEqual(listed(daemon), ["full 198.51.100.7"]);
  sensor.refusal = "";
  daemon.inForce.apply({ settings: logging });
  deliver("198.51.100.8", 1, 7, 9);
  assert.deepEqual(listed(daemon), ["full 198.51.100.7"]);
  assert.equal(daemon.status().blocking, false);
});

test("what was probed is in the store 200 ms after the first packet, without a tick", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { daemon, deliver, store } = assemble(t, BLOCKING);
  let flushes = 0;
  const { flush } = store;
  store.flush = () => {
    flushes++;
    flush.call(store);
  };
  deliver("198.51.100.7", 1);
  t.mock.timers.tick(150);
  deliver("198.51.100.7", 7);
  assert.equal(flushes, 0);
  t.mock.timers.tick(50);
  assert.equal(flushes, 1, "one write for both");
  assert.deepEqual(
    store.events({ limit: 9, types: ["probe"] }).map(({ port }) => port),
    [1, 7],
  );
  flushes = 0;
  t.mock.timers.tick(10_000);
  assert.equal(flushes, 0, "an idle daemon writes nothing");
  deliver("198.51.100.7", 9);
  daemon.close();
  t.mock.timers.tick(10_000);
  assert.equal(flushes, 0, "what was closed does not write");
});

test("what one transaction leaves is written by the next ones, and a write that throws ends nothing", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { deliver, store, take } = assemble(t, BLOCKING);
  let left = 3;
  let flushes = 0;
  Object.defineProperty(store, "hasMore", { get: () => left > 0 });
  store.flush = () => {
    flushes++;
    left--;
    if (left === 1) throw new Error("disk full");
  };
  deliver("198.51.100.7", 1);
  t.mock.timers.tick(200);
  assert.equal(flushes, 1);
  t.mock.timers.tick(10);
  t.mock.timers.tick(10);
  t.mock.timers.tick(1_000);
  assert.equal(flushes, 3);
  assert.match(take().join("\n"), /flush: Error: disk full/);
});

test("BOOT_GRACE: rules that cannot be loaded at its end are told by log and status until they are", (t) => {
  const { daemon, now, sensor, take } = assemble(t, `${BLOCKING}BOOT_GRACE="120s"\n`);
  now.uptimeMs = 60_000;
  daemon.inForce.load();
  assert.match(daemon.status().warnings.join("\n"), /BOOT_GRACE: no port is a trap for another 60 s/);
  sensor.refusal = "netlink: ENOMEM";
  now.uptimeMs = 120_000;
  daemon.tick();
  daemon.tick();
  assert.deepEqual(
    daemon.status().warnings.filter((text) => text.startsWith("BOOT_GRACE")),
    ["BOOT_GRACE: the rules cannot be loaded; the daemon tries again each second: netlink: ENOMEM"],
  );
  assert.equal(take().filter((line) => line.includes("the rules cannot be loaded")).length, 1, "said once");
  sensor.refusal = "";
  daemon.tick();
  assert.deepEqual(
    daemon.status().warnings.filter((text) => text.startsWith("BOOT_GRACE")),
    [],
  );
  assert.match(take().join("\n"), /BOOT_GRACE: the rules are loaded again/);
  assert.deepEqual(
    sensor.plans.map(({ grace }) => grace),
    [true, false],
  );
});

test("a flood of unproven sources opens the one breaker that record, claims and status go by", (t) => {
  const { daemon, deliver, now } = assemble(t, 'BLOCK_TCP="1"\nPROOF="on"\nMAX_UNPROVEN_PER_SECOND="1"\n');
  for (let last = 1; last <= 60; last++) deliver(`198.51.100.${last}`, 1, 7, 9);
  assert.match(daemon.status().warnings.join("\n"), /there is a flood of unproven sources/);
  assert.ok(daemon.status().blocked < 60, "not each of them is blocked");
  // While it is open the record takes fewer probes: 200 at once.
  for (let last = 1; last <= 250; last++) deliver("192.0.2.200", last);
  assert.ok((daemon.status().counters.probeEventsDropped ?? 0) > 0);
  // Those that wait for their lot are chosen one a second; the flood is over when none is left.
  for (let second = 0; second < 120; second++) {
    now.ms += 1_000;
    daemon.tick();
    daemon.flush();
  }
  assert.doesNotMatch(daemon.status().warnings.join("\n"), /flood/);
});

test("blocks end by the daemon's clock, with the tick that follows", async (t) => {
  const { daemon, deliver, now, take } = assemble(t, `${BLOCKING}BLOCK_TIME="1h"\n`);
  deliver("198.51.100.7", 1, 7, 9);
  assert.equal([...daemon.blocker.list.values()][0]?.untilMs, NOW_MS + 3_600_000);
  now.ms += 3_600_000 - 1;
  daemon.tick();
  await new Promise(setImmediate);
  assert.equal(daemon.status().blocked, 1);
  take();
  now.ms += 1_001;
  daemon.tick();
  await new Promise(setImmediate);
  assert.equal(daemon.status().blocked, 0);
  assert.match(take().join("\n"), /Host 198\.51\.100\.7 has been unblocked \(expired\)/);
});

test("rules are loaded anew when the decoy asks for it, and only then", (t) => {
  const decoy = { must: false, mustReload: () => decoy.must, isOurs: (port: number) => port === 7, counters: {} };
  // What the daemon asks of it; a decoy has private fields, so that nothing else is one.
  const fake = Object.assign(Object.create(null), decoy, { follow: () => undefined, plan: () => undefined });
  const { daemon, sensor } = assemble(t, BLOCKING, { decoy: fake });
  daemon.tick();
  assert.equal(sensor.plans.length, 0);
  decoy.must = true;
  daemon.tick();
  assert.equal(sensor.plans.length, 1);
  assert.deepEqual([daemon.isDecoys(7), daemon.isDecoys(9)], [true, false]);
});

test("without a table nothing is blocked by it, and the guard has what the host has", (t) => {
  const { daemon } = assemble(t, BLOCKING, {
    firewall: undefined,
    host: { ...host, gateways: [prefix("192.0.2.254")] },
  });
  assert.equal(daemon.firewall, undefined);
  assert.deepEqual(
    [...daemon.guard()].map(({ source, because }) => `${because} ${source}`),
    ["gateway 192.0.2.254", "own 203.0.113.1"],
  );
});
