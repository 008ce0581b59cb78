import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Judge, type JudgeContext } from "../../src/judge/judge.ts";
import { isClaim, type Verdict } from "../../src/judge/verdict.ts";
import { formatPrefix } from "../../src/wire/address.ts";
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
  const judge = new Judge({ ...context, ...changes });
  return judge.judge(finding, [w0, w1, w2, w3], judge.spares(w0, w1, w2, w3));
}

function crowd(changes: Partial<JudgeContext>, finding: Finding, address: string): Verdict {
  const { w0, w1, w2, w3 } = prefix(address);
  const judge = new Judge({ ...context, ...changes });
  return judge.judgeCrowd(finding, judge.spares(w0, w1, w2, w3));
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

const guardParts = [
  { because: "ssh", ranges: ranges("203.0.113.77") },
  { because: "gateway", ranges: ranges("198.51.100.1") },
  { because: "resolver", ranges: ranges("192.0.2.7", "2001:db8:2::53") },
  { because: "container", ranges: ranges("172.17.0.0/16") },
] as const;
const guarding: Partial<JudgeContext> = {
  guarded: ranges("203.0.113.77", "198.51.100.1", "192.0.2.7", "2001:db8:2::53", "172.17.0.0/16"),
  ignored: ranges("192.0.2.9"),
  guardParts,
  isPeer: (address) => formatPrefix(address) === "203.0.113.90",
};

function proven(changes: Partial<JudgeContext>, address: string, source = address): Verdict {
  const { w0, w1, w2, w3 } = prefix(address);
  return new Judge({ ...context, ...guarding, ...changes }).judgeProven(findingOf(source), "silence", [w0, w1, w2, w3]);
}

test("each guarded address has its reason; the session's comes first, the peer's is asked of the kernel last", () => {
  const judge = new Judge({ ...context, ...guarding });
  const reason = (address: string) => {
    const { w0, w1, w2, w3 } = prefix(address);
    return judge.guardReason([w0, w1, w2, w3]);
  };
  assert.equal(reason("203.0.113.77"), "ssh");
  assert.equal(reason("198.51.100.1"), "gateway");
  assert.equal(reason("2001:db8:2::53"), "resolver");
  assert.equal(reason("172.17.3.4"), "container");
  assert.equal(reason("203.0.113.90"), "peer");
  assert.equal(reason("203.0.113.91"), undefined);
});

test("proven: whom the host depends on is blocked, and that is said; a live SSH session's source is not", () => {
  for (const [address, guard] of [
    ["198.51.100.1", "gateway"],
    ["192.0.2.7", "resolver"],
    ["172.17.3.4", "container"],
    ["203.0.113.90", "peer"],
  ] as const) {
    const finding = findingOf(address);
    assert.deepEqual(proven({}, address), { action: "block", grade: "silence", guard, finding }, address);
  }
  const finding = findingOf("203.0.113.77");
  const spared = { action: "spare", because: "guarded", guard: "ssh", proven: "silence", finding };
  assert.deepEqual(proven({}, "203.0.113.77"), spared);
  assert.deepEqual(proven({ proof: "off" }, "203.0.113.77"), spared);
  const blocked = { action: "block", grade: "silence", guard: "ssh", finding };
  assert.deepEqual(proven({ guardSsh: false }, "203.0.113.77"), blocked);
});

test("proven: the allow list and our own addresses stay spared, and no command runs about a guarded one", () => {
  assert.equal(proven({}, "192.0.2.9").action, "spare");
  assert.equal(proven({}, "203.0.113.5").action, "spare");
  assert.equal(proven({ runTcp: true }, "198.51.100.1").action, "spare");
  assert.equal(proven({ runTcp: true }, "203.0.113.91").action, "run");
});

test("a guarded IPv6 address is blocked by itself: the rules exempt it from the block of its /64", () => {
  const verdict = proven({}, "2001:db8:2::53", "2001:db8:2::/64");
  assert.equal(verdict.action, "block");
  assert.equal(formatPrefix(verdict.finding.source), "2001:db8:2::53");
});

test("unproven: nobody guarded is blocked, GUARD_SSH and PROOF as they may be; a peer is blocked softly at the most", () => {
  for (const proof of ["on", "off"] as const) {
    const changes = { ...guarding, proof, guardSsh: false };
    for (const address of ["203.0.113.77", "198.51.100.1", "172.17.3.4"])
      assert.equal(judged(changes, findingOf(address), address).action, "spare", address);
    const verdict = judged(changes, findingOf("203.0.113.90", 17), "203.0.113.90");
    const expected = proof === "on" ? ["soft", ""] : ["spare", "peer"];
    assert.deepEqual([verdict.action, "guard" in verdict ? verdict.guard : ""], expected);
    const running = { ...changes, runUdp: true, blockUdp: false };
    assert.notEqual(judged(running, findingOf("203.0.113.90", 17), "203.0.113.90").action, "run");
  }
});

test("who is in the guard by a name only, or as a peer, is spared a full block on a claim, and no soft one", () => {
  const parts = [{ because: "time server" as const, ranges: ranges("203.0.113.123") }];
  const address = "203.0.113.123";
  const tolerated: Finding = { ...findingOf(address), policy: "tolerated" };
  for (const [because, changes] of [
    ["time server", { guardParts: parts }],
    ["peer", { isPeer: () => true }],
  ] as const) {
    assert.equal(judged(changes, findingOf(address), address).action, "soft");
    assert.equal(crowd(changes, tolerated, address).action, "soft");
    const finding = findingOf(address);
    const spared = { action: "spare", because: "guarded", guard: because, finding };
    assert.deepEqual(judged({ ...changes, proof: "off" }, finding, address), spared);
    assert.equal(new Judge({ ...context, ...changes }).sparesWithin(prefix(address)), "guarded");
  }
});

test("a completed handshake with a guarded source is a proof", () => {
  const finding = { ...findingOf("198.51.100.1"), kind: Kind.Connect };
  assert.deepEqual(judged(guarding, finding, "198.51.100.1"), {
    action: "block",
    grade: "handshake",
    guard: "gateway",
    finding,
  });
});

test("a connection is a claim until its source has finished as many as prove it", () => {
  const finding = { ...findingOf("203.0.113.91"), kind: Kind.Connect };
  const of = (isEnough: boolean) => judged({ hasHandshakes: () => isEnough }, finding, "203.0.113.91");
  assert.deepEqual(of(false), { action: "soft", grade: "direct", finding });
  assert.deepEqual(of(true), { action: "block", grade: "handshake", finding });
});

test("a peer is not blocked by hand without --force", () => {
  const judge = new Judge({ ...context, ...guarding });
  assert.equal(judge.sparesWithin(prefix("203.0.113.90")), "guarded");
  assert.equal(judge.sparesWithin(prefix("203.0.113.91")), undefined);
});

test("what a mirror port shows is a claim, however the contact ended; breadth alone is told of only", () => {
  const connect: Finding = { ...findingOf("198.51.100.2"), kind: Kind.Connect };
  const onTap: Finding = { ...connect, hosts: 3, policy: "sweep" };
  assert.deepEqual(judged({}, connect, "198.51.100.2"), { action: "block", grade: "handshake", finding: connect });
  assert.deepEqual(judged({}, onTap, "198.51.100.2"), { action: "soft", grade: "direct", finding: onTap });
  assert.deepEqual(judged({ softly: false }, onTap, "198.51.100.2"), { action: "log", finding: onTap });
  const trusting = { proof: "off" } as const;
  assert.deepEqual(judged(trusting, onTap, "198.51.100.2"), { action: "block", grade: "direct", finding: onTap });
  const weak: Finding = { ...onTap, policy: "breadth" };
  assert.deepEqual(judged(trusting, weak, "198.51.100.2"), { action: "log", finding: weak });
  const ran = judged({ proof: "off", blockTcp: false, runTcp: true }, weak, "198.51.100.2");
  assert.deepEqual(ran, { action: "log", finding: weak });
});

test("blocksOnClaim() and spares() say without a finding what judge() says with one", () => {
  const off = [false, true];
  let claims = 0;
  for (const proof of ["on", "off"] as const)
    for (const firewall of off)
      for (const softly of off)
        for (const blockTcp of off)
          for (const runUdp of off)
            for (const protocol of [6, 17, 132])
              for (const address of ["198.51.100.2", "198.51.100.1", "192.0.2.1", "203.0.113.5", "2001:db8:9::1"]) {
                const changes = { proof, firewall, softly, blockTcp, runUdp };
                const { w0, w1, w2, w3 } = prefix(address);
                const expected = isClaim(judged(changes, findingOf(address, protocol), address));
                const judge = new Judge({ ...context, ...changes });
                const said = judge.blocksOnClaim(protocol) && judge.spares(w0, w1, w2, w3) === undefined;
                assert.equal(said, expected, JSON.stringify({ ...changes, protocol, address }));
                if (expected) claims++;
              }
  assert.ok(claims > 0);
});

const clients: Partial<JudgeContext> = {
  isClient: (source) => ["198.51.100.9", "203.0.113.77", "192.0.2.7", "203.0.113.90"].includes(formatPrefix(source)),
};

test("a client is at most softly blocked, whatever is proven of it, and it is said why", () => {
  for (const grade of ["silence", "handshake"] as const) {
    const finding = { ...findingOf("198.51.100.9"), evidence: "the source sees the answers of this host" };
    const { w0, w1, w2, w3 } = prefix("198.51.100.9");
    const verdict = new Judge({ ...context, ...clients }).judgeProven(finding, grade, [w0, w1, w2, w3]);
    const evidence =
      "the source sees the answers of this host; not blocked in full: the source has finished a real connection to a port of this host within 7 days";
    assert.deepEqual(verdict, { action: "soft", grade, finding: { ...finding, evidence } });
  }
  assert.equal(proven(clients, "198.51.100.10").action, "block", "a stranger");
  const connected = { ...findingOf("198.51.100.9"), kind: Kind.Connect };
  assert.deepEqual(actionAndGrade(judged(clients, connected, "198.51.100.9")), ["soft", "handshake"]);
});

test("the kernel is asked for clients only where the verdict would be a full block or a command", () => {
  let asked = 0;
  const counting: Partial<JudgeContext> = {
    isClient: () => {
      asked++;
      return true;
    },
  };
  judged(counting, findingOf("198.51.100.9"), "198.51.100.9");
  judged({ ...counting, blockTcp: false, proof: "off" }, findingOf("198.51.100.9"), "198.51.100.9");
  judged({ ...counting, proof: "off" }, findingOf("198.51.100.1"), "198.51.100.1");
  assert.equal(asked, 0);
  judged({ ...counting, proof: "off" }, findingOf("198.51.100.9"), "198.51.100.9");
  assert.equal(asked, 1);
});

test("no command is run about a proven client; with PROOF off the administrator's commands stay, the table's block is soft", () => {
  const on = { ...clients, proof: "on" } as const;
  assert.equal(proven({ ...on, softly: false, byTable: false }, "198.51.100.9").action, "log", "KILL_ROUTE alone");
  assert.equal(proven({ ...on, softly: true, byTable: false }, "198.51.100.9").action, "soft", "the table beside it");
  const ran = proven({ ...on, runTcp: true }, "198.51.100.9");
  assert.equal(ran.action, "log");
  assert.match(ran.finding.evidence ?? "", /^not blocked by a command: the source has finished a real connection/);
  const off = { ...clients, proof: "off" } as const;
  const claimed = (changes: Partial<JudgeContext>) =>
    judged({ ...off, ...changes }, findingOf("198.51.100.9"), "198.51.100.9");
  assert.deepEqual(actionAndGrade(claimed({})), ["soft", "direct"]);
  assert.equal(claimed({ byTable: false }).action, "block");
  assert.equal(claimed({ runTcp: true }).action, "run");
});

test("a client in the guard: a session's source is spared, a peer softly blocked, whom the host depends on as ever", () => {
  assert.equal(proven(clients, "203.0.113.77").action, "spare");
  assert.equal(proven(clients, "203.0.113.90").action, "soft");
  assert.deepEqual(proven(clients, "192.0.2.7"), proven({}, "192.0.2.7"));
});

function actionAndGrade(verdict: Verdict): unknown[] {
  return [verdict.action, "grade" in verdict ? verdict.grade : undefined];
}

const neighbours = (source: string): Finding => ({ ...findingOf(source), policy: "neighbours", members: 16 });

test("a network of scanning neighbours is blocked softly at most, whatever PROOF says, and never by a command", () => {
  const action = (changes: Partial<JudgeContext>, finding = neighbours("198.51.100.0/24")) =>
    crowd(changes, finding, "198.51.100.9").action;
  assert.equal(action({}), "soft");
  assert.equal(action({ proof: "off" }), "soft");
  assert.equal(action({ runTcp: true, blockTcp: false }), "log");
  assert.equal(action({ blockTcp: false }), "log");
  assert.equal(action({ softly: false }), "log");
  assert.equal(action({}, { ...neighbours("198.51.100.0/24"), isOnLink: true }), "log");
  assert.equal(action({}, { ...neighbours("198.51.100.0/24"), slowSinceMs: 0 }), "log");
  assert.equal(action({ proof: "off" }, { ...neighbours("0.0.0.0/0"), policy: "scattered" }), "log");
});

test("tolerated ports alone: a soft block at most, and the guard is asked", () => {
  const finding: Finding = { ...findingOf("198.51.100.9"), policy: "tolerated", habits: ["web"] };
  assert.equal(crowd({}, finding, "198.51.100.9").action, "soft");
  assert.equal(crowd({ proof: "off" }, finding, "198.51.100.9").action, "soft");
  assert.equal(crowd({ runTcp: true, proof: "off" }, finding, "198.51.100.9").action, "log");
  assert.equal(
    crowd({ isPeer: () => true }, finding, "198.51.100.9").action,
    "soft",
    "peers are spared full blocks only",
  );
  assert.equal(crowd({}, { ...finding, source: prefix("198.51.100.1") }, "198.51.100.1").action, "spare");
});

test("no network hides behind one address in it that is spared, but a spared one makes no finding", () => {
  // 198.51.100.1 is guarded, 2001:db8:1::1 ignored, 203.0.113.5 our own.
  for (const [network, address] of [
    ["198.51.100.0/24", "198.51.100.9"],
    ["203.0.113.0/24", "203.0.113.9"],
    ["2001:db8:1::/48", "2001:db8:1:2::9"],
  ] as const) {
    assert.equal(crowd({}, neighbours(network), address).action, "soft", network);
  }
  assert.equal(crowd({}, neighbours("198.51.100.0/24"), "198.51.100.1").action, "spare");
  assert.equal(crowd({}, neighbours("192.0.2.0/24"), "192.0.2.9").action, "spare", "all of it is on the allow list");
});

test("where the loopback counts, 127.0.0.0/8 and ::1 are anybody's; nothing else of ours is", () => {
  const own = ranges("127.0.0.1", "::1", "203.0.113.5", "2001:db8:3::1");
  const judge = new Judge({ ...context, own, countsLoopback: true, isPeer: () => true });
  for (const address of ["127.0.0.1", "127.255.255.255", "::1"]) {
    assert.equal(spares(judge, address), undefined, address);
    const { w0, w1, w2, w3 } = prefix(address);
    assert.equal(judge.guardReason([w0, w1, w2, w3]), undefined, address);
  }
  const others = [
    "203.0.113.5",
    "2001:db8:3::1",
    "0.0.0.1",
    "128.0.0.0",
    "::",
    "::2",
    "::3",
    "::4",
    "::ffff",
    "::1:0:0",
  ];
  const sparedOthers = ["203.0.113.5", "2001:db8:3::1", "0.0.0.1", "::", "::2", "::3", "::4", "::ffff", "::1:0:0"];
  assert.deepEqual(
    others.filter((address) => spares(judge, address) === "own"),
    sparedOthers,
  );
  assert.equal(spares(new Judge({ ...context, own }), "::1"), "own");
});

test("where loopback counts ::1 is no own address; whatever else lies in ::/64 is, bit by bit", () => {
  const judge = new Judge({ ...context, countsLoopback: true });
  assert.equal(judge.spares(0, 0, 0, 1), undefined);
  assert.equal(judge.spares(0, 0, 0, 0), "own");
  for (let bit = 1; bit < 64; bit++) {
    const [w2, w3] = bit >= 32 ? [2 ** (bit - 32), 0] : [0, 2 ** bit];
    assert.equal(judge.spares(0, 0, w2, w3), "own", `bit ${bit}`);
    assert.equal(judge.spares(0, 0, w2, w3 + 1), "own", `bit ${bit} and the last`);
  }
  assert.equal(new Judge(context).spares(0, 0, 0, 1), "own");
});

test('BLOCK_*="2" runs the command for findings of its own protocol, and of no other', () => {
  const action = (changes: Partial<JudgeContext>, protocol: number) =>
    judged(
      { proof: "off", blockTcp: false, blockUdp: false, ...changes },
      findingOf("198.51.100.9", protocol),
      "198.51.100.9",
    ).action;
  for (const [running, protocol] of [
    [{ runTcp: true }, 6],
    [{ runUdp: true }, 17],
  ] as const)
    for (const asked of [6, 17, 132]) assert.equal(action(running, asked) === "run", asked === protocol, `${asked}`);
});
