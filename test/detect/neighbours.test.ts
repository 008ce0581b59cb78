// Neighbours that share out a scan make one finding of their network; those who all try the same port, and few, make none.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FAST_WINDOW_MS } from "../../src/detect/neighbour-bodies.ts";
import { Neighbourhood, Neighbours } from "../../src/detect/neighbours.ts";
import { formatPrefix, prefixContains } from "../../src/wire/address.ts";
import { hashOf, prefix, probe, ranges, seed } from "./probes.ts";

const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
const policy = { neighbours: 16, slowNeighbours: 32, slowScoreWindowMs: DAY_MS };

function watch(changes: Partial<typeof policy> = {}, capacity = 1_024): Neighbours {
  return new Neighbours({ policy: { ...policy, ...changes }, near: ranges("2001:db8:1::/64"), seed, capacity });
}

interface Sent {
  readonly source: string;
  readonly port: number;
  readonly timeMs?: number;
}

/** The networks found, as text, each with how many probes it took. */
function found(neighbours: Neighbours, sent: Iterable<Sent>): string[] {
  const networks: string[] = [];
  let count = 0;
  for (const { source, port, timeMs = START_MS } of sent) {
    count++;
    const one = probe({ source, port, timeMs });
    if (neighbours.note(one, hashOf(one)) !== Neighbourhood.Found) continue;
    networks.push(`${formatPrefix(neighbours.findingOf(one).source)} after ${count}`);
  }
  return networks;
}

const many = (count: number, sent: (index: number) => Sent): Sent[] =>
  Array.from({ length: count }, (_, at) => sent(at));
const hex = (number: number): string => number.toString(16);

test("254 addresses of a /24, one port each: one finding of the /24 at the sixteenth", () => {
  const neighbours = watch();
  const sent = many(254, (at) => ({ source: `203.0.113.${at + 1}`, port: 1_000 + at, timeMs: START_MS + at * 10 }));
  assert.deepEqual(found(neighbours, sent), ["203.0.113.0/24 after 16"]);
  const [evidence] = neighbours.evidenceOn(prefix("203.0.113.77"));
  assert.deepEqual([evidence?.sources, evidence?.isFound], [254, true]);
  assert.equal(neighbours.lastScanMs(prefix("203.0.113.0/24")), START_MS);
});

test("one probe from each /64 of a /48: the first /56s, then the /48 and nothing more", () => {
  const sent = many(65_536, (at) => ({ source: `2001:db8:5000:${hex(at)}::/64`, port: at, timeMs: START_MS + at / 5 }));
  assert.deepEqual(found(watch(), sent), [
    "2001:db8:5000::/56 after 17",
    "2001:db8:5000:100::/56 after 272",
    "2001:db8:5000::/48 after 513",
  ]);
});

test("/64s from all over a /48 make the /48 a finding at once", () => {
  const networks = found(
    watch(),
    many(64, (at) => ({ source: `2001:db8:5000:${hex((at * 1_021) % 65_536)}::/64`, port: at + 1 })),
  );
  assert.equal(networks.length, 1);
  assert.match(networks[0] ?? "", /^2001:db8:5000::\/48 after (16|17|18)$/);
});

test("one probe from each /48 of a /40 finds the /40, and only that; from each /48 of a /32 the /32", () => {
  const neighbours = watch();
  const one = many(256, (at) => ({ source: `2001:db8:77${hex(at).padStart(2, "0")}:${hex(at)}::/64`, port: 100 + at }));
  const [first = "", ...others] = found(neighbours, one);
  // 48 bits of 256, which some 53 different /48s have.
  assert.match(first, /^2001:db8:7700::\/40 after (49|5\d|6\d)$/);
  assert.deepEqual(others, []);
  const evidence = neighbours.evidenceOn(prefix("2001:db8:7712:12::9"));
  assert.deepEqual(
    evidence.map(({ network, isFound }) => [formatPrefix(network), isFound]),
    [
      ["2001:db8:7712::/48", false],
      ["2001:db8:7700::/40", true],
      ["2001:db8::/32", false],
    ],
  );
  const all = many(8_192, (at) => ({ source: `2001:db8:${hex((at * 12_347) % 65_536)}::/64`, port: at }));
  // 128 bits, which some 178 different /48s have.
  assert.match(found(watch({}, 65_536), all)[0] ?? "", /^2001:db8::\/32 after (1[4-9]\d|2[0-4]\d)$/);
});

test("what makes no wide network: too few /48s however busy each is, one port, a whole day", () => {
  const busy = many(47 * 15, (at) => {
    const site = at % 47;
    return { source: `2001:db8:77${hex(site + 16)}:${hex(Math.floor(at / 47) << 12)}::/64`, port: at };
  });
  assert.deepEqual(found(watch(), busy), []);
  const onePort = many(1_000, (at) => ({ source: `2001:db8:${hex(at)}::/64`, port: 8_333 }));
  assert.deepEqual(found(watch(), onePort), []);
  const allDay = many(1_000, (at) => ({
    source: `2001:db8:${hex(at * 61)}::/64`,
    port: at,
    timeMs: START_MS + at * 10_000,
  }));
  assert.deepEqual(found(watch(), allDay), []);
});

test("addresses of one /64 on our own link: a finding that says so", () => {
  const neighbours = watch();
  for (let at = 1; at <= 40; at++) {
    const one = probe({ source: `2001:db8:1::${hex(at)}`, port: at, timeMs: START_MS });
    if (neighbours.note(one, hashOf(one)) !== Neighbourhood.Found) continue;
    const finding = neighbours.findingOf(one);
    assert.deepEqual([formatPrefix(finding.source), finding.isOnLink], ["2001:db8:1::/64", true]);
    return;
  }
  assert.fail("not found");
});

test("slowly: one neighbour every 20 minutes is found within the day by the slow memory", () => {
  const sent = many(254, (at) => ({
    source: `203.0.113.${at}`,
    port: 1 + at * 7,
    timeMs: START_MS + at * 1_200_000,
  }));
  assert.deepEqual(found(watch(), sent.slice(0, 60)), ["203.0.113.0/24 after 32"]);
  assert.deepEqual(found(watch({ slowNeighbours: 0 }), sent), []);
  // Who was found slowly is found again when he makes haste.
  const hasty = many(40, (at) => ({ source: `203.0.113.${at}`, port: 5_000 + at, timeMs: START_MS + 60 * 1_200_000 }));
  assert.deepEqual(found(watch(), [...sent.slice(0, 60), ...hasty]), [
    "203.0.113.0/24 after 32",
    "203.0.113.0/24 after 76",
  ]);
});

test("no scan: clients of a service that has moved, fifteen neighbours, one source with many ports, nobody asked", () => {
  assert.deepEqual(
    found(
      watch(),
      many(254, (at) => ({ source: `203.0.113.${at}`, port: 8_000 + (at % 3) })),
    ),
    [],
  );
  assert.deepEqual(
    found(
      watch(),
      many(500, (at) => ({ source: `203.0.113.${at % 15}`, port: at + 1 })),
    ),
    [],
  );
  assert.deepEqual(
    found(
      watch(),
      many(500, (at) => ({ source: "203.0.113.9", port: at + 1 })),
    ),
    [],
  );
  const sent = many(254, (at) => ({ source: `203.0.113.${at}`, port: at + 1 }));
  assert.deepEqual(found(watch({ neighbours: 0 }), sent), []);
});

test("sources of windows long past do not count together", () => {
  const apart = many(30, (at) => ({
    source: `203.0.113.${at}`,
    port: at + 1,
    timeMs: START_MS + Math.floor(at / 8) * 2 * FAST_WINDOW_MS,
  }));
  assert.deepEqual(found(watch({ slowNeighbours: 0 }), apart), []);
});

test("a network is found again once it has been forgotten, and in another slow window", () => {
  const neighbours = watch();
  const sent = (timeMs: number) => many(20, (at) => ({ source: `203.0.113.${at}`, port: at + 1, timeMs }));
  assert.equal(found(neighbours, sent(START_MS)).length, 1);
  assert.equal(found(neighbours, sent(START_MS + 1_000)).length, 0);
  assert.ok(neighbours.forget(prefix("203.0.113.0/24")));
  assert.equal(found(neighbours, sent(START_MS + 2_000)).length, 1);
  assert.equal(found(neighbours, sent(START_MS + DAY_MS)).length, 1);
  neighbours.unflagAll();
  assert.equal(found(neighbours, [{ source: "203.0.113.200", port: 200, timeMs: START_MS + DAY_MS }]).length, 1);
});

test("a network that was found goes on scanning by as many sources again, not by a probe now and then", () => {
  const neighbours = watch();
  const network = prefix("203.0.113.0/24");
  /** One a second. */
  const sent = (count: number, from: number, second: number) =>
    many(count, (at) => ({
      source: `203.0.113.${from + at}`,
      port: from + at,
      timeMs: START_MS + (second + at) * 1_000,
    }));
  const scannedAt = () => ((neighbours.lastScanMs(network) ?? 0) - START_MS) / 1_000;
  assert.equal(neighbours.lastScanMs(network), undefined);
  assert.equal(found(neighbours, sent(16, 0, 0)).length, 1);
  assert.equal(scannedAt(), 15);
  // Two minutes later only what came since counts: fifteen in two minutes are too few.
  for (let second = 120; second <= 900; second += 30) found(neighbours, sent(3, second / 5, second));
  assert.equal(scannedAt(), 15);
  found(neighbours, sent(16, 190, 1_200));
  assert.equal(scannedAt(), 1_215);
  found(neighbours, sent(15, 210, 1_240));
  assert.equal(scannedAt(), 1_215, "the sixteen count twice");
  found(neighbours, sent(1, 230, 1_255));
  assert.equal(scannedAt(), 1_255);
  assert.equal(neighbours.counters.neighbourFindings, 1);
});

test("however much is forged, few networks are found and go on at once", () => {
  const neighbours = watch({}, 16_384);
  const [networks, seconds] = [400, 240];
  for (let second = 0; second < seconds; second++) {
    for (let net = 0; net < networks; net++) {
      const source = `10.${net >>> 8}.${net & 255}.${second & 255}`;
      const one = probe({ source, port: second, timeMs: START_MS + second * 1_000 });
      if (neighbours.note(one, hashOf(one)) === Neighbourhood.Found) neighbours.findingOf(one);
    }
  }
  const endMs = START_MS + seconds * 1_000;
  const going = many(networks, (net) => ({ source: `10.${net >>> 8}.${net & 255}.0/24`, port: 0 })).filter(
    ({ source }) => endMs - (neighbours.lastScanMs(prefix(source)) ?? 0) <= 120_000,
  );
  assert.ok(going.length > 100 && going.length <= 2 * (16 + 120), `${going.length}`);
});

test("a flood forged in whole networks makes few findings, and a flood of single ones does not push out a network", () => {
  const neighbours = watch({}, 64);
  const flood = many(16 * 200, (at) => ({ source: `10.0.${at >>> 4}.${at & 15}`, port: at, timeMs: START_MS + at }));
  assert.ok(found(neighbours, flood).length <= 16 + 4);
  assert.ok(neighbours.counters.neighboursUntold > 0);
  const kept = watch({}, 64);
  const sent = many(15, (at) => ({ source: `203.0.113.${at}`, port: at + 1 }));
  assert.deepEqual(found(kept, sent), []);
  assert.deepEqual(
    found(
      kept,
      many(5_000, (at) => ({ source: `10.${at >>> 8}.${at & 255}.1`, port: at })),
    ),
    [],
  );
  assert.ok(kept.counters.neighboursEvicted > 0);
  assert.deepEqual(found(kept, [{ source: "203.0.113.99", port: 99 }]), ["203.0.113.0/24 after 1"]);
});

test("property: never found below the thresholds, whatever is sent, and counts are never above the truth", () => {
  const sent = fc.array(fc.record({ net: fc.nat(2), host: fc.nat(40), port: fc.nat(40), gapMs: fc.nat(90_000) }), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(sent, (probes) => {
      const neighbours = watch();
      const seen: { net: number; host: number; port: number; timeMs: number }[] = [];
      let timeMs = START_MS;
      for (const { net, host, port, gapMs } of probes) {
        timeMs += gapMs;
        seen.push({ net, host, port, timeMs });
        const one = probe({ source: `192.0.${net}.${host}`, port, timeMs });
        if (neighbours.note(one, hashOf(one)) !== Neighbourhood.Found) continue;
        const { members = 0, contacts } = neighbours.findingOf(one);
        const within = seen.filter((each) => each.net === net && timeMs - each.timeMs <= 2 * DAY_MS);
        const sources = new Set(within.map((each) => each.host)).size;
        const ports = new Set(within.map((each) => each.port)).size;
        assert.ok(members >= 16 && members <= sources, `${members} of ${sources}`);
        assert.ok(contacts >= 8 && contacts <= ports, `${contacts} of ${ports}`);
      }
    }),
    { numRuns: 200 },
  );
});

test("a network that goes on while too many others do is counted as untold, and has not scanned since", () => {
  const neighbours = watch();
  const networks = Array.from({ length: 40 }, (_, net) => `10.0.${net}`);
  const scan = (network: string, timeMs: number, from: number) =>
    found(
      neighbours,
      many(17, (at) => ({ source: `${network}.${from + at}`, port: from + at, timeMs: timeMs + at })),
    );
  networks.forEach((network, net) => {
    assert.equal(scan(network, START_MS + net * 1_000, 1).length, 1);
  });
  assert.equal(neighbours.counters.neighboursUntold, 0);
  const laterMs = START_MS + 600_000;
  for (const network of networks) {
    scan(network, laterMs, 101);
    scan(network, laterMs + 1_000, 201);
  }
  const goesOn = networks.filter((network) => (neighbours.lastScanMs(prefix(`${network}.0/24`)) ?? 0) >= laterMs);
  assert.ok(goesOn.length >= 16 && goesOn.length < 40, `${goesOn.length}`);
  assert.equal(neighbours.counters.neighboursUntold, networks.length - goesOn.length);
});

test("when room is short a network of one busy source goes, not one of several sources", () => {
  const neighbours = watch({}, 4);
  const rooms = ["10.0.1", "10.0.2", "10.0.3"];
  for (const room of rooms)
    found(
      neighbours,
      many(3, (at) => ({ source: `${room}.${at}`, port: at })),
    );
  found(
    neighbours,
    many(50, () => ({ source: "10.0.4.1", port: 1 })),
  );
  assert.equal(neighbours.counters.neighboursEvicted, 0);
  found(neighbours, [{ source: "10.0.5.1", port: 1 }]);
  assert.equal(neighbours.counters.neighboursEvicted, 1);
  const known = [...rooms, "10.0.4", "10.0.5"].filter(
    (room) => neighbours.evidenceOn(prefix(`${room}.0/24`)).length > 0,
  );
  assert.deepEqual(known, [...rooms, "10.0.5"]);
});

test("IPv6: a network beyond our links is named whole, by all the bits of its address", () => {
  const neighbours = watch();
  const sent = many(64, (at) => ({ source: `2001:db8:5000:ab${hex(at + 16)}::/64`, port: at + 1 }));
  assert.deepEqual(
    found(neighbours, sent).map((text) => text.split(" ")[0]),
    ["2001:db8:5000:ab00::/56"],
  );
  const evidence = neighbours.evidenceOn(prefix("2001:db8:5000:ab10::/64"));
  assert.deepEqual(
    evidence.map(({ network, isFound }) => [formatPrefix(network), isFound]),
    [
      ["2001:db8:5000:ab00::/56", true],
      ["2001:db8:5000::/48", false],
      ["2001:db8:5000::/40", false],
      ["2001:db8::/32", false],
    ],
  );
});

test("property: however small the table and whoever makes room for whom, no network has another's sources", () => {
  const ipv4 = fc.record({ net: fc.nat(3), host: fc.nat(20) }).map(({ net, host }) => `192.0.${net}.${host}`);
  const ipv6 = fc
    .record({ provider: fc.nat(2), site: fc.nat(2), block: fc.nat(1), one: fc.nat(9) })
    .map(
      ({ provider, site, block, one }) =>
        `2001:${hex(0xdb8 + provider)}:${hex(2 + site * 300)}:${block}${hex(one + 16)}::/64`,
    );
  const sent = fc.array(fc.record({ source: fc.oneof(ipv4, ipv6), port: fc.nat(200), gapMs: fc.nat(3_000) }), {
    maxLength: 300,
  });
  /** As many bits of a source as count in a network. */
  const part = (source: string, bits: number) => {
    const { w0, w1, w3 } = prefix(source);
    if (bits >= 96) return `${w3}`;
    return bits < 48 ? `${w0} ${w1 >>> 16}` : `${w0} ${w1}`;
  };
  fc.assert(
    fc.property(sent, (probes) => {
      const neighbours = watch({}, 4);
      const seen: string[] = [];
      let timeMs = START_MS;
      for (const { source, port, gapMs } of probes) {
        timeMs += gapMs;
        seen.push(source);
        const one = probe({ source, port, timeMs });
        const isFound = neighbours.note(one, hashOf(one)) === Neighbourhood.Found;
        if (isFound) assert.ok(prefixContains(neighbours.findingOf(one).source, prefix(source)));
        for (const { network, sources, lastMs } of neighbours.evidenceOn(prefix(source))) {
          const within = seen.filter((each) => prefixContains(network, prefix(each)));
          const most = new Set(within.map((each) => part(each, network.bits))).size;
          assert.ok(sources >= 1 && sources <= most, `${formatPrefix(network)}: ${sources} of ${most}`);
          assert.ok(lastMs <= timeMs);
        }
      }
    }),
    { numRuns: 150 },
  );
});
