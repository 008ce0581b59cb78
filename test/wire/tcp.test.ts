// TCP headers: captures, all flag bits, data offsets that lie, options, every cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodeResult, Packet, TcpFlag } from "../../src/wire/packet.ts";
import { decodeTcp } from "../../src/wire/tcp.ts";
import { linuxReset, nmapSyn, nmapXmas } from "../support/captures.ts";
import { decodeEveryCut, decodeWhole, summarizeResults } from "../support/decode-cuts.ts";

function decodeSegment(bytes: Uint8Array, ipPayloadBytes: number): { result: DecodeResult; packet: Packet } {
  const packet = new Packet();
  packet.payloadBytes = ipPayloadBytes;
  return { result: decodeTcp(bytes, 0, bytes.length, packet), packet };
}

const synSegment = nmapSyn.slice(20);

function withDataOffset(words: number): Uint8Array {
  const copy = synSegment.slice();
  copy[12] = words << 4;
  return copy;
}

test("every field of nmap's SYN", () => {
  const { result, packet } = decodeSegment(synSegment, 24);
  assert.equal(result, DecodeResult.Ok);
  const expected = Object.assign(new Packet(), {
    sourcePort: 45009,
    destinationPort: 23,
    tcpSequence: 0x78c477dd,
    tcpFlags: TcpFlag.Syn,
    tcpWindow: 1024,
    tcpOptionsAt: 20,
    tcpOptionsBytes: 4,
  });
  assert.deepEqual(packet, expected);
});

test("Xmas, and the RST+ACK of a closed port", () => {
  const xmas = decodeWhole(nmapXmas).packet;
  assert.equal(xmas.tcpFlags, TcpFlag.Fin | TcpFlag.Psh | TcpFlag.Urg);
  assert.equal(xmas.tcpOptionsBytes, 0);
  const reset = decodeWhole(linuxReset).packet;
  assert.equal(reset.tcpFlags, TcpFlag.Rst | TcpFlag.Ack);
  assert.equal(reset.tcpAcknowledgment, 0x78c477de);
  assert.equal(reset.tcpSequence, 0);
  assert.equal(reset.tcpWindow, 0);
});

test("all eight flag bits arrive, the bits beside them do not", () => {
  const segment = synSegment.slice();
  segment[12] = 0x6f;
  segment[13] = 0xff;
  const { packet } = decodeSegment(segment, 24);
  assert.equal(packet.tcpFlags, 0xff);
  assert.equal(packet.tcpOptionsBytes, 4);
});

test("a data offset below 5 is malformed, with the fields read", () => {
  for (const words of [0, 1, 4]) {
    const { result, packet } = decodeSegment(withDataOffset(words), 24);
    assert.equal(result, DecodeResult.Malformed);
    assert.equal(packet.destinationPort, 23);
    assert.equal(packet.tcpFlags, TcpFlag.Syn);
    assert.equal(packet.tcpOptionsBytes, 0);
  }
});

test("options count as far as captured; the payload never falls below zero", () => {
  const { result, packet } = decodeSegment(withDataOffset(15), 24);
  assert.equal(result, DecodeResult.Ok);
  assert.equal(packet.tcpOptionsBytes, 4);
  assert.equal(packet.payloadBytes, 0);
  assert.equal(decodeSegment(withDataOffset(15), 1480).packet.payloadBytes, 1420);
  assert.equal(decodeSegment(withDataOffset(5), 24).packet.payloadBytes, 4);
});

test("every cut: what of the header is there is read", () => {
  const cuts = decodeEveryCut(nmapSyn);
  assert.equal(summarizeResults(cuts), "Truncated 40, Ok 5");
  const fieldsAt = (end: number): number[] => {
    const packet = cuts[end]?.packet ?? new Packet();
    return [packet.destinationPort, packet.tcpSequence, packet.tcpFlags, packet.tcpWindow, packet.tcpOptionsBytes];
  };
  assert.deepEqual(fieldsAt(23), [0, 0, 0, 0, 0]);
  assert.deepEqual(fieldsAt(24), [23, 0, 0, 0, 0]);
  assert.deepEqual(fieldsAt(27), [23, 0, 0, 0, 0]);
  assert.deepEqual(fieldsAt(28), [23, 0x78c477dd, 0, 0, 0]);
  assert.deepEqual(fieldsAt(33), [23, 0x78c477dd, 0, 0, 0]);
  assert.deepEqual(fieldsAt(34), [23, 0x78c477dd, TcpFlag.Syn, 0, 0]);
  assert.deepEqual(fieldsAt(36), [23, 0x78c477dd, TcpFlag.Syn, 1024, 0]);
  assert.deepEqual(fieldsAt(42), [23, 0x78c477dd, TcpFlag.Syn, 1024, 2]);
  const reset = decodeEveryCut(linuxReset);
  assert.equal(reset[31]?.packet.tcpAcknowledgment, 0);
  assert.equal(reset[32]?.packet.tcpAcknowledgment, 0x78c477de);
});
