// Names of questions by their packets alone, and which lone segments are what a connection left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Kind } from "../../../src/detect/kinds.ts";
import {
  isOsDatagram,
  isPresence,
  isRemnant,
  isTraceroute,
  kindOfSegment,
  kindOfTcp,
} from "../../../src/detect/tap/tap-kinds.ts";
import { decodePacket } from "../../../src/wire/decode.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { buildTcp, buildUdp, type TcpOptions, type UdpOptions } from "../../support/build-packet.ts";

const { Fin, Syn, Psh, Ack, Urg } = TcpFlag;
const packet = new Packet();

function isLeft(more: Partial<TcpOptions>, kind: Kind = Kind.Maimon): boolean {
  const flow = { source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 443 };
  const bytes = buildTcp({ ...flow, flags: Fin | Ack, window: 501, ...more });
  decodePacket(bytes, 0, bytes.length, packet);
  return isRemnant(packet, bytes, kind);
}

test("the end of a connection to a web server, in a kernel's words, is what a connection left behind", () => {
  for (const destinationPort of [80, 443]) assert.ok(isLeft({ destinationPort }));
  assert.ok(!isLeft({ destinationPort: 22 }));
  assert.ok(isLeft({ sourcePort: 1_024 }));
  assert.ok(!isLeft({ sourcePort: 1_023 }));
  assert.ok(!isLeft({}, Kind.Ack));
  for (const window of [0, 512, 1_024, 2_048, 3_072, 4_096, 8_192])
    assert.ok(!isLeft({ window }), `a scanner's ${window}`);
  for (const window of [1, 511, 1_023, 2_049, 4_095, 8_191, 8_193, 65_535]) assert.ok(isLeft({ window }), `${window}`);
});

test("a time stamp is agreed upon in a handshake: a segment that has one is of a connection, wherever it goes", () => {
  const stamp = [8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
  const elsewhere = { destinationPort: 22, window: 1_024 };
  assert.ok(isLeft({ ...elsewhere, tcpOptions: [1, 1, ...stamp] }, Kind.Ack));
  assert.ok(isLeft({ ...elsewhere, tcpOptions: [...stamp, 1, 1] }, Kind.Ack));
  assert.ok(!isLeft({ ...elsewhere, tcpOptions: [2, 4, 5, 0xb4] }, Kind.Ack));
});

test("a lone segment with ACK: data, the last of it, or one that no connection sends", () => {
  assert.equal(kindOfSegment(Ack | Psh), Kind.Ack);
  assert.equal(kindOfSegment(Ack | Fin | Psh), Kind.Maimon);
  for (const flags of [Ack | Urg, Ack | Fin | Urg]) assert.equal(kindOfSegment(flags), Kind.Unknown);
});

test("nmap -O: a NULL with window 128 and DF, SYN|FIN|URG|PSH with 256, FIN|PSH|URG with 65535, and no other", () => {
  const kindOf = (more: Partial<TcpOptions>, family: 4 | 6 = 4) => {
    const [source, destination] = family === 4 ? ["192.0.2.1", "203.0.113.1"] : ["2001:db8::1", "2001:db8::2"];
    const bytes = buildTcp({ source, destination, sourcePort: 40_000, destinationPort: 7, ...more });
    decodePacket(bytes, 0, bytes.length, packet);
    return kindOfTcp(packet);
  };
  assert.equal(kindOf({ flags: 0, window: 128, dontFragment: true }), Kind.OsDetection);
  assert.equal(kindOf({ flags: 0, window: 128 }, 6), Kind.OsDetection, "over IPv6 there is no DF");
  assert.equal(kindOf({ flags: 0, window: 128 }), Kind.Null);
  for (const window of [127, 129]) assert.equal(kindOf({ flags: 0, window, dontFragment: true }), Kind.Null);
  assert.equal(kindOf({ flags: Syn | Fin | Urg | Psh, window: 256 }), Kind.OsDetection);
  for (const window of [255, 257]) assert.notEqual(kindOf({ flags: Syn | Fin | Urg | Psh, window }), Kind.OsDetection);
  assert.equal(kindOf({ flags: Fin | Psh | Urg, window: 65_535 }), Kind.OsDetection);
  assert.equal(kindOf({ flags: Fin | Psh | Urg, window: 65_534 }), Kind.Xmas);
});

/** A datagram, decoded. */
function datagram(more: Partial<UdpOptions>): Uint8Array {
  const flow = { source: "192.0.2.1", destination: "203.0.113.1", sourcePort: 40_000, destinationPort: 7 };
  const bytes = buildUdp({ ...flow, ...more });
  decodePacket(bytes, 0, bytes.length, packet);
  return bytes;
}

test("traceroute: a port of its hundred, and few hops to live", () => {
  const is = (destinationPort: number, ttl: number) => {
    datagram({ destinationPort, ttl });
    return isTraceroute(packet);
  };
  assert.deepEqual([is(33_434, 1), is(33_533, 30)], [true, true]);
  assert.deepEqual([is(33_433, 1), is(33_534, 1), is(33_434, 31)], [false, false, false]);
});

test("nmap's U1 is 300 times C; SIP's presence is a SUBSCRIBE", () => {
  const isU1 = (payload: Uint8Array) => isOsDatagram(packet, datagram({ payload }));
  const c300 = Buffer.alloc(300, "C");
  assert.ok(isU1(c300));
  assert.ok(!isU1(c300.subarray(1)) && !isU1(Buffer.alloc(301, "C")));
  for (const at of [0, 1, 15]) assert.ok(!isU1(Buffer.from(c300).fill("D", at, at + 1)), `byte ${at}`);
  const isSubscribe = (destinationPort: number, text: string) => {
    const bytes = datagram({ destinationPort, payload: Buffer.from(text) });
    return isPresence(packet, bytes);
  };
  assert.ok(isSubscribe(5_060, "SUBSCRIBE sip:x"));
  assert.ok(isSubscribe(5_060, "SUBS"));
  assert.ok(
    !isSubscribe(5_060, "SUB") && !isSubscribe(5_061, "SUBSCRIBE sip:x") && !isSubscribe(5_060, "OPTIONS sip:x"),
  );
});
