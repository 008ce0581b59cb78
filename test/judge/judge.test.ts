import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/probe.ts";
import { Judge, type JudgeContext } from "../../src/judge/judge.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { prefix, ranges } from "../detect/probes.ts";

const context: JudgeContext = {
  ignored: ranges("192.0.2.0/24", "2001:db8:1::1"),
  guarded: ranges("198.51.100.1", "192.0.2.7", "2001:db8:2::53"),
  own: ranges("203.0.113.5", "203.0.113.255", "192.0.2.8", "2001:db8:3::1"),
  blockTcp: true,
  blockUdp: true,
  proof: "on",
  firewall: true,
};

function spares(judge: Judge, address: string): string | undefined {
  const { w0, w1, w2, w3 } = prefix(address);
  return judge.spares(w0, w1, w2, w3);
}

function findingOf(source: string, protocol = 6): Finding {
  return {
    source: prefix(source),
    kind: protocol === 6 ? Kind.Syn : Kind.Udp,
    protocol,
    port: 23,
    tcpFlags: 2,
    hasIpOptions: false,
    probes: 3,
    contacts: 3,
    firstMs: 0,
    timeMs: 1,
    policy: "score",
  };
}

function judged(changes: Partial<JudgeContext>, finding: Finding, address: string): Verdict {
  const { w0, w1, w2, w3 } = prefix(address);
  return new Judge({ ...context, ...changes }).judge(finding, w0, w1, w2, w3);
}

test("who is spared, and why; the admin's word first", () => {
  const judge = new Judge(context);
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["192.0.2.1", "ignored"],
    ["192.0.2.7", "ignored"],
    ["192.0.2.8", "ignored"],
    ["2001:db8:1::1", "ignored"],
    ["198.51.100.1", "guarded"],
    ["2001:db8:2::53", "guarded"],
    ["203.0.113.5", "own"],
    ["203.0.113.255", "own"],
    ["2001:db8:3::1", "own"],
    ["198.51.100.2", undefined],
    ["203.0.113.6", undefined],
    ["2001:db8:1::2", undefined],
    ["2001:db8:2::54", undefined],
  ];
  for (const [address, because] of cases) assert.equal(spares(judge, address), because, address);
});

test("loopback, multicast, broadcast and unspecified addresses are our own without being told", () => {
  const judge = new Judge({ ...context, own: ranges() });
  const own = ["127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "255.255.255.255", "0.0.0.0", "0.1.2.3"];
  for (const address of [...own, "::", "::1", "ff02::1"]) assert.equal(spares(judge, address), "own", address);
  const others = ["126.255.255.255", "128.0.0.1", "223.255.255.255", "255.255.255.254", "1.0.0.0", "fe80::1"];
  for (const address of [...others, "0:0:0:1::1"]) assert.equal(spares(judge, address), undefined, address);
});

test("a scanner cannot hide in the /64 of an ignored or guarded address", () => {
  assert.equal(judged({}, findingOf("2001:db8:1::/64"), "2001:db8:1::2").action, "soft");
  assert.equal(judged({}, findingOf("2001:db8:2::/64"), "2001:db8:2::54").action, "soft");
  assert.deepEqual(judged({}, findingOf("2001:db8:1::/64"), "2001:db8:1::1"), {
    action: "spare",
    because: "ignored",
    finding: findingOf("2001:db8:1::/64"),
  });
});

test("a forged source never gets ::/64 blocked, which is the loopback's", () => {
  for (const address of ["::2", "::ffff:198.51.100.9"]) {
    const verdict = judged({ proof: "off" }, findingOf("::/64"), address);
    assert.deepEqual(verdict, { action: "spare", because: "own", finding: findingOf("::/64") });
  }
});

test("unproven evidence blocks softly, or fully where PROOF is off", () => {
  const finding = findingOf("198.51.100.9");
  assert.deepEqual(judged({ proof: "on" }, finding, "198.51.100.9"), { action: "soft", grade: "direct", finding });
  assert.deepEqual(judged({ proof: "off" }, finding, "198.51.100.9"), { action: "block", grade: "direct", finding });
});

test("where blocking is off, a finding is only logged, but a spared source is still called spared", () => {
  const tcp = findingOf("198.51.100.9", 6);
  const udp = findingOf("198.51.100.9", 17);
  const actions = (changes: Partial<JudgeContext>) =>
    [tcp, udp].map((finding) => judged(changes, finding, "198.51.100.9").action);
  assert.deepEqual(actions({ blockTcp: false }), ["log", "soft"]);
  assert.deepEqual(actions({ blockUdp: false }), ["soft", "log"]);
  assert.deepEqual(actions({ firewall: false, proof: "off" }), ["log", "log"]);
  assert.equal(judged({}, findingOf("198.51.100.9", 132), "198.51.100.9").action, "log");
  assert.equal(judged({ firewall: false }, findingOf("198.51.100.1"), "198.51.100.1").action, "spare");
});

test("the guard holds with PROOF off", () => {
  assert.equal(judged({ proof: "off" }, findingOf("198.51.100.1"), "198.51.100.1").action, "spare");
});

test("a block that is asked for is refused when anything spared lies inside it", () => {
  const judge = new Judge(context);
  assert.equal(judge.sparesWithin(prefix("192.0.2.128/25")), "ignored");
  assert.equal(judge.sparesWithin(prefix("198.51.100.0/24")), "guarded");
  assert.equal(judge.sparesWithin(prefix("2001:db8:2::/64")), "guarded");
  assert.equal(judge.sparesWithin(prefix("203.0.113.0/24")), "own");
  assert.equal(judge.sparesWithin(prefix("127.0.0.1")), "own");
  assert.equal(judge.sparesWithin(prefix("198.51.100.128/25")), undefined);
});

test("a new context holds at once, for the configured and the built-in addresses", () => {
  const judge = new Judge(context);
  judge.replaceContext({ ...context, ignored: ranges(), own: ranges("198.51.100.9") });
  assert.equal(spares(judge, "192.0.2.1"), undefined);
  assert.equal(spares(judge, "198.51.100.9"), "own");
  assert.equal(spares(judge, "127.0.0.1"), "own");
});
