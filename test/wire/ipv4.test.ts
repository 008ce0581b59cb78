// IPv4 headers: captures, options, lengths that lie, fragments, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/wire/address.ts";
import { decodeIpv4 } from "../../src/wire/ipv4.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";
import { nmapFragments, nmapRecordRoute, nmapSyn } from "../support/captures.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";
import { hex } from "../support/hex.ts";

// A DNS answer's header, the usual example of the header checksum: 192.168.0.1 to 192.168.0.199, 115 bytes, DF.
const header = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");

function decode(bytes: Uint8Array): { result: DecodeResult; packet: Packet } {
  const packet = new Packet();
  return { result: decodeIpv4(bytes, 0, bytes.length, packet), packet };
}

function patched(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

test("every field of a plain header", () => {
  const { result, packet } = decode(header);
  assert.equal(result, DecodeResult.Ok);
  const expected = Object.assign(new Packet(), {
    family: 4,
    source2: 0xffff,
    source3: 0xc0a80001,
    destination2: 0xffff,
    destination3: 0xc0a800c7,
    hopLimit: 64,
    dontFragment: 1,
    protocol: 17,
    transportAt: 20,
    payloadBytes: 95,
  });
  assert.deepEqual(packet, expected);
});

test("the addresses are those that address.ts parses", () => {
  const { packet } = decode(header);
  const source = parseAddress("192.168.0.1");
  assert.deepEqual(
    [packet.source0, packet.source1, packet.source2, packet.source3],
    [source?.w0, source?.w1, source?.w2, source?.w3],
  );
});

test("options move the transport header and are told", () => {
  const { result, packet } = decodeWhole(nmapRecordRoute);
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.hasIpOptions, 1);
  assert.equal(packet.transportAt, 60);
  assert.equal(packet.destinationPort, 28);
  assert.equal(packet.payloadBytes, 0);
  assert.equal(decodeWhole(nmapSyn).packet.hasIpOptions, 0);
});

test("a header length below 20 bytes or a total length below the header is malformed; the addresses are there", () => {
  for (const ihl of [0, 1, 4]) {
    const { result, packet } = decode(patched(nmapSyn, 0, 0x40 | ihl));
    assert.equal(result, DecodeResult.Malformed);
    assert.equal(packet.source3, 0xc6336407);
    assert.equal(packet.payloadBytes, 0);
  }
  assert.equal(decode(patched(nmapSyn, 3, 19)).result, DecodeResult.Malformed);
  assert.equal(decode(patched(nmapRecordRoute, 3, 59)).result, DecodeResult.Malformed);
  assert.equal(decode(patched(nmapSyn, 3, 20)).result, DecodeResult.Ok);
});

test("what lies behind the total length is padding, not packet", () => {
  const padded = new Uint8Array(60).fill(0xee);
  padded.set(nmapSyn);
  assert.deepEqual(decodeWhole(padded), decodeWhole(nmapSyn));
  // A total length of 30 leaves 10 bytes of TCP header, however much was captured.
  const short = decodeWhole(patched(nmapSyn, 3, 30));
  assert.equal(short.result, DecodeResult.Truncated);
  assert.equal(short.packet.destinationPort, 23);
  assert.equal(short.packet.tcpFlags, 0);
});

test("a capture shorter than the packet is no error, and lengths are the packet's own", () => {
  const { result, packet } = decodeWhole(patched(nmapSyn, 2, 5));
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.payloadBytes, 5 * 256 + 44 - 20 - 24);
});

test("nmap -f: the tiny first fragment gives its ports, the later ones addresses and protocol", () => {
  const [first, second, third] = nmapFragments.map(decodeWhole);
  assert.equal(first?.result, DecodeResult.Truncated);
  assert.equal(first?.packet.destinationPort, 25);
  assert.equal(first?.packet.tcpSequence, 0xbf85d5c0);
  assert.equal(first?.packet.moreFragments, 1);
  assert.equal(first?.packet.fragmentOffset, 0);
  assert.equal(first?.packet.identification, 10311);
  for (const [later, offset, more] of [
    [second, 8, 1],
    [third, 16, 0],
  ] as const) {
    assert.equal(later?.result, DecodeResult.Fragment);
    assert.equal(later?.packet.protocol, 6);
    assert.equal(later?.packet.source3, 0xc6336407);
    assert.equal(later?.packet.fragmentOffset, offset);
    assert.equal(later?.packet.moreFragments, more);
    assert.equal(later?.packet.destinationPort, 0);
    assert.equal(later?.packet.payloadBytes, 8);
  }
});

test("the flag bits and the largest fragment offset", () => {
  const { packet } = decode(patched(patched(header, 6, 0x1f), 7, 0xff));
  assert.deepEqual([packet.fragmentOffset, packet.moreFragments, packet.dontFragment], [65528, 0, 0]);
  const reservedBitOnly = decode(patched(header, 6, 0x80)).packet;
  assert.deepEqual(
    [reservedBitOnly.fragmentOffset, reservedBitOnly.moreFragments, reservedBitOnly.dontFragment],
    [0, 0, 0],
  );
});

test("every cut", () => {
  const cuts = decodeEveryCut(nmapRecordRoute);
  assert.equal(summarizeResults(cuts), "Truncated 80, Ok 5");
  assert.equal(cuts[19]?.packet.family, 0);
  assert.equal(cuts[20]?.packet.source3, 0xc6336407);
  assert.equal(cuts[59]?.packet.sourcePort, 0);
  assert.equal(cuts[64]?.packet.destinationPort, 28);
  assert.equal(summarizeResults(decodeEveryCut(nmapFragments[1])), "Truncated 20, Fragment 9");
  // Cut options are told as such, whatever protocol follows them.
  assert.equal(summarizeResults(decodeEveryCut(patched(nmapRecordRoute, 9, 47))), "Truncated 60, OtherProtocol 25");
});
