import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Finding } from "../../src/detect/finding.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { describeFinding, describeReason, parseReason } from "../../src/record/finding-text.ts";
import { IPV4_MAPPED_WORD } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const timeMs = Date.UTC(2026, 10, 22, 9, 34, 31);

function describe(more: Partial<Finding>): string {
  return describeFinding({
    source: { w0: 0, w1: 0, w2: IPV4_MAPPED_WORD, w3: 0xc0000201, bits: 128 },
    kind: Kind.Syn,
    protocol: 6,
    port: 79,
    tcpFlags: 2,
    hasIpOptions: false,
    probes: 172,
    contacts: 3,
    firstMs: timeMs - 3000,
    timeMs,
    policy: "score",
    ...more,
  });
}

test("a finding says what counted, and in what time", () => {
  assert.equal(describe({}), "at least 3 different ports in 172 probes in 3 s, the last tcp/79");
  assert.equal(describe({ probes: 3 }), "3 different ports in 3 probes in 3 s, the last tcp/79");
  assert.equal(describe({ policy: "trigger", firstMs: timeMs }), "172 probes within a second, the last tcp/79");
  assert.equal(describe({ probes: 1 }), "a probe of closed port tcp/79");
  assert.equal(describe({ probes: 1, protocol: 47, port: 0 }), "a probe of closed port ip-47");
  const proven = describe({ evidence: "the source completed a connection" });
  assert.equal(
    proven,
    "at least 3 different ports in 172 probes in 3 s, the last tcp/79; the source completed a connection",
  );
});

test("the ports that the silence test has met are counted, not those at which the scorer stopped", () => {
  const proof = { silentPorts: 84, silentRepeated: 84, answeredPorts: 88, answeredRepeated: 0, bits: 80 };
  assert.match(describe({ proof, probes: 512 }), /^at least 172 different ports in 512 probes in 3 s, .* of 84 ports /);
});

test("a slow one says since when its ports count, not since when its source is known", () => {
  const slow = { contacts: 10, firstMs: timeMs - 60 * 86_400_000, slowSinceMs: timeMs - 14 * 3_600_000 };
  assert.equal(describe(slow), "10 or more different ports in 14 h, the last tcp/79");
});

test("times are told in the unit that fits, and a clock that was set back does no harm", () => {
  for (const [ms, text] of [
    [599_000, "in 599 s"],
    [600_000, "in 10 min"],
    [7_149_000, "in 119 min"],
    [7_199_000, "in 2 h"],
    [7_200_000, "in 2 h"],
    [169_000_000, "in 47 h"],
    [172_799_000, "in 2 days"],
    [172_800_000, "in 2 days"],
    [-5000, "within a second"],
  ] as const) {
    assert.equal(
      describe({ firstMs: timeMs - ms }),
      `at least 3 different ports in 172 probes ${text}, the last tcp/79`,
    );
  }
});

test("of a host behind this one the last port is named with it", () => {
  const host = prefix("198.51.100.7");
  assert.equal(describe({ host, probes: 1 }), "a probe of closed port tcp/79 of 198.51.100.7, behind this host");
  const text = describe({ host, evidence: "the source completed a connection" });
  assert.match(text, /, the last tcp\/79 of 198\.51\.100\.7, behind this host; the source completed a connection$/);
  assert.equal(parseReason(text), text);
});

test("on a mirror port: how many ports of how many hosts, which tool, and who found it", () => {
  const tap = { hosts: 2, contacts: 30, firstMs: timeMs - 4000, tool: "nmap", policy: "sequential" } as const;
  assert.equal(describe(tap), "30 different ports of 2 hosts in 4 s, nmap; found by the sequential test");
  const sweep = { ...tap, hosts: 20, contacts: 1, port: 22, policy: "sweep" } as const;
  assert.equal(describe(sweep), "tcp/22 of 20 hosts in 4 s, nmap; found as a sweep");
  const { tool: _, ...ping } = { ...sweep, contacts: 0, port: 0, protocol: 1, kind: Kind.IcmpEcho };
  assert.equal(describe(ping), "icmp-echo of 20 hosts in 4 s; found as a sweep");
  const one = { ...ping, hosts: 1, contacts: 17, policy: "breadth" } as const;
  assert.equal(describe(one), "17 different ports of 1 host in 4 s; found by breadth alone");
});

test("what was printed of a finding on a host is numbers again, and any other text stays a text", () => {
  const proof = { silentPorts: 41, silentRepeated: 41, answeredPorts: 38, answeredRepeated: 0, bits: 60.9 };
  const texts = [
    describe({}),
    describe({ probes: 1 }),
    describe({ probes: 3 }),
    describe({ probes: 1, protocol: 47, port: 0 }),
    describe({ policy: "trigger", firstMs: timeMs }),
    describe({ contacts: 10, slowSinceMs: timeMs - 14 * 3_600_000 }),
    describe({ proof }),
    describe({ evidence: "the source completed connections to traps on 3 closed ports, the last tcp/81" }),
    describe({ proof, evidence: "and more; much more" }),
  ];
  for (const text of texts) {
    const reason = parseReason(text);
    assert.equal(typeof reason, "object", text);
    assert.equal(describeReason(reason), text);
  }
  for (const text of ["by hand", "", "a probe of closed port tcp/79 or so", "3 different ports in 172 probes"]) {
    assert.equal(parseReason(text), text);
  }
});

test("parsing changes no text, whatever the numbers", () => {
  const count = fc.nat(1_000_000);
  const numbers = fc.record({
    policy: fc.constantFrom("score" as const, "trigger" as const),
    kind: fc.constant(Kind.Syn),
    protocol: fc.nat(255),
    port: fc.nat(65_535),
    probes: count,
    contacts: count,
    spanMs: fc.nat(86_400_000 * 90),
    isSlow: fc.boolean(),
  });
  // At the edges between units, which numbers drawn at random seldom meet.
  const edges = [9.995 * 60, 119.5 * 60, 47.5 * 3_600, 47.9 * 3_600].map((seconds) => seconds * 1_000);
  fc.assert(
    fc.property(numbers, fc.constantFrom(undefined, ...edges), (drawn, edge) => {
      const reason = { ...drawn, spanMs: edge ?? drawn.spanMs };
      const parsed = parseReason(describeReason(reason));
      assert.equal(typeof parsed, "object");
      assert.equal(describeReason(parsed), describeReason(reason));
    }),
  );
});

test("many sources, and tolerated ports alone, are told as what they are", () => {
  const of = (w0: number, w1: number, w2: number, w3: number, bits: number) => ({ w0, w1, w2, w3, bits });
  const many = { policy: "neighbours", members: 16, contacts: 14 } as const;
  assert.equal(
    describe({ ...many, source: of(0, 0, IPV4_MAPPED_WORD, 0xc0000200, 120) }),
    "16 addresses of 192.0.2.0/24 have each tried a port in 3 s: at least 14 different ports, the last tcp/79",
  );
  assert.equal(
    describe({ ...many, source: of(0x20010db8, 0x50000000, 0, 0, 48) }),
    "16 /64 networks of 2001:db8:5000::/48 have each tried a port in 3 s: at least 14 different ports, the last tcp/79",
  );
  assert.equal(
    describe({ ...many, source: of(0x20010db8, 0xa0000, 0, 0, 64), isOnLink: true }),
    "16 addresses of 2001:db8:a::/64, on a link of this host, have each tried a port in 3 s: at least 14 different ports, the last tcp/79",
  );
  assert.equal(
    describe({ ...many, policy: "scattered", source: of(0, 0, IPV4_MAPPED_WORD, 0, 96) }),
    "16 sources from anywhere have each tried a port or two in 3 s: 14 different ports, the last tcp/79; they are one scan, or forged",
  );
  assert.equal(
    describe({ policy: "tolerated", contacts: 5, habits: ["web", "mail", "names", "SSH", "ident"] }),
    "tolerated ports of 5 kinds, which nobody tries by habit, the last tcp/79: web, mail, names, SSH, ident",
  );
});
