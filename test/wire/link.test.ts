// Every link type with every kind of content: what decodeFrame gives is what decodePacket gives of the packet inside.
// Real captures of them are read in test/capture/file/tshark-witness.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/wire/address.ts";
import { decodePacket } from "../../src/wire/decode.ts";
import { decodeFrame, isKnownLinkType, LinkType } from "../../src/wire/link.ts";
import { ARP_PROTOCOL, DecodeResult, Packet } from "../../src/wire/packet.ts";
import { concat } from "../support/capture-writer.ts";
import { nmapSyn, nmapSyn6, nmapUdp } from "../support/captures.ts";
import { decodeEveryFrameCut } from "../support/frame-cuts.ts";
import { hex } from "../support/hex.ts";

const macs = hex("0200 0000 0002 0200 0000 0001");
const arpRequest = hex("0001 0800 06 04 0001 0200 0000 0001 c000 0201 0000 0000 0000 c000 0202");
const ethernet = (...parts: Uint8Array[]): Uint8Array => concat([macs, ...parts]);

/** The frame must decode as the packet that it carries does, at its place, whatever the frame's own headers are. */
function assertCarries(linkType: number, frame: Uint8Array, inner: Uint8Array): void {
  const at = Buffer.from(frame).indexOf(inner);
  const expected = new Packet();
  const expectedResult = decodePacket(frame, at, frame.length, expected);
  if (linkType === LinkType.Ethernet) expected.ethernetAt = 0;
  const packet = new Packet();
  assert.equal(decodeFrame(linkType, frame, 0, frame.length, packet), expectedResult);
  assert.equal(expectedResult, DecodeResult.Ok);
  assert.deepEqual(packet, expected);
}

function assertNothing(linkType: number, frame: Uint8Array, expected: DecodeResult): void {
  const packet = new Packet();
  decodePacket(nmapSyn, 0, nmapSyn.length, packet);
  assert.equal(decodeFrame(linkType, frame, 0, frame.length, packet), expected);
  assert.deepEqual(packet, new Packet());
}

const cooked1 = (device: string, protocol: string): Uint8Array =>
  hex(`0000 ${device} 0006 0200 0000 0001 0000 ${protocol}`);
const cooked2 = (device: string, protocol: string): Uint8Array =>
  hex(`${protocol} 0000 0000 0002 ${device} 00 06 0200 0000 0001 0000`);
/** A packet's header or a prefix comes first, and is padded; the payload is last. */
const nflog = (family: string, before: string, payload: string): Uint8Array =>
  hex(`${family}00 0005 ${before} ${payload}`);

const carriers: readonly (readonly [string, number, Uint8Array, Uint8Array])[] = [
  ["Ethernet IPv4", LinkType.Ethernet, ethernet(hex("0800")), nmapSyn],
  ["Ethernet IPv6", LinkType.Ethernet, ethernet(hex("86dd")), nmapSyn6],
  ["802.1Q", LinkType.Ethernet, ethernet(hex("8100 0005 0800")), nmapSyn],
  ["QinQ", LinkType.Ethernet, ethernet(hex("88a8 0007 8100 0005 86dd")), nmapSyn6],
  ["old QinQ", LinkType.Ethernet, ethernet(hex("9100 0007 8100 0005 0800")), nmapSyn],
  ["four tags", LinkType.Ethernet, ethernet(hex("8100 0001 8100 0002 8100 0003 8100 0004 0800")), nmapSyn],
  ["SNAP", LinkType.Ethernet, ethernet(hex("0034 aaaa 0300 0000 0800")), nmapSyn],
  ["PPPoE IPv4", LinkType.Ethernet, ethernet(hex("8864 1100 0001 002e 0021")), nmapSyn],
  ["PPPoE IPv6 in a VLAN", LinkType.Ethernet, ethernet(hex("8100 0005 8864 1100 0001 0042 0057")), nmapSyn6],
  ["cooked 1", LinkType.LinuxSll, cooked1("0001", "0800"), nmapUdp],
  ["cooked 1 IPv6", LinkType.LinuxSll, cooked1("0304", "86dd"), nmapSyn6],
  ["cooked 1 with LLC", LinkType.LinuxSll, concat([cooked1("0001", "0004"), hex("aaaa 0300 0000 0800")]), nmapUdp],
  ["cooked 1 with a tag", LinkType.LinuxSll, concat([cooked1("0001", "8100"), hex("0005 0800")]), nmapUdp],
  ["cooked 2", LinkType.LinuxSll2, cooked2("0001", "0800"), nmapUdp],
  ["cooked 2 IPv6", LinkType.LinuxSll2, cooked2("0304", "86dd"), nmapSyn6],
  ["raw", LinkType.Raw, new Uint8Array(), nmapSyn],
  ["raw, old number", LinkType.RawDlt, new Uint8Array(), nmapSyn6],
  ["raw, OpenBSD's number", LinkType.RawDltOpenBsd, new Uint8Array(), nmapSyn6],
  ["PPP IPv4", LinkType.Ppp, hex("0021"), nmapSyn],
  ["PPP IPv6, protocol in one byte", LinkType.Ppp, hex("57"), nmapSyn6],
  ["PPP as HDLC frames it", LinkType.Ppp, hex("ff03 0021"), nmapSyn],
  ["PPP in HDLC", LinkType.PppHdlc, hex("ff03 0057"), nmapSyn6],
  ["NFLOG IPv4, little endian", LinkType.Nflog, nflog("02", "0800 0100 0800 0100", "3000 0900"), nmapSyn],
  ["NFLOG IPv6, big endian", LinkType.Nflog, nflog("0a", "0005 000a 6500 0000", "0100 0009"), nmapSyn6],
  ["IPv4", LinkType.Ipv4, new Uint8Array(), nmapSyn],
  ["IPv6", LinkType.Ipv6, new Uint8Array(), nmapSyn6],
  ...([LinkType.Null, LinkType.Loop] as const).flatMap((linkType) => [
    [`loopback ${linkType}, little endian`, linkType, hex("0200 0000"), nmapSyn] as const,
    [`loopback ${linkType}, big endian`, linkType, hex("0000 0002"), nmapSyn] as const,
    ...["18", "1c", "1e", "0a"].flatMap((family) => [
      [`loopback ${linkType}, IPv6 as ${family}`, linkType, hex(`${family}00 0000`), nmapSyn6] as const,
      [`loopback ${linkType}, IPv6 as ${family} big endian`, linkType, hex(`0000 00${family}`), nmapSyn6] as const,
    ]),
  ]),
];

for (const [name, linkType, header, inner] of carriers) {
  test(`${name}: what it carries, and nothing outside any cut of it`, () => {
    const frame = concat([header, inner]);
    assertCarries(linkType, frame, inner);
    const results = decodeEveryFrameCut(linkType, frame);
    const firstWhole = results.findIndex((result) => result !== DecodeResult.Truncated);
    assert.ok(firstWhole > header.length);
    assert.ok(results.slice(firstWhole).every((result) => result === DecodeResult.Ok));
    assert.ok(isKnownLinkType(linkType));
  });
}

test("padding behind the packet is not the packet", () => {
  const frame = concat([ethernet(hex("0800")), nmapUdp, new Uint8Array(18).fill(0xee)]);
  const packet = new Packet();
  assert.equal(decodeFrame(LinkType.Ethernet, frame, 0, frame.length, packet), DecodeResult.Ok);
  assert.equal(packet.endAt, 14 + nmapUdp.length);
});

test("frames that are addressed to many: broadcast and multicast, by Ethernet's address or what the kernel says of it", () => {
  const toAll = concat([hex("ffff ffff ffff 0200 0000 0001 0800"), nmapUdp]);
  const toGroup = concat([hex("0100 5e00 00fb 0200 0000 0001 8100 0005 0800"), nmapUdp]);
  const cooked1Of = (type: string) => concat([hex(`${type} 0001 0006 0200 0000 0001 0000 0800`), nmapUdp]);
  const cooked2Of = (type: string) => concat([hex(`0800 0000 0000 0002 0001 ${type} 06 0200 0000 0001 0000`), nmapUdp]);
  const frames: readonly (readonly [number, Uint8Array, 0 | 1])[] = [
    [LinkType.Ethernet, toAll, 1],
    [LinkType.Ethernet, toGroup, 1],
    [LinkType.Ethernet, ethernet(hex("0800"), nmapUdp), 0],
    ...(["0000", "0001", "0002", "0003", "0004"] as const).map(
      (type, at) => [LinkType.LinuxSll, cooked1Of(type), at === 1 || at === 2 ? 1 : 0] as const,
    ),
    ...(["00", "01", "02", "03", "04"] as const).map(
      (type, at) => [LinkType.LinuxSll2, cooked2Of(type), at === 1 || at === 2 ? 1 : 0] as const,
    ),
  ];
  for (const [linkType, frame, expected] of frames) {
    const packet = new Packet();
    assert.equal(decodeFrame(linkType, frame, 0, frame.length, packet), DecodeResult.Ok);
    assert.equal(packet.toGroup, expected);
  }
});

test("ARP: who asks for whom, on Ethernet and cooked", () => {
  for (const [linkType, header] of [
    [LinkType.Ethernet, ethernet(hex("0806"))],
    [LinkType.Ethernet, ethernet(hex("8100 0005 0806"))],
    [LinkType.LinuxSll, cooked1("0001", "0806")],
    [LinkType.LinuxSll2, cooked2("0001", "0806")],
  ] as const) {
    const frame = concat([header, arpRequest]);
    const packet = new Packet();
    assert.equal(decodeFrame(linkType, frame, 0, frame.length, packet), DecodeResult.Ok);
    const expected = Object.assign(new Packet(), {
      family: 4,
      protocol: ARP_PROTOCOL,
      icmpType: 1,
      source2: 0xffff,
      source3: parseAddress("192.0.2.1")?.w3,
      destination2: 0xffff,
      destination3: parseAddress("192.0.2.2")?.w3,
      transportAt: header.length,
      endAt: frame.length,
      ethernetAt: linkType === LinkType.Ethernet ? 0 : -1,
    });
    assert.deepEqual(packet, expected);
    const results = decodeEveryFrameCut(linkType, frame);
    assert.deepEqual(new Set(results.slice(0, -1)), new Set([DecodeResult.Truncated]));
  }
  // EUI-64 hardware addresses, as on IEEE 1394 and InfiniBand, move the rest.
  const long = hex("0018 0800 08 04 0002 0011 2233 4455 6677 c000 0209 0000 0000 0000 0000 c000 0202");
  const packet = new Packet();
  const frame = ethernet(hex("0806"), long);
  assert.equal(decodeFrame(LinkType.Ethernet, frame, 0, frame.length, packet), DecodeResult.Ok);
  assert.deepEqual([packet.icmpType, packet.source3 & 255, packet.destination3 & 255], [2, 9, 2]);
});

test("ARP for other protocols, and with addresses of other lengths", () => {
  const other = arpRequest.slice();
  other.set([0x80, 0x9b], 2);
  assertNothing(LinkType.Ethernet, ethernet(hex("0806"), other), DecodeResult.NotIp);
  const wrong = arpRequest.slice();
  wrong[5] = 6;
  assertNothing(LinkType.Ethernet, ethernet(hex("0806"), wrong), DecodeResult.Malformed);
});

test("what is not IP, and link types that are not known", () => {
  const notIp: readonly (readonly [number, Uint8Array])[] = [
    [LinkType.Ethernet, ethernet(hex("88cc"), new Uint8Array(46))],
    [LinkType.Ethernet, ethernet(hex("8100 0005 8847"), new Uint8Array(46))],
    [LinkType.Ethernet, ethernet(hex("0026 4242 03"), new Uint8Array(35))],
    [LinkType.Ethernet, ethernet(hex("0034 aaaa 0300 000c 2000"), nmapSyn)],
    [LinkType.Ethernet, ethernet(hex("8864 1100 0001 002e c021"), nmapSyn)],
    [LinkType.LinuxSll, concat([cooked1("0338", "0800"), nmapSyn])],
    [LinkType.LinuxSll2, concat([cooked2("0338", "0800"), nmapSyn])],
    [LinkType.Null, concat([hex("0700 0000"), nmapSyn])],
    [LinkType.Ppp, concat([hex("ff03 c021"), nmapSyn])],
    [LinkType.Nflog, concat([nflog("07", "0800 0100 0800 0100", "3000 0900"), nmapSyn])],
    [105, ethernet(hex("0800"), nmapSyn)],
    [-1, nmapSyn],
  ];
  for (const [linkType, frame] of notIp) assertNothing(linkType, frame, DecodeResult.NotIp);
  assert.ok(!isKnownLinkType(105));
});

test("headers that contradict themselves", () => {
  const malformed: readonly (readonly [number, Uint8Array])[] = [
    [LinkType.Ethernet, ethernet(hex("0800"), nmapSyn6)],
    [LinkType.Ethernet, ethernet(hex("86dd"), nmapSyn)],
    [LinkType.Ethernet, ethernet(hex("8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800"), nmapSyn)],
    [LinkType.Ethernet, ethernet(hex("8864 2100 0001 002e 0021"), nmapSyn)],
    [LinkType.Ppp, concat([hex("0021"), nmapSyn6])],
    [LinkType.Nflog, concat([nflog("02", "0300 0100 0800 0100", "3000 0900"), nmapSyn])],
    [LinkType.Nflog, concat([hex("0201 0005 3000 0900"), nmapSyn])],
    [LinkType.Ipv4, nmapSyn6],
    [LinkType.Ipv6, nmapSyn],
  ];
  for (const [linkType, frame] of malformed) assertNothing(linkType, frame, DecodeResult.Malformed);
});

test("what lies behind an IEEE 802.3 frame's own length is padding", () => {
  assertNothing(LinkType.Ethernet, ethernet(hex("0007 aaaa 0300 0000 0800"), nmapSyn), DecodeResult.Truncated);
});
