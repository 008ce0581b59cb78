// ICMP and ICMPv6: type and code, each in its own family only, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, IpProtocol } from "../../src/wire/packet.ts";
import { buildIcmp, buildIp } from "../support/build-packet.ts";
import { linuxUnreachable, linuxUnreachable6 } from "../support/captures.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";

const ipv4 = { source: "192.0.2.1", destination: "192.0.2.2" };
const ipv6 = { source: "2001:db8::1", destination: "2001:db8::2" };

test("port unreachable, both families; the packet inside is payload", () => {
  const four = decodeWhole(linuxUnreachable);
  assert.equal(four.result, DecodeResult.Ok);
  assert.deepEqual([four.packet.icmpType, four.packet.icmpCode, four.packet.payloadBytes], [3, 3, 28]);
  assert.deepEqual([four.packet.sourcePort, four.packet.destinationPort], [0, 0]);
  const six = decodeWhole(linuxUnreachable6);
  assert.equal(six.result, DecodeResult.Ok);
  assert.deepEqual([six.packet.icmpType, six.packet.icmpCode, six.packet.payloadBytes], [1, 4, 48]);
});

test("each family has its own: the other's number is another protocol", () => {
  const message = buildIcmp({ ...ipv4, type: 8, code: 0 }).slice(20);
  const wrong4 = decodeWhole(buildIp(ipv4, IpProtocol.Icmpv6, message));
  const wrong6 = decodeWhole(buildIp(ipv6, IpProtocol.Icmp, message));
  for (const { result, packet } of [wrong4, wrong6]) {
    assert.equal(result, DecodeResult.OtherProtocol);
    assert.equal(packet.icmpType, 0);
  }
  assert.equal(wrong4.packet.protocol, 58);
  assert.equal(wrong6.packet.protocol, 1);
});

test("every cut", () => {
  const cuts = decodeEveryCut(buildIcmp({ ...ipv4, type: 13, code: 7 }));
  assert.equal(summarizeResults(cuts), "Truncated 28, Ok 1");
  assert.equal(cuts[21]?.packet.icmpType, 0);
  assert.deepEqual([cuts[22]?.packet.icmpType, cuts[22]?.packet.icmpCode], [13, 7]);
  assert.equal(summarizeResults(decodeEveryCut(linuxUnreachable6)), "Truncated 48, Ok 49");
});
