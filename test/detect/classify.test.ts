import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classify, kindOfTcpFlags } from "../../src/detect/classify.ts";
import { Kind, kinds } from "../../src/detect/kinds.ts";
import { Disposition, Evidence, Probe } from "../../src/detect/probe.ts";
import { formatPrefix } from "../../src/wire/address.ts";
import { IpProtocol, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { prefix, ranges } from "./probes.ts";

const near = ranges("fe80::/10", "2001:db8:1::/64");
const { Fin, Syn, Rst, Psh, Ack, Urg, Ece, Cwr } = TcpFlag;

function packetFrom(source: string, fields: Partial<Packet> = {}): Packet {
  const { w0, w1, w2, w3 } = prefix(source);
  const packet = new Packet();
  packet.family = source.includes(":") ? 6 : 4;
  packet.source0 = w0;
  packet.source1 = w1;
  packet.source2 = w2;
  packet.source3 = w3;
  packet.protocol = IpProtocol.Tcp;
  packet.destinationPort = 23;
  return Object.assign(packet, fields);
}

function classified(packet: Packet, disposition: Disposition = Disposition.Probe): Probe {
  const out = new Probe();
  classify(packet, disposition, near, out);
  return out;
}

function keyOf(out: Probe): string {
  return formatPrefix({
    w0: out.source0,
    w1: out.source1,
    w2: out.source2,
    w3: out.source3,
    bits: out.sourceBits,
  });
}

// Name, flag byte, kind, whether only a scan sends it.
const flagSets: readonly (readonly [string, number, Kind, Evidence])[] = [
  ["nmap -sS", 0x02, Kind.Syn, Evidence.Direct],
  ["nmap -sN", 0x00, Kind.Null, Evidence.Direct],
  ["nmap -sF", 0x01, Kind.Fin, Evidence.Direct],
  ["nmap -sX", 0x29, Kind.Xmas, Evidence.Direct],
  ["nmap --scanflags SYNFIN", 0x03, Kind.SynFin, Evidence.Direct],
  ["nmap -sA and -sW", 0x10, Kind.Ack, Evidence.Weak],
  ["nmap -sM", 0x11, Kind.Maimon, Evidence.Weak],
  ["a segment with data", Ack | Psh, Kind.Ack, Evidence.Weak],
  ["SYN of an ECN-capable host", Syn | Ece | Cwr, Kind.Syn, Evidence.Direct],
  ["nmap's ECN probe without its SYN", Ece | Cwr, Kind.Null, Evidence.Direct],
  ["Xmas with ECE", 0x29 | Ece, Kind.Xmas, Evidence.Direct],
  ["SYN, FIN, URG, PSH (nmap -O, T3)", Syn | Fin | Urg | Psh, Kind.SynFin, Evidence.Direct],
  ["SYN+ACK of backscatter", Syn | Ack, Kind.Unknown, Evidence.Weak],
  ["RST of backscatter", Rst, Kind.Unknown, Evidence.Weak],
  ["RST+ACK", Rst | Ack, Kind.Unknown, Evidence.Weak],
  ["SYN+RST", Syn | Rst, Kind.Unknown, Evidence.Weak],
  ["SYN+FIN+ACK", Syn | Fin | Ack, Kind.Unknown, Evidence.Weak],
  ["SYN+FIN+RST", Syn | Fin | Rst, Kind.Unknown, Evidence.Weak],
  ["a last segment with data", Fin | Psh | Ack, Kind.Unknown, Evidence.Weak],
  ["URG alone", Urg, Kind.Unknown, Evidence.Direct],
  ["PSH alone", Psh, Kind.Unknown, Evidence.Direct],
  ["FIN+PSH", Fin | Psh, Kind.Unknown, Evidence.Direct],
  ["SYN+PSH", Syn | Psh, Kind.Unknown, Evidence.Direct],
];

for (const [name, tcpFlags, kind, evidence] of flagSets) {
  test(`${name}: 0x${tcpFlags.toString(16)} is ${kinds[kind].name}`, () => {
    const out = classified(packetFrom("192.0.2.1", { tcpFlags }));
    assert.equal(out.kind, kind);
    assert.equal(out.evidence, evidence);
    assert.equal(out.tcpFlags, tcpFlags);
    assert.equal(out.port, 23);
    assert.equal(out.protocol, 6);
  });
}

test("ECE and CWR never change the name; ACK or RST is never direct evidence", () => {
  for (let tcpFlags = 0; tcpFlags < 256; tcpFlags++) {
    assert.equal(kindOfTcpFlags(tcpFlags), kindOfTcpFlags(tcpFlags & 0x3f));
    const out = classified(packetFrom("192.0.2.1", { tcpFlags }));
    assert.equal(out.evidence === Evidence.Direct, (tcpFlags & (Ack | Rst)) === 0, `flags ${tcpFlags}`);
  }
});

test("UDP is direct evidence; other protocols are named unknown and are weak", () => {
  const udp = classified(packetFrom("192.0.2.1", { protocol: IpProtocol.Udp, destinationPort: 161, tcpFlags: 2 }));
  assert.deepEqual([udp.kind, udp.evidence, udp.port, udp.tcpFlags], [Kind.Udp, Evidence.Direct, 161, 0]);
  const sctp = classified(packetFrom("192.0.2.1", { protocol: IpProtocol.Sctp, destinationPort: 36412 }));
  assert.deepEqual([sctp.kind, sctp.evidence, sctp.port], [Kind.Unknown, Evidence.Weak, 36412]);
  for (const protocol of [IpProtocol.Dccp, IpProtocol.UdpLite, IpProtocol.Icmp, 47, 255]) {
    const out = classified(packetFrom("192.0.2.1", { protocol }));
    assert.deepEqual([out.kind, out.evidence], [Kind.Unknown, Evidence.Weak]);
  }
  assert.equal(classified(packetFrom("192.0.2.1", { protocol: IpProtocol.Icmp })).port, 0);
});

test("only a closed, watched port makes direct evidence", () => {
  const direct: readonly Disposition[] = [Disposition.Probe, Disposition.Guarded, Disposition.Delegated];
  for (const disposition of Object.values(Disposition)) {
    const out = classified(packetFrom("192.0.2.1", { tcpFlags: Syn }), disposition);
    assert.equal(out.evidence === Evidence.Direct, direct.includes(disposition), `disposition ${disposition}`);
    assert.equal(out.disposition, disposition);
    assert.equal(out.kind, Kind.Syn);
  }
});

test("source keys: IPv4 and on-link IPv6 by address, other IPv6 by /64", () => {
  assert.equal(keyOf(classified(packetFrom("198.51.100.7"))), "198.51.100.7");
  assert.equal(keyOf(classified(packetFrom("fe80::1"))), "fe80::1");
  assert.equal(keyOf(classified(packetFrom("2001:db8:1::77"))), "2001:db8:1::77");
  assert.equal(keyOf(classified(packetFrom("2001:db8:2:3:4:5:6:7"))), "2001:db8:2:3::/64");
});

test("an IPv6 packet from a mapped address does not pass for the IPv4 host", () => {
  assert.equal(keyOf(classified(packetFrom("::ffff:192.0.2.1"))), "::/64");
});

test("any packet gets every field but the time, whatever the record held before", () => {
  const anyPacket = fc.record({
    family: fc.constantFrom(4, 6),
    source0: fc.nat(0xffffffff),
    source1: fc.nat(0xffffffff),
    source2: fc.nat(0xffffffff),
    source3: fc.nat(0xffffffff),
    protocol: fc.oneof(fc.constantFrom(6, 17, 132), fc.nat(255)),
    destinationPort: fc.nat(65535),
    tcpFlags: fc.nat(255),
    hasIpOptions: fc.nat(1),
  });
  fc.assert(
    fc.property(anyPacket, fc.constantFrom(...Object.values(Disposition)), (fields, disposition) => {
      const packet = Object.assign(new Packet(), fields);
      const dirty = new Probe();
      for (const key of ["source0", "source1", "source2", "source3", "port", "tcpFlags"] as const) dirty[key] = 99;
      dirty.kind = Kind.Connect;
      dirty.timeMs = 5;
      classify(packet, disposition, near, dirty);
      assert.deepEqual({ ...dirty, timeMs: 0 }, { ...classified(packet, disposition), timeMs: 0 });
      assert.equal(dirty.timeMs, 5);
      assert.notEqual(dirty.kind, Kind.Connect);
    }),
  );
});

test("SCTP: an INIT and a COOKIE ECHO are scans of their own kind, any other chunk is none", () => {
  const kindOf = (sctpChunkType: number) =>
    classified(packetFrom("192.0.2.1", { protocol: IpProtocol.Sctp, destinationPort: 36412, sctpChunkType })).kind;
  assert.equal(kindOf(1), Kind.SctpInit);
  assert.equal(kindOf(10), Kind.SctpCookieEcho);
  for (const chunk of [0, 2, 9, 11, 255]) assert.equal(kindOf(chunk), Kind.Unknown, `chunk ${chunk}`);
});
