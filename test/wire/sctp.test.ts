// SCTP: ports and the first chunk type, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult } from "../../src/wire/packet.ts";
import { buildSctp } from "../support/build-packet.ts";
import { nmapSctpInit } from "../support/captures.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";
import { hex } from "../support/hex.ts";

test("nmap's INIT", () => {
  const { result, packet } = decodeWhole(nmapSctpInit);
  assert.equal(result, DecodeResult.Ok);
  assert.deepEqual([packet.sourcePort, packet.destinationPort, packet.sctpChunkType], [52777, 27, 1]);
  assert.equal(packet.payloadBytes, 20);
});

test("COOKIE-ECHO over IPv6, and a packet without any chunk", () => {
  const ports = { source: "2001:db8::1", destination: "2001:db8::2", sourcePort: 1, destinationPort: 2 };
  const echo = decodeWhole(buildSctp({ ...ports, chunks: hex("0a00 0008 dead beef") })).packet;
  assert.deepEqual([echo.sctpChunkType, echo.payloadBytes], [10, 8]);
  const empty = decodeWhole(buildSctp({ ...ports, chunks: new Uint8Array() }));
  assert.equal(empty.result, DecodeResult.Ok);
  assert.deepEqual([empty.packet.sctpChunkType, empty.packet.payloadBytes], [-1, 0]);
});

test("every cut: the chunk type is known as soon as its byte is there", () => {
  const cuts = decodeEveryCut(nmapSctpInit);
  assert.equal(summarizeResults(cuts), "Truncated 32, Ok 21");
  assert.equal(cuts[23]?.packet.destinationPort, 0);
  assert.equal(cuts[24]?.packet.destinationPort, 27);
  assert.equal(cuts[32]?.packet.sctpChunkType, -1);
  assert.equal(cuts[33]?.packet.sctpChunkType, 1);
});
