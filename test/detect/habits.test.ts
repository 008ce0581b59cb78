// Who tries tolerated ports of many kinds has no habit that explains it; a browser, a mailer, an office have.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Habits } from "../../src/detect/habits.ts";
import { Kind } from "../../src/detect/kinds.ts";
import { Disposition, Evidence } from "../../src/detect/probe.ts";
import { load, readRepositoryFile, settingsOf } from "../config/support.ts";
import { hashOf, prefix, probe } from "./probes.ts";

const shipped = settingsOf(load(readRepositoryFile("conf/portsentry.conf"), ""));
const policy = {
  policy: "score",
  toleratedKinds: 5,
  scoreWindowMs: 600_000,
  toleratedTcp: shipped.tcp.tolerated,
  toleratedUdp: shipped.udp.tolerated,
} as const;
const START_MS = 20_000 * 86_400_000;
const MAIL = [25, 110, 143, 465, 587, 993, 995];
const SCAN = [22, 25, 53, 80, 113, 139, 443, 445, 465, 587, 993, 995, 8080, 8443];

interface Tried {
  readonly port: number;
  readonly protocol?: number;
  readonly timeMs?: number;
  readonly source?: string;
}

function tries(habits: Habits, { port, protocol = 6, timeMs = START_MS, source = "192.0.2.1" }: Tried): boolean {
  const kind = protocol === 17 ? Kind.Udp : Kind.Syn;
  const one = probe({ source, port, protocol, timeMs, kind, evidence: Evidence.Weak, disposition: Disposition.Quiet });
  return habits.note(one, hashOf(one));
}

test("nmap with nothing but tolerated ports is found, once", () => {
  const habits = new Habits(policy);
  const found = [0, 1, 2].flatMap((round) =>
    SCAN.map((port) => tries(habits, { port, timeMs: START_MS + round * 5_000 })),
  );
  assert.equal(found.filter(Boolean).length, 1);
  assert.deepEqual(habits.names(), ["web", "mail", "names", "SSH", "ident", "Windows shares"]);
});

test("found on a host that serves SSH, web and mail too, by the ports that are left", () => {
  const habits = new Habits(policy);
  const closed = SCAN.filter((port) => ![22, 25, 80, 443, 587, 993].includes(port));
  assert.ok(closed.some((port) => tries(habits, { port })));
});

test("no scan: setting up a mail account, a browser, Windows, both and a name look-up, each many times", () => {
  const habits = new Habits(policy);
  for (let round = 0; round < 5; round++) {
    const timeMs = START_MS + round * 60_000;
    for (const port of [...MAIL, 80, 443, 8080, 8443]) assert.equal(tries(habits, { port, timeMs }), false);
    for (const port of [443, 137]) assert.equal(tries(habits, { port, protocol: 17, timeMs }), false);
    for (const port of [139, 445]) assert.equal(tries(habits, { port, timeMs }), false);
    assert.equal(tries(habits, { port: 53, protocol: 17, timeMs }), false);
  }
});

test("three kinds are enough of a source whose packets bear the marks of a scanner, and two are not", () => {
  const habits = new Habits(policy, ({ source3 }) => (source3 & 0xff) === 1);
  const closed = [113, 139, 445, 465, 995];
  assert.deepEqual(
    ["192.0.2.1", "192.0.2.2"].map((source) => closed.filter((port) => tries(habits, { port, source }))),
    [[465], []],
  );
  assert.equal(new Habits(policy, () => true).note(probe({ disposition: Disposition.Quiet, port: 445 }), 1), false);
});

test("no scan: kinds that lie further apart than the window, and ports that are not tolerated", () => {
  const slow = new Habits(policy);
  [22, 25, 53, 80, 113, 445].forEach((port, at) => {
    assert.equal(tries(slow, { port, timeMs: START_MS + at * 300_000 }), false, `${port}`);
  });
  const lately = new Habits(policy);
  for (const port of [3306, 5432, 6379, 9200, 11_211, 27_017]) assert.equal(tries(lately, { port }), false);
});

test("POLICY trigger, and TOLERATED_KINDS 0: nobody", () => {
  for (const changes of [{ policy: "trigger" as const }, { toleratedKinds: 0 }]) {
    const habits = new Habits({ ...policy, ...changes });
    for (const port of SCAN) assert.equal(tries(habits, { port }), false);
  }
});

test("found again once forgotten; two sources are two", () => {
  const habits = new Habits(policy);
  const scan = (source: string) => SCAN.filter((port) => tries(habits, { port, source })).length;
  assert.deepEqual([scan("192.0.2.1"), scan("192.0.2.1"), scan("192.0.2.2")], [1, 0, 1]);
  const { w1, w3 } = prefix("192.0.2.1");
  habits.forget(hashOf(probe({ source: "192.0.2.1" })), w1, w3);
  assert.deepEqual([scan("192.0.2.1"), scan("192.0.2.2")], [1, 0]);
  habits.unflagAll();
  assert.deepEqual([scan("192.0.2.1"), scan("192.0.2.2")], [1, 1]);
});

test("property: never found with fewer kinds than asked for, whatever is sent by whom", () => {
  const kindOf = new Map<number, string>([
    ...MAIL.map((port): [number, string] => [port, "mail"]),
    ...[80, 443, 8080, 8443].map((port): [number, string] => [port, "web"]),
    ...[139, 445].map((port): [number, string] => [port, "shares"]),
  ]);
  const sent = fc.array(
    fc.record({ port: fc.constantFrom(...SCAN, ...MAIL), host: fc.nat(200), gapMs: fc.nat(200_000) }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(sent, (all) => {
      const habits = new Habits(policy, undefined, 64);
      const seen: { host: number; kind: string; timeMs: number }[] = [];
      let timeMs = START_MS;
      for (const { port, host, gapMs } of all) {
        timeMs += gapMs;
        seen.push({ host, kind: kindOf.get(port) ?? `${port}`, timeMs });
        if (!tries(habits, { port, source: `192.0.2.${host}`, timeMs })) continue;
        const within = seen.filter((each) => each.host === host && timeMs - each.timeMs <= 600_000);
        assert.ok(new Set(within.map(({ kind }) => kind)).size >= 5);
      }
    }),
    { numRuns: 200 },
  );
});

test("kinds of two half windows count together, and are told together", () => {
  const habits = new Habits(policy);
  const [before, after] = [SCAN.slice(0, 4), SCAN.slice(4)];
  const half = policy.scoreWindowMs / 2;
  for (const port of before) assert.equal(tries(habits, { port, timeMs: START_MS + half - 1 }), false);
  const { w1, w3 } = prefix("192.0.2.1");
  const namesAt = (timeMs: number) => habits.namesOf(hashOf(probe({ source: "192.0.2.1" })), w1, w3, timeMs);
  const early = ["web", "mail", "names", "SSH"];
  assert.deepEqual([namesAt(START_MS + half), namesAt(START_MS + 2 * half)], [early, []]);
  assert.equal(after.filter((port) => tries(habits, { port, timeMs: START_MS + half })).length, 1);
  const all = [...early, "ident", "Windows shares"];
  assert.deepEqual([habits.names(), namesAt(START_MS + half)], [all, all]);
});

test("UDP ports make kinds of their own, beside TCP's", () => {
  const habits = new Habits(policy);
  const udp = [123, 500, 1900, 33_440];
  for (const port of udp) assert.equal(tries(habits, { port, protocol: 17 }), false, `${port}`);
  assert.equal(tries(habits, { port: 443, protocol: 17 }), true);
  assert.deepEqual(habits.names(), ["web", "time", "VPN", "local discovery", "traceroute"]);
});

test("a traceroute with as many hops as it has, and a host that looks for its printers, are one habit each", () => {
  const habits = new Habits({ ...policy, toleratedUdp: [{ first: 1, last: 65_535 }] });
  for (let hop = 0; hop <= 100; hop++) assert.equal(tries(habits, { port: 33_434 + hop, protocol: 17 }), false);
  assert.deepEqual(habits.names(), ["traceroute"]);
  for (const port of [1900, 5353]) tries(habits, { port, protocol: 17, source: "192.0.2.2" });
  assert.deepEqual(habits.names(), ["local discovery"]);
  tries(habits, { port: 9, protocol: 17, source: "192.0.2.2" });
  assert.deepEqual(habits.names(), ["local discovery", "others"]);
});

test("what must make room though it counted is told of, and the source that counted longest ago goes first", () => {
  const habits = new Habits(policy, undefined, 4);
  const sources = [1, 2, 3, 4].map((last) => `192.0.2.${last}`);
  const half = policy.scoreWindowMs / 2;
  sources.forEach((source, at) => {
    for (const port of [22, 25, 53, 80]) tries(habits, { port, source, timeMs: START_MS + (at === 2 ? 0 : half) });
  });
  assert.equal(habits.counters.habitsEvicted, 0);
  tries(habits, { port: 22, source: "192.0.2.5", timeMs: START_MS + half });
  assert.equal(habits.counters.habitsEvicted, 1);
  const found = sources.filter((source) => tries(habits, { port: 445, source, timeMs: START_MS + half }));
  assert.ok(
    ["192.0.2.1", "192.0.2.2", "192.0.2.4"].every((source) => found.includes(source)),
    `${found}`,
  );
});
