// UDP and UDP-Lite headers: captures, length fields that lie, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, IpProtocol, Packet } from "../../src/wire/packet.ts";
import { decodeUdp, decodeUdpLite } from "../../src/wire/udp.ts";
import { buildIp, buildUdp } from "../support/build-packet.ts";
import { nmapUdp, nmapUdp6 } from "../support/captures.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";
import { hex } from "../support/hex.ts";

interface Given {
  readonly family?: number;
  readonly ipPayloadBytes?: number;
}

function decodeWith(decode: typeof decodeUdp, text: string, given: Given): { result: DecodeResult; packet: Packet } {
  const bytes = hex(text);
  const packet = new Packet();
  packet.family = given.family ?? 4;
  packet.payloadBytes = given.ipPayloadBytes ?? bytes.length;
  return { result: decode(bytes, 0, bytes.length, packet), packet };
}

test("nmap's empty datagrams, both families", () => {
  for (const [bytes, sourcePort, destinationPort] of [
    [nmapUdp, 48729, 26],
    [nmapUdp6, 63738, 30],
  ] as const) {
    const { result, packet } = decodeWhole(bytes);
    assert.equal(result, DecodeResult.Ok);
    assert.equal(packet.protocol, IpProtocol.Udp);
    assert.equal(packet.sourcePort, sourcePort);
    assert.equal(packet.destinationPort, destinationPort);
    assert.equal(packet.payloadBytes, 0);
  }
});

test("the payload is as long as the header says, captured or not", () => {
  // A DNS answer, port 53 to 59772, of 95 bytes; 87 of them are payload, 4 of these were captured.
  const { result, packet } = decodeWith(decodeUdp, "0035 e97c 005f 279f 1e4b 8180", { ipPayloadBytes: 95 });
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.sourcePort, 53);
  assert.equal(packet.destinationPort, 59772);
  assert.equal(packet.payloadBytes, 87);
});

test("a length below the header's is malformed, with the ports read", () => {
  for (const length of ["0000", "0001", "0007"]) {
    const { result, packet } = decodeWith(decodeUdp, `0035 e97c ${length} 0000`, {});
    assert.equal(result, DecodeResult.Malformed);
    assert.equal(packet.destinationPort, 59772);
  }
});

test("length 0 over IPv6 means as long as IP says; 1 to 7 are malformed there too", () => {
  const jumbo = decodeWith(decodeUdp, "0035 e97c 0000 0000", { family: 6, ipPayloadBytes: 70000 });
  assert.equal(jumbo.result, DecodeResult.Ok);
  assert.equal(jumbo.packet.payloadBytes, 69992);
  assert.equal(decodeWith(decodeUdp, "0035 e97c 0007 0000", { family: 6 }).result, DecodeResult.Malformed);
});

test("UDP-Lite: coverage 0 or at least the header", () => {
  for (const [coverage, expected] of [
    ["0000", DecodeResult.Ok],
    ["0001", DecodeResult.Malformed],
    ["0007", DecodeResult.Malformed],
    ["0008", DecodeResult.Ok],
  ] as const) {
    const { result, packet } = decodeWith(decodeUdpLite, `0035 e97c ${coverage} 0000`, { ipPayloadBytes: 20 });
    assert.equal(result, expected);
    assert.equal(packet.sourcePort, 53);
    assert.equal(packet.payloadBytes, 12);
  }
});

test("every cut", () => {
  const datagram = buildUdp({
    source: "192.0.2.1",
    destination: "192.0.2.2",
    sourcePort: 1000,
    destinationPort: 2000,
    payload: hex("0102 0304"),
  });
  for (const bytes of [
    datagram,
    buildIp({ source: "::1", destination: "::2" }, IpProtocol.UdpLite, datagram.slice(20)),
  ]) {
    const cuts = decodeEveryCut(bytes);
    const transportAt = bytes.length - 12;
    assert.equal(summarizeResults(cuts), `Truncated ${transportAt + 8}, Ok 5`);
    assert.equal(cuts[transportAt + 3]?.packet.sourcePort, 0);
    assert.equal(cuts[transportAt + 4]?.packet.destinationPort, 2000);
    assert.ok(cuts.slice(transportAt).every((cut) => cut.packet.payloadBytes === 4));
  }
});
