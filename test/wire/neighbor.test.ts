// Neighbour solicitations and advertisements: whose address they are about, cut, and with targets that no link has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, type Packet } from "../../src/wire/packet.ts";
import { buildIcmp } from "../support/build-packet.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";
import { hex } from "../support/hex.ts";

const ipv6 = { source: "fe80::1", destination: "ff02::1:ff00:2" };
const target = hex("2001 0db8 0011 2233 4455 6677 8899 aabb");
const mapped = hex("0000 0000 0000 0000 0000 ffff c000 0201");
const targetOf = (packet: Packet): number[] => [packet.neighbor0, packet.neighbor1, packet.neighbor2, packet.neighbor3];

test("the target of both, and of nothing else", () => {
  for (let type = 128; type < 256; type++) {
    const { result, packet } = decodeWhole(buildIcmp({ ...ipv6, ttl: 255, type, code: 0, payload: target }));
    assert.equal(result, DecodeResult.Ok);
    const isNeighbor = type === 135 || type === 136;
    assert.deepEqual(targetOf(packet), isNeighbor ? [0x20010db8, 0x00112233, 0x44556677, 0x8899aabb] : [0, 0, 0, 0]);
  }
  const ipv4 = { source: "192.0.2.1", destination: "192.0.2.2" };
  assert.deepEqual(
    targetOf(decodeWhole(buildIcmp({ ...ipv4, type: 135, code: 0, payload: target })).packet),
    [0, 0, 0, 0],
  );
});

test("every cut: without a whole target there is none", () => {
  const cuts = decodeEveryCut(buildIcmp({ ...ipv6, type: 135, code: 0, payload: target }));
  assert.equal(summarizeResults(cuts), "Truncated 64, Ok 1");
  for (const { packet } of cuts.slice(0, -1)) assert.deepEqual(targetOf(packet), [0, 0, 0, 0]);
});

test("a mapped IPv4 address is no neighbour", () => {
  const { result, packet } = decodeWhole(buildIcmp({ ...ipv6, type: 135, code: 0, payload: mapped }));
  assert.equal(result, DecodeResult.Malformed);
  assert.deepEqual(targetOf(packet), [0, 0, 0, 0]);
});
