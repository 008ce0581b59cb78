import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OutgoingContact } from "../../../src/detect/outgoing/outgoing-contacts.ts";
import { type OutgoingScan, OutgoingScans, SCAN_PORTS } from "../../../src/detect/outgoing/outgoing-scans.ts";
import { Outcome } from "../../../src/detect/tap/contact.ts";
import { prefixOfWords } from "../../../src/wire/address.ts";
import { IpProtocol } from "../../../src/wire/packet.ts";
import { prefix } from "../../support/prefix.ts";

const OWN = prefix("192.0.2.1");
const remote = (number: number) => prefixOfWords(0, 0, 0xffff, 0xcb000000 + number, 128);

/** Numbers in [0, 1) that are the same in each run. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Traffic {
  readonly contacts: number;
  readonly perSecond: number;
  /** The share of first contacts that fail. */
  readonly dead: number;
  readonly port: (index: number, chance: number) => number;
  readonly host?: (index: number) => number;
  readonly protocol?: number;
}

function run({ contacts, perSecond, dead, port, host = (index) => index, protocol = IpProtocol.Tcp }: Traffic) {
  const scans = new OutgoingScans();
  const chance = chances(7);
  const found: OutgoingScan[] = [];
  let at = 0;
  for (let index = 0; index < contacts; index++) {
    const contact: OutgoingContact = {
      ...{ origin: OWN, remote: remote(host(index)), protocol, port: port(index, chance()), localPort: 40_000 },
      ...{ uid: 0, timeMs: (1_000 * index) / perSecond },
    };
    const outcome = chance() >= dead ? Outcome.Accepted : Outcome.Refused;
    const scan = scans.note({ contact, outcome });
    if (scan === undefined) continue;
    found.push({ ...scan });
    at = index + 1;
  }
  return { found, at, counters: scans.counters };
}

/** Any of the ports that programs take by chance. */
const anyPort = (_: number, chance: number) => 1_024 + Math.floor(64_000 * chance);

describe("no scan", () => {
  const innocents: Readonly<Record<string, Traffic>> = {
    "a crawler, 20 % of its hosts are dead": {
      ...{ contacts: 50_000, perSecond: 100, dead: 0.2 },
      port: (_, chance) => (chance < 0.2 ? 80 : 443),
    },
    "a resolver asks over TCP, 30 % are dead": { contacts: 20_000, perSecond: 50, dead: 0.3, port: () => 53 },
    "a torrent client, 70 % of its peers are dead": { contacts: 50_000, perSecond: 50, dead: 0.7, port: anyPort },
    "the same, a tenth of them at one port": {
      ...{ contacts: 50_000, perSecond: 50, dead: 0.7 },
      port: (index, chance) => (index % 10 === 0 ? 6_881 : anyPort(index, chance)),
    },
    "a blockchain client, 80 % of its peers are dead": {
      contacts: 50_000,
      perSecond: 20,
      dead: 0.8,
      port: () => 30_303,
    },
    "a mail server, a tenth of the others is away": { contacts: 20_000, perSecond: 10, dead: 0.1, port: () => 25 },
    "a monitor asks twenty closed ports of each of twelve hosts of its own": {
      ...{ contacts: 240, perSecond: 10, dead: 1 },
      ...{ port: (index) => 9_000 + (index % 20), host: (index) => Math.floor(index / 20) },
    },
    "the same dead hosts again and again": {
      ...{ contacts: 6_000, perSecond: 5, dead: 1, port: () => 9_100, host: (index) => index % 60 },
    },
    "a slow look for peers, none of whom is there": { contacts: 2_000, perSecond: 1 / 60, dead: 1, port: () => 8_333 },
  };
  for (const [name, traffic] of Object.entries(innocents)) {
    test(name, () => assert.deepEqual(run(traffic).found, []));
  }
});

describe("a scan", () => {
  test("one port of many hosts, of which 2 % accept: within 200 contacts", () => {
    const { found, at } = run({ contacts: 2_000, perSecond: 100, dead: 0.98, port: () => 22 });
    assert.deepEqual(
      found.map(({ shape, port }) => [shape, port]),
      [["hosts", 22]],
    );
    assert.ok(at >= 84 && at <= 200, String(at));
  });

  test("many ports of one host, TCP and UDP, by the first so many that fail", () => {
    for (const protocol of [IpProtocol.Tcp, IpProtocol.Udp]) {
      const { found, at } = run({
        ...{ contacts: 1_000, perSecond: 500, dead: 1, protocol },
        ...{ port: (index) => index + 1, host: () => 9 },
      });
      assert.deepEqual(
        found.map(({ shape, failures }) => [shape, failures]),
        [["ports", SCAN_PORTS]],
      );
      assert.equal(at, SCAN_PORTS);
    }
  });

  test("a hundred ports of many hosts are one scan, and the torrent beside it hides none", () => {
    const { found } = run({
      ...{ contacts: 60_000, perSecond: 500, dead: 0.9 },
      port: (index, chance) => (index % 2 === 0 ? 1 + (Math.floor(index / 2) % 100) : anyPort(index, chance)),
      host: (index) => (index % 2 === 0 ? 1 + Math.floor(index / 200) : 100_000 + index),
    });
    assert.equal(found.filter(({ shape }) => shape === "ports").length, 1);
  });

  test("ends two minutes after its last failure, and is told again when it begins again", () => {
    const scans = new OutgoingScans();
    const fail = (port: number, timeMs: number) =>
      scans.note({
        contact: { ...{ origin: OWN, remote: remote(1), protocol: 6, port, localPort: 1 }, uid: 0, timeMs },
        outcome: Outcome.Unanswered,
      });
    const scan = (from: number) => Array.from({ length: 40 }, (_, index) => fail(index + 1, from)).filter(Boolean);
    assert.equal(scan(0).length, 1);
    assert.equal(scans.current[0]?.failures, 40);
    assert.deepEqual(scans.takeEnded(119_000), []);
    assert.equal(scans.takeEnded(120_000).length, 1);
    assert.deepEqual(scans.current, []);
    assert.equal(scan(400_000).length, 1);
  });

  test("more than so many at a time are counted and not told", () => {
    const scans = new OutgoingScans();
    for (let host = 0; host < 70; host++) {
      for (let port = 1; port <= SCAN_PORTS; port++) {
        const contact = { origin: remote(5_000 + host), remote: remote(1), protocol: 6, port, localPort: 1, uid: -1 };
        scans.note({ contact: { ...contact, timeMs: 0 }, outcome: Outcome.Refused });
      }
    }
    assert.equal(scans.current.length, 64);
    assert.deepEqual(scans.counters, { outgoingScans: 64, outgoingScansUntold: 6, outgoingEvicted: 0 });
  });
});
