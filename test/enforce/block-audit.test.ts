// The audit of blocks one by one: what counts as missing or untimely, slices, and changes that come while it runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockAudit, type Found } from "../../src/enforce/block-audit.ts";
import { BlockList } from "../../src/enforce/block-list.ts";
import type { Block } from "../../src/judge/block.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { FakeFirewall, FakeRecorder } from "../daemon/fakes.ts";
import { block } from "../judge/blocks.ts";
import { nthIpv4 } from "../support/prefix.ts";

const nowMs = 1_000_000;

function setUp(blocks: readonly Block[]) {
  const firewall = new FakeFirewall();
  const recorder = new FakeRecorder();
  const list = new BlockList(1_000_000);
  for (const each of blocks) list.put(each);
  const later: (() => void)[] = [];
  const settled: string[] = [];
  const named = (of: readonly Block[]) => of.map(({ source }) => formatPrefix(source)).join(" ");
  const settle = ({ missing, untimely }: Found, program: string) =>
    void settled.push(`${program}: missing ${named(missing)}, untimely ${named(untimely)}`);
  const audit = new BlockAudit({
    firewall,
    recorder,
    list,
    settle,
    nowMs: () => nowMs,
    later: (task) => later.push(task),
  });
  return { audit, firewall, recorder, list, later, settled };
}

test("gone is missing, there until another time is untimely; a command's, a network and what ends within a second are neither", () => {
  const blocks = [
    block("192.0.2.1"),
    block("192.0.2.2", { untilMs: nowMs + 60_000 }),
    block("192.0.2.3", { untilMs: nowMs + 1_000 }),
    block("192.0.2.4", { untilMs: nowMs + 1_001 }),
    block("192.0.2.5", { backend: "kill-route" }),
    block("198.51.100.0/24"),
  ];
  const { audit, firewall, settled } = setUp(blocks);
  firewall.kernel.set("full 192.0.2.2", nowMs + 5_000);
  audit.run("nft");
  assert.deepEqual(settled, ["nft: missing 192.0.2.1 192.0.2.4, untimely 192.0.2.2"]);
});

test("1,000 are looked up in a turn; what is lifted meanwhile is not missing", () => {
  const { audit, list, later, settled, firewall } = setUp(Array.from({ length: 1_002 }, (_, at) => block(nthIpv4(at))));
  for (let at = 0; at < 1_000; at++) firewall.kernel.set(`full ${formatPrefix(nthIpv4(at))}`, undefined);
  audit.run("nft");
  assert.deepEqual([firewall.lookups, later.length, settled.length], [1_000, 1, 0]);
  list.remove(nthIpv4(1_001));
  later.shift()?.();
  assert.deepEqual(settled, ["nft: missing 10.0.3.232, untimely "]);
  assert.equal(later.length, 0);
});

test("long sets of networks are read first, with a pause behind each part; what cannot be read is not right", async () => {
  for (const [outcome, expected] of [
    [Promise.resolve(true), true],
    [Promise.resolve(false), false],
    [Promise.reject(new Error("no table")), false],
  ] as const) {
    const { firewall, list, recorder } = setUp([block("192.0.2.1")]);
    firewall.areNetworksAsWanted = () => outcome;
    const found = await new Promise<Found>((settle) => {
      const later = (task: () => void) => task();
      new BlockAudit({ firewall, recorder, list, settle, nowMs: () => nowMs, later }).run("nft");
    });
    assert.deepEqual([found.areNetworksRight, found.missing.length], [expected, 1]);
  }
});

test("a change while it runs is looked up afterwards, once, whoever made it last", () => {
  const { audit, later, settled } = setUp(Array.from({ length: 1_000 }, (_, at) => block(nthIpv4(at), { untilMs: 0 })));
  audit.run("nft");
  audit.run("iptables");
  audit.run("fail2ban");
  assert.equal(settled.length, 0);
  while (later.length > 0) later.shift()?.();
  assert.deepEqual(settled, ["nft: missing , untimely ", "fail2ban: missing , untimely "]);
});

test("an error ends it, is said, and the next change is looked up again", () => {
  const { audit, firewall, recorder, settled } = setUp([block("192.0.2.1")]);
  const { stands } = firewall;
  firewall.stands = () => {
    throw new Error("netlink: ENOBUFS");
  };
  audit.run("nft");
  assert.deepEqual(recorder.take(), ["warning cannot look the blocks up in the kernel: netlink: ENOBUFS"]);
  firewall.stands = stands;
  audit.run("nft");
  assert.deepEqual(settled, ["nft: missing 192.0.2.1, untimely "]);
});
