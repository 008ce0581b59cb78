// The same segment or datagram is one probe; whatever differs in an address, a port, the sequence number or the flags is another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hashSource } from "../../src/detect/keyed-hash.ts";
import { RepeatedProbes } from "../../src/detect/repeated-probes.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { IpProtocol, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { buildSctp, buildTcp, buildUdp } from "../support/build-packet.ts";
import { prefix, seed } from "./probes.ts";

const NOW_MS = 1_700_000_000_000;
const usual = { source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 23 };

function read(bytes: Uint8Array): Packet {
  const packet = new Packet();
  decodePacket(bytes, 0, bytes.length, packet);
  return packet;
}

/** As the source table hashes the source. */
const hashOf = ({ source0, source1, source2, source3 }: Packet) =>
  hashSource(seed, source0, source1, source2, source3, 128);
const noteIn = (repeated: RepeatedProbes, packet: Packet, timeMs: number) =>
  repeated.note(packet, hashOf(packet), timeMs);

const tcp = (more: Partial<Parameters<typeof buildTcp>[0]> = {}) => read(buildTcp({ ...usual, sequence: 7, ...more }));
const udp = (more: Partial<Parameters<typeof buildUdp>[0]> = {}) => read(buildUdp({ ...usual, ...more }));

test("a segment that comes again within 130 s is the same probe, each time", () => {
  const repeated = new RepeatedProbes(seed);
  const came = (atSeconds: number) => noteIn(repeated, tcp(), NOW_MS + atSeconds * 1000);
  assert.deepEqual([0, 1, 3, 7, 15, 31, 63, 193].map(came), [false, true, true, true, true, true, true, true]);
  assert.deepEqual([came(324), came(330)], [false, true]);
});

test("another address, port, number or flag is another probe", () => {
  const repeated = new RepeatedProbes(seed);
  const others = [
    tcp(),
    tcp({ source: "192.0.2.2" }),
    tcp({ destination: "203.0.113.2" }),
    tcp({ sourcePort: 40_001 }),
    tcp({ destinationPort: 22 }),
    tcp({ sequence: 8 }),
    tcp({ flags: TcpFlag.Syn | TcpFlag.Ece | TcpFlag.Cwr }),
    tcp({ source: "2001:db8::1", destination: "2001:db8:a::1" }),
    tcp({ source: "2001:db8::1", destination: "2001:db8:a::2" }),
    udp(),
    udp({ payload: Uint8Array.of(1) }),
    udp({ sourcePort: 40_001 }),
  ];
  assert.deepEqual(
    others.map((packet) => noteIn(repeated, packet, NOW_MS)),
    others.map(() => false),
  );
  assert.deepEqual(
    others.map((packet) => noteIn(repeated, packet, NOW_MS + 1000)),
    others.map(() => true),
  );
});

test("a datagram with the same ports and length is the same probe: its sender asks again", () => {
  const repeated = new RepeatedProbes(seed);
  assert.equal(noteIn(repeated, udp({ payload: Uint8Array.of(1, 2), identification: 1 }), NOW_MS), false);
  assert.equal(noteIn(repeated, udp({ payload: Uint8Array.of(3, 4), identification: 2 }), NOW_MS + 5000), true);
});

test("other protocols have no ports and numbers that would tell: each counts", () => {
  const repeated = new RepeatedProbes(seed);
  const packet = read(buildSctp(usual));
  assert.deepEqual([noteIn(repeated, packet, NOW_MS), noteIn(repeated, packet, NOW_MS)], [false, false]);
});

test("of more probes than there is room for the oldest are forgotten, which is counted, and count again", () => {
  const repeated = new RepeatedProbes(seed, 16);
  for (let port = 1; port <= 1000; port++) noteIn(repeated, tcp({ destinationPort: port }), NOW_MS + port);
  assert.ok(repeated.counters.probesForgotten >= 984);
  const last = NOW_MS + 1000 * 1000;
  for (let port = 1; port <= 1000; port++) noteIn(repeated, tcp({ sourcePort: port }), last + port);
  assert.equal(noteIn(repeated, tcp({ destinationPort: 1 }), last + 2000), false);
});

test("65,536 probes have room: of as many as a flood sends in a second hardly any is taken for another", () => {
  const repeated = new RepeatedProbes(seed);
  let wrong = 0;
  for (let port = 1; port <= 20_000; port++) if (noteIn(repeated, tcp({ destinationPort: port }), NOW_MS)) wrong++;
  assert.equal(wrong, 0);
  assert.ok(repeated.counters.probesForgotten < 250);
});

test("what came before its source was let go counts when it comes again, and what came before a reload", () => {
  const repeated = new RepeatedProbes(seed);
  const other = tcp({ source: "192.0.2.2" });
  for (const packet of [tcp(), other]) noteIn(repeated, packet, NOW_MS);
  repeated.forget(prefix("192.0.2.1"), NOW_MS + 10);
  assert.deepEqual([noteIn(repeated, tcp(), NOW_MS + 20), noteIn(repeated, tcp(), NOW_MS + 30)], [false, true]);
  assert.equal(noteIn(repeated, other, NOW_MS + 40), true);
  repeated.forgetAll();
  assert.deepEqual([noteIn(repeated, other, NOW_MS + 50), noteIn(repeated, other, NOW_MS + 60)], [false, true]);
});

test("in a flood only some thousand probes a second are compared, and the others are counted", () => {
  const repeated = new RepeatedProbes(seed);
  const packet = new Packet();
  packet.family = 4;
  packet.protocol = IpProtocol.Tcp;
  const send = (count: number, timeMs: number) => {
    for (let index = 0; index < count; index++) {
      packet.tcpSequence = index;
      repeated.note(packet, index, timeMs);
    }
  };
  send(65_536, 1_000_000);
  assert.equal(repeated.counters.probesNotCompared, 0);
  send(20_000, 1_001_000);
  assert.equal(repeated.counters.probesNotCompared, 10_000);
});
