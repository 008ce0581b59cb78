// Contacts of a private network's host with other networks whose silence says nothing about the host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../../src/detect/kinds.ts";
import { Contact, Outcome } from "../../../src/detect/tap/contact.ts";
import { isPeerGone, isUnheard, noteHeard } from "../../../src/detect/tap/outbound.ts";
import { TapSource } from "../../../src/detect/tap/tap-source.ts";
import { ToolEvidence } from "../../../src/detect/tool/tool-evidence.ts";
import { prefix } from "../../support/prefix.ts";

const HOME = "192.168.1.5";
const OUTSIDE = "203.0.113.9";

function contactOf(source: string, host: string, more: Partial<Contact> = {}): Contact {
  const [from, to] = [prefix(source), prefix(host)];
  return Object.assign(new Contact(), {
    ...{ source0: from.w0, source1: from.w1, source2: from.w2, source3: from.w3 },
    ...{ host0: to.w0, host1: to.w1, host2: to.w2, host3: to.w3 },
    ...{ protocol: 6, port: 443, kind: Kind.Syn, outcome: Outcome.Unanswered, probes: 1, ...more },
  });
}

const sourceOf = (more: Partial<TapSource> = {}) =>
  Object.assign(new TapSource(0, 0, 0xffff, 0xc0a80105, 128, 0), more);
const marked = () => sourceOf({ tools: Object.assign(new ToolEvidence(), { tools: () => ["zmap"] }) });

test("silence of another network, from which nothing has answered, says nothing of a private host that asks as a client", () => {
  assert.ok(isUnheard(contactOf(HOME, OUTSIDE), sourceOf()));
  assert.ok(isUnheard(contactOf("10.1.2.3", HOME), sourceOf()));
  assert.ok(!isUnheard(contactOf(HOME, "192.168.2.9"), sourceOf()), "its own network");
  assert.ok(!isUnheard(contactOf(OUTSIDE, HOME), sourceOf()), "a public address asks");
  for (const outcome of [Outcome.Accepted, Outcome.Refused, Outcome.Unknown])
    assert.ok(!isUnheard(contactOf(HOME, OUTSIDE, { outcome }), sourceOf()));
  assert.ok(!isUnheard(contactOf(HOME, OUTSIDE, { kind: Kind.Fin }), sourceOf()));
  assert.ok(!isUnheard(contactOf(HOME, OUTSIDE), sourceOf({ rawSyns: 1 })), "no kernel's SYN");
  assert.ok(!isUnheard(contactOf(HOME, OUTSIDE), marked()), "a tool's");
  for (const port of [23, 445, 3389]) assert.ok(!isUnheard(contactOf(HOME, OUTSIDE, { port }), sourceOf()), `${port}`);
});

test("a datagram says nothing when it was repeated; a question for the time as long as none was answered", () => {
  const udp = { protocol: 17, kind: Kind.Udp, port: 53 } as const;
  assert.ok(!isUnheard(contactOf(HOME, OUTSIDE, udp), sourceOf()));
  assert.ok(isUnheard(contactOf(HOME, OUTSIDE, { ...udp, probes: 2 }), sourceOf()));
  const time = { ...udp, port: 123 };
  const source = sourceOf();
  noteHeard(contactOf(HOME, OUTSIDE, { outcome: Outcome.Accepted }), source);
  assert.ok(isUnheard(contactOf(HOME, OUTSIDE, time), source), "another service was answered");
  noteHeard(contactOf(HOME, OUTSIDE, { ...time, outcome: Outcome.Accepted }), source);
  assert.ok(!isUnheard(contactOf(HOME, OUTSIDE, time), source));
  const tcp = sourceOf();
  noteHeard(contactOf(HOME, OUTSIDE, { port: 123, outcome: Outcome.Accepted }), tcp);
  assert.ok(isUnheard(contactOf(HOME, OUTSIDE, time), tcp), "port 123 of TCP is no clock");
});

test("once a network has answered, or refused, its silence counts; that of the others does not", () => {
  for (const outcome of [Outcome.Accepted, Outcome.Refused]) {
    const source = sourceOf();
    noteHeard(contactOf(HOME, "10.1.1.1", { outcome }), source);
    assert.ok(!isUnheard(contactOf(HOME, "10.9.9.9"), source));
    for (const other of [OUTSIDE, "172.16.0.1", "172.31.255.1", "100.64.0.1", "169.254.7.7", "127.0.0.5", "fd00::1"])
      assert.ok(isUnheard(contactOf(HOME, other), source), other);
  }
  const silent = sourceOf();
  for (const outcome of [Outcome.Unanswered, Outcome.Unknown]) noteHeard(contactOf(HOME, OUTSIDE, { outcome }), silent);
  assert.ok(isUnheard(contactOf(HOME, OUTSIDE), silent), "no answer was heard");
});

test("private networks are those of their blocks, to the bit", () => {
  const isPrivate = (address: string) => isUnheard(contactOf(address, OUTSIDE), sourceOf());
  const inside = ["10.0.0.1", "10.255.0.1", "172.16.0.1", "172.31.0.1", "192.168.255.1", "100.64.0.1", "100.127.0.1"];
  for (const address of [...inside, "169.254.0.1", "fc00::1", "fdff::1", "fe80::1", "febf::1"])
    assert.ok(isPrivate(address), address);
  const outside = [
    "9.0.0.1",
    "11.0.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "192.169.0.1",
    "100.63.0.1",
    "100.128.0.1",
  ];
  for (const address of [...outside, "169.253.0.1", "fbff::1", "fe00::1", "fec0::1", "2001:db8::1"])
    assert.ok(!isPrivate(address), address);
});

test("a peer of a file sharing program that has gone says nothing either, unless a tool asks", () => {
  const peer = { port: 6_881 };
  assert.ok(isPeerGone(contactOf(HOME, OUTSIDE, peer), sourceOf()));
  assert.ok(isPeerGone(contactOf(HOME, OUTSIDE, { ...peer, outcome: Outcome.Refused }), sourceOf({ rawSyns: 1 })));
  assert.ok(isPeerGone(contactOf(HOME, OUTSIDE, { ...peer, protocol: 17, kind: Kind.Udp }), sourceOf()));
  assert.ok(!isPeerGone(contactOf(HOME, OUTSIDE, { ...peer, outcome: Outcome.Accepted }), sourceOf()));
  assert.ok(!isPeerGone(contactOf(HOME, OUTSIDE, { port: 6_880 }), sourceOf()));
  assert.ok(!isPeerGone(contactOf(HOME, OUTSIDE, { ...peer, kind: Kind.Fin }), sourceOf()));
  assert.ok(!isPeerGone(contactOf(HOME, "10.1.1.1", peer), sourceOf()), "peers are public");
  assert.ok(!isPeerGone(contactOf(OUTSIDE, "198.51.100.1", peer), sourceOf()), "a public asker");
  assert.ok(!isPeerGone(contactOf(HOME, OUTSIDE, peer), marked()));
});
