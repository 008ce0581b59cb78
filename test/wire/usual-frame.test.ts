// The short way must say what the long way says, or nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodePacket } from "../../src/wire/decode.ts";
import { decodeEthernet } from "../../src/wire/ethernet.ts";
import { DecodeResult, Packet } from "../../src/wire/packet.ts";
import { decodeUsualFrame } from "../../src/wire/usual-frame.ts";
import { buildTcp, buildUdp } from "../support/build-packet.ts";
import { concat } from "../support/capture-writer.ts";
import { nmapSyn6 } from "../support/captures.ts";
import { hex } from "../support/hex.ts";

const ethernet = (type: string, packet: Uint8Array): Uint8Array =>
  concat([hex("0200 0000 0002 0200 0000 0001"), hex(type), packet]);
const ends = { source: "203.0.113.200", destination: "192.0.2.1", sourcePort: 40_000, destinationPort: 443 } as const;
const segment = buildTcp({ ...ends, flags: 0x18, payload: new Uint8Array(30).fill(7), tcpOptions: [1, 1, 1, 0] });

/** A record that another packet was decoded into, so that a field that is not written shows. */
function used(): Packet {
  const packet = new Packet();
  decodePacket(nmapSyn6, 0, nmapSyn6.length, packet);
  packet.icmpType = 8;
  packet.neighbor3 = 9;
  packet.sctpChunkType = 1;
  return packet;
}

/** Whether the short way took it. */
function compare(frame: Uint8Array, at: number, end: number): boolean {
  const packet = used();
  if (!decodeUsualFrame(frame, at, end, packet)) {
    assert.deepEqual(packet, used());
    return false;
  }
  const expected = new Packet();
  assert.equal(decodeEthernet(frame, at, end, expected), DecodeResult.Ok);
  assert.deepEqual(packet, expected);
  return true;
}

test("TCP in IPv4 in Ethernet goes the short way, cut behind its header or not", () => {
  const frame = ethernet("0800", segment);
  for (let end = 0; end <= frame.length; end++) assert.equal(compare(frame, 0, end), end >= 54, `cut at ${end}`);
});

test("a frame to a group is one the short way too", () => {
  const frame = ethernet("0800", segment);
  frame[0] = 0x01;
  assert.equal(compare(frame, 0, frame.length), true);
});

test("everything else does not", () => {
  for (const frame of [
    ethernet("86dd", nmapSyn6),
    ethernet("8100", concat([hex("0005 0800"), segment])),
    ethernet("0800", buildUdp({ ...ends, payload: new Uint8Array(60) })),
  ]) {
    assert.equal(compare(frame, 0, frame.length), false);
  }
});

test("frames with any bytes changed: the same as the long way, or not taken", () => {
  const frame = ethernet("0800", segment);
  const change = fc.record({ at: fc.nat({ max: frame.length - 1 }), value: fc.integer({ min: 0, max: 255 }) });
  let taken = 0;
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 4 }),
      fc.nat({ max: frame.length }),
      fc.nat({ max: 9 }),
      (changes, cut, at) => {
        const changed = Uint8Array.from(frame);
        for (const { at: place, value } of changes) changed[place] = value;
        const bytes = concat([new Uint8Array(at), changed]);
        if (compare(bytes, at, bytes.length - (cut % 40))) taken++;
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(taken > 500, `${taken} taken`);
});
