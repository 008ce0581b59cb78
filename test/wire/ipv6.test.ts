// IPv6 headers: captures, every extension header and chains of them, fragments, lengths that lie, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, IpProtocol, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { buildIp, buildTcp, buildUdp, type ExtensionHeader } from "../support/build-packet.ts";
import { nmapSyn6 } from "../support/captures.ts";
import { type Decoded, decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";

const addresses = { source: "2001:db8::1", destination: "fe80::2:3" };
const ports = { sourcePort: 40000, destinationPort: 443 };

const hopByHop: ExtensionHeader = { type: 0, bytes: [0, 0, 5, 2, 0, 0, 1, 0] };
const routing: ExtensionHeader = { type: 43, bytes: [0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
const destinationOptions: ExtensionHeader = { type: 60, bytes: [0, 0, 1, 4, 0, 0, 0, 0] };
/** Payload length 4: 4 * (4 + 2) = 24 bytes, as with a 96-bit check value (RFC 4302 section 2.2). */
const authentication: ExtensionHeader = { type: 51, bytes: [0, 4, ...new Array<number>(22).fill(7)] };

/** offset in bytes. */
function fragment(offset: number, more: 0 | 1): ExtensionHeader {
  return { type: 44, bytes: [0, 0, offset >> 8, offset | more, 0xca, 0xfe, 0xba, 0xbe] };
}

function decodeBehind(...extensionHeaders: ExtensionHeader[]): Decoded {
  return decodeWhole(buildTcp({ ...addresses, ...ports, extensionHeaders }));
}

test("every field of nmap -6's SYN", () => {
  const { result, packet } = decodeWhole(nmapSyn6);
  assert.equal(result, DecodeResult.Ok);
  const expected = Object.assign(new Packet(), {
    family: 6,
    source0: 0x20010db8,
    source3: 7,
    destination0: 0x20010db8,
    destination3: 7,
    hopLimit: 255,
    protocol: IpProtocol.Tcp,
    transportAt: 40,
    sourcePort: 63384,
    destinationPort: 29,
    tcpSequence: 2288264370,
    tcpFlags: TcpFlag.Syn,
    tcpWindow: 1024,
    tcpOptionsAt: 60,
    tcpOptionsBytes: 4,
    endAt: 64,
  });
  assert.deepEqual(packet, expected);
});

test("all words of both addresses", () => {
  const source = "123:4567:89ab:cdef:fedc:ba98:7654:3210";
  const { packet } = decodeWhole(
    buildUdp({ source, destination: "f0f1:f2f3:f4f5:f6f7:f8f9:fafb:fcfd:feff", ...ports }),
  );
  assert.deepEqual(
    [packet.source0, packet.source1, packet.source2, packet.source3],
    [0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210],
  );
  assert.deepEqual(
    [packet.destination0, packet.destination1, packet.destination2, packet.destination3],
    [0xf0f1f2f3, 0xf4f5f6f7, 0xf8f9fafb, 0xfcfdfeff],
  );
});

test("a destination options header of length byte 0 is 8 bytes long and hides nothing (PortSentry 2.x is evaded by it)", () => {
  const { result, packet } = decodeBehind(destinationOptions);
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.destinationPort, 443);
  assert.equal(packet.transportAt, 48);
  assert.equal(packet.hasIpOptions, 1);
});

test("each kind of extension header is walked; hop-by-hop, routing and destination options count as IP options", () => {
  for (const type of [0, 43, 60, 135, 139, 140, 253, 254]) {
    for (const bytes of [new Array<number>(8).fill(0), [0, 2, ...new Array<number>(22).fill(1)]]) {
      const { result, packet } = decodeBehind({ type, bytes });
      assert.equal(result, DecodeResult.Ok, `next header ${type}`);
      assert.equal(packet.protocol, IpProtocol.Tcp);
      assert.equal(packet.destinationPort, 443);
      assert.equal(packet.transportAt, 40 + bytes.length);
      assert.equal(packet.hasIpOptions, type === 0 || type === 43 || type === 60 ? 1 : 0);
    }
  }
});

test("AH counts in units of 4 bytes", () => {
  const { result, packet } = decodeBehind(authentication);
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.transportAt, 64);
  assert.equal(packet.destinationPort, 443);
  assert.equal(packet.hasIpOptions, 0);
});

test("a long chain, and what it leaves for the payload", () => {
  const extensionHeaders = [hopByHop, destinationOptions, routing, fragment(0, 0), authentication, destinationOptions];
  const payload = new Uint8Array(9);
  const { result, packet } = decodeWhole(buildTcp({ ...addresses, ...ports, extensionHeaders, payload }));
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.transportAt, 40 + 8 + 8 + 16 + 8 + 24 + 8);
  assert.equal(packet.destinationPort, 443);
  assert.equal(packet.payloadBytes, 9);
});

test("fragments: atomic and first ones have ports, later ones addresses and protocol", () => {
  const atomic = decodeBehind(fragment(0, 0));
  assert.equal(atomic.result, DecodeResult.Ok);
  assert.equal(atomic.packet.destinationPort, 443);
  const first = decodeBehind(hopByHop, fragment(0, 1));
  assert.equal(first.result, DecodeResult.Ok);
  assert.equal(first.packet.moreFragments, 1);
  assert.equal(first.packet.identification, 0xcafebabe);
  const later = decodeBehind(fragment(1480, 1));
  assert.equal(later.result, DecodeResult.Fragment);
  assert.equal(later.packet.fragmentOffset, 1480);
  assert.equal(later.packet.moreFragments, 1);
  assert.equal(later.packet.protocol, IpProtocol.Tcp);
  assert.equal(later.packet.source0, 0x20010db8);
  assert.equal(later.packet.destinationPort, 0);
  assert.equal(decodeBehind(fragment(65528, 0)).packet.fragmentOffset, 65528);
  // What follows a later fragment's header is payload, whatever it calls itself.
  assert.equal(decodeBehind(fragment(8, 0), destinationOptions).result, DecodeResult.Fragment);
});

test("32 extension headers are walked, the 33rd is malformed", () => {
  const chain = (count: number): ExtensionHeader[] => new Array<ExtensionHeader>(count).fill(destinationOptions);
  assert.equal(decodeBehind(...chain(32)).result, DecodeResult.Ok);
  assert.equal(decodeBehind(...chain(32)).packet.destinationPort, 443);
  const beyond = decodeBehind(...chain(33));
  assert.equal(beyond.result, DecodeResult.Malformed);
  assert.equal(beyond.packet.source0, 0x20010db8);
  assert.equal(beyond.packet.destinationPort, 0);
});

test("ESP, no next header and unknown numbers end the chain", () => {
  for (const protocol of [50, 59, 41, 47, 89, 255]) {
    const packetBytes = buildIp({ ...addresses, extensionHeaders: [hopByHop] }, protocol, new Uint8Array(32));
    const { result, packet } = decodeWhole(packetBytes);
    assert.equal(result, DecodeResult.OtherProtocol);
    assert.equal(packet.protocol, protocol);
    assert.equal(packet.transportAt, 48);
  }
  assert.equal(decodeWhole(buildIp(addresses, 59, new Uint8Array())).result, DecodeResult.OtherProtocol);
});

test("an extension header that runs beyond the capture: truncated, but what comes next is known", () => {
  const { result, packet } = decodeBehind({ type: 60, bytes: [0, 255, 0, 0, 0, 0, 0, 0] });
  assert.equal(result, DecodeResult.Truncated);
  assert.equal(packet.protocol, IpProtocol.Tcp);
  assert.equal(packet.payloadBytes, 0);
  assert.equal(packet.destinationPort, 0);
});

test("payload length 0 is tolerated: a jumbogram is what was captured", () => {
  const bytes = buildTcp({ ...addresses, ...ports, extensionHeaders: [hopByHop], payload: new Uint8Array(30) });
  bytes.set([0, 0], 4);
  const { result, packet } = decodeWhole(bytes);
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.destinationPort, 443);
  assert.equal(packet.payloadBytes, 30);
});

test("bytes behind the payload length are not looked at; a payload length too short cuts the header", () => {
  const bytes = nmapSyn6.slice();
  bytes[5] = 10;
  const { result, packet } = decodeWhole(bytes);
  assert.equal(result, DecodeResult.Truncated);
  assert.equal(packet.destinationPort, 29);
  assert.equal(packet.tcpFlags, 0);
});

test("an IPv4-mapped address never travels: it must not be taken for the IPv4 address", () => {
  for (const addressAt of [8, 24]) {
    const bytes = nmapSyn6.slice();
    bytes.fill(0, addressAt, addressAt + 10);
    bytes.set([0xff, 0xff, 192, 0, 2, 1], addressAt + 10);
    const { result, packet } = decodeWhole(bytes);
    assert.equal(result, DecodeResult.Malformed);
    assert.equal(packet.family, 6);
    assert.deepEqual([packet.source2, packet.source3, packet.destination2, packet.destination3], [0, 0, 0, 0]);
  }
});

test("every cut", () => {
  assert.equal(summarizeResults(decodeEveryCut(nmapSyn6)), "Truncated 60, Ok 5");
  const extensionHeaders = [hopByHop, routing, fragment(0, 1), authentication];
  const bytes = buildUdp({ ...addresses, ...ports, extensionHeaders, payload: new Uint8Array(3) });
  const cuts = decodeEveryCut(bytes);
  assert.equal(summarizeResults(cuts), "Truncated 104, Ok 4");
  assert.equal(cuts[39]?.packet.family, 0);
  assert.equal(cuts[40]?.packet.destination0, 0xfe800000);
  assert.equal(cuts[99]?.packet.destinationPort, 0);
  assert.equal(cuts[100]?.packet.destinationPort, 443);
  const later = buildUdp({ ...addresses, ...ports, extensionHeaders: [hopByHop, fragment(8, 0)] });
  assert.equal(summarizeResults(decodeEveryCut(later)), "Truncated 56, Fragment 9");
  const other = buildIp({ ...addresses, extensionHeaders: [routing] }, 47, new Uint8Array(4));
  assert.equal(summarizeResults(decodeEveryCut(other)), "Truncated 56, OtherProtocol 5");
});
