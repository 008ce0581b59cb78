import assert from "node:assert/strict";
import { test } from "node:test";
import { guardedBy } from "../../src/daemon/plan.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Guard, type GuardSources, guardEntries, guardParts } from "../../src/host/guard.ts";
import { GuardWarnings, guardWarning } from "../../src/host/guard-warning.ts";
import type { HostFacts } from "../../src/host/host.ts";
import type { Verdict } from "../../src/judge/verdict.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { prefix } from "../support/prefix.ts";

const host: HostFacts = {
  own: ["198.51.100.1"].map(prefix),
  broadcast: [],
  near: [],
  gateways: ["198.51.100.254"].map(prefix),
  resolvers: ["192.0.2.53"].map(prefix),
  ephemeral: { first: 32_768, last: 60_999 },
};

const nothing: GuardSources = {
  sessions: () => ({ sessions: [], warning: "" }),
  containers: () => [],
  timeServers: () => ({ addresses: [], names: [] }),
  lookUp: async () => [],
};

const finding = {
  source: prefix("203.0.113.5"),
  kind: Kind.Connect,
  protocol: 6,
  port: 23,
  tcpFlags: 0,
  hasIpOptions: false,
  probes: 3,
  contacts: 3,
  firstMs: 0,
  timeMs: 1,
  policy: "score",
} as const;

test("what the daemon itself knows of the guard, each with its reason", async () => {
  const guard = new Guard({
    sessions: () => ({
      sessions: [
        { source: prefix("203.0.113.5"), ports: [22] },
        { source: prefix("203.0.113.6"), ports: [22], isByAge: true },
      ],
      warning: "one is not seen",
    }),
    containers: () => [prefix("172.17.0.0/16")],
    timeServers: () => ({ addresses: [prefix("192.0.2.123")], names: ["ntp.example.org"] }),
    lookUp: async (names) => (names.includes("ntp.example.org") ? [prefix("192.0.2.124")] : []),
  });
  assert.equal(guard.lookAtSessions(), true);
  assert.equal(guard.lookAtSessions(), false);
  assert.equal(guard.sessionWarning, "one is not seen");
  assert.equal(await guard.lookUpNames(), true);
  assert.equal(await guard.lookUpNames(), false);
  const extended = guard.extend(host);
  const peers = [{ source: prefix("203.0.113.9"), untilMs: Date.UTC(2026, 10, 22, 10) }];
  assert.deepEqual(
    [...guardEntries(extended, peers)].map(({ source, because, until }) => [source, because, until]),
    [
      ["198.51.100.254", "gateway", null],
      ["192.0.2.53", "resolver", null],
      ["203.0.113.5", "ssh", null],
      ["203.0.113.6", "old ssh connection", null],
      ["192.0.2.123", "time server", null],
      ["192.0.2.124", "time server", null],
      ["172.17.0.0/16", "container", null],
      ["198.51.100.1", "own", null],
      ["203.0.113.9", "peer", "2026-11-22T10:00:00.000Z"],
    ],
  );
  for (const source of ["192.0.2.123", "172.17.0.0/16"])
    assert.ok(guardedBy(extended).map(formatPrefix).includes(source), source);
  assert.ok(!guardedBy(extended).map(formatPrefix).includes("192.0.2.124"), "anybody may join a pool");
  assert.ok(
    !guardedBy(extended).map(formatPrefix).includes("203.0.113.5"),
    "others may share the address of a session",
  );
});

test("time servers stay while their names cannot be looked up", async () => {
  let found = [prefix("192.0.2.124")];
  const timeServers = () => ({ addresses: [], names: ["ntp.example.org"] });
  const guard = new Guard({ ...nothing, timeServers, lookUp: async () => found });
  await guard.lookUpNames();
  found = [];
  assert.equal(await guard.lookUpNames(), false);
  assert.equal(guard.extend(host).guarded?.length, 1);
});

test("names are asked for again soon while nothing is known of them, and when they are others", async () => {
  let names: readonly string[] = [];
  let found: readonly ReturnType<typeof prefix>[] = [];
  const guard = new Guard({
    ...nothing,
    timeServers: () => ({ addresses: [], names }),
    lookUp: async () => found,
  });
  assert.equal(guard.hasUnknownNames(), false, "there are none");
  names = ["ntp.example.org"];
  await guard.lookUpNames();
  assert.equal(guard.hasUnknownNames(), true, "the resolver was away");
  found = [prefix("192.0.2.124")];
  await guard.lookUpNames();
  assert.equal(guard.hasUnknownNames(), false);
  names = ["ntp.example.org", "ntp.example.net"];
  assert.equal(guard.hasUnknownNames(), true);
  names = [];
  found = [];
  assert.equal(await guard.lookUpNames(), true, "who is named no more is no time server");
  assert.deepEqual([guard.extend(host).guarded, guard.hasUnknownNames()], [[], false]);
});

test("at most 4,096 are taken, and what is left out is counted", () => {
  const many = Array.from({ length: 5_000 }, (_, index) => prefix(`10.0.${index >> 8}.${index & 255}`));
  const guard = new Guard({ ...nothing, containers: () => many });
  assert.equal(guard.extend(host).guarded?.length, 4_096);
  assert.equal(guard.counters.guardEntriesLeftOut, 904);
});

test("an SSH session's source is one first of all, whatever else it is", () => {
  const guarded = [{ source: prefix("198.51.100.254"), because: "ssh" as const }];
  const { w0, w1, w2, w3 } = prefix("198.51.100.254");
  const first = guardParts({ ...host, guarded }).find(({ ranges }) => ranges.contains(w0, w1, w2, w3));
  assert.equal(first?.because, "ssh");
});

test("what is said aloud: a proven one that is blocked, a proven one that is not, and nothing else", () => {
  const spared: Verdict = { action: "spare", because: "guarded", guard: "ssh", proven: "handshake", finding };
  assert.match(guardWarning(spared, true), /^203\.0\.113\.5, the source of an SSH .* not blocked \(GUARD_SSH="0"/);
  const blocked: Verdict = { action: "block", grade: "handshake", guard: "resolver", finding };
  assert.match(guardWarning(blocked, true), /a resolver of this host, is proven .* and is blocked/);
  assert.match(guardWarning(blocked, false), /is not blocked: no command \(KILL_ROUTE/);
  assert.equal(guardWarning({ action: "spare", because: "guarded", finding }, true), "");
  assert.equal(guardWarning({ action: "spare", because: "guarded", guard: "peer", finding }, true), "");
  assert.equal(guardWarning({ action: "block", grade: "silence", finding }, true), "");
  const six = { ...finding, source: prefix("2001:db8:b:5::/64"), address: prefix("2001:db8:b:5::1") };
  assert.match(guardWarning({ ...spared, finding: six }, true), /^2001:db8:b:5::1, the source of an SSH/);
});

test("of a source that is spared again and again it is said once a minute", () => {
  const spared: Verdict = { action: "spare", because: "guarded", guard: "ssh", proven: "handshake", finding };
  const warnings = new GuardWarnings();
  const said = (nowMs: number, verdict: Verdict = spared) => warnings.next(verdict, true, nowMs) !== "";
  assert.deepEqual([said(0), said(1), said(59_999), said(60_000), said(60_001)], [true, false, false, true, false]);
  const other = { ...finding, source: prefix("203.0.113.6") };
  assert.equal(said(60_002, { ...spared, finding: other }), true);
  assert.equal(said(60_003, { action: "block", grade: "handshake", guard: "ssh", finding }), true, "it is blocked now");
  // Bounded: a thousand others push the first out.
  for (let index = 0; index < 1_024; index++)
    said(60_004, { ...spared, finding: { ...finding, source: prefix(`10.0.${index >> 8}.${index & 255}`) } });
  assert.equal(said(60_005, { ...spared, finding: other }), true);
});
