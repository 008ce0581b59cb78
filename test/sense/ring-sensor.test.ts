// The ring's sensor on whole packets: what it hands on, and as what; the order of its questions is that of the kernel's
// rules (table/ruleset.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../../src/kernel/socket-lookup.ts";
import { RingSensor } from "../../src/sense/ring-sensor.ts";
import { logPrefixes, rates } from "../../src/table/log-rules.ts";
import type { RulesetPlan } from "../../src/table/ruleset-plan.ts";
import { AddressRanges } from "../../src/wire/address-ranges.ts";
import { TcpFlag } from "../../src/wire/packet.ts";
import { buildIcmp, buildSctp, buildTcp, buildUdp, type TcpOptions } from "../support/build-packet.ts";
import { prefix } from "../support/prefix.ts";

const HOST = 0;
const OUTGOING = 4;
const { Fin, Syn, Rst, Ack, Psh, Urg } = TcpFlag;
const OWN = "198.51.100.1";
/** In the tests that ask for them: one that has been there for long, and a new one. */
const OWN_TOO = "198.51.100.5";
const NEW = "198.51.100.6";
const OTHER = "203.0.113.9";
const all = [{ first: 1, last: 65_535 }];
const names = new Map(Object.values(logPrefixes).map((name) => [name.charCodeAt(0), name]));

const plan: RulesetPlan = {
  enforce: false,
  holdTcp: false,
  holdUdp: false,
  grace: false,
  watchedTcp: all,
  watchedUdp: [{ first: 1, last: 32_767 }],
  toleratedTcp: [{ first: 443, last: 443 }],
  toleratedUdp: [],
  publicTcp: [],
  publicUdp: [],
  nearIpv4: [],
  ignored: [prefix("203.0.113.200")],
  guarded: [prefix("203.0.113.53")],
  near: [prefix("2001:db8:a::/64")],
  latelyOpenSeconds: 3_600,
  guardSeconds: 60,
  ephemeral: { first: 32_768, last: 60_999 },
};

function sensorOf(more: Partial<RulesetPlan> = {}, alsoOwn: readonly string[] = []) {
  let nowMs = 1_000_000;
  const served = new Set<string>();
  const ports = {
    isServed: (protocol: number, _remote: Endpoint, local: Endpoint) => served.has(`${protocol}:${local.port}`),
  };
  const sensor = new RingSensor({ ports, seed: { k0: 1, k1: 2 }, nowMs: () => nowMs });
  const seen: string[] = [];
  sensor.into({ packet: (_bytes, _at, _end, tag) => seen.push(names.get(tag) ?? `${tag}`), batchEnd: () => undefined });
  const near = new AddressRanges(plan.near);
  sensor.follow({ ...plan, ...more }, near, [OWN, "2001:db8:a::1", ...alsoOwn].map(prefix));
  return {
    sensor,
    served,
    /** What a look at the listeners says. */
    bind: (protocol: number, port: number, address: string) =>
      sensor.memory.served.note({ protocol, port, address: prefix(address) }, 3_600_000, nowMs),
    /** What it is called that this packet shows; undefined: nothing is handed on. */
    see(bytes: Uint8Array, type = HOST): string | undefined {
      sensor.packet(bytes, 0, bytes.length, type);
      sensor.batchEnd();
      return seen.splice(0)[0];
    },
    pass(ms: number): void {
      nowMs += ms;
    },
  };
}

const ends = { source: OTHER, destination: OWN, sourcePort: 40_000 };
const tcp = (destinationPort: number, more: Partial<TcpOptions> = {}) =>
  buildTcp({ ...ends, destinationPort, ...more });
const udp = (destinationPort: number, more: Partial<TcpOptions> = {}) =>
  buildUdp({ ...ends, destinationPort, ...more });

test("of frames to everybody and to groups, what UDP takes counts", () => {
  const { see } = sensorOf();
  for (const type of [1, 2]) {
    assert.equal(see(udp(161), type), logPrefixes.probe);
    assert.equal(see(tcp(23), type), undefined);
    assert.equal(see(udp(161, { destination: "198.51.100.255" }), type), undefined, "not ours");
  }
  assert.equal(see(udp(161), 3), undefined, "for another host");
});

test("closed ports are traps, served, lately open, tolerated and unwatched ones are not", () => {
  const { see, served, pass } = sensorOf({ watchedTcp: [{ first: 1, last: 9_000 }] });
  served.add("6:80").add("17:53");
  assert.equal(see(tcp(23)), "probe");
  assert.equal(see(udp(161)), "probe");
  assert.equal(see(tcp(80)), undefined);
  assert.equal(see(udp(53)), undefined);
  assert.equal(see(tcp(443)), "quiet");
  assert.equal(see(tcp(9_001)), undefined);
  assert.equal(see(udp(32_768)), undefined, "our own questions come from there");
  served.clear();
  assert.equal(see(tcp(80)), "quiet", "its service is being restarted");
  pass(3_600_000);
  assert.equal(see(tcp(80)), "probe");
});

test("a port that was served at one address is a trap at another, unless that one is new or of the other family", () => {
  const settled = [OWN, OWN_TOO].map(prefix);
  for (const isBound of [true, false]) {
    const one = sensorOf({ settled }, [OWN_TOO, NEW]);
    one.served.add("6:8080").add("17:8080");
    if (isBound) for (const protocol of [6, 17]) one.bind(protocol, 8_080, OWN);
    for (const build of [tcp, udp]) assert.equal(one.see(build(8_080)), undefined);
    one.served.clear();
    const elsewhere = isBound ? "probe" : "quiet";
    for (const build of [tcp, udp]) {
      assert.equal(one.see(build(8_080)), "quiet", "its service is being restarted");
      assert.equal(one.see(build(8_080, { destination: OWN_TOO })), elsewhere);
      assert.equal(one.see(build(8_080, { destination: NEW })), "quiet");
      assert.equal(one.see(build(8_080, { source: "2001:db8:b::9", destination: "2001:db8:a::1" })), "quiet");
    }
  }
});

test("a datagram from a port that is served at another address is a question, from a served one an answer", () => {
  const { see, served, bind } = sensorOf({ settled: [OWN, OWN_TOO].map(prefix) }, [OWN_TOO]);
  served.add("17:53");
  bind(17, 53, OWN);
  see(udp(53));
  served.clear();
  const met = [OWN_TOO, OWN].map((own, index) => {
    const port = 5_300 + index;
    see(buildUdp({ source: own, destination: OTHER, sourcePort: 53, destinationPort: port }), OUTGOING);
    return see(buildUdp({ source: OTHER, destination: own, sourcePort: port, destinationPort: 53 }));
  });
  assert.deepEqual(met, [undefined, "quiet"]);
});

test("what only a scan sends is evidence at served ports too", () => {
  const { see, served } = sensorOf();
  served.add("6:80");
  for (const flags of [0, Fin, Fin | Psh | Urg, Syn | Fin, Urg, Psh]) assert.equal(see(tcp(80, { flags })), "probe");
  assert.equal(see(tcp(80, { flags: Syn | TcpFlag.Ece | TcpFlag.Cwr })), undefined, "an ECN client");
});

test("only what was sent to this host counts", () => {
  const { see } = sensorOf();
  assert.equal(see(tcp(23, { destination: "198.51.100.77" })), undefined, "forwarded");
  for (const type of [1, 2, 3]) assert.equal(see(tcp(23), type), undefined, `type ${type}`);
  assert.equal(see(tcp(23, { source: "203.0.113.200" })), undefined, "on the allow list");
  assert.equal(see(tcp(23, { source: "203.0.113.53" })), "guarded");
  assert.equal(see(buildIcmp({ source: OTHER, destination: OWN, type: 8, code: 0 })), undefined);
  assert.equal(see(buildSctp({ ...ends, destinationPort: 23 })), "other");
  assert.equal(see(buildTcp({ ...ends, destinationPort: 23, fragmentOffset: 8 })), undefined);
  assert.equal(see(Uint8Array.of(0x45)), undefined);
});

test("answers to what this host asked are no probes, and who answered is a peer, whose probes are probes", () => {
  const { see, pass, sensor } = sensorOf();
  const { w0, w1, w2, w3 } = prefix(OTHER);
  let laterMs = 1_000_000;
  const isPeer = () => sensor.memory.isPeer(w0, w1, w2, w3, laterMs);
  const asked = { source: OWN, destination: OTHER, sourcePort: 5_000, destinationPort: 7 };
  const answer = { sourcePort: 7 };
  assert.equal(see(udp(5_000, answer)), "probe", "nobody has asked yet");
  assert.equal(see(buildUdp(asked), OUTGOING), undefined);
  assert.equal(see(udp(5_000, answer)), undefined);
  assert.equal(see(udp(5_001, answer)), "probe", "the same two ports only");
  assert.equal(see(tcp(23)), "probe");
  assert.ok(isPeer());
  pass(61_000);
  laterMs += 61_000;
  assert.ok(!isPeer());
  pass(540_000);
  assert.equal(see(udp(5_000, answer)), "probe", "after ten minutes");
});

test("SYN+ACK: of one whom we asked it makes a peer, of another it is a stray; ours says that a port is served", () => {
  const { see, sensor } = sensorOf();
  const { w0, w1, w2, w3 } = prefix(OTHER);
  const isPeer = () => sensor.memory.isPeer(w0, w1, w2, w3, 1_000_000);
  const answer = { sourcePort: 25, flags: Syn | Ack };
  assert.equal(see(tcp(41_000, answer)), "stray");
  // What is no SYN of ours begins nothing: a window probe, a keep-alive, the end of a stranger's connection.
  for (const flags of [Ack, Ack | Fin, Rst, Rst | Ack]) {
    const sent = { source: OWN, destination: OTHER, sourcePort: 41_000, destinationPort: 25, flags };
    assert.equal(see(buildTcp(sent), OUTGOING), undefined);
    assert.equal(see(tcp(41_000, answer)), "stray");
  }
  assert.ok(!isPeer());
  assert.equal(
    see(buildTcp({ source: OWN, destination: OTHER, sourcePort: 41_000, destinationPort: 25 }), OUTGOING),
    undefined,
  );
  assert.equal(see(tcp(41_000, answer)), undefined);
  assert.ok(isPeer());
  assert.equal(see(tcp(23)), "probe");
  const forwarded = { source: OWN, destination: OTHER, sourcePort: 8_080, destinationPort: 40_000, flags: Syn | Ack };
  assert.equal(see(tcp(8_080, { source: "203.0.113.77" })), "probe");
  assert.equal(see(buildTcp(forwarded), OUTGOING), undefined);
  assert.equal(see(tcp(8_080, { source: "203.0.113.77" })), "quiet");
  assert.equal(see(tcp(23, { source: "203.0.113.77", flags: Rst })), "stray");
});

test("a source whose block is the administrator's own is told as such, by address and by /64", () => {
  const { see, sensor, pass, served } = sensorOf();
  served.add("6:80");
  sensor.memory.delegate(prefix(OTHER), 1_060_000, 1_000_000);
  sensor.memory.delegate(prefix("2001:db8:b:9::/64"), Number.POSITIVE_INFINITY, 1_000_000);
  sensor.memory.delegate(prefix("2001:db8:a::/64"), Number.POSITIVE_INFINITY, 1_000_000);
  assert.equal(see(tcp(23)), "delegated");
  assert.equal(see(tcp(80)), undefined);
  const six = (source: string) => tcp(23, { source, destination: "2001:db8:a::1" });
  assert.equal(see(six("2001:db8:b:9::77")), "delegated");
  assert.equal(see(six("2001:db8:b:8::77")), "probe");
  assert.equal(see(six("2001:db8:a::77")), "probe", "on our link sources count one by one");
  pass(60_000);
  assert.equal(see(tcp(23)), "probe");
  sensor.memory.undelegate(prefix("2001:db8:b:9::/64"));
  assert.equal(see(six("2001:db8:b:9::77")), "probe");
});

test("a TCP header cut in two is judged when its flags have come", () => {
  const { see, served } = sensorOf();
  served.add("6:80");
  /** The pieces of a packet as nmap -f sends them: of eight bytes. */
  const pieces = (whole: Uint8Array) =>
    [0, 8, 16].map((offset) => {
      const piece = Uint8Array.from([...whole.subarray(0, 20), ...whole.subarray(20 + offset, 28 + offset)]);
      piece[3] = piece.length;
      piece[6] = offset === 16 ? 0 : 0x20;
      piece[7] = offset / 8;
      return piece;
    });
  const seen = (more: object, port = 23) =>
    pieces(tcp(port, { identification: 7, ...more })).map((piece) => see(piece));
  assert.deepEqual(seen({}), [undefined, "probe", undefined]);
  assert.deepEqual(seen({}, 80), [undefined, undefined, undefined]);
  assert.deepEqual(seen({ flags: Fin }, 80), [undefined, "probe", undefined]);
  const [first, second] = pieces(tcp(23, { identification: 8 }));
  assert.ok(first && second);
  assert.deepEqual([see(first), see(second)], [undefined, "probe"]);
  assert.deepEqual([see(second), see(first)], [undefined, "probe"], "the kernel puts them together in either order");
  assert.deepEqual([see(first), see(second)], [undefined, "probe"], "and neither is used twice");
  for (const other of [{ identification: 9 }, { source: "203.0.113.10" }]) {
    see(first);
    assert.equal(see(pieces(tcp(23, { identification: 8, ...other }))[1] ?? first), undefined);
  }
  for (let cut = 20; cut < 26; cut++) {
    see(first);
    assert.equal(see(second.subarray(0, cut)), undefined, `${cut} bytes`);
  }
  see(first);
  assert.equal(see(second.subarray(0, 26)), "probe");
});

test("weak evidence is bounded by the second, evidence is not", () => {
  const { see, sensor, pass } = sensorOf();
  let quiet = 0;
  for (let index = 0; index < rates.weak + 100; index++) if (see(tcp(443)) === "quiet") quiet++;
  assert.equal(quiet, rates.weak);
  assert.equal(sensor.counters.ringWithheld, 100);
  for (let index = 0; index < rates.weak + 100; index++) assert.equal(see(tcp(23)), "probe");
  pass(1_000);
  assert.equal(see(tcp(443)), "quiet");
});

test("BOOT_GRACE: no port is a trap; ports of ours are none at all", () => {
  assert.equal(sensorOf({ grace: true }).see(tcp(23)), "quiet");
  assert.equal(sensorOf({ listenedTcp: [{ first: 23, last: 23 }] }).see(tcp(23)), undefined);
});

test("what was learned comes back from the file's form", () => {
  const [one, other] = [sensorOf(), sensorOf()];
  for (const [protocol, port] of [
    [6, 8_000],
    [17, 514],
  ] as const)
    one.sensor.memory.served.note({ protocol, port }, 3_600_000, 1_000_000);
  one.sensor.memory.served.visit(1_000_000, (set, key, untilMs) => {
    assert.ok(other.sensor.memory.served.restore({ set, key: Uint8Array.from(key), untilMs }, 1_000_000));
  });
  assert.deepEqual([other.see(tcp(8_000)), other.see(udp(514)), other.see(tcp(8_001))], ["quiet", "quiet", "probe"]);
});
