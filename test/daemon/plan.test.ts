import assert from "node:assert/strict";
import { test } from "node:test";
import { applyOverrides, graceLeftMs, planRuleset } from "../../src/daemon/plan.ts";
import type { HostFacts } from "../../src/host/host.ts";
import { nearRanges } from "../../src/host/near.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { load, settingsOf } from "../config/support.ts";
import { prefix } from "../support/prefix.ts";

const host: HostFacts = {
  own: ["198.51.100.1", "2001:db8:a::1"].map(prefix),
  broadcast: [prefix("198.51.100.255")],
  near: [prefix("2001:db8:a::/64")],
  gateways: [prefix("198.51.100.254")],
  resolvers: [prefix("192.0.2.53")],
  ephemeral: { first: 32_768, last: 60_999 },
};
const settings = (text: string) =>
  settingsOf(load(`IGNORE_FILE="/etc/portsentry/portsentry.ignore"\n${text}`, "10.1.0.0/16\n"));

test("the plan: guard and allow list from host and settings, ephemeral UDP ports never watched", () => {
  const plan = planRuleset(settings('BLOCK_TCP="1"\nBLOCK_UDP="0"'), host);
  assert.deepEqual(
    { enforce: plan.enforce, holdTcp: plan.holdTcp, holdUdp: plan.holdUdp, grace: plan.grace },
    { enforce: true, holdTcp: true, holdUdp: false, grace: false },
  );
  assert.ok(plan.watchedUdp.every(({ first, last }) => last < 32_768 || first > 60_999));
  const reserved = [{ first: 40_000, last: 40_001 }];
  assert.deepEqual(planRuleset(settings(""), { ...host, reserved }).watchedUdp.at(1), reserved[0]);
  const guarded = plan.guarded.map(formatPrefix);
  for (const each of ["198.51.100.254", "192.0.2.53", "198.51.100.1", "2001:db8:a::1"])
    assert.ok(guarded.includes(each));
  assert.ok(plan.ignored.map(formatPrefix).includes("10.1.0.0/16"));
});

test("a published port is one of an own address; networks inside are those of containers, and nothing else of the guard", () => {
  const guarded = [
    { source: prefix("172.17.0.0/16"), because: "container" },
    { source: prefix("203.0.113.9"), because: "ssh" },
    { source: prefix("192.0.2.123"), because: "time server" },
  ] as const;
  const { own, inside } = planRuleset(settings(""), { ...host, guarded });
  assert.deepEqual(own?.map(formatPrefix), ["198.51.100.1", "2001:db8:a::1"]);
  assert.deepEqual(inside?.map(formatPrefix), ["172.17.0.0/16"]);
  assert.deepEqual(planRuleset(settings(""), host).inside, []);
});

test('FIREWALL="none" holds nothing, whatever BLOCK_* and --block say', () => {
  const none = applyOverrides(settings('FIREWALL="none"\nBLOCK_TCP="1"'), { forceBlock: true });
  const plan = planRuleset(none, host);
  assert.deepEqual([plan.enforce, plan.holdTcp, plan.holdUdp], [false, false, false]);
});

test("--block is as if both BLOCK keys were 1; without it they stay", () => {
  const off = settings('BLOCK_TCP="0"\nBLOCK_UDP="0"');
  assert.deepEqual(applyOverrides(off, { forceBlock: false }), off);
  const plan = planRuleset(applyOverrides(off, { forceBlock: true }), host);
  assert.ok(plan.holdTcp && plan.holdUdp);
});

test("BOOT_GRACE is counted from the boot", () => {
  const grace = settings('BOOT_GRACE="120s"');
  assert.equal(graceLeftMs(grace, 20_000), 100_000);
  assert.equal(graceLeftMs(grace, 120_000), 0);
  assert.ok(planRuleset(grace, host, { grace: true }).grace);
  assert.ok(!planRuleset(grace, host).grace);
});

test("link-local addresses are always near", () => {
  const ranges = nearRanges({ ...host, near: [] });
  const contains = (text: string) => {
    const { w0, w1, w2, w3 } = prefix(text);
    return ranges.contains(w0, w1, w2, w3);
  };
  assert.ok(contains("fe80::1"));
  assert.ok(!contains("2001:db8:a::1"));
});

test("first contacts are greylisted where TCP scanners are held, and no closed port answers at once", () => {
  const greylistOf = (text: string, now = {}) => planRuleset(settings(text), host, now).greylist;
  const on = 'GREYLIST="on"\nBLOCK_TCP="1"';
  assert.deepEqual(greylistOf(on), { earliestMs: 800 });
  assert.deepEqual(greylistOf(`${on}\nGREYLIST_EARLIEST="250ms"`), { earliestMs: 250 });
  for (const text of [
    'GREYLIST="on"',
    `${on}\nFIREWALL="none"`,
    `${on}\nTCP_MODE="tcp"\nTCP_PORTS="1"`,
    'BLOCK_TCP="1"',
  ])
    assert.equal(greylistOf(text), undefined, text);
  assert.equal(greylistOf(on, { decoy: { mark: 1, door: { four: 1 }, behindNat: false } }), undefined);
});
