// DCCP headers: ports, data offsets that lie, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, IpProtocol, type Packet } from "../../src/wire/packet.ts";
import { buildIp } from "../support/build-packet.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";
import { hex } from "../support/hex.ts";

// A DCCP-Request as RFC 4340 section 5.1 draws it: X=1, data offset 5 (16 bytes and the service code), 3 bytes of data.
const request = hex("c350 1389 0500 0000 0100 0000 0000 0001 0000 002a aabbcc");
const addresses = { source: "192.0.2.1", destination: "192.0.2.2" };

function decode(message: Uint8Array): { result: DecodeResult; packet: Packet } {
  return decodeWhole(buildIp(addresses, IpProtocol.Dccp, message));
}

test("ports and payload", () => {
  const { result, packet } = decode(request);
  assert.equal(result, DecodeResult.Ok);
  assert.deepEqual([packet.sourcePort, packet.destinationPort, packet.payloadBytes], [50000, 5001, 3]);
});

test("a data offset below 3 is malformed; one beyond the packet leaves no payload", () => {
  const patched = request.slice();
  patched[4] = 2;
  assert.equal(decode(patched).result, DecodeResult.Malformed);
  assert.equal(decode(patched).packet.destinationPort, 5001);
  patched[4] = 255;
  assert.equal(decode(patched).result, DecodeResult.Ok);
  assert.equal(decode(patched).packet.payloadBytes, 0);
});

test("every cut", () => {
  const cuts = decodeEveryCut(buildIp(addresses, IpProtocol.Dccp, request));
  assert.equal(summarizeResults(cuts), "Truncated 32, Ok 12");
  assert.equal(cuts[23]?.packet.sourcePort, 0);
  assert.equal(cuts[24]?.packet.sourcePort, 50000);
});
